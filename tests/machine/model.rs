// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The model: what the specification says of sessions, logins, objects and operations, and no more.
//! Where it leaves several codes to a call, any of them will do.

use crate::calls::*;
use crate::expected::{self, Stream};
use cryptoki_sys::*;

/// What is true of the token before a call.
pub struct Model {
    pub slot: CK_SLOT_ID,
    pub sessions: Vec<Sess>,
    pub objects: Vec<Object>,
    pub saved: Vec<State>,
    pub login: Option<Who>,
    /// A session outside the sequence keeps the login.
    pub anchored: bool,
}

/// A session, open or closed.
#[derive(Default)]
pub struct Sess {
    pub handle: CK_SESSION_HANDLE,
    pub read_write: bool,
    pub open: bool,
    /// Encrypt, decrypt, digest, sign, verify.
    pub operations: [Option<Operation>; 5],
    /// Encrypt, decrypt, sign, verify.
    pub processes: [Option<Process>; 4],
    pub find: bool,
}

/// An operation in progress.
#[derive(Clone)]
pub struct Operation {
    pub mech: Mech,
    pub key: Option<usize>,
    /// The key is gone.
    pub dead: bool,
    /// The PIN is wanted.
    pub waiting: bool,
    pub fed: bool,
    /// The value of a key went in.
    pub keyed: bool,
    pub data: Vec<u8>,
    /// The signature came first, and which one.
    pub ahead: Option<Sig>,
}

/// A process of messages.
pub struct Process {
    pub mech: Mech,
    pub key: usize,
    pub dead: bool,
    /// The PIN is wanted.
    pub waiting: bool,
    /// The message in progress: its data and its nonce.
    pub message: Option<(Vec<u8>, Vec<u8>)>,
}

/// An object.
pub struct Object {
    pub handle: CK_OBJECT_HANDLE,
    pub kind: Kind,
    pub private: bool,
    pub owner: usize,
    pub alive: bool,
}

/// A saved state.
pub struct State {
    pub bytes: Vec<u8>,
    pub session: CK_STATE,
    pub operation: Operation,
}

/// What may come of a call.
#[derive(Debug, Default)]
pub struct Fate {
    pub codes: Vec<CK_RV>,
    /// The codes are told whether there is room or not.
    pub hard: bool,
    /// The least and most bytes of output.
    pub len: (usize, usize),
    pub bytes: Option<Vec<u8>>,
}

impl Fate {
    pub fn of(codes: &[CK_RV]) -> Fate {
        Fate { codes: codes.to_vec(), hard: true, ..Fate::default() }
    }

    pub fn good(bytes: Vec<u8>) -> Fate {
        Fate {
            codes: vec![CKR_OK],
            len: (bytes.len(), bytes.len()),
            bytes: Some(bytes),
            hard: false,
        }
    }

    pub fn long(len: usize) -> Fate {
        Fate { codes: vec![CKR_OK], len: (len, len), bytes: None, hard: false }
    }

    pub fn bad(codes: &[CK_RV], most: usize) -> Fate {
        Fate { codes: codes.to_vec(), len: (0, most), bytes: None, hard: false }
    }

    /// Several things may be wrong: any of them may be told. If none is, the other fate.
    pub fn wrong(wrong: Vec<CK_RV>, otherwise: impl FnOnce() -> Fate) -> Fate {
        if wrong.is_empty() {
            otherwise()
        } else {
            Fate { codes: wrong, hard: true, ..Fate::default() }
        }
    }
}

/// Where a session has an operation.
pub fn place(op: Op) -> usize {
    match op {
        Op::Encrypt => 0,
        Op::Decrypt => 1,
        Op::Digest => 2,
        Op::Sign => 3,
        Op::Verify | Op::Ahead => 4,
    }
}

impl Operation {
    pub fn new(mech: Mech, key: Option<usize>, waiting: bool, ahead: Option<Sig>) -> Operation {
        let (dead, fed, keyed, data) = (false, false, false, Vec::new());
        Operation { mech, key, dead, waiting, fed, keyed, data, ahead }
    }

    pub fn in_parts(&self) -> bool {
        self.mech != Mech::Ecdsa
    }

    /// What the operation gives for the rest of its data.
    pub fn end(&self, op: Op, more: &[u8], whole: bool) -> Fate {
        let data = [&self.data[..], more].concat();
        match op {
            Op::Digest if self.keyed && whole => Fate::long(expected::digest(self.mech, b"").len()),
            Op::Digest => Fate::good(expected::digest(self.mech, &data)),
            Op::Sign if self.mech == Mech::Hmac => Fate::good(expected::hmac(&data)),
            Op::Sign => Fate::long(64),
            _ => self.end_cipher(op, &data, whole),
        }
    }

