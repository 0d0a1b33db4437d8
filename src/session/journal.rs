// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one place where the library writes the audit log: who does what, before it is done. It knows the
//! call at hand, and finds who makes it by the session.

use super::Session;
use super::auditors::{Auditors, Chain};
use super::handles::Handles;
use super::log_keys::Held;
use crate::audit::{
    Announced, Counter, Detail, Durability, Entry, KeyHolder, KeyName, Log, Mismatch, Place,
    Position, Who,
};
use crate::call::{self, Particulars};
use crate::config::{self, Config, OnFailure};
use crate::error::{Error, Result};
use crate::files::Access;
use crate::secret::Secret;
use crate::store::{Bound, Glance, Vault, Witness};
use crate::types::Holder;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// The audit log of a store, and who is there to be named in it.
pub(super) struct Journal {
    settings: config::Audit,
    place: Place,
    sessions: Weak<Handles<Arc<Session>>>,
    /// Who knows the keys of the log in force.
    holder: Arc<dyn KeyHolder>,
    opened: Mutex<Opened>,
    /// When the log is asked next whether counts are to be recorded, as [`Glance`] has it; 0 while none
    /// is open.
    due: AtomicU64,
    /// Whether a benchmark has switched the log off.
    off: bool,
}

#[derive(Default)]
struct Opened {
    key: Option<Secret>,
    log: Option<Arc<Log>>,
}

/// As whom something is done.
pub(super) struct Speaker {
    role: &'static str,
    user: String,
    token: String,
    session: u64,
}

impl Journal {
    /// The log of a store, made where there was none. One that cannot be opened now is tried again when
    /// something is to be written.
    pub(super) fn of(
        vault: &Arc<Vault>,
        config: &Config,
        sessions: &Arc<Handles<Arc<Session>>>,
    ) -> Result<Arc<Journal>> {
        let place = Place {
            directory: config.store.path.join("audit"),
            access: Access::for_group(&config.store.group)?,
            store: *vault.id(),
        };
        let journal = Arc::new(Journal {
            settings: config.audit.clone(),
            place,
            sessions: Arc::downgrade(sessions),
            holder: Arc::new(Held::of(vault)),
            opened: Mutex::default(),
            due: AtomicU64::new(0),
            off: OFF_IS_POSSIBLE && is_off(),
        });
        if !journal.off {
            let begun = journal.begin(vault);
            if begun.is_err() {
                tracing::warn!("the audit log cannot be written: what must be recorded is refused");
            }
            vault.set_witness(journal.clone());
            if begun == Ok(true) && vault.writable() {
                journal.end_renewal(vault);
            }
        }
        Ok(journal)
    }

    /// Finds the key of the log, and makes the log of a store that never had one. Whether some of the log
    /// may be under a former key yet.
    fn begin(&self, vault: &Vault) -> Result<bool> {
        let known = if vault.writable() { Some(vault.begin_audit()?) } else { vault.audit()? };
        let known = known.ok_or(Error::TokenWriteProtected)?;
        let bound = known.bound.seq > 0;
        self.opened.lock().key = Some(known.key.duplicate()?);
        // A log that a change was bound to and that is gone was taken away: none takes its place.
        if vault.writable() && !bound && !self.place.head().try_exists().unwrap_or(true) {
            self.create(vault, &known.key, known.revision)?;
        }
        self.log().map(|_| !known.former.is_empty())
    }

    fn create(&self, vault: &Vault, key: &Secret, revision: u64) -> Result<()> {
        let auditors = Auditors::of(vault)?.chosen(&self.settings)?;
        match Log::create(&self.place, key, &auditors) {
            // Another process was faster.
            Err(_) if self.place.head().try_exists().unwrap_or(false) => return Ok(()),
            made => made?,
        }
        // One change made the store's place for the key of its log; before it there was none.
        if revision > 1 {
            let details = [Detail::Revision(revision)];
            let entry = Entry { op: LATE, outcome: GOOD, details: &details, ..Entry::default() };
            self.log()?.append(&entry, Durability::Now)?;
        }
        Ok(())
    }

