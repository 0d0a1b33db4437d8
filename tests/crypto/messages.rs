// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Messages encrypted and decrypted one after the other, keys wrapped as messages, and the nonces that
//! the token makes for them.

use crate::common::message::Many;
use crate::common::operation::{Kind, Room};
use crate::common::*;
use std::ffi::c_void;
use std::ptr;

const NO: CK_GENERATOR_FUNCTION = CKG_NO_GENERATE;

/// A mechanism of messages, and its ordinary form, whose tag stands behind the ciphertext.
struct Sealing {
    kind: CK_MECHANISM_TYPE,
    key: Obj,
    nonce: usize,
    ordinary: fn(&[u8], &[u8], usize) -> Mech,
}

fn sealings(s: Session) -> Vec<Sealing> {
    let (aes, chacha) = (keys::aes(s, 32), keys::secret(s, CKK_CHACHA20, &[3; 32]));
    let gcm = |nonce: &[u8], aad: &[u8], _| Mech::gcm(nonce, aad, 128);
    let chacha_mech = |nonce: &[u8], aad: &[u8], _| Mech::chacha20_poly1305(nonce, aad);
    vec![
        Sealing { kind: CKM_AES_GCM, key: aes, nonce: 12, ordinary: gcm },
        Sealing { kind: CKM_AES_GCM, key: aes, nonce: 7, ordinary: gcm },
        Sealing {
            kind: CKM_AES_CCM,
            key: aes,
            nonce: 12,
            ordinary: |nonce, aad, len| Mech::ccm(len, nonce, aad, 16),
        },
        Sealing { kind: CKM_CHACHA20_POLY1305, key: chacha, nonce: 12, ordinary: chacha_mech },
    ]
}

#[test]
fn messages_are_what_ordinary_encryption_makes() {
    let user = User::compatible();
    let s = user.session;
    for sealing in sealings(s) {
        s.many(Many::Encrypt, Some(&Mech::plain(sealing.kind)), Some(sealing.key)).good();
        s.many(Many::Decrypt, Some(&Mech::plain(sealing.kind)), Some(sealing.key)).good();
        for (length, aad) in [(0, &b"aad"[..]), (1, b""), (40, b"aad"), (100, b"")] {
            let (data, nonce) = (vec![length as u8; length], vec![length as u8; sealing.nonce]);
            let mech = (sealing.ordinary)(&nonce, aad, length);
            let want = s.encrypt(&mech, sealing.key, &data).good();
            let (crypted, tag) = want.split_at(length);
            let mut parameter = Parameter::new(sealing.kind, &nonce, length, (NO, 0));
            let once = parameter.whole(s, Many::Encrypt, aad, &data, Room::Bytes(length));
            assert_eq!(once.good(), crypted, "{:#x}", sealing.kind);
            assert_eq!(parameter.tag(), tag, "{:#x}", sealing.kind);
            let opened = parameter.whole(s, Many::Decrypt, aad, crypted, Room::Bytes(length));
            assert_eq!(opened.good(), data);
            parameter.set_tag(&[0; 16]);
            let parts: Vec<_> = data.chunks(17).collect();
            assert_eq!(parameter.parts(s, Many::Encrypt, aad, &parts).good(), crypted);
            assert_eq!(parameter.tag(), tag, "{:#x} in parts", sealing.kind);
            let parts: Vec<_> = crypted.chunks(9).collect();
            assert_eq!(parameter.parts(s, Many::Decrypt, aad, &parts).good(), data);
        }
        s.many_final(Many::Encrypt).good();
        s.many_final(Many::Decrypt).good();
    }
}

