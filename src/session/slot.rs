// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A slot with its token, as this process knows it: who is logged in, and which objects have handles.

use super::belongings::Sessions;
use super::cache::Cache;
use super::entry::{Entry, Lease, Place};
use super::ground::Known;
use super::handles::{self, Handles};
use super::logins::Logins;
use super::metering::unique_id;
use super::noting::note;
use super::saved::Saved;
use crate::call;
use crate::config;
use crate::error::{Error, Result};
use crate::object::separation::{self, Uses};
use crate::object::{Object, Template};
use crate::policy::{Ground, Use, life};
use crate::secret;
use crate::store::{Glance, Tag, Token, Vault};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

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
    /// Objects of sessions.
    entries: Handles<Arc<Entry>>,
    of_session: Mutex<Sessions>,
    /// Objects of the token.
    pub(super) cache: Cache,
    /// Saved states of digests.
    pub(super) saved: Mutex<Saved>,
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
            of_session: Mutex::default(),
            cache: Cache::new(),
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
        self.cache.take_private().iter().for_each(|entry| drop(self.end(entry)));
        secret::wipe_stacks();
    }

    /// In a forked child: lets go of everything that was made of keys.
    pub(super) fn leave(&self) {
        self.logins.clear();
        for (_, entry) in self.entries.all() {
            entry.state.write().object = None;
        }
        for entry in self.cache.all() {
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
        for (_, handle) in &own {
            if let Some(entry) = self.entries.get(*handle) {
                self.drop_handle(*handle, &entry);
            }
        }
        if !own.is_empty() {
            secret::wipe_stacks();
        }
    }

    /// Ends operations with an object; what is left of it in memory.
    pub(super) fn end(&self, entry: &Entry) -> Option<Arc<Object>> {
        entry.revoked.store(true, Ordering::Release);
        entry.state.write().object.take()
    }

    fn drop_handle(&self, handle: u64, entry: &Arc<Entry>) {
        let object = self.end(entry);
        match entry.place {
            Place::Token(row) => self.cache.remove(row, entry),
            Place::Session(session, _) => {
                self.entries.remove(handle);
                let mut sessions = self.of_session.lock();
                sessions.objects.remove(&(session, handle));
                if let Some(gone) = object {
                    self.known.meters.forget(unique_id(&gone));
                    sessions.unindex(handle, &gone);
                }
            }
        }
    }

    fn entry(&self, handle: u64) -> Result<Arc<Entry>> {
        match handles::is_token(handle) {
            true => self.token_entry(handle),
            false => self.entries.get(handle).ok_or(Error::ObjectHandleInvalid),
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
        let entry = self.entry(handle)?;
        let seen = self.look(handle, &entry, self.vault.changes(), look)?;
        Ok((entry, seen))
    }

    /// The same for a key that is to be used, as it is at a moment or later.
    pub(super) fn lease<T>(
        &self,
        handle: u64,
        (usage, now): (Use, Glance),
        look: impl FnOnce(&Arc<Object>) -> Result<T>,
    ) -> Result<(Lease, T)> {
        let mut lease = Lease::new(self.entry(handle)?, usage);
        let mut until = None;
        let seen = self.look(handle, lease.entry(), now.count, |object| {
            until = life::ends(object.life(), usage);
            look(object)
        })?;
        lease.until = until;
        Ok((lease, seen))
    }

    pub(super) fn look<T>(
        &self,
        handle: u64,
        entry: &Arc<Entry>,
        now: Option<u64>,
        look: impl FnOnce(&Arc<Object>) -> Result<T>,
    ) -> Result<T> {
        if entry.private && !self.user.load(Ordering::Acquire) {
            return Err(Error::ObjectHandleInvalid);
        }
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
        Ok(object)
    }

    /// The handles of session objects that match.
    pub(super) fn search_sessions(&self, template: &Template) -> Vec<u64> {
        let user = self.user_keys().is_some();
        let all = self.of_session.lock().candidates(template);
        let matches = |handle: &u64| {
            let entry = self.entries.get(*handle).filter(|entry| user || !entry.private);
            let object = entry.and_then(|entry| entry.state.read().object.clone());
            object.is_some_and(|object| object.matches(template))
        };
        all.into_iter().filter(matches).collect()
    }

    /// Adds new objects, all or none, to the token or to a session, and returns their handles.
    pub(super) fn add(&self, session: u64, objects: Vec<Object>) -> Result<Vec<u64>> {
        let marked = objects.into_iter().map(|object| self.marked(object));
        let objects = marked.collect::<Result<Vec<_>>>()?;
        if objects.iter().all(|object| !object.on_token()) {
            self.vault.act()?;
            let add = |object| self.add_to_session(session, object);
            return objects.into_iter().map(add).collect();
        }
        let now = self.vault.changes();
        let mut rows = self.insert(&objects)?.into_iter();
        let add = |object: Object| match object.on_token() {
            true => {
                let (row, left) = rows.next().ok_or(Error::GeneralError)?;
                self.adopted(row, now, left.unwrap_or(object))
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
        let mut entry = None;
        let handle = self.entries.insert(|handle| {
            let place = Place::Session(session, handle);
            let new = Arc::new(Entry::new(place, object, 0, 0, self.epoch.clone()));
            entry.insert(new).clone()
        })?;
        let entry = entry.ok_or(Error::GeneralError)?;
        let object = entry.state.read().object.clone();
        let open = {
            let mut sessions = self.of_session.lock();
            let open = sessions.open.contains(&session);
            if let Some(object) = object.filter(|_| open) {
                sessions.objects.insert((session, handle));
                sessions.index(handle, &object);
            }
            open
        };
        if !open {
            self.drop_handle(handle, &entry);
            return Err(Error::SessionClosed);
        }
        // A logout that ran while a private object got its handle did not see it.
        if entry.private && !self.user.load(Ordering::Acquire) {
            self.drop_handle(handle, &entry);
        }
        Ok(handle)
    }

    /// Puts a changed object in the place of the old, if nobody was faster.
    pub(super) fn replace(&self, entry: &Arc<Entry>, old: &Arc<Object>, new: Object) -> Result<()> {
        if let Place::Session(..) = entry.place {
            self.vault.act()?;
        }
        self.put_in_place(entry, old, new)
    }

    fn put_in_place(&self, entry: &Arc<Entry>, old: &Arc<Object>, new: Object) -> Result<()> {
        let mut state = entry.state.write();
        if !state.object.as_ref().is_some_and(|now| Arc::ptr_eq(now, old)) {
            return Err(Error::FunctionFailed);
        }
        let mut new = new;
        match entry.place {
            Place::Token(row) => (new, state.revision) = self.put(row, state.revision, new)?,
            Place::Session(_, handle) => {
                let mut sessions = self.of_session.lock();
                sessions.unindex(handle, old);
                sessions.index(handle, &new);
            }
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
        let _act = call::act(DECIDED);
        note(key);
        match self.put_in_place(entry, key, separation::decide(key, uses)?) {
            Err(Error::FunctionFailed | Error::ObjectHandleInvalid) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Destroys an object, and keeps what is left of it; operations with it end.
    pub(super) fn destroy(
        &self,
        handle: u64,
        entry: &Arc<Entry>,
        left: Option<Object>,
    ) -> Result<()> {
        if let Place::Token(row) = entry.place {
            self.delete(row, left.as_ref())?;
        } else {
            self.vault.act()?;
        }
        self.drop_handle(handle, entry);
        Ok(())
    }
}

/// The record of what a use decides about a key.
const DECIDED: &str = "key.decided";