    fn log(&self) -> Result<Arc<Log>> {
        let mut opened = self.opened.lock();
        if let Some(log) = &opened.log {
            return Ok(log.clone());
        }
        let key = opened.key.as_ref().ok_or(Error::DeviceError)?;
        let known = (key, Some(self.holder.clone()));
        let log = Log::open_with(self.place.clone(), known, self.settings.clone())?;
        Ok(opened.log.insert(Arc::new(log)).clone())
    }

    /// Whether each use is a record.
    pub(super) fn each(&self) -> bool {
        self.settings.each
    }

    /// Whether uses are counted: nobody can be logged in where nothing can be written, and what is used
    /// there goes by uncounted. Records the counts of this process once a second.
    pub(super) fn counts(&self, vault: &Vault, now: Glance) -> Result<bool> {
        if now.at < self.due.load(Ordering::Acquire) {
            return Ok(true);
        }
        if self.off || (self.opened.lock().log.is_none() && !vault.writable()) {
            return Ok(false);
        }
        let ticked = self.log().and_then(|log| log.tick());
        let left = self.judged(ticked.map(Some))?;
        self.due.store(left.map_or(0, |left| now.at.saturating_add(left)), Ordering::Release);
        Ok(true)
    }

    /// Whether this process counts so much that sessions are to be modest.
    pub(super) fn is_crowded(&self) -> bool {
        self.opened.lock().log.as_ref().is_some_and(|log| log.is_crowded())
    }

    /// Counts uses of a kind; none where that fails and is let through.
    pub(super) fn counter(&self, session: &Session, entry: &Entry<'_>) -> Result<Option<Counter>> {
        let speaker = Speaker::of(session);
        let entry = speaker.says(entry);
        self.judged(self.log().and_then(|log| log.counter(&entry)).map(Some))
    }

    /// Records one use.
    pub(super) fn used(&self, speaker: &Speaker, entry: &Entry<'_>) -> Result<()> {
        let entry = Entry { outcome: GOOD, ..speaker.says(entry) };
        let done = self.log().and_then(|log| log.append(&entry, Durability::Later));
        self.judged(done.map(Some)).map(|_| ())
    }

    /// Records that a login ends with the last session, which nothing holds up.
    pub(super) fn login_ends(&self, session: &Session) {
        if session.slot.role().is_some() && !self.off {
            let _ = self.used(&Speaker::of(session), &Entry { op: ENDED, ..Entry::default() });
        }
    }

    /// Records that the call at hand failed.
    pub(super) fn failed(&self, error: Error) {
        if !call::leaves_failure(error) || self.off {
            return;
        }
        let write = |entry: &Entry<'_>| self.log()?.append(entry, Durability::Later).map(drop);
        if self.entry(error.name(), None, write).is_err() {
            tracing::error!("that {} failed could not be recorded", call::op_of().0);
        }
    }

    /// Records the act at hand, durably: what was seen must not be unseen after a loss of power.
    pub(super) fn note(&self, outcome: &str) -> Result<()> {
        let write = |entry: &Entry<'_>| self.log()?.append(entry, Durability::Now);
        self.judged(self.entry(outcome, None, write).map(Some)).map(|_| ())
    }

    /// Records what these have counted.
    pub(super) fn settle(&self, counters: &[&Counter]) {
        // What is not recorded stays counted.
        let opened = self.opened.lock().log.clone();
        let _ = opened.map(|log| log.settle(counters));
    }

    /// Records the counts of all processes.
    pub(super) fn sweep(&self) -> Result<()> {
        self.log()?.sweep()
    }

    /// Signs how the log stands now, and returns the note.
    pub(super) fn checkpoint(&self) -> Result<String> {
        let log = self.log()?;
        log.sweep()?;
        log.checkpoint()
    }

