// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rules of calls on sessions, objects, logins and operations: what may come of each, and what is
//! true after it.

use crate::calls::*;
use crate::drive::Seen;
use crate::expected;
use crate::messages::slot;
use crate::model::*;
use cryptoki_sys::*;

const NONE: CK_RV = CKR_OPERATION_NOT_INITIALIZED;

impl Model {
    /// What may come of a call; none where the sequence does without it.
    pub fn fate(&self, call: &Call) -> Option<Fate> {
        let on = |s: S, fate: &dyn Fn(usize) -> Fate| match self.session(s) {
            Some(at) => fate(at),
            None => Fate::of(&[CKR_SESSION_HANDLE_INVALID]),
        };
        Some(match call {
            Call::Open { read_write } => match self.login {
                Some(Who::So) if !read_write => Fate::of(&[CKR_SESSION_READ_WRITE_SO_EXISTS]),
                _ => Fate::of(&[CKR_OK]),
            },
            Call::CloseAll => Fate::of(&[CKR_OK]),
            Call::Close(s) | Call::Info(s) | Call::Cancel(s, _) | Call::Random(s, _) => {
                on(*s, &|_| Fate::of(&[CKR_OK]))
            }
            // Which of two operations gets the PIN that both wait for is nobody's to say.
            Call::Login(s, Who::Context, _)
                if self.session(*s).is_some_and(|at| self.waiting(at).len() > 1) =>
            {
                return None;
            }
            Call::Login(s, who, right) => on(*s, &|at| self.login_fate(at, *who, *right)),
            Call::Logout(s) => on(*s, &|_| match self.login {
                Some(_) => Fate::of(&[CKR_OK]),
                None => Fate::of(&[CKR_USER_NOT_LOGGED_IN]),
            }),
            Call::Create(s, kind, private) => on(*s, &|_| {
                let hidden = *private || *kind == Kind::Guarded;
                let may = !hidden || self.login == Some(Who::User);
                Fate::of(if may { &[CKR_OK] } else { &[CKR_USER_NOT_LOGGED_IN] })
            }),
            Call::Destroy(s, k) => on(*s, &|_| match self.object(*k) {
                Some(_) => Fate::of(&[CKR_OK]),
                None => Fate::of(&[CKR_OBJECT_HANDLE_INVALID]),
            }),
            operations => return self.operation_fate(operations),
        })
    }

    /// The same for calls of operations.
    fn operation_fate(&self, call: &Call) -> Option<Fate> {
        let Some(at) = self.session(crate::after::session(call)) else {
            return Some(Fate::of(&[CKR_SESSION_HANDLE_INVALID]));
        };
        Some(match call {
            Call::Init(_, op, mech, k, sig) => self.init(at, *op, *mech, *k, *sig),
            Call::InitNull(_, op) => {
                let operation = self.sessions[at].operations[place(*op)].as_ref();
                Fate::of(to_end(operation.map(|operation| operation.dead)))
            }
            Call::ManyNull(_, many) => {
                let process = self.sessions[at].processes[slot(*many)].as_ref();
                Fate::of(to_end(process.map(|process| process.dead)))
            }
            Call::Whole(_, op, data, _, sig) => self.whole(at, *op, *data, *sig),
            Call::Part(_, op, data, _) => self.part(at, *op, *data),
            Call::Last(_, op, _, sig) => self.last(at, *op, *sig),
            Call::DigestKey(_, k) => self.digest_key(at, *k),
            Call::Dual(_, dual, data, _) => self.dual(at, *dual, *data),
            Call::Save(..) => self.save(at),
            Call::Restore(_, n, forged, key) => self.restore(at, *n, *forged, *key),
            Call::FindInit(_) if self.sessions[at].find => Fate::of(&[CKR_OPERATION_ACTIVE]),
            Call::FindInit(_) => Fate::of(&[CKR_OK]),
            Call::Find(_, count) => {
                let mut wrong = Vec::new();
                wrong.extend((!self.sessions[at].find).then_some(NONE));
                wrong.extend((!count).then_some(CKR_ARGUMENTS_BAD));
                Fate::wrong(wrong, || Fate::of(&[CKR_OK]))
            }
            Call::FindFinal(_) => {
                Fate::of(if self.sessions[at].find { &[CKR_OK] } else { &[NONE] })
            }
            messages => return self.message_fate(messages),
        })
    }

