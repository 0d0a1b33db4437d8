// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a caller holds: slots and tokens, login, sessions, handles, operations in progress. Its safe
//! face is [`Library`]: slices in, `Result` out. It may import `policy`, `object`, `mechanism`,
//! `store`, `seal` and layer 0; it is where they meet.
//!
//! Locks, in the order they are taken: the table of slots or sessions (for the look-up alone), the
//! session, then a slot's own small locks, one at a time. Nothing but its own session's lock is held
//! while cryptography runs.

// Stores and slots, and who is logged in there.
mod checking;
mod closing;
mod events;
mod login;
mod logins;
mod opening;
mod slot;
mod slots;
mod users;

// Who may do what: roles, the policy, the life of a key, what is counted of its uses.
mod admission;
mod asking;
mod footing;
mod governing;
mod ground;
mod metering;
mod permission;

// Objects: in memory, under handles, on their way to the store and back.
mod belongings;
mod builtin;
mod cache;
mod entry;
mod handles;
mod material;
mod objects;
mod returning;
mod rotating;
mod rows;
mod searching;
mod storing;

// Keys made, wrapped, derived, shared.
mod deriving;
mod kem;
mod keys;
mod wrapping;

// Operations: what all have in common, then each kind.
mod cipher;
mod crypto;
mod digesting;
mod dual;
mod fresh;
mod message;
mod message_sign;
mod operation;
mod recovering;
mod saved;
mod saving;
mod signing;

// What the audit log is told, and who may check it.
mod auditors;
mod chains;
mod journal;
pub mod leaves;
mod log_keys;
mod noting;
mod recording;
mod tally;

pub use auditors::Chain;
pub use crypto::Call;
pub use deriving::{Derivation, Refusal};
pub use governing::{Approving, Explanation, Question};
pub use objects::View;
pub use opening::{Closed, Opened, create_store, find_store, mend_counter, open_store};
pub use operation::Kind;
pub use recording::Told;
pub use rotating::Rotated;
pub use slots::{SlotState, TokenState, slot_id};
pub use users::Helper;
pub use wrapping::Wrapping;

use crate::call;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::mechanism::{Cipher, Recoverer, Signer};
use crate::policy::Group;
use crate::store::Vault;
use crate::types::Role;
use cryptoki_sys::*;
use handles::Handles;
use journal::Journal;
use operation::Active;
use parking_lot::{Mutex, RwLock};
use slot::Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// The library as one application sees it between `C_Initialize` and `C_Finalize`.
pub struct Library {
    config: Config,
    vault: Mutex<Option<Arc<Vault>>>,
    slots: RwLock<BTreeMap<CK_SLOT_ID, Arc<Slot>>>,
    /// Slots whose token is not as it was written.
    refused: RwLock<BTreeSet<CK_SLOT_ID>>,
    sessions: Arc<Handles<Arc<Session>>>,
    /// The audit log of the store; there is one as soon as there is a store.
    journal: OnceLock<Arc<Journal>>,
    /// What the application knows to be in the slots.
    known: Mutex<events::Known>,
}

/// A session.
struct Session {
    handle: u64,
    slot: Arc<Slot>,
    read_write: bool,
    state: Mutex<State>,
    journal: Arc<Journal>,
}

/// What is in progress in a session: at most one operation of each kind. What is large and seldom is
/// boxed: most sessions do nothing most of the time.
#[derive(Default)]
struct State {
    closed: bool,
    find: Option<Box<objects::Find>>,
    encrypt: Option<Active<Box<dyn Cipher>>>,
    decrypt: Option<Active<Box<dyn Cipher>>>,
    sign: Option<Active<Box<dyn Signer>>>,
    sign_recover: Option<Active<Box<dyn Signer>>>,
    verify_recover: Option<Active<Box<dyn Recoverer>>>,
    verify: Option<Active<signing::Verification>>,
    digest: Option<Active<digesting::Digest>>,
    message_encrypt: Option<Active<Box<message::Messages>>>,
    message_decrypt: Option<Active<Box<message::Messages>>>,
    message_sign: Option<Active<message_sign::Signing>>,
    message_verify: Option<Active<message_sign::Verifying>>,
    /// What the encryption in progress will have used once, from its first output on.
    unused: Option<fresh::Pair>,
    seen: fresh::Seen,
    footing: footing::Footing,
}

/// What `C_GetSessionInfo` tells.
pub struct SessionState {
    /// The slot the session is with.
    pub slot: CK_SLOT_ID,
    /// `CKS_*`.
    pub state: CK_STATE,
    /// `CKF_*`.
    pub flags: CK_FLAGS,
}

impl Library {
    /// Begins, with the store of the configuration if there is one already.
    pub fn new(config: Config) -> Result<Library> {
        crate::mechanism::ossl::initialise()?;
        let library = Library {
            config,
            vault: Mutex::new(None),
            slots: RwLock::default(),
            refused: RwLock::default(),
            sessions: Arc::new(Handles::new()),
            journal: OnceLock::new(),
            known: Mutex::default(),
        };
        // A store that cannot be opened is no reason to refuse the application: it sees its slot
        // without a token, and the reason is on the diagnostic channel.
        let _ = library.refresh();
        library.know(None);
        Ok(library)
    }