    fn end_cipher(&self, op: Op, data: &[u8], whole: bool) -> Fate {
        let Stream { given, end } = expected::cipher(op, self.mech, data);
        let errors: &[CK_RV] = match op {
            Op::Encrypt => &[CKR_DATA_LEN_RANGE],
            _ => &[CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID],
        };
        match end {
            Some(end) if whole => Fate::good([given, end].concat()),
            Some(end) => Fate::good(end),
            None => Fate::bad(errors, data.len() + 16),
        }
    }

    /// What a part gives.
    pub fn part(&self, op: Op, part: &[u8]) -> Fate {
        let before = expected::cipher(op, self.mech, &self.data).given.len();
        let after = expected::cipher(op, self.mech, &[&self.data[..], part].concat()).given;
        Fate::good(after[before..].to_vec())
    }
}

impl Model {
    pub fn session(&self, s: S) -> Option<usize> {
        let at = s % (self.sessions.len() + 1);
        (at < self.sessions.len() && self.sessions[at].open).then_some(at)
    }

    pub fn object(&self, k: K) -> Option<usize> {
        let at = k % (self.objects.len() + 1);
        (at < self.objects.len() && self.visible(at)).then_some(at)
    }

    pub fn visible(&self, at: usize) -> bool {
        let object = &self.objects[at];
        object.alive && (!object.private || self.login == Some(Who::User))
    }

    pub fn state(&self, at: usize) -> CK_STATE {
        match (self.login, self.sessions[at].read_write) {
            (Some(Who::So), _) => CKS_RW_SO_FUNCTIONS,
            (Some(_), true) => CKS_RW_USER_FUNCTIONS,
            (Some(_), false) => CKS_RO_USER_FUNCTIONS,
            (None, true) => CKS_RW_PUBLIC_SESSION,
            (None, false) => CKS_RO_PUBLIC_SESSION,
        }
    }

    pub fn read_only(&self) -> bool {
        self.sessions.iter().any(|session| session.open && !session.read_write)
    }

    /// What is wrong with a key for an operation.
    pub fn key_wrongs(&self, mech: Mech, k: K, op: Op) -> Vec<CK_RV> {
        let Some(at) = self.object(k) else { return vec![CKR_KEY_HANDLE_INVALID] };
        let kind = self.objects[at].kind;
        let (aes, elliptic) = (
            matches!(kind, Kind::Aes | Kind::Idle | Kind::Sensitive),
            matches!(kind, Kind::Private | Kind::Guarded | Kind::Public),
        );
        let fits = match mech {
            Mech::Hmac => kind == Kind::Generic,
            Mech::Ecdsa | Mech::EcdsaSha256 => elliptic,
            _ => aes,
        };
        let permitted = match op {
            Op::Encrypt | Op::Decrypt => kind != Kind::Idle,
            Op::Sign => kind != Kind::Public,
            Op::Verify | Op::Ahead => !matches!(kind, Kind::Private | Kind::Guarded),
            Op::Digest => true,
        };
        let mut wrong = Vec::new();
        if kind == Kind::Data {
            wrong.push(CKR_KEY_HANDLE_INVALID);
        } else if !fits {
            wrong.push(CKR_KEY_TYPE_INCONSISTENT);
        }
        if !permitted {
            wrong.push(CKR_KEY_FUNCTION_NOT_PERMITTED);
        }
        wrong
    }

    /// Ends the life of objects, and of the operations that use them.
    pub fn end(&mut self, gone: impl Fn(&Object) -> bool) {
        for object in self.objects.iter_mut().filter(|object| gone(object)) {
            object.alive = false;
        }
        let objects = &self.objects;
        for session in &mut self.sessions {
            for operation in session.operations.iter_mut().flatten() {
                operation.dead |= operation.key.is_some_and(|key| !objects[key].alive);
            }
            for process in session.processes.iter_mut().flatten() {
                process.dead |= !objects[process.key].alive;
            }
        }
    }

    pub fn close(&mut self, at: usize) {
        let (handle, read_write) = (self.sessions[at].handle, self.sessions[at].read_write);
        self.sessions[at] = Sess { handle, read_write, ..Sess::default() };
        self.end(|object| object.owner == at);
        if !self.anchored && !self.sessions.iter().any(|session| session.open) {
            self.logout();
        }
    }

    pub fn logout(&mut self) {
        self.login = None;
        self.end(|object| object.private);
    }
}