    /// Begins another chain where the auditors of the store are others than those of now.
    pub(super) fn heed_auditors(&self, vault: &Vault) {
        if self.off || !vault.writable() {
            return;
        }
        let heed = || -> Result<()> {
            // Where it cannot be opened that was said, with what to do.
            let Ok(log) = self.log() else { return Ok(()) };
            let (auditors, kept) = (Auditors::of(vault)?, log.keepers()?);
            match kept {
                Some(kept) if auditors.differ(&kept)? => self.renew(vault).map(drop),
                _ => Ok(()),
            }
        };
        if let Err(error) = heed() {
            tracing::error!(
                "the audit log's chain is not kept for those who may check it now ({error}): 'strongroom \
                 audit renew' does it"
            );
        }
    }

    /// Begins another chain.
    pub(super) fn renew(&self, vault: &Vault) -> Result<Chain> {
        let auditors = Auditors::of(vault)?.chosen(&self.settings)?;
        let at = self.log()?.renew(&auditors)?;
        Ok(Chain { seq: at.seq, auditors: auditors.into_iter().map(|one| one.name).collect() })
    }

    /// Brings the log under its key of now after a compromise, with another chain, and erases the keys
    /// before it. Where it is under that key alone another chain begins.
    pub(super) fn renew_key(&self, vault: &Vault) -> Result<()> {
        let known = vault.audit()?.ok_or(Error::TokenNotPresent)?;
        let auditors = Auditors::of(vault)?.chosen(&self.settings)?;
        if known.former.is_empty() {
            return self.log()?.renew(&auditors).map(drop);
        }
        self.log()?.bring(&auditors)?;
        vault.end_audit_renewal(&known.key)
    }

    /// Ends what a killed process began.
    fn end_renewal(&self, vault: &Vault) {
        if let Err(error) = self.renew_key(vault) {
            tracing::error!("the audit log could not be brought under its new key: {error}");
        }
    }

    /// Goes on with a log whose head is lost.
    pub(super) fn rejoin(&self, vault: &Vault) -> Result<Chain> {
        let known = vault.audit()?.ok_or(Error::TokenNotPresent)?;
        let auditors = Auditors::of(vault)?.chosen(&self.settings)?;
        // What this process has open is of the log that is lost.
        self.opened.lock().log = None;
        let keys = (&known.key, Some(&self.holder));
        let at = Log::rejoin(&self.place, keys, known.bound.seq, &auditors)?;
        Ok(Chain { seq: at.seq, auditors: auditors.into_iter().map(|one| one.name).collect() })
    }

    /// The end of the library's work.
    pub(super) fn close(&self) {
        let opened = self.opened.lock().log.take();
        self.due.store(0, Ordering::Release);
        let _ = opened.map(|log| log.close());
    }

    /// Before a `fork`.
    pub(super) fn rest(&self) {
        if let Some(log) = self.opened.lock().log.as_ref() {
            log.rest();
        }
    }

    /// Whether log and store go together.
    pub(super) fn compared(&self, vault: &Vault) -> Result<Option<Mismatch>> {
        let log = self.log()?;
        let mut found = None;
        // Others may change the store between the two looks.
        for _ in 0..LOOKS {
            let Some(known) = vault.audit()? else { return Ok(None) };
            let revision = known.revision + 1;
            found = log.compared(&Announced { bound: position(known.bound), revision })?;
            let now = vault.audit()?.map(|now| now.revision);
            if found.is_none() || now == Some(known.revision) {
                break;
            }
        }
        Ok(found)
    }

