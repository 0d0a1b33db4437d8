// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A slot with its token, as this process knows it: who is logged in, and which objects have handles.

use super::entry::{Entry, Lease, Place};
use super::ground::Known;
use super::handles::Handles;
use super::loaded::Loaded;
use super::logins::Logins;
use super::metering::unique_id;
use super::saved::Saved;
use crate::config;
use crate::error::{Error, Result};
use crate::object::separation::{self, Uses};
use crate::object::{self, Object, Template};
use crate::policy::{Ground, Use, life};
use crate::store::{Tag, Token, Vault};
use crate::vendor::CKO_STRONGROOM_DESTROYED;
use cryptoki_sys::*;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use zeroize::Zeroize;

/// A slot that holds a token.
pub(super) struct Slot {
    /// The token, as it was when the slot was seen first.
    pub(super) token: Token,
    pub(super) vault: Arc<Vault>,
    /// Held while sessions open or close and while roles log in or out: what is decided from one is
    /// still so when the other is done.
    pub(super) transition: Mutex<()>,
    /// The token was made anew; whoever finds this slot looks again.
    pub(super) retired: AtomicBool,
    /// What the token said of itself when it was last asked.
    pub(super) known: Known,
    pub(super) logins: Logins,
    /// Whether someone is logged in who sees private objects: private objects may be seen.
    pub(super) user: AtomicBool,
    /// Counts logins and logouts: what was begun under one login does not go on under another.
    pub(super) epoch: Arc<AtomicU64>,
    /// Sessions open in this process: read-only, read/write.
    pub(super) read_only: AtomicUsize,
    pub(super) read_write: AtomicUsize,
    entries: Handles<Arc<Entry>>,
    by_row: Mutex<HashMap<i64, u64>>,
    of_session: Mutex<Sessions>,
    loaded: Mutex<Loaded>,
    /// Saved states of digests.
    pub(super) saved: Mutex<Saved>,
}

/// The open sessions of a slot.
#[derive(Default)]
struct Sessions {
    open: HashSet<u64>,
    /// Their objects: session, handle.
    objects: BTreeSet<(u64, u64)>,
    /// Their keys, by fingerprint: fingerprint, handle.
    keys: BTreeSet<(Tag, u64)>,
}

impl Slot {
    pub(super) fn new(token: Token, vault: Arc<Vault>, policy: &config::Policy) -> Slot {
        Slot {
            known: Known::new(&token, policy),
            logins: Logins::new(token.separation),
            token,
            vault,
            transition: Mutex::new(()),
            retired: AtomicBool::new(false),
            user: AtomicBool::new(false),
            epoch: Arc::default(),
            read_only: AtomicUsize::new(0),
            read_write: AtomicUsize::new(0),
            entries: Handles::new(),
            by_row: Mutex::default(),
            of_session: Mutex::default(),
            loaded: Mutex::default(),
            saved: Mutex::default(),
        }
    }

    /// The ground on which decisions stand now.
    pub(super) fn ground(&self) -> Result<Arc<Ground>> {
        self.known.ground(&self.vault, &self.token)
    }

    /// Forgets the token key; handles of private objects become invalid, private session objects
    /// are destroyed, operations with private keys end.
    pub(super) fn log_out(&self) {
        self.user.store(false, Ordering::Release);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.logins.clear();
        for (handle, entry) in self.entries.all() {
            if entry.private {
                self.drop_handle(handle, &entry);
            }
        }
        self.loaded.lock().forget_private();
    }

    /// In a forked child: lets go of everything that was made of keys.
    pub(super) fn leave(&self) {
        self.logins.clear();
        for (_, entry) in self.entries.all() {
            entry.state.write().object = None;
        }
        *self.saved.lock() = Saved::default();
    }

    /// A session opens: from now on it can have objects.
    pub(super) fn open_session(&self, session: u64) {
        self.of_session.lock().open.insert(session);
    }

