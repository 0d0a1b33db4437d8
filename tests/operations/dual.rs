// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Two operations at once, and the functions that feed both.

use crate::common::operation::{Kind, Room};
use crate::common::*;

type Dual =
    unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, CK_ULONG, *mut u8, *mut CK_ULONG) -> CK_RV;

#[test]
fn digest_and_encrypt() {
    let Some(user) = dual_token() else { return };
    let (s, list) = (user.session, module().list);
    let (aes, mech) = (keys::aes(s, 32), Mech::iv(CKM_AES_CBC_PAD, &[1; 16]));
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    s.start(Kind::Encrypt, &mech, Some(aes)).good();
    let sealed = feed(s, list.C_DigestEncryptUpdate.unwrap(), DATA, Kind::Encrypt);
    assert_eq!(sealed, s.encrypt(&mech, aes, DATA).good());
    let digest = s.finish(Kind::Digest, Room::Bytes(32));
    digest.rv.good();
    assert_eq!(digest.data, reference::digest(CKM_SHA256, DATA));
}

#[test]
fn decrypt_and_digest() {
    let Some(user) = dual_token() else { return };
    let (s, list) = (user.session, module().list);
    let (aes, mech) = (keys::aes(s, 32), Mech::iv(CKM_AES_CBC, &[1; 16]));
    let sealed = s.encrypt(&mech, aes, DATA).good();
    s.start(Kind::Decrypt, &mech, Some(aes)).good();
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    let opened = feed(s, list.C_DecryptDigestUpdate.unwrap(), &sealed, Kind::Decrypt);
    assert_eq!(opened, DATA);
    let digest = s.finish(Kind::Digest, Room::Bytes(32));
    digest.rv.good();
    assert_eq!(digest.data, reference::digest(CKM_SHA256, DATA));
}

#[test]
fn sign_and_encrypt() {
    let Some(user) = dual_token() else { return };
    let (s, list) = (user.session, module().list);
    let (aes, mac) = (keys::aes(s, 32), keys::generic(s, 32));
    let (mech, hmac) = (Mech::ctr(128, [1; 16]), Mech::plain(CKM_SHA256_HMAC));
    s.start(Kind::Encrypt, &mech, Some(aes)).good();
    s.start(Kind::Sign, &hmac, Some(mac)).good();
    let sealed = feed(s, list.C_SignEncryptUpdate.unwrap(), DATA, Kind::Encrypt);
    assert_eq!(sealed, s.encrypt(&mech, aes, DATA).good());
    let signature = s.finish(Kind::Sign, Room::Bytes(32));
    signature.rv.good();
    assert_eq!(signature.data, s.sign(&hmac, mac, DATA).good());
}

#[test]
fn decrypt_and_verify() {
    let Some(user) = dual_token() else { return };
    let (s, list) = (user.session, module().list);
    let (aes, mac) = (keys::aes(s, 32), keys::generic(s, 32));
    let (mech, hmac) = (Mech::ctr(128, [1; 16]), Mech::plain(CKM_SHA256_HMAC));
    let (sealed, good) = (s.encrypt(&mech, aes, DATA).good(), s.sign(&hmac, mac, DATA).good());
    let wrong = s.sign(&hmac, mac, b"other").good();
    for (signature, want) in [(good, CKR_OK), (wrong, CKR_SIGNATURE_INVALID)] {
        s.start(Kind::Decrypt, &mech, Some(aes)).good();
        s.start(Kind::Verify, &hmac, Some(mac)).good();
        let opened = feed(s, list.C_DecryptVerifyUpdate.unwrap(), &sealed, Kind::Decrypt);
        assert_eq!(opened, DATA);
        s.verify_finish(&signature).gives(want);
    }
}

#[test]
fn both_operations_must_be_there() {
    let Some(user) = dual_token() else { return };
    let (s, list) = (user.session, module().list);
    let (aes, mac) = (keys::aes(s, 32), keys::generic(s, 32));
    let (mech, hmac) = (Mech::ctr(128, [1; 16]), Mech::plain(CKM_SHA256_HMAC));
    let sha = Mech::plain(CKM_SHA256);
    let rows: [(Dual, Kind, Kind); 4] = [
        (list.C_DigestEncryptUpdate.unwrap(), Kind::Digest, Kind::Encrypt),
        (list.C_DecryptDigestUpdate.unwrap(), Kind::Decrypt, Kind::Digest),
        (list.C_SignEncryptUpdate.unwrap(), Kind::Sign, Kind::Encrypt),
        (list.C_DecryptVerifyUpdate.unwrap(), Kind::Decrypt, Kind::Verify),
    ];
    for (call, one, two) in rows {
        dual(s, call, DATA, Room::Bytes(200)).0.gives(CKR_OPERATION_NOT_INITIALIZED);
        for only in [one, two] {
            match only {
                Kind::Digest => s.start(only, &sha, None).good(),
                Kind::Encrypt | Kind::Decrypt => s.start(only, &mech, Some(aes)).good(),
                _ => s.start(only, &hmac, Some(mac)).good(),
            }
            let alone = dual(s, call, DATA, Room::Bytes(200)).0;
            alone.gives_for(&format!("{only:?} alone"), &[CKR_OPERATION_NOT_INITIALIZED]);
            s.cancel(CKF_ENCRYPT | CKF_DECRYPT | CKF_DIGEST | CKF_SIGN | CKF_VERIFY).good();
        }
    }
}