    /// Runs on the record of the call at hand.
    fn entry<T>(
        &self,
        outcome: &str,
        revision: Option<u64>,
        write: impl FnOnce(&Entry<'_>) -> Result<T>,
    ) -> Result<T> {
        let known = call::particulars();
        let handle = call::session();
        let session = self.sessions.upgrade().and_then(|all| all.get(handle));
        let speaker =
            session.map_or_else(|| Speaker::nobody(&known), |session| Speaker::of(&session));
        let mut details = Vec::new();
        details.extend(
            Some(&known.rule).filter(|rule| !rule.is_empty()).map(|rule| Detail::Rule(rule)),
        );
        details.extend(revision.map(Detail::Revision));
        let subject = Some(&known.subject).filter(|subject| !subject.is_empty());
        details.extend(subject.map(|subject| Detail::Subject(subject)));
        details.extend(known.objects.iter().map(|id| Detail::Object(id)));
        details.extend(known.attributes.iter().map(|name| Detail::Attribute(name)));
        write(&speaker.says(&Entry {
            op: call::op_of().0,
            key: known.key.as_ref().map(|(id, label)| KeyName { id, label }),
            mechanism: known.mechanism,
            outcome,
            details: &details,
            ..Entry::default()
        }))
    }

    /// What becomes of what cannot be recorded.
    fn judged<T>(&self, result: Result<Option<T>>) -> Result<Option<T>> {
        match (result, self.settings.on_failure) {
            (Ok(done), _) => Ok(done),
            (Err(error), OnFailure::Deny) => {
                tracing::error!("refused, as it cannot be recorded: {error}");
                // Whoever is told that the disk is full can make room.
                Err(if error == Error::DeviceMemory { error } else { Error::DeviceError })
            }
            (Err(error), OnFailure::Warn) => {
                tracing::error!("done, and not recorded: {error}");
                Ok(None)
            }
        }
    }
}

impl Witness for Journal {
    fn change(&self, bound: Bound, revision: u64, written: bool) -> Result<Bound> {
        let change = Announced { bound: position(bound), revision };
        let done = self.log().and_then(|log| match written {
            false => log.announce(&change, None),
            true => self.entry(GOOD, Some(revision), |entry| log.announce(&change, Some(entry))),
        });
        let now = self.judged(done.map(Some))?;
        Ok(now.map_or(bound, |Position { seq, mac }| Bound { seq, mac }))
    }

    fn act(&self) -> Result<()> {
        let write = |entry: &Entry<'_>| self.log()?.append(entry, Durability::Later);
        self.judged(self.entry(GOOD, None, write).map(Some)).map(|_| ())
    }
}

impl Speaker {
    pub(super) fn of(session: &Session) -> Speaker {
        let login = session.slot.login();
        let user = match login.as_ref().map(|login| &login.holder) {
            Some(Holder::Named(name)) => name.clone(),
            _ => String::new(),
        };
        let role = login.map_or("", |login| login.role.name());
        Speaker { role, user, token: session.slot.token.serial(), session: session.handle }
    }

    fn nobody(known: &Particulars) -> Speaker {
        Speaker { role: "", user: String::new(), token: known.token.clone(), session: 0 }
    }

    /// An entry of what they do.
    fn says<'a>(&'a self, entry: &Entry<'a>) -> Entry<'a> {
        let who = Who { role: self.role, user: &self.user };
        Entry { who, token: &self.token, session: self.session, ..*entry }
    }
}

fn position(bound: Bound) -> Position {
    Position { seq: bound.seq, mac: bound.mac }
}

/// Whether a benchmark has switched the log off.
fn is_off() -> bool {
    config::variable("STRONGROOM_AUDIT").is_some_and(|said| said == "off")
}

/// Whether the log can be switched off: in what is built to measure what it costs, and nowhere else.
const OFF_IS_POSSIBLE: bool = cfg!(feature = "audit-switch");
/// How often two things that others change are looked at beside each other.
const LOOKS: usize = 16;
const GOOD: &str = "CKR_OK";
/// A login ended with the last session.
const ENDED: &str = "login.ended";
/// The log was begun for a store that was there before it.
const LATE: &str = "audit.late";