    /// Destroys the objects of a session that closes.
    pub(super) fn close_session(&self, session: u64) {
        let range = (session, 0)..=(session, u64::MAX);
        let own: Vec<_> = {
            let mut sessions = self.of_session.lock();
            sessions.open.remove(&session);
            sessions.objects.range(range).copied().collect()
        };
        for (_, handle) in own {
            if let Some(entry) = self.entries.get(handle) {
                self.drop_handle(handle, &entry);
            }
        }
    }

    fn drop_handle(&self, handle: u64, entry: &Entry) {
        entry.revoked.store(true, Ordering::Release);
        let object = entry.state.write().object.take();
        self.entries.remove(handle);
        match entry.place {
            Place::Token(row) => drop(self.by_row.lock().remove(&row)),
            Place::Session(session) => {
                let mut sessions = self.of_session.lock();
                sessions.objects.remove(&(session, handle));
                object.iter().for_each(|gone| self.known.meters.forget(unique_id(gone)));
                if let Some(fingerprint) = object.as_deref().and_then(Object::fingerprint) {
                    sessions.keys.remove(&(fingerprint, handle));
                }
            }
        }
    }

    /// The object of a handle that the caller may see, as it is now.
    pub(super) fn object(&self, handle: u64) -> Result<(Arc<Entry>, Arc<Object>)> {
        self.with_object(handle, |object| Ok(object.clone()))
    }

    /// Looks at the current state of an object: in memory where nothing in the store has changed
    /// since it was last seen to be current, else after asking whether the object has.
    pub(super) fn with_object<T>(
        &self,
        handle: u64,
        look: impl FnOnce(&Arc<Object>) -> Result<T>,
    ) -> Result<(Arc<Entry>, T)> {
        let entry = self.entries.get(handle).ok_or(Error::ObjectHandleInvalid)?;
        let seen = self.look(handle, &entry, look)?;
        Ok((entry, seen))
    }

    /// The same for a key that is to be used.
    pub(super) fn lease<T>(
        &self,
        handle: u64,
        usage: Use,
        look: impl FnOnce(&Arc<Object>) -> Result<T>,
    ) -> Result<(Lease, T)> {
        let entry = self.entries.get(handle).ok_or(Error::ObjectHandleInvalid)?;
        let mut lease = Lease::new(entry.clone(), usage);
        let seen = self.look(handle, &entry, |object| {
            lease.until = life::ends(object.life(), usage);
            look(object)
        })?;
        Ok((lease, seen))
    }

    fn look<T>(
        &self,
        handle: u64,
        entry: &Arc<Entry>,
        look: impl FnOnce(&Arc<Object>) -> Result<T>,
    ) -> Result<T> {
        if entry.private && !self.user.load(Ordering::Acquire) {
            return Err(Error::ObjectHandleInvalid);
        }
        let now = self.vault.changes();
        let state = entry.state.read();
        if let Some(object) = state.object.as_ref().filter(|_| entry.is_current(now)) {
            return look(object);
        }
        drop(state);
        look(&self.ask(handle, entry, now)?)
    }

    /// Asks the store whether an object has changed since it was read, and reads it again if so.
    fn ask(&self, handle: u64, entry: &Arc<Entry>, now: Option<u64>) -> Result<Arc<Object>> {
        let Place::Token(row) = entry.place else { return Err(Error::ObjectHandleInvalid) };
        let Some(revision) = self.vault.revision(row)? else {
            self.drop_handle(handle, entry);
            return Err(Error::ObjectHandleInvalid);
        };
        let known = {
            let state = entry.state.read();
            state.object.clone().filter(|_| state.revision == revision)
        };
        match known {
            Some(object) => {
                let state = entry.state.write();
                if state.revision == revision {
                    entry.checked.store(now.unwrap_or(u64::MAX), Ordering::Release);
                }
                Ok(object)
            }
            None => self.load(row, entry, now),
        }
    }