#[test]
fn what_was_changed_is_not_opened_and_the_process_goes_on() {
    let user = User::compatible();
    let s = user.session;
    let failed = CKR_AEAD_DECRYPT_FAILED;
    for sealing in sealings(s) {
        let (data, nonce) = ([7; 40], vec![1; sealing.nonce]);
        s.many(Many::Encrypt, Some(&Mech::plain(sealing.kind)), Some(sealing.key)).good();
        s.many(Many::Decrypt, Some(&Mech::plain(sealing.kind)), Some(sealing.key)).good();
        let mut parameter = Parameter::new(sealing.kind, &nonce, 40, (NO, 0));
        let crypted = parameter.whole(s, Many::Encrypt, b"aad", &data, Room::Bytes(40)).good();
        let mut wrong = crypted.clone();
        wrong[3] ^= 1;
        let open = |p: &mut Parameter, aad: &[u8], data: &[u8]| {
            p.whole(s, Many::Decrypt, aad, data, Room::Bytes(40))
        };
        open(&mut parameter, b"aad", &wrong).gives(failed);
        open(&mut parameter, b"other", &crypted).gives(failed);
        let parts: Vec<_> = wrong.chunks(16).collect();
        parameter.parts(s, Many::Decrypt, b"aad", &parts).gives(failed);
        let mut forged = parameter.tag();
        forged[15] ^= 1;
        let right = parameter.tag();
        parameter.set_tag(&forged);
        open(&mut parameter, b"aad", &crypted).gives(failed);
        parameter.set_tag(&right);
        assert_eq!(open(&mut parameter, b"aad", &crypted).good(), data);
        s.many_final(Many::Encrypt).good();
        s.many_final(Many::Decrypt).good();
    }
}

#[test]
fn a_question_takes_no_nonce() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    s.many(Many::Encrypt, Some(&Mech::plain(CKM_AES_GCM)), Some(aes)).good();
    let mut parameter = Parameter::new(CKM_AES_GCM, &[9; 12], 0, (CKG_GENERATE_COUNTER, 32));
    for count in 0..3_u8 {
        for room in [Room::Null, Room::Bytes(19)] {
            let before = (parameter.nonce(), parameter.tag());
            let asked = parameter.call(s, Many::Encrypt, b"", &[1; 20], room, None);
            assert_eq!(asked.length, 20);
            let want = if matches!(room, Room::Null) { CKR_OK } else { CKR_BUFFER_TOO_SMALL };
            asked.rv.gives(want);
            assert_eq!((parameter.nonce(), parameter.tag()), before, "nothing was written");
        }
        parameter.whole(s, Many::Encrypt, b"", &[1; 20], Room::Bytes(20)).good();
        assert_eq!(parameter.nonce(), [9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, count]);
    }
    // Another session counts on: one key never has the same nonce twice.
    let other = user.token.public();
    other.many(Many::Encrypt, Some(&Mech::plain(CKM_AES_GCM)), Some(aes)).good();
    parameter.whole(other, Many::Encrypt, b"", &[1; 20], Room::Bytes(20)).good();
    assert_eq!(parameter.nonce()[11], 3);
}