#[test]
fn a_part_that_gives_nothing_is_not_digested() {
    let Some(user) = dual_token() else { return };
    let (s, list) = (user.session, module().list);
    let (aes, mech) = (keys::aes(s, 32), Mech::ctr(128, [1; 16]));
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    s.start(Kind::Encrypt, &mech, Some(aes)).good();
    let call = list.C_DigestEncryptUpdate.unwrap();
    dual(s, call, DATA, Room::Null).0.good();
    dual(s, call, DATA, Room::Bytes(DATA.len() - 1)).0.gives(CKR_BUFFER_TOO_SMALL);
    let sealed = feed(s, call, DATA, Kind::Encrypt);
    assert_eq!(sealed, s.encrypt(&mech, aes, DATA).good());
    let digest = s.finish(Kind::Digest, Room::Bytes(32));
    assert_eq!(digest.data, reference::digest(CKM_SHA256, DATA), "the data went in once");
}

#[test]
fn operations_of_different_kinds_do_not_disturb_each_other() {
    let user = User::new();
    let s = user.session;
    let (aes, mac) = (keys::aes(s, 32), keys::generic(s, 32));
    let (mech, hmac) = (Mech::ctr(128, [1; 16]), Mech::plain(CKM_SHA256_HMAC));
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    s.start(Kind::Sign, &hmac, Some(mac)).gives_one_of(&[CKR_OK, CKR_OPERATION_ACTIVE]);
    s.start_null(Kind::Sign).code();
    s.start(Kind::Encrypt, &mech, Some(aes)).good();
    s.update(Kind::Digest, b"one").good();
    s.start_null(Kind::Encrypt).good();
    let digest = s.finish(Kind::Digest, Room::Bytes(32));
    digest.rv.good();
    assert_eq!(digest.data, reference::digest(CKM_SHA256, b"one"));
}

/// A token that says it can do two operations at once (`CKF_DUAL_CRYPTO_OPERATIONS`). One that
/// does not say so must refuse all four functions by name.
fn dual_token() -> Option<User> {
    let (user, list) = (User::new(), module().list);
    if user.token.flags() & CKF_DUAL_CRYPTO_OPERATIONS != 0 {
        return Some(user);
    }
    for call in [
        list.C_DigestEncryptUpdate,
        list.C_DecryptDigestUpdate,
        list.C_SignEncryptUpdate,
        list.C_DecryptVerifyUpdate,
    ] {
        let refused = dual(user.session, call.unwrap(), DATA, Room::Bytes(200)).0;
        refused.gives(CKR_FUNCTION_NOT_SUPPORTED);
    }
    None
}

/// Feeds data in parts through a dual function and finishes the cipher.
fn feed(s: Session, call: Dual, data: &[u8], cipher: Kind) -> Vec<u8> {
    let mut output = Vec::new();
    for part in data.chunks(23) {
        let (rv, out) = dual(s, call, part, Room::Bytes(64));
        rv.good();
        output.extend(out);
    }
    let last = s.finish(cipher, Room::Bytes(64));
    last.rv.good();
    output.extend(last.data);
    output
}

fn dual(s: Session, call: Dual, part: &[u8], room: Room) -> (R<()>, Vec<u8>) {
    let mut buffer = match room {
        Room::Null => Vec::new(),
        Room::Bytes(count) => vec![0; count],
    };
    let mut length = len(&buffer);
    let out = if matches!(room, Room::Null) { std::ptr::null_mut() } else { buffer.as_mut_ptr() };
    // SAFETY: part and buffer have the lengths that are passed beside them.
    let rv = outcome(unsafe { call(s.0, bytes(part), len(part), out, &mut length) });
    buffer.truncate(length as usize);
    (rv, buffer)
}

const DATA: &[u8] = &[0x42; 160];