    fn login_fate(&self, at: usize, who: Who, right: bool) -> Fate {
        let mut wrong = Vec::new();
        match (who, self.login) {
            (Who::Nobody, _) => return Fate::of(&[CKR_USER_TYPE_INVALID]),
            (Who::Context, _) => match self.waiting(at).first() {
                None => return Fate::of(&[NONE]),
                Some((_, true)) => wrong.extend([NONE, CKR_OK]),
                Some(_) => {}
            },
            (who, Some(now)) if now == who => wrong.push(CKR_USER_ALREADY_LOGGED_IN),
            (_, Some(_)) => wrong.push(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
            (Who::So, None) if self.read_only() => wrong.push(CKR_SESSION_READ_ONLY_EXISTS),
            _ => {}
        }
        if !right {
            wrong.push(CKR_PIN_INCORRECT);
        }
        Fate::wrong(wrong, || Fate::of(&[CKR_OK]))
    }

    /// What waits for the PIN in a session: where, and whether its key is gone.
    pub fn waiting(&self, at: usize) -> Vec<(Wait, bool)> {
        let session = &self.sessions[at];
        let operations = session.operations.iter().enumerate().filter_map(|(place, operation)| {
            let waits = operation.as_ref().filter(|operation| operation.waiting)?;
            Some((Wait::Operation(place), waits.dead))
        });
        let processes = session.processes.iter().enumerate().filter_map(|(place, process)| {
            let waits = process.as_ref().filter(|process| process.waiting)?;
            Some((Wait::Process(place), waits.dead))
        });
        operations.chain(processes).collect()
    }

    fn init(&self, at: usize, op: Op, mech: Mech, k: K, sig: Sig) -> Fate {
        let mut wrong = Vec::new();
        match &self.sessions[at].operations[place(op)] {
            Some(operation) if operation.dead => {
                // Whether an operation whose key is gone is still in the way is nobody's to say.
                wrong.extend([CKR_OPERATION_ACTIVE, CKR_OK]);
            }
            Some(_) => wrong.push(CKR_OPERATION_ACTIVE),
            None => {}
        }
        let serves = fitting(op).contains(&mech);
        let mut bad = if op == Op::Digest { Vec::new() } else { self.key_wrongs(mech, k, op) };
        if !serves {
            bad.push(CKR_MECHANISM_INVALID);
        }
        if op == Op::Ahead && sig == Sig::Null {
            bad.push(CKR_ARGUMENTS_BAD);
        }
        if !bad.is_empty() {
            wrong.retain(|code| *code != CKR_OK);
            wrong.extend(bad);
        }
        Fate::wrong(wrong, || Fate::of(&[CKR_OK]))
    }

    /// The operation that a function goes on with, or what it answers.
    pub fn going(&self, at: usize, op: Op) -> Result<&Operation, Fate> {
        match &self.sessions[at].operations[place(op)] {
            Some(operation)
                if (op == Op::Ahead) == operation.ahead.is_some()
                    || op != Op::Verify && op != Op::Ahead =>
            {
                if operation.dead {
                    return Err(Fate::of(&[NONE, CKR_USER_NOT_LOGGED_IN]));
                }
                if operation.waiting {
                    return Err(Fate::of(&[CKR_USER_NOT_LOGGED_IN]));
                }
                Ok(operation)
            }
            _ => Err(Fate::of(&[NONE])),
        }
    }

    fn whole(&self, at: usize, op: Op, data: Data, sig: Sig) -> Fate {
        let bad = data == Data::Null || op == Op::Verify && sig == Sig::Null;
        let operation = match self.going(at, op) {
            Ok(operation) => operation,
            Err(mut fate) => {
                fate.codes.extend(bad.then_some(CKR_ARGUMENTS_BAD));
                return fate;
            }
        };
        let mut wrong = Vec::new();
        wrong.extend(bad.then_some(CKR_ARGUMENTS_BAD));
        wrong.extend(operation.fed.then_some(CKR_OPERATION_ACTIVE));
        Fate::wrong(wrong, || match op {
            Op::Verify | Op::Ahead => verdict(operation, operation.ahead.unwrap_or(sig)),
            _ => operation.end(op, &bytes(data, operation.mech), true),
        })
    }

    fn part(&self, at: usize, op: Op, data: Data) -> Fate {
        let bad = data == Data::Null;
        let operation = match self.going(at, op) {
            Ok(operation) => operation,
            Err(mut fate) => {
                fate.codes.extend(bad.then_some(CKR_ARGUMENTS_BAD));
                return fate;
            }
        };
        let mut wrong = Vec::new();
        wrong.extend(bad.then_some(CKR_ARGUMENTS_BAD));
        wrong.extend((!operation.in_parts()).then_some(CKR_FUNCTION_NOT_SUPPORTED));
        Fate::wrong(wrong, || match op {
            Op::Encrypt | Op::Decrypt => operation.part(op, &bytes(data, operation.mech)),
            _ => Fate::of(&[CKR_OK]),
        })
    }

    fn last(&self, at: usize, op: Op, sig: Sig) -> Fate {
        let bad = op == Op::Verify && sig == Sig::Null;
        let operation = match self.going(at, op) {
            Ok(operation) => operation,
            Err(mut fate) => {
                fate.codes.extend(bad.then_some(CKR_ARGUMENTS_BAD));
                return fate;
            }
        };
        let mut wrong = Vec::new();
        wrong.extend(bad.then_some(CKR_ARGUMENTS_BAD));
        wrong.extend((!operation.in_parts()).then_some(CKR_FUNCTION_NOT_SUPPORTED));
        Fate::wrong(wrong, || match op {
            Op::Verify | Op::Ahead => verdict(operation, operation.ahead.unwrap_or(sig)),
            _ => operation.end(op, &[], false),
        })
    }

    fn digest_key(&self, at: usize, k: K) -> Fate {
        if let Err(fate) = self.going(at, Op::Digest) {
            return fate;
        }
        match self.object(k).map(|key| self.objects[key].kind) {
            None | Some(Kind::Data) => Fate::of(&[CKR_KEY_HANDLE_INVALID]),
            Some(Kind::Aes | Kind::Idle | Kind::Generic) => Fate::of(&[CKR_OK]),
            Some(_) => Fate::of(&[CKR_KEY_INDIGESTIBLE]),
        }
    }

    fn dual(&self, at: usize, dual: Dual, data: Data) -> Fate {
        let bad = data == Data::Null;
        let (cipher, other) = pair(dual);
        let (Ok(first), Ok(second)) = (self.going(at, cipher), self.going(at, other)) else {
            let mut codes = vec![];
            for op in [cipher, other] {
                codes.extend(self.going(at, op).err().into_iter().flat_map(|fate| fate.codes));
            }
            codes.extend(bad.then_some(CKR_ARGUMENTS_BAD));
            return Fate::of(&codes);
        };
        let mut wrong = Vec::new();
        wrong.extend(bad.then_some(CKR_ARGUMENTS_BAD));
        let parts = first.in_parts() && second.in_parts();
        wrong.extend((!parts).then_some(CKR_FUNCTION_NOT_SUPPORTED));
        Fate::wrong(wrong, || first.part(cipher, &bytes(data, first.mech)))
    }

    fn save(&self, at: usize) -> Fate {
        let operations = &self.sessions[at].operations;
        let others: Vec<_> =
            [0, 1, 3, 4].iter().filter_map(|at| operations[*at].as_ref()).collect();
        let dead = others.iter().all(|operation| operation.dead) && !others.is_empty();
        let size = Fate { codes: vec![CKR_OK], len: (1, 4096), bytes: None, hard: false };
        match &operations[2] {
            None if others.is_empty() => Fate::of(&[NONE]),
            None if dead => Fate::of(&[NONE, CKR_STATE_UNSAVEABLE]),
            Some(digest) if others.is_empty() && !digest.keyed => size,
            Some(digest) if dead && !digest.keyed => {
                Fate { codes: vec![CKR_OK, CKR_STATE_UNSAVEABLE], ..size }
            }
            _ => Fate::of(&[CKR_STATE_UNSAVEABLE]),
        }
    }

    fn restore(&self, at: usize, n: usize, forged: bool, key: bool) -> Fate {
        let known = self.saved.get(n % (self.saved.len() + 1));
        let good = known.is_some_and(|saved| !forged && saved.session == self.state(at));
        let mut wrong = Vec::new();
        wrong.extend((!good).then_some(CKR_SAVED_STATE_INVALID));
        wrong.extend(key.then_some(CKR_KEY_NOT_NEEDED));
        Fate::wrong(wrong, || Fate::of(&[CKR_OK]))
    }
}

/// What waits for the PIN.
pub enum Wait {
    Operation(usize),
    Process(usize),
}

/// What a verification says of a signature.
fn verdict(operation: &Operation, sig: Sig) -> Fate {
    match (sig, operation.mech) {
        (Sig::Short, _) => Fate::of(&[CKR_SIGNATURE_LEN_RANGE]),
        (Sig::Right, Mech::Hmac) if operation.ahead.is_none() => Fate::of(&[CKR_OK]),
        // What was said first was a signature of nothing.
        (Sig::Right, Mech::Hmac) if operation.data.is_empty() => {
            Fate::of(&[CKR_OK, CKR_SIGNATURE_INVALID])
        }
        _ => Fate::of(&[CKR_SIGNATURE_INVALID]),
    }
}

/// The operations of a dual-function call: the cipher first.
pub fn pair(dual: Dual) -> (Op, Op) {
    match dual {
        Dual::DigestEncrypt => (Op::Encrypt, Op::Digest),
        Dual::DecryptDigest => (Op::Decrypt, Op::Digest),
        Dual::SignEncrypt => (Op::Encrypt, Op::Sign),
        Dual::DecryptVerify => (Op::Decrypt, Op::Verify),
    }
}

/// The bytes of an input.
pub fn bytes(data: Data, mech: Mech) -> Vec<u8> {
    match data {
        Data::Bytes(len) => (0..len).map(|at| (at * 7 + len) as u8).collect(),
        Data::Sealed(len) => expected::sealed(mech, len),
        Data::Null | Data::Nothing => Vec::new(),
    }
}

/// Whether a call gave nothing yet: a question for the length, or too little room.
pub fn keeps(room: Room, seen: &Seen) -> bool {
    seen.rv == CKR_BUFFER_TOO_SMALL || (seen.rv == CKR_OK && room == Room::Null)
}

/// Without a mechanism there is an operation to end, or the mechanism is missing.
fn to_end(dead: Option<bool>) -> &'static [CK_RV] {
    match dead {
        None => &[CKR_ARGUMENTS_BAD],
        Some(true) => &[CKR_OK, CKR_ARGUMENTS_BAD],
        Some(false) => &[CKR_OK],
    }
}