#[test]
fn nonces_are_made_as_they_are_asked_for() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    s.many(Many::Encrypt, Some(&Mech::plain(CKM_AES_GCM)), Some(aes)).good();
    for (generator, fixed) in
        [(CKG_GENERATE, 0), (CKG_GENERATE, 32), (CKG_GENERATE_RANDOM, 0), (CKG_GENERATE_RANDOM, 20)]
    {
        let mut seen = Vec::new();
        for _ in 0..20 {
            let mut parameter = Parameter::new(CKM_AES_GCM, &[0xAB; 12], 0, (generator, fixed));
            parameter.whole(s, Many::Encrypt, b"", b"x", Room::Bytes(1)).good();
            let nonce = parameter.nonce();
            let kept = (0..fixed as usize).all(|bit| {
                let mask = 0x80 >> (bit % 8);
                nonce[bit / 8] & mask == 0xAB & mask
            });
            assert!(kept, "{fixed} bits of {nonce:x?}");
            assert!(!seen.contains(&nonce), "a nonce came back");
            seen.push(nonce);
        }
    }
    let counted = keys::aes(s, 16);
    s.many(Many::Encrypt, None, None).good();
    s.many(Many::Encrypt, Some(&Mech::plain(CKM_AES_GCM)), Some(counted)).good();
    let mut parameter = Parameter::new(CKM_AES_GCM, &[0x55; 12], 0, (CKG_GENERATE_COUNTER_XOR, 0));
    for count in 0..4_u8 {
        parameter.whole(s, Many::Encrypt, b"", b"x", Room::Bytes(1)).good();
        assert_eq!(parameter.nonce()[11], 0x55 ^ count);
        assert_eq!(parameter.nonce()[..11], [0x55; 11]);
        // The nonce made last may stand there, or the one given first; no other.
        if count == 2 {
            parameter.set_nonce(&[0x55; 12]);
        }
    }
    parameter.set_nonce(&[0x77; 12]);
    let refused = parameter.whole(s, Many::Encrypt, b"", b"x", Room::Bytes(1));
    refused.gives(CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn a_counter_that_is_full_makes_no_more_nonces() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    s.many(Many::Encrypt, Some(&Mech::plain(CKM_AES_GCM)), Some(aes)).good();
    for count in 0..10 {
        let mut parameter = Parameter::new(CKM_AES_GCM, &[1; 12], 0, (CKG_GENERATE_COUNTER, 93));
        let made = parameter.whole(s, Many::Encrypt, b"", b"x", Room::Bytes(1));
        match count {
            0..8 => drop(made.good()),
            _ => made.gives(CKR_FUNCTION_FAILED),
        }
    }
}

#[test]
fn parameters_that_are_wrong() {
    let user = User::new();
    let s = user.session;
    let wrong = CKR_MECHANISM_PARAM_INVALID;
    for sealing in sealings(s) {
        for kind in [Many::Encrypt, Many::Decrypt] {
            s.many(kind, Some(&Mech::plain(sealing.kind)), Some(sealing.key)).good();
            let good = || Parameter::new(sealing.kind, &vec![1; sealing.nonce], 5, (NO, 0));
            let edits: &[fn(&mut Raw)] = &[
                |raw| *raw.nonce_mut() = ptr::null_mut(),
                |raw| *raw.tag_mut() = ptr::null_mut(),
                |raw| *raw.nonce_len_mut() = 0,
                |raw| *raw.nonce_len_mut() = HUGE,
                |raw| *raw.nonce_len_mut() = 10_000,
            ];
            for (index, edit) in edits.iter().enumerate() {
                let mut parameter = good();
                edit(&mut parameter.raw);
                let called = parameter.call(s, kind, b"", b"12345", Room::Bytes(5), None);
                called.rv.gives_for(&format!("{:#x} {index}", sealing.kind), &[wrong]);
                let asked = parameter.call(s, kind, b"", b"12345", Room::Null, None);
                asked.rv.gives_for(&format!("{:#x} {index}", sealing.kind), &[wrong]);
            }
            for more in [-1, 1] {
                let mut parameter = good();
                parameter.more = more;
                parameter.call(s, kind, b"", b"12345", Room::Bytes(5), None).rv.gives(wrong);
            }
            let mut parameter = good();
            parameter.null = true;
            parameter.call(s, kind, b"", b"12345", Room::Bytes(5), None).rv.gives(wrong);
            s.many_final(kind).good();
        }
    }
    let aes = keys::aes(s, 32);
    s.many(Many::Encrypt, Some(&Mech::plain(CKM_AES_GCM)), Some(aes)).good();
    for (generator, fixed) in
        [(77, 0), (CKG_GENERATE, 97), (CKG_GENERATE, 96), (CKG_GENERATE_COUNTER, HUGE)]
    {
        let mut parameter = Parameter::new(CKM_AES_GCM, &[1; 12], 0, (generator, fixed));
        parameter.whole(s, Many::Encrypt, b"", b"x", Room::Bytes(1)).gives(wrong);
    }
    for bits in [0, 1, 31, 40, 136, HUGE] {
        let mut parameter = Parameter::new(CKM_AES_GCM, &[1; 12], 0, (NO, 0));
        let Raw::Gcm(raw) = &mut parameter.raw else { panic!("GCM") };
        raw.ulTagBits = bits;
        parameter.whole(s, Many::Encrypt, b"", b"x", Room::Bytes(1)).gives(wrong);
    }
}