    /// Reads an object whose state began to be current at the count `now`. (An odd count, a change
    /// under way, is never equal to a later even one.)
    fn load(&self, row: i64, entry: &Arc<Entry>, now: Option<u64>) -> Result<Arc<Object>> {
        let (object, revision) = self.read(row)?.ok_or(Error::ObjectHandleInvalid)?;
        let object = Arc::new(object);
        let mut state = entry.state.write();
        if entry.revoked.load(Ordering::Acquire) {
            return Err(Error::ObjectHandleInvalid);
        }
        // Another thread may have read a later state meanwhile.
        if state.object.is_none() || state.revision < revision {
            entry.withdraw(&object);
            state.revision = revision;
            state.object = Some(object.clone());
            entry.checked.store(now.unwrap_or(u64::MAX), Ordering::Release);
        }
        drop(state);
        self.loaded.lock().keep(entry, object.weight());
        Ok(object)
    }

    /// Searches the token: the rows that may match, to be read one by one.
    pub(super) fn search(&self, template: &Template) -> Result<Vec<i64>> {
        let private = self.user_keys().is_some();
        let mut wanted: Vec<_> =
            object::tagged(template.attributes()).map(|(id, value)| (id as u64, value)).collect();
        // The tags that many objects share come last: they sift what the others found.
        wanted.sort_by_key(|(id, _)| COMMON.contains(&(*id as CK_ATTRIBUTE_TYPE)));
        let found = self.vault.find(&self.token, private, &wanted);
        wanted.iter_mut().for_each(|(_, value)| value.zeroize());
        let mut rows = found?;
        if wanted.is_empty() {
            // Who asks for everything means what there is: what was is not read for it.
            let destroyed = (CKO_STRONGROOM_DESTROYED as u64).to_be_bytes().to_vec();
            let gone = self.vault.find(&self.token, private, &[(CKA_CLASS as u64, destroyed)])?;
            let gone: HashSet<i64> = gone.into_iter().collect();
            rows.retain(|row| !gone.contains(row));
        }
        Ok(rows)
    }

    /// The handles of session objects that match.
    pub(super) fn search_sessions(&self, template: &Template) -> Vec<u64> {
        let user = self.user_keys().is_some();
        let all: Vec<_> =
            self.of_session.lock().objects.iter().map(|(_, handle)| *handle).collect();
        let matches = |handle: &u64| {
            let entry = self.entries.get(*handle).filter(|entry| user || !entry.private);
            let object = entry.and_then(|entry| entry.state.read().object.clone());
            object.is_some_and(|object| object.matches(template))
        };
        all.into_iter().filter(matches).collect()
    }

