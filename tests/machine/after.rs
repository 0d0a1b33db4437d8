// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is true after a call.

use crate::calls::*;
use crate::drive::Seen;
use crate::expected::{AES, SECRET};
use crate::model::*;
use crate::rules::{Wait, bytes, keeps, pair};
use cryptoki_sys::*;

impl Model {
    /// Takes note of a call and what it gave.
    pub fn after(&mut self, call: &Call, seen: &Seen) {
        let good = seen.rv == CKR_OK;
        match call {
            Call::Open { read_write } if good => self.sessions.push(Sess {
                handle: seen.handle,
                read_write: *read_write,
                open: true,
                ..Sess::default()
            }),
            Call::CloseAll => {
                self.anchored = false;
                for at in 0..self.sessions.len() {
                    self.close(at);
                }
                self.logout();
            }
            Call::Open { .. } | Call::Info(_) | Call::Random(..) => {}
            on => {
                if let Some(at) = self.session(session(on)) {
                    self.after_in(at, on, seen);
                }
            }
        }
    }

    fn after_in(&mut self, at: usize, call: &Call, seen: &Seen) {
        let good = seen.rv == CKR_OK;
        match call {
            Call::Close(_) => self.close(at),
            Call::Login(_, Who::Context, _) if good => {
                let waiting = self.waiting(at).pop();
                let session = &mut self.sessions[at];
                match waiting {
                    Some((Wait::Operation(place), _)) => {
                        session.operations[place].iter_mut().for_each(|one| one.waiting = false);
                    }
                    Some((Wait::Process(place), _)) => {
                        session.processes[place].iter_mut().for_each(|one| one.waiting = false);
                    }
                    None => {}
                }
            }
            Call::Login(_, who, _) if good => self.login = Some(*who),
            Call::Logout(_) if good => self.logout(),
            Call::Create(_, kind, private) if good => self.objects.push(Object {
                handle: seen.handle,
                kind: *kind,
                private: *private || *kind == Kind::Guarded,
                owner: at,
                alive: true,
            }),
            Call::Destroy(_, k) if good => {
                let gone = self.object(*k).map(|gone| self.objects[gone].handle);
                self.end(|object| Some(object.handle) == gone);
            }
            Call::Init(_, op, mech, k, sig) if good => {
                let key = if *op == Op::Digest { None } else { self.object(*k) };
                let guarded = key.is_some_and(|key| self.objects[key].kind == Kind::Guarded);
                let ahead = (*op == Op::Ahead).then_some(*sig);
                let operation = Operation::new(*mech, key, guarded, ahead);
                self.sessions[at].operations[place(*op)] = Some(operation);
            }
            Call::InitNull(_, op) => self.sessions[at].operations[place(*op)] = None,
            Call::Whole(_, op, _, room, _) => self.ended(at, *op, *room, seen),
            Call::Part(_, op, data, room) => self.fed(at, *op, *data, *room, seen),
            Call::Last(_, op, room, _) => self.ended(at, *op, *room, seen),
            Call::DigestKey(_, k) => self.key_digested(at, *k, good),
            Call::Dual(_, dual, data, room) => self.both_fed(at, *dual, *data, *room, seen),
            Call::Cancel(_, flags) => self.cancelled(at, *flags),
            Call::Save(_, room) if good && !keeps(*room, seen) => {
                let digest = self.sessions[at].operations[2].clone();
                let session = self.state(at);
                let bytes = seen.data.clone();
                self.saved.extend(digest.map(|operation| State { bytes, session, operation }));
            }
            Call::Restore(_, n, _, _) if good => {
                let operation = self.saved[n % (self.saved.len() + 1)].operation.clone();
                self.cancelled(at, CK_FLAGS::MAX);
                self.sessions[at].operations[2] = Some(operation);
            }
            Call::FindInit(_) if good => self.sessions[at].find = true,
            Call::FindFinal(_) => self.sessions[at].find = false,
            messages => self.after_message(at, messages, seen),
        }
    }

    /// Whether a function has anything to do with what is active.
    fn concerns(&self, at: usize, op: Op) -> bool {
        let active = self.sessions[at].operations[place(op)].as_ref();
        match op {
            Op::Verify | Op::Ahead => {
                active.is_some_and(|active| active.ahead.is_some() == (op == Op::Ahead))
            }
            _ => active.is_some(),
        }
    }