#[test]
fn other_mechanisms_have_no_messages() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    for kind in session::mechanisms(user.token.slot).good() {
        let flags = session::mechanism_info(user.token.slot, kind).good().flags;
        let has = flags & CKF_MESSAGE_ENCRYPT != 0;
        assert_eq!(has, flags & CKF_MESSAGE_DECRYPT != 0);
        if !has {
            let refused = s.many(Many::Encrypt, Some(&Mech::plain(kind)), Some(aes));
            refused.gives_for(&format!("{kind:#x}"), &[CKR_MECHANISM_INVALID]);
        }
    }
}

#[test]
fn keys_are_wrapped_with_what_was_said_beside_them() {
    let user = User::compatible();
    let s = user.session;
    let target = keys::secret(s, CKK_AES, &[5; 32]);
    for kind in [CKM_AES_GCM, CKM_AES_CCM] {
        let aes = keys::aes(s, 32);
        let mut parameter = Parameter::new(kind, &[0; 12], 0, (CKG_GENERATE, 0));
        for room in [Room::Null, Room::Bytes(31)] {
            let asked = parameter.wrap(s, (aes, target), b"aad", room);
            assert_eq!(asked.length, 32);
            assert_eq!(parameter.nonce(), [0; 12], "a question takes no nonce");
        }
        let wrapped = parameter.wrap(s, (aes, target), b"aad", Room::Bytes(32)).taken().good();
        assert_ne!(parameter.nonce(), [0; 12]);
        let same = if kind == CKM_AES_GCM {
            Mech::gcm(&parameter.nonce(), b"aad", 128)
        } else {
            Mech::ccm(32, &parameter.nonce(), b"aad", 16)
        };
        let want = s.encrypt(&same, aes, &[5; 32]).good();
        assert_eq!([&wrapped[..], &parameter.tag()].concat(), want);
        let template = template! {
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_SENSITIVE => false
        };
        let back = parameter.unwrap(s, aes, &wrapped, (&template, b"aad")).good();
        assert_eq!(s.get(back, CKA_VALUE).good(), [5; 32]);
        let bad = CKR_WRAPPED_KEY_INVALID;
        parameter.unwrap(s, aes, &wrapped, (&template, b"other")).gives(bad);
        let mut changed = wrapped.clone();
        changed[0] ^= 1;
        parameter.unwrap(s, aes, &changed, (&template, b"aad")).gives(bad);
        parameter.set_tag(&[0; 16]);
        parameter.unwrap(s, aes, &wrapped, (&template, b"aad")).gives(bad);
        parameter.more = 1;
        let refused = parameter.wrap(s, (aes, target), b"", Room::Bytes(64));
        refused.rv.gives(CKR_MECHANISM_PARAM_INVALID);
    }
    let chacha = keys::secret(s, CKK_CHACHA20, &[3; 32]);
    let mut parameter = Parameter::new(CKM_CHACHA20_POLY1305, &[0; 12], 0, (NO, 0));
    let refused = parameter.wrap(s, (chacha, target), b"", Room::Bytes(64));
    refused.rv.gives(CKR_MECHANISM_INVALID);
    let aes = keys::aes(s, 32);
    let mut parameter = Parameter::new(CKM_AES_GCM, &[0; 12], 0, (NO, 0));
    let sealed = keys::aes_with(s, 32, &template! { CKA_EXTRACTABLE => false });
    parameter.wrap(s, (aes, sealed), b"", Room::Bytes(64)).rv.gives(CKR_KEY_UNEXTRACTABLE);
    parameter
        .wrap(s, (Obj(0), target), b"", Room::Bytes(64))
        .rv
        .gives(CKR_WRAPPING_KEY_HANDLE_INVALID);
    parameter.wrap(s, (aes, Obj(0)), b"", Room::Bytes(64)).rv.gives(CKR_KEY_HANDLE_INVALID);
}