    /// The handle of a row that matches, if it does and is still there.
    pub(super) fn row_if_matches(&self, row: i64, template: &Template) -> Result<Option<u64>> {
        let known = self.by_row.lock().get(&row).copied();
        if let Some(handle) = known {
            let object = match self.object(handle) {
                Ok((_, object)) => object,
                // An altered object is left out, with a diagnostic line: the others are found.
                Err(Error::ObjectHandleInvalid | Error::Altered) => return Ok(None),
                Err(error) => return Err(error),
            };
            return Ok(object.matches(template).then_some(handle));
        }
        let now = self.vault.changes();
        let (object, revision) = match self.read(row) {
            Ok(Some(found)) => found,
            // A logout since the search began hides what it had found.
            Ok(None) | Err(Error::UserNotLoggedIn | Error::Altered) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !object.matches(template) {
            return Ok(None);
        }
        self.adopt(row, revision, now, object).map(Some)
    }

    /// Gives a row of the store its handle: the same for as long as the process knows it.
    fn adopt(&self, row: i64, revision: u64, now: Option<u64>, object: Object) -> Result<u64> {
        let (place, checked) = (Place::Token(row), now.unwrap_or(u64::MAX));
        let weight = object.weight();
        let entry = Arc::new(Entry::new(place, object, revision, checked, self.epoch.clone()));
        let mut by_row = self.by_row.lock();
        if let Some(handle) = by_row.get(&row) {
            return Ok(*handle);
        }
        let handle = self.entries.insert(|_| entry.clone())?;
        by_row.insert(row, handle);
        drop(by_row);
        self.loaded.lock().keep(&entry, weight);
        self.end_if_out_of_sight(handle, &entry);
        Ok(handle)
    }

    /// A logout that ran while a private object got its handle did not see it: the handle ends here.
    fn end_if_out_of_sight(&self, handle: u64, entry: &Entry) {
        if entry.private && !self.user.load(Ordering::Acquire) {
            self.drop_handle(handle, entry);
        }
    }

    /// Adds new objects, all or none, to the token or to a session, and returns their handles.
    pub(super) fn add(&self, session: u64, objects: Vec<Object>) -> Result<Vec<u64>> {
        let marked = objects.into_iter().map(|object| self.marked(object));
        let objects = marked.collect::<Result<Vec<_>>>()?;
        if objects.iter().all(|object| !object.on_token()) {
            let add = |object| self.add_to_session(session, object);
            return objects.into_iter().map(add).collect();
        }
        let now = self.vault.changes();
        let mut rows = self.insert(&objects)?.into_iter();
        let add = |object: Object| match object.on_token() {
            true => {
                let (row, left) = rows.next().ok_or(Error::GeneralError)?;
                self.adopt(row, 1, now, left.unwrap_or(object))
            }
            false => self.add_to_session(session, object),
        };
        objects.into_iter().map(add).collect()
    }

    /// The handles of session keys with this fingerprint.
    pub(super) fn session_keys(&self, fingerprint: &Tag) -> Vec<u64> {
        let range = (*fingerprint, 0)..=(*fingerprint, u64::MAX);
        self.of_session.lock().keys.range(range).map(|(_, handle)| *handle).collect()
    }

    fn add_to_session(&self, session: u64, object: Object) -> Result<u64> {
        let fingerprint = object.fingerprint();
        let place = Place::Session(session);
        let entry = Arc::new(Entry::new(place, object, 0, 0, self.epoch.clone()));
        let handle = self.entries.insert(|_| entry.clone())?;
        let open = {
            let mut sessions = self.of_session.lock();
            let open = sessions.open.contains(&session);
            if open {
                sessions.objects.insert((session, handle));
                sessions.keys.extend(fingerprint.map(|fingerprint| (fingerprint, handle)));
            }
            open
        };
        if !open {
            self.drop_handle(handle, &entry);
            return Err(Error::SessionClosed);
        }
        self.end_if_out_of_sight(handle, &entry);
        Ok(handle)
    }

    /// Puts a changed object in the place of the old, if nobody was faster.
    pub(super) fn replace(&self, entry: &Arc<Entry>, old: &Arc<Object>, new: Object) -> Result<()> {
        let mut state = entry.state.write();
        if !state.object.as_ref().is_some_and(|now| Arc::ptr_eq(now, old)) {
            return Err(Error::FunctionFailed);
        }
        let mut new = new;
        if let Place::Token(row) = entry.place {
            (new, state.revision) = self.put(row, state.revision, new)?;
        }
        entry.withdraw(&new);
        state.object = Some(Arc::new(new));
        Ok(())
    }

    /// Lets go of what is in memory of an object: it is read again.
    pub(super) fn let_go(&self, entry: &Entry) {
        if matches!(entry.place, Place::Token(_)) {
            entry.state.write().object = None;
        }
    }

    /// Records what a use decides about a key. Where something else changed the key meanwhile nothing is
    /// recorded: the caller looks at the key anew either way.
    pub(super) fn decide(&self, entry: &Arc<Entry>, key: &Arc<Object>, uses: Uses) -> Result<()> {
        match self.replace(entry, key, separation::decide(key, uses)?) {
            Err(Error::FunctionFailed | Error::ObjectHandleInvalid) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Destroys an object, and keeps what is left of it; operations with it end.
    pub(super) fn destroy(&self, handle: u64, entry: &Entry, left: Option<Object>) -> Result<()> {
        if let Place::Token(row) = entry.place {
            self.delete(row, left.as_ref())?;
        }
        self.drop_handle(handle, entry);
        Ok(())
    }
}

const COMMON: &[CK_ATTRIBUTE_TYPE] = &[CKA_CLASS, CKA_KEY_TYPE, CKA_CERTIFICATE_TYPE];