    /// A call that ends an operation unless it gave nothing.
    fn ended(&mut self, at: usize, op: Op, room: Room, seen: &Seen) {
        let output = !matches!(op, Op::Verify | Op::Ahead);
        if self.concerns(at, op) && !(output && keeps(room, seen)) {
            self.sessions[at].operations[place(op)] = None;
        }
    }

    fn fed(&mut self, at: usize, op: Op, data: Data, room: Room, seen: &Seen) {
        let output = matches!(op, Op::Encrypt | Op::Decrypt);
        if !self.concerns(at, op) || (output && keeps(room, seen)) {
            return;
        }
        let place = &mut self.sessions[at].operations[place(op)];
        match place {
            Some(operation) if seen.rv == CKR_OK => {
                operation.fed = true;
                operation.data.extend(bytes(data, operation.mech));
            }
            _ => *place = None,
        }
    }

    fn key_digested(&mut self, at: usize, k: K, good: bool) {
        let kind = self.object(k).map(|key| self.objects[key].kind);
        let place = &mut self.sessions[at].operations[2];
        match (place.as_mut(), kind) {
            (Some(digest), Some(kind)) if good => {
                digest.fed = true;
                digest.keyed = true;
                let value = if kind == Kind::Generic { &SECRET } else { &AES };
                digest.data.extend(value);
            }
            // A key that cannot be digested leaves the digest as it was.
            _ => {}
        }
    }

    fn both_fed(&mut self, at: usize, dual: Dual, data: Data, room: Room, seen: &Seen) {
        let (cipher, other) = pair(dual);
        if !self.concerns(at, cipher) || !self.concerns(at, other) || keeps(room, seen) {
            return;
        }
        let operations = &mut self.sessions[at].operations;
        if seen.rv != CKR_OK {
            operations[place(cipher)] = None;
            operations[place(other)] = None;
            return;
        }
        if let Some(first) = &mut operations[place(cipher)] {
            let input = bytes(data, first.mech);
            first.data.extend(&input);
            first.fed = true;
            let plain = if cipher == Op::Encrypt { &input } else { &seen.data };
            if let Some(second) = &mut operations[place(other)] {
                second.data.extend(plain);
                second.fed = true;
            }
        }
    }

    fn cancelled(&mut self, at: usize, flags: CK_FLAGS) {
        let session = &mut self.sessions[at];
        let operations = [CKF_ENCRYPT, CKF_DECRYPT, CKF_DIGEST, CKF_SIGN, CKF_VERIFY];
        for (place, flag) in session.operations.iter_mut().zip(operations) {
            place.take_if(|_| flags & flag != 0);
        }
        let processes =
            [CKF_MESSAGE_ENCRYPT, CKF_MESSAGE_DECRYPT, CKF_MESSAGE_SIGN, CKF_MESSAGE_VERIFY];
        for (place, flag) in session.processes.iter_mut().zip(processes) {
            place.take_if(|_| flags & flag != 0);
        }
        session.find &= flags & CKF_FIND_OBJECTS == 0;
    }
}

/// The session of a call.
pub fn session(call: &Call) -> S {
    match call {
        Call::Open { .. } | Call::CloseAll => usize::MAX,
        Call::Close(s)
        | Call::Info(s)
        | Call::Login(s, ..)
        | Call::Logout(s)
        | Call::Create(s, ..)
        | Call::Destroy(s, _)
        | Call::Init(s, ..)
        | Call::InitNull(s, _)
        | Call::Whole(s, ..)
        | Call::Part(s, ..)
        | Call::Last(s, ..)
        | Call::DigestKey(s, _)
        | Call::Dual(s, ..)
        | Call::Cancel(s, _)
        | Call::Save(s, _)
        | Call::Restore(s, ..)
        | Call::FindInit(s)
        | Call::Find(s, _)
        | Call::FindFinal(s)
        | Call::Random(s, _)
        | Call::ManyInit(s, ..)
        | Call::ManyNull(s, _)
        | Call::Message(s, ..)
        | Call::MessageBegin(s, ..)
        | Call::MessagePart(s, ..)
        | Call::MessageLast(s, ..)
        | Call::ManyFinal(s, _) => *s,
    }
}