#[test]
fn ordinary_encryption_goes_on_beside_messages() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    s.many(Many::Encrypt, Some(&Mech::plain(CKM_AES_GCM)), Some(aes)).good();
    s.start(Kind::Encrypt, &Mech::ctr(128, [1; 16]), Some(aes)).good();
    let mut parameter = Parameter::new(CKM_AES_GCM, &[1; 12], 0, (NO, 0));
    parameter.whole(s, Many::Encrypt, b"", b"message", Room::Bytes(7)).good();
    s.once(Kind::Encrypt, b"ordinary", Room::Bytes(8)).rv.good();
    s.many_final(Many::Encrypt).good();
}

/// The structure of a message.
enum Raw {
    Gcm(Box<CK_GCM_MESSAGE_PARAMS>),
    Ccm(Box<CK_CCM_MESSAGE_PARAMS>),
    ChaCha(Box<CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS>),
}

impl Raw {
    fn nonce_mut(&mut self) -> &mut *mut u8 {
        match self {
            Raw::Gcm(raw) => &mut raw.pIv,
            Raw::Ccm(raw) => &mut raw.pNonce,
            Raw::ChaCha(raw) => &mut raw.pNonce,
        }
    }

    fn nonce_len_mut(&mut self) -> &mut CK_ULONG {
        match self {
            Raw::Gcm(raw) => &mut raw.ulIvLen,
            Raw::Ccm(raw) => &mut raw.ulNonceLen,
            Raw::ChaCha(raw) => &mut raw.ulNonceLen,
        }
    }

    fn tag_mut(&mut self) -> &mut *mut u8 {
        match self {
            Raw::Gcm(raw) => &mut raw.pTag,
            Raw::Ccm(raw) => &mut raw.pMAC,
            Raw::ChaCha(raw) => &mut raw.pTag,
        }
    }

    fn pointer(&mut self) -> (*mut c_void, usize) {
        match self {
            Raw::Gcm(raw) => (ptr::from_mut(&mut **raw).cast(), size_of_val(&**raw)),
            Raw::Ccm(raw) => (ptr::from_mut(&mut **raw).cast(), size_of_val(&**raw)),
            Raw::ChaCha(raw) => (ptr::from_mut(&mut **raw).cast(), size_of_val(&**raw)),
        }
    }
}

/// The parameter of a message, with the memory it points to.
struct Parameter {
    kind: CK_MECHANISM_TYPE,
    nonce: Vec<u8>,
    tag: Vec<u8>,
    raw: Raw,
    /// How many bytes longer the structure is said to be.
    more: isize,
    null: bool,
}

impl Parameter {
    fn new(
        kind: CK_MECHANISM_TYPE,
        nonce: &[u8],
        data: usize,
        (generator, fixed): (CK_GENERATOR_FUNCTION, CK_ULONG),
    ) -> Parameter {
        let (mut nonce, mut tag) = (nonce.to_vec(), vec![0; 16]);
        let (n, t) = (nonce.as_mut_ptr(), tag.as_mut_ptr());
        let raw = match kind {
            CKM_AES_GCM => Raw::Gcm(Box::new(CK_GCM_MESSAGE_PARAMS {
                pIv: n,
                ulIvLen: len(&nonce),
                ulIvFixedBits: fixed,
                ivGenerator: generator,
                pTag: t,
                ulTagBits: 128,
            })),
            CKM_AES_CCM => Raw::Ccm(Box::new(CK_CCM_MESSAGE_PARAMS {
                ulDataLen: data as CK_ULONG,
                pNonce: n,
                ulNonceLen: len(&nonce),
                ulNonceFixedBits: fixed,
                nonceGenerator: generator,
                pMAC: t,
                ulMACLen: 16,
            })),
            _ => Raw::ChaCha(Box::new(CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS {
                pNonce: n,
                ulNonceLen: 8 * len(&nonce),
                pTag: t,
            })),
        };
        Parameter { kind, nonce, tag, raw, more: 0, null: false }
    }

