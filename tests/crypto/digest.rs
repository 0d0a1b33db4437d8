// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Digests.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::table::{HASHES, SHA1};
use crate::{cut, data, hash_named};

#[test]
fn known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("digest.txt") {
        let (input, want) = (record.hex("data"), record.hex("digest"));
        let mech = Mech::plain(hash_named(record.text("hash")));
        assert_eq!(s.digest(&mech, &input).good(), want, "{}", record.place());
        let parts = s.parts(Kind::Digest, &mech, None, &cut(&input));
        assert_eq!(parts.good(), want, "{} in parts", record.place());
    }
}

#[test]
fn lengths_around_the_blocks_agree_with_openssl() {
    let user = User::new();
    for hash in HASHES.iter().chain([&SHA1]) {
        let mech = Mech::plain(hash.digest);
        for length in [0, 1, 55, 56, 63, 64, 71, 72, 111, 112, 127, 128, 135, 136, 144, 5000] {
            let input = data(length);
            let got = user.session.digest(&mech, &input).good();
            assert_eq!(got, reference::digest(hash.digest, &input), "{:#x} {length}", hash.digest);
            assert_eq!(got.len(), hash.length);
        }
    }
}

#[test]
fn no_data_may_be_a_null_pointer() {
    let user = User::new();
    let (s, mech) = (user.session, Mech::plain(CKM_SHA256));
    s.start(Kind::Digest, &mech, None).good();
    let (mut digest, mut length) = ([0_u8; 32], 32);
    let null = std::ptr::null_mut();
    outcome(p11!(C_Digest(s.0, null, 0, digest.as_mut_ptr(), &mut length))).good();
    assert_eq!(digest.to_vec(), reference::digest(CKM_SHA256, b""));
}

#[test]
fn a_secret_key_can_be_digested_among_data() {
    let user = User::new();
    let s = user.session;
    let key = keys::secret(s, CKK_GENERIC_SECRET, b"the value of the key");
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    s.update(Kind::Digest, b"before ").good();
    outcome(p11!(C_DigestKey(s.0, key.0))).good();
    s.update(Kind::Digest, b" after").good();
    let got = s.finish(Kind::Digest, Room::Bytes(32));
    got.rv.good();
    let want = reference::digest(CKM_SHA256, b"before the value of the key after");
    assert_eq!(got.data, want);
}

#[test]
fn only_secret_keys_can_be_digested() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let object = s.create(&template! { CKA_CLASS => CKO_DATA, CKA_VALUE => b"data" }).good();
    for (key, want) in [
        (public, &[CKR_KEY_INDIGESTIBLE][..]),
        (private, &[CKR_KEY_INDIGESTIBLE]),
        (object, &[CKR_KEY_HANDLE_INVALID, CKR_KEY_INDIGESTIBLE]),
        (Obj(0), &[CKR_KEY_HANDLE_INVALID]),
    ] {
        s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
        outcome(p11!(C_DigestKey(s.0, key.0))).gives_one_of(want);
        s.update(Kind::Digest, b"data").good_for("nothing was digested, and nothing ended");
        let digest = s.finish(Kind::Digest, Room::Bytes(32)).data;
        assert_eq!(digest, reference::digest(CKM_SHA256, b"data"));
    }
}
