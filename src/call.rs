// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The call at hand, as the audit log will name it. A thread-local, against the house's rule that all is
//! passed in: whatever refuses or changes something, in any room, says so here, and what writes the log
//! cannot miss a change because someone passed nothing on. Two stores in one process do not meet in
//! it: a call runs on one thread, with one of them. It imports `error` alone.
//!
//! It has no place for the bytes of a value: names alone get in.

use crate::error::Error;
use std::cell::{Cell, RefCell};

/// What a function leaves in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Nothing.
    Nothing,
    /// A record when it fails; what it begins is counted under this name.
    Begins(&'static str),
    /// A count of one where a use of a key ends well, a record where it fails.
    Counts,
    /// A record where it gives out the value of a private or secret key in clear.
    Discloses,
    /// A record, however it ends.
    Record,
}

/// What is known of a call beside its name.
#[derive(Clone, Debug, Default)]
pub struct Particulars {
    /// The object it is about: `CKA_UNIQUE_ID` and `CKA_LABEL`.
    pub key: Option<(Vec<u8>, Vec<u8>)>,
    /// The `CKA_UNIQUE_ID`s of what it makes or reads beside.
    pub objects: Vec<Vec<u8>>,
    /// The name of the mechanism.
    pub mechanism: &'static str,
    /// What refused it: a rule of the policy, `safeguard:` or `role:` and a name.
    pub rule: String,
    /// Whom it was done to, or to what token.
    pub subject: String,
    /// The names of the attributes that it changes.
    pub attributes: Vec<&'static str>,
    /// The serial number of the token, where no session tells.
    pub token: String,
}

struct AtHand {
    op: Cell<&'static str>,
    leaves: Cell<Leaves>,
    session: Cell<u64>,
    mechanism: Cell<&'static str>,
    failed: Cell<Option<Error>>,
    /// Whether there are particulars: most calls have none.
    some: Cell<bool>,
    particulars: RefCell<Particulars>,
}

thread_local! {
    static AT_HAND: AtHand = const {
        AtHand {
            op: Cell::new(""),
            leaves: Cell::new(Leaves::Nothing),
            session: Cell::new(0),
            mechanism: Cell::new(""),
            failed: Cell::new(None),
            some: Cell::new(false),
            particulars: RefCell::new(Particulars {
                key: None,
                objects: Vec::new(),
                mechanism: "",
                rule: String::new(),
                subject: String::new(),
                attributes: Vec::new(),
                token: String::new(),
            }),
        }
    };
}

/// A call begins: a C function, or a verb of the command.
pub fn begin(op: &'static str, leaves: Leaves) {
    with(|call| {
        call.op.set(op);
        call.leaves.set(leaves);
        call.session.set(0);
        call.mechanism.set("");
        if call.some.replace(false) {
            call.particulars.take();
        }
    });
}

/// Another act in the midst of a call, which leaves a record of its own.
pub fn act(op: &'static str) -> Act {
    let (before, leaves) = op_of();
    let known = particulars();
    with(|call| {
        call.op.set(op);
        call.leaves.set(Leaves::Record);
        call.particulars.take();
    });
    Act(before, leaves, known)
}

/// Ends an act when it is dropped: what follows is the call's.
pub struct Act(&'static str, Leaves, Particulars);

impl Drop for Act {
    fn drop(&mut self) {
        with(|call| {
            call.op.set(self.0);
            call.leaves.set(self.1);
            call.some.set(true);
            call.particulars.replace(std::mem::take(&mut self.2));
        });
    }
}

/// The session it is made in.
pub fn in_session(handle: u64) {
    with(|call| call.session.set(handle));
}

/// The mechanism that it names.
pub fn by(mechanism: &'static str) {
    with(|call| call.mechanism.set(mechanism));
}

/// The object it is about, by its names.
pub fn about(id: &[u8], label: &[u8]) {
    edit(|known| known.key = Some((id.to_vec(), label.to_vec())));
}

/// An object that it makes or reads beside the one it is about; the first that it has any to do with
/// is the one it is about.
pub fn beside(id: &[u8], label: &[u8]) {
    edit(|known| match &known.key {
        None => known.key = Some((id.to_vec(), label.to_vec())),
        Some(_) => known.objects.push(id.to_vec()),
    });
}

/// What refuses it.
pub fn denied(rule: &str) {
    edit(|known| rule.clone_into(&mut known.rule));
}

/// What of the store's own refuses it, by kind and name.
pub fn denied_by(kind: &str, name: &str) {
    edit(|known| known.rule = format!("{kind}:{name}"));
}

/// Whom it is done to.
pub fn subject(name: &str) {
    edit(|known| name.clone_into(&mut known.subject));
}

/// An attribute that it changes.
pub fn changes(attribute: &'static str) {
    edit(|known| known.attributes.push(attribute));
}

/// The serial number of the token, where no session tells.
pub fn on_token(serial: &str) {
    edit(|known| serial.clone_into(&mut known.token));
}

/// A verb of the command failed so.
pub fn fail(error: Error) {
    with(|call| call.failed.set(Some(error)));
}

/// A verb of the command refuses by itself what it was asked; what the library answered before stays.
pub fn refuse() {
    with(|call| call.failed.set(call.failed.get().or(Some(Error::ArgumentsBad))));
}

/// How a verb of the command failed: told once.
pub fn failure() -> Option<Error> {
    AT_HAND.try_with(|call| call.failed.take()).ok().flatten()
}

/// The name of the call, and what it leaves.
pub fn op_of() -> (&'static str, Leaves) {
    AT_HAND.try_with(|call| (call.op.get(), call.leaves.get())).unwrap_or(("", Leaves::Nothing))
}

/// The session it is made in; 0 where there is none.
pub fn session() -> u64 {
    AT_HAND.try_with(|call| call.session.get()).unwrap_or_default()
}

/// What else is known of it.
pub fn particulars() -> Particulars {
    let known = |call: &AtHand| {
        let mechanism = call.mechanism.get();
        Particulars { mechanism, ..call.particulars.borrow().clone() }
    };
    AT_HAND.try_with(known).unwrap_or_default()
}

/// Whether a failure of it is to be recorded. What was never tried is not: a session that there is not,
/// a buffer that was too small. What goes on with an operation has failed where it had a key.
pub fn leaves_failure(error: Error) -> bool {
    if matches!(error, Error::BufferTooSmall | Error::SessionHandleInvalid | Error::SessionClosed) {
        return false;
    }
    match op_of().1 {
        Leaves::Nothing | Leaves::Discloses => false,
        Leaves::Record | Leaves::Begins(_) => true,
        Leaves::Counts => particulars().key.is_some(),
    }
}

fn edit(edit: impl FnOnce(&mut Particulars)) {
    with(|call| {
        call.some.set(true);
        // Borrowed for the length of one edit, which calls nothing.
        if let Ok(mut known) = call.particulars.try_borrow_mut() {
            edit(&mut known);
        }
    });
}

fn with(work: impl FnOnce(&AtHand)) {
    // A thread that ends may have let go of it already; nothing is recorded of what it still does.
    let _ = AT_HAND.try_with(work);
}