    // What the token wrote is read by the pointers that it wrote through.
    fn nonce(&mut self) -> Vec<u8> {
        // SAFETY: the pointer is that of the vector, which has so many bytes.
        unsafe { std::slice::from_raw_parts(self.nonce.as_mut_ptr(), self.nonce.len()) }.to_vec()
    }

    fn tag(&mut self) -> Vec<u8> {
        // SAFETY: as for the nonce.
        unsafe { std::slice::from_raw_parts(self.tag.as_mut_ptr(), self.tag.len()) }.to_vec()
    }

    fn set_nonce(&mut self, nonce: &[u8]) {
        self.nonce.copy_from_slice(nonce);
    }

    fn set_tag(&mut self, tag: &[u8]) {
        self.tag.copy_from_slice(tag);
    }

    fn raw(&mut self) -> (*mut c_void, CK_ULONG) {
        let (pointer, size) = self.raw.pointer();
        let length = size.checked_add_signed(self.more).expect("a length") as CK_ULONG;
        (if self.null { ptr::null_mut() } else { pointer }, length)
    }

    /// One call: a whole message, or a part and whether it is the last.
    fn call(
        &mut self,
        s: Session,
        kind: Many,
        aad: &[u8],
        data: &[u8],
        room: Room,
        last: Option<bool>,
    ) -> operation::Output {
        let ((p, n), s) = (self.raw(), s.0);
        let (a, a_len, d, d_len) = (bytes(aad), len(aad), bytes(data), len(data));
        let end = if last == Some(true) { CKF_END_OF_MESSAGE } else { 0 };
        room.filled(|out, length| match (kind, last) {
            (Many::Encrypt, None) => {
                p11!(C_EncryptMessage(s, p, n, a, a_len, d, d_len, out, length))
            }
            (_, None) => p11!(C_DecryptMessage(s, p, n, a, a_len, d, d_len, out, length)),
            (Many::Encrypt, _) => p11!(C_EncryptMessageNext(s, p, n, d, d_len, out, length, end)),
            _ => p11!(C_DecryptMessageNext(s, p, n, d, d_len, out, length, end)),
        })
    }

    fn whole(&mut self, s: Session, kind: Many, aad: &[u8], data: &[u8], room: Room) -> R<Vec<u8>> {
        self.call(s, kind, aad, data, room, None).taken()
    }

    fn parts(&mut self, s: Session, kind: Many, aad: &[u8], parts: &[&[u8]]) -> R<Vec<u8>> {
        let (p, n) = self.raw();
        outcome(match kind {
            Many::Encrypt => p11!(C_EncryptMessageBegin(s.0, p, n, bytes(aad), len(aad))),
            _ => p11!(C_DecryptMessageBegin(s.0, p, n, bytes(aad), len(aad))),
        })?;
        let mut output = Vec::new();
        for part in parts {
            let short = self.call(s, kind, b"", part, Room::Bytes(part.len() - 1), Some(false));
            short.rv.gives(CKR_BUFFER_TOO_SMALL);
            self.call(s, kind, b"", part, Room::Null, Some(false)).rv.good();
            let part = self.call(s, kind, b"", part, Room::Bytes(part.len()), Some(false));
            output.extend(part.taken()?);
        }
        let last = self.call(s, kind, b"", b"", Room::Bytes(0), Some(true));
        output.extend(last.taken()?);
        Ok(output)
    }

    fn wrap(&mut self, s: Session, keys: (Obj, Obj), aad: &[u8], room: Room) -> operation::Output {
        s.wrap_authenticated(self.mechanism(), keys, aad, room)
    }

    fn unwrap(&mut self, s: Session, by: Obj, wrapped: &[u8], asked: (&Template, &[u8])) -> R<Obj> {
        s.unwrap_authenticated(self.mechanism(), by, wrapped, asked)
    }

    fn mechanism(&mut self) -> CK_MECHANISM {
        let (pointer, length) = self.raw();
        CK_MECHANISM { mechanism: self.kind, pParameter: pointer, ulParameterLen: length }
    }
}