    /// Begins with a store that is open already: the command opens it with what someone typed.
    pub fn over(config: Config, vault: Arc<Vault>) -> Result<Library> {
        crate::mechanism::ossl::initialise()?;
        let library = Library {
            config,
            vault: Mutex::new(Some(vault)),
            slots: RwLock::default(),
            refused: RwLock::default(),
            sessions: Arc::new(Handles::new()),
            journal: OnceLock::new(),
            known: Mutex::default(),
        };
        if let Some(vault) = library.vault.lock().as_ref() {
            library.keep_journal(vault)?;
        }
        // What is wrong with its tokens is said where they are used; the check wants to look at it.
        let _ = library.refresh();
        library.heed_auditors();
        library.know(None);
        Ok(library)
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Opens a session with the token in a slot.
    pub fn open_session(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Result<u64> {
        if flags & CKF_SERIAL_SESSION == 0 {
            return Err(Error::SessionParallelNotSupported);
        }
        if flags & CKF_ASYNC_SESSION != 0 {
            return Err(Error::SessionAsyncNotSupported);
        }
        let read_write = flags & CKF_RW_SESSION != 0;
        loop {
            let slot = self.slot(slot)?.ok_or(Error::TokenNotInitialized)?;
            let _transition = slot.transition.lock();
            if slot.retired.load(Ordering::Acquire) {
                continue;
            }
            let now = slot.vault.token(slot.token.id)?.ok_or(Error::TokenNotPresent)?;
            if now.uuid != slot.token.uuid {
                // Another process made the token anew: with it went its sessions, which end here.
                drop(_transition);
                self.close_sessions(&slot);
                self.refresh()?;
                continue;
            }
            if !read_write && slot.role() == Some(Role::So) {
                return Err(Error::SessionReadWriteSoExists);
            }
            let journal = self.journal.get().ok_or(Error::TokenNotPresent)?;
            let make = |handle| Session {
                handle,
                slot: slot.clone(),
                read_write,
                state: Mutex::default(),
                journal: journal.clone(),
            };
            let handle = self.sessions.insert(|handle| Arc::new(make(handle)))?;
            slot.open_session(handle);
            let count = if read_write { &slot.read_write } else { &slot.read_only };
            count.fetch_add(1, Ordering::AcqRel);
            return Ok(handle);
        }
    }

    /// What there is to know of a session.
    pub fn session_info(&self, handle: u64) -> Result<SessionState> {
        let session = self.alive(handle)?;
        session.slot.end_void_login()?;
        let state = session.state();
        let flags = CKF_SERIAL_SESSION | if session.read_write { CKF_RW_SESSION } else { 0 };
        Ok(SessionState { slot: slots::slot_id(session.slot.token.id), state, flags })
    }

    /// Ends operations of the kinds that `flags` names (`C_SessionCancel`).
    pub fn cancel(&self, handle: u64, flags: CK_FLAGS) -> Result<()> {
        self.with_state(handle, |_, state| {
            state.cancel(flags);
            Ok(())
        })
    }

    /// The validation flags of a kind. This library is validated by nobody: no operation met the
    /// requirements of a validation.
    pub fn validation_flags(&self, handle: u64, kind: CK_FLAGS) -> Result<CK_FLAGS> {
        self.session(handle)?;
        if kind == CKS_LAST_VALIDATION_OK { Ok(0) } else { Err(Error::ArgumentsBad) }
    }

    /// Ends the message in progress, not the process, of the kind that `flag` names.
    pub fn end_message(&self, handle: u64, flag: CK_FLAGS) -> Result<()> {
        self.with_state(handle, |_, state| {
            match flag {
                CKF_MESSAGE_ENCRYPT => {
                    state.message_encrypt.as_mut().map(|active| active.end_message())
                }
                CKF_MESSAGE_DECRYPT => {
                    state.message_decrypt.as_mut().map(|active| active.end_message())
                }
                CKF_MESSAGE_SIGN => state.message_sign.as_mut().map(|active| active.end_message()),
                _ => state.message_verify.as_mut().map(|active| active.end_message()),
            };
            Ok(())
        })
    }

    /// Mixes what the application gives into the random generator.
    pub fn seed_random(&self, handle: u64, seed: &[u8]) -> Result<()> {
        self.session(handle)?;
        crate::mechanism::primitive::seed_random(seed)
    }

    /// Random bytes.
    pub fn random(&self, handle: u64, out: &mut [u8]) -> Result<()> {
        self.session(handle)?;
        crate::mechanism::primitive::random(out)
    }

    /// After a panic nothing is known of what the session held: it is closed.
    pub fn abandon(&self, handle: u64) {
        if let Some(session) = self.sessions.remove(handle) {
            session.close();
        }
    }

    /// Whether a session has this handle.
    pub fn has_session(&self, handle: u64) -> Result<()> {
        self.session(handle).map(drop)
    }

    /// Before a `fork`: nothing stays open that a child must not inherit.
    pub fn rest(&self) {
        if let Some(vault) = self.vault.lock().as_ref() {
            vault.rest();
        }
        if let Some(journal) = self.journal.get() {
            journal.rest();
        }
    }

    /// Records that the call at hand failed, if what it leaves says so.
    pub fn failed(&self, error: Error) {
        if let Some(journal) = self.journal.get() {
            journal.failed(error);
        }
    }

    /// From now on what is done is recorded.
    fn keep_journal(&self, vault: &Arc<Vault>) -> Result<()> {
        if self.journal.get().is_none() {
            let journal = Journal::of(vault, &self.config, &self.sessions)?;
            let _ = self.journal.set(journal);
        }
        Ok(())
    }

    /// In a child made by `fork`: frees what was made of keys, which wipes it, and touches nothing else.
    pub fn leave(&self) {
        for (_, session) in self.sessions.all() {
            session.state.lock().cancel(CK_FLAGS::MAX);
        }
        self.slots.read().values().for_each(|slot| slot.leave());
        if let Some(vault) = self.vault.lock().as_ref() {
            vault.leave();
        }
    }

    /// A session whose caller's role may call these functions.
    fn admitted(&self, handle: u64, group: Group) -> Result<Arc<Session>> {
        let session = self.alive(handle)?;
        session.slot.admit(group)?;
        Ok(session)
    }

    fn session(&self, handle: u64) -> Result<Arc<Session>> {
        call::in_session(handle);
        self.sessions.get(handle).ok_or(Error::SessionHandleInvalid)
    }

    /// Runs a call on what a session holds, locked.
    fn with_state<T>(
        &self,
        handle: u64,
        call: impl FnOnce(&Arc<Session>, &mut State) -> Result<T>,
    ) -> Result<T> {
        let session = self.session(handle)?;
        let mut state = session.state.lock();
        if state.closed {
            return Err(Error::SessionClosed);
        }
        let result = call(&session, &mut state);
        drop(state);
        if result.is_err() { self.noticed(&session, result) } else { result }
    }
}

impl Session {
    /// `CKS_*`.
    fn state(&self) -> CK_STATE {
        match (self.slot.role(), self.read_write) {
            (None, false) => CKS_RO_PUBLIC_SESSION,
            (None, true) => CKS_RW_PUBLIC_SESSION,
            (Some(Role::So), _) => CKS_RW_SO_FUNCTIONS,
            (Some(_), false) => CKS_RO_USER_FUNCTIONS,
            (Some(_), true) => CKS_RW_USER_FUNCTIONS,
        }
    }
}

impl State {
    fn cancel(&mut self, flags: CK_FLAGS) {
        let named = |flag| flags & flag != 0;
        self.find.take_if(|_| named(CKF_FIND_OBJECTS));
        self.encrypt.take_if(|_| named(CKF_ENCRYPT));
        self.decrypt.take_if(|_| named(CKF_DECRYPT));
        self.sign.take_if(|_| named(CKF_SIGN));
        self.sign_recover.take_if(|_| named(CKF_SIGN_RECOVER));
        self.verify_recover.take_if(|_| named(CKF_VERIFY_RECOVER));
        self.verify.take_if(|_| named(CKF_VERIFY));
        self.digest.take_if(|_| named(CKF_DIGEST));
        self.message_encrypt.take_if(|_| named(CKF_MESSAGE_ENCRYPT));
        self.message_decrypt.take_if(|_| named(CKF_MESSAGE_DECRYPT));
        self.message_sign.take_if(|_| named(CKF_MESSAGE_SIGN));
        self.message_verify.take_if(|_| named(CKF_MESSAGE_VERIFY));
    }

    /// Ends the operations whose keys are out of reach.
    fn end_over(&mut self) {
        self.encrypt.take_if(|active| active.is_over());
        self.decrypt.take_if(|active| active.is_over());
        self.sign.take_if(|active| active.is_over());
        self.sign_recover.take_if(|active| active.is_over());
        self.verify_recover.take_if(|active| active.is_over());
        self.verify.take_if(|active| active.is_over());
        self.message_encrypt.take_if(|active| active.is_over());
        self.message_decrypt.take_if(|active| active.is_over());
        self.message_sign.take_if(|active| active.is_over());
        self.message_verify.take_if(|active| active.is_over());
    }

    /// The flags of the operations in progress.
    fn active(&self) -> CK_FLAGS {
        [
            (self.find.is_some(), CKF_FIND_OBJECTS),
            (self.encrypt.is_some(), CKF_ENCRYPT),
            (self.decrypt.is_some(), CKF_DECRYPT),
            (self.sign.is_some(), CKF_SIGN),
            (self.verify.is_some(), CKF_VERIFY),
            (self.digest.is_some(), CKF_DIGEST),
        ]
        .iter()
        .filter(|(on, _)| *on)
        .fold(0, |flags, (_, flag)| flags | flag)
    }
}

fn open(count: &AtomicUsize) -> usize {
    count.load(Ordering::Acquire)
}
