// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Diffie-Hellman on curves: ECDH1, X25519, X448.

use crate::common::ec::{P256, P384, X448, X25519, octet_string};
use crate::common::operation::Kind;
use crate::common::*;
use crate::table::ALL_CURVES;
use crate::{data, hash_named};

#[test]
fn known_answers_from_both_sides() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("agreement.txt") {
        let place = record.place();
        let curve = ALL_CURVES.iter().find(|curve| curve.name == record.text("curve")).unwrap();
        let secret = record.hex("secret");
        for (private, public) in [("private", "peer_public"), ("peer_private", "public")] {
            let template = keys::curve_private(curve, &record.hex(private)).and(&keys::open());
            let base = s.create(&template).good_for(&place);
            let mech = Mech::ecdh(CKD_NULL, b"", &record.hex(public));
            assert_eq!(shared(s, &mech, base, secret.len()), secret, "{place}");
        }
    }
}

#[test]
fn fresh_keys_agree_with_openssl() {
    let user = User::new();
    let s = user.session;
    for curve in ALL_CURVES.iter().filter(|curve| curve.key_type != CKK_EC_EDWARDS) {
        let (public, base) = keys::pair(s, curve);
        let own = reference::generate(curve);
        let want = reference::agree(&own, &reference::public_key(s, public, curve));
        let mech = Mech::ecdh(CKD_NULL, b"", &reference::point(curve, &own));
        assert_eq!(shared(s, &mech, base, want.len()), want, "{}", curve.name);
    }
}

#[test]
fn a_peer_point_may_be_in_an_octet_string() {
    let user = User::new();
    let s = user.session;
    let (_, base) = keys::pair(s, &P256);
    let point = reference::point(&P256, &reference::generate(&P256));
    let raw = shared(s, &Mech::ecdh(CKD_NULL, b"", &point), base, 32);
    let der = shared(s, &Mech::ecdh(CKD_NULL, b"", &octet_string(&point)), base, 32);
    assert_eq!(raw, der);
}

#[test]
fn truncation_removes_the_leading_bytes() {
    let user = User::new();
    let s = user.session;
    let (_, base) = keys::pair(s, &P384);
    let point = reference::point(&P384, &reference::generate(&P384));
    let mech = Mech::ecdh(CKD_NULL, b"", &point);
    let whole = shared(s, &mech, base, 48);
    for length in [1, 16, 47] {
        assert_eq!(shared(s, &mech, base, length), whole[48 - length..]);
    }
    let template = secret_of(CKK_AES).with(CKA_VALUE_LEN, 32 as CK_ULONG);
    let aes = s.derive(&mech, base, &template).good();
    assert_eq!(s.get(aes, CKA_VALUE).good(), whole[16..]);
}

/// Java names the type of a generic secret and no length.
#[test]
fn a_type_without_a_length_takes_the_whole_secret() {
    let user = User::new();
    let s = user.session;
    for (curve, len) in [(&P256, 32), (&X25519, 32), (&P384, 48)] {
        let (_, base) = keys::pair(s, curve);
        let point = reference::point(curve, &reference::generate(curve));
        for mech in [Mech::ecdh(CKD_NULL, b"", &point), Mech::ecdh(CKD_SHA256_KDF, b"", &point)] {
            let made = s.derive(&mech, base, &secret_of(CKK_GENERIC_SECRET));
            let made = made.good_for(curve.name);
            assert_eq!(s.get(made, CKA_VALUE).good().len(), len, "{}", curve.name);
            let aes = s.derive(&mech, base, &secret_of(CKK_AES));
            let want = if len == 32 { CKR_OK } else { CKR_TEMPLATE_INCOMPLETE };
            assert_eq!(aes.code(), want, "{}", curve.name);
        }
    }
}

#[test]
fn without_a_length_the_key_type_decides() {
    let user = User::new();
    let s = user.session;
    let length = |curve: &ec::Curve, kdf, kind| {
        let (_, base) = keys::pair(s, curve);
        let point = reference::point(curve, &reference::generate(curve));
        let key = s.derive(&Mech::ecdh(kdf, b"", &point), base, &secret_of(kind))?;
        s.get(key, CKA_VALUE).map(|value| value.len())
    };
    for kdf in [CKD_NULL, CKD_SHA256_KDF] {
        for (curve, kind, want) in [
            (&P256, CKK_GENERIC_SECRET, 32),
            (&ec::P521, CKK_GENERIC_SECRET, 66),
            (&X448, CKK_GENERIC_SECRET, 56),
            (&P256, CKK_AES, 32),
            (&P384, CKK_CHACHA20, 32),
            (&P256, CKK_DES3, 24),
        ] {
            assert_eq!(length(curve, kdf, kind).good(), want, "{} {kind:#x}", curve.name);
        }
        length(&P384, kdf, CKK_AES).gives(CKR_TEMPLATE_INCOMPLETE);
    }
}

#[test]
fn more_than_the_secret_cannot_be_derived() {
    let user = User::new();
    let s = user.session;
    let (_, base) = keys::pair(s, &P256);
    let point = reference::point(&P256, &reference::generate(&P256));
    let template = secret_of(CKK_GENERIC_SECRET).with(CKA_VALUE_LEN, 33 as CK_ULONG);
    let derived = s.derive(&Mech::ecdh(CKD_NULL, b"", &point), base, &template);
    derived.gives_one_of(&[
        CKR_TEMPLATE_INCONSISTENT,
        CKR_ATTRIBUTE_VALUE_INVALID,
        CKR_KEY_SIZE_RANGE,
    ]);
}

#[test]
fn key_derivation_functions_are_ansi_x9_63() {
    let user = User::new();
    let s = user.session;
    let (_, base) = keys::pair(s, &P256);
    let point = reference::point(&P256, &reference::generate(&P256));
    let z = shared(s, &Mech::ecdh(CKD_NULL, b"", &point), base, 32);
    for (kdf, hash) in [
        (CKD_SHA1_KDF, CKM_SHA_1),
        (CKD_SHA224_KDF, CKM_SHA224),
        (CKD_SHA256_KDF, CKM_SHA256),
        (CKD_SHA384_KDF, CKM_SHA384),
        (CKD_SHA512_KDF, CKM_SHA512),
        (CKD_SHA3_224_KDF, CKM_SHA3_224),
        (CKD_SHA3_256_KDF, CKM_SHA3_256),
        (CKD_SHA3_384_KDF, CKM_SHA3_384),
        (CKD_SHA3_512_KDF, CKM_SHA3_512),
    ] {
        for info in [&b""[..], b"shared info"] {
            let block =
                |n: u32| reference::digest(hash, &[&z, &n.to_be_bytes()[..], info].concat());
            let want: Vec<u8> = (1..=5).flat_map(block).take(100).collect();
            assert_eq!(shared(s, &Mech::ecdh(kdf, info, &point), base, 100), want, "{hash:#x}");
        }
    }
}

#[test]
fn key_derivation_functions_are_sp_800_56a() {
    let user = User::new();
    let s = user.session;
    let (_, base) = keys::pair(s, &P256);
    let point = reference::point(&P256, &reference::generate(&P256));
    let z = shared(s, &Mech::ecdh(CKD_NULL, b"", &point), base, 32);
    for (kdf, hash) in SP800 {
        for info in [&b""[..], b"shared info"] {
            let block =
                |n: u32| reference::digest(*hash, &[&n.to_be_bytes()[..], &z, info].concat());
            let want: Vec<u8> = (1..=5).flat_map(block).take(100).collect();
            assert_eq!(shared(s, &Mech::ecdh(*kdf, info, &point), base, 100), want, "{hash:#x}");
        }
    }
}

#[test]
fn functions_of_blake2b_take_no_shared_data() {
    let user = User::new();
    let s = user.session;
    let (_, base) = keys::pair(s, &P256);
    let point = reference::point(&P256, &reference::generate(&P256));
    let z = shared(s, &Mech::ecdh(CKD_NULL, b"", &point), base, 32);
    for (kdf, hash) in [
        (CKD_BLAKE2B_160_KDF, CKM_BLAKE2B_160),
        (CKD_BLAKE2B_256_KDF, CKM_BLAKE2B_256),
        (CKD_BLAKE2B_384_KDF, CKM_BLAKE2B_384),
        (CKD_BLAKE2B_512_KDF, CKM_BLAKE2B_512),
    ] {
        let block =
            |n: u32| s.digest(&Mech::plain(hash), &[&n.to_be_bytes()[..], &z].concat()).good();
        let want: Vec<u8> = (1..=7).flat_map(block).take(130).collect();
        assert_eq!(shared(s, &Mech::ecdh(kdf, b"", &point), base, 130), want, "{hash:#x}");
        let refused = s.derive(&Mech::ecdh(kdf, b"shared", &point), base, &generic(32));
        refused.gives(CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn known_answers_of_the_concatenation_function() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("agreement_kdf.txt") {
        let place = record.place();
        let curve = ALL_CURVES.iter().find(|curve| curve.name == record.text("curve")).unwrap();
        let hash = hash_named(record.text("hash"));
        let (kdf, _) = SP800.iter().find(|(_, of)| *of == hash).unwrap();
        let private = keys::curve_private(curve, &record.hex("private")).and(&keys::open());
        let base = s.create(&private).good_for(&place);
        let mech = Mech::ecdh(*kdf, &record.hex("info"), &record.hex("peer_public"));
        let want = record.hex("key");
        for kind in [CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE] {
            let mech = Mech::ecdh(*kdf, &record.hex("info"), &record.hex("peer_public"));
            assert_eq!(shared(s, &mech.named(kind), base, want.len()), want, "{place}");
        }
        assert_eq!(shared(s, &mech, base, want.len()), want, "{place}");
    }
}

#[test]
fn with_the_cofactor_the_secret_is_the_same() {
    let user = User::new();
    let s = user.session;
    for curve in ec::WEIERSTRASS {
        let (_, base) = keys::pair(s, curve);
        let point = reference::point(curve, &reference::generate(curve));
        let mech = || Mech::ecdh(CKD_NULL, b"", &point);
        let plain = shared(s, &mech(), base, curve.size);
        let cofactor = shared(s, &mech().named(CKM_ECDH1_COFACTOR_DERIVE), base, curve.size);
        assert_eq!(plain, cofactor, "{}", curve.name);
    }
    let (_, base) = keys::pair(s, &X25519);
    let mech = Mech::ecdh(CKD_NULL, b"", &data(32)).named(CKM_ECDH1_COFACTOR_DERIVE);
    s.derive(&mech, base, &generic(32)).gives(CKR_KEY_TYPE_INCONSISTENT);
}

#[test]
fn a_peer_point_may_be_compressed() {
    let user = User::new();
    let s = user.session;
    for curve in ec::WEIERSTRASS {
        let (_, base) = keys::pair(s, curve);
        let point = reference::point(curve, &reference::generate(curve));
        let sign = 2 + (point.last().unwrap() & 1);
        let compressed = [&[sign][..], &point[1..=curve.size]].concat();
        let want = shared(s, &Mech::ecdh(CKD_NULL, b"", &point), base, curve.size);
        for peer in [compressed.clone(), octet_string(&compressed)] {
            let found = shared(s, &Mech::ecdh(CKD_NULL, b"", &peer), base, curve.size);
            assert_eq!(found, want, "{}", curve.name);
        }
    }
}

#[test]
fn bad_peers_and_parameters_are_refused() {
    let user = User::new();
    let s = user.session;
    let bad = [CKR_MECHANISM_PARAM_INVALID, CKR_PUBLIC_KEY_INVALID];
    let (_, base) = keys::pair(s, &P256);
    let point = reference::point(&P256, &reference::generate(&P256));
    let mut off = point.clone();
    off[64] ^= 1;
    let other = reference::point(&P384, &reference::generate(&P384));
    let peers = [b"".to_vec(), vec![0], off, other, point[..64].to_vec(), vec![4; 65], data(200)];
    for peer in peers {
        let derived = s.derive(&Mech::ecdh(CKD_NULL, b"", &peer), base, &generic(32));
        derived.gives_for(&format!("peer of {} bytes", peer.len()), &bad);
    }
    let shared = s.derive(&Mech::ecdh(CKD_NULL, b"info", &point), base, &generic(32));
    shared.gives(CKR_MECHANISM_PARAM_INVALID);
    let unknown = s.derive(&Mech::ecdh(999, b"", &point), base, &generic(32));
    unknown.gives(CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn low_order_points_are_refused() {
    let user = User::new();
    let s = user.session;
    for curve in [X25519, X448] {
        let (_, base) = keys::pair(s, &curve);
        let mut one = vec![0; curve.size];
        one[0] = 1;
        for peer in [vec![0; curve.size], one] {
            let derived = s.derive(&Mech::ecdh(CKD_NULL, b"", &peer), base, &generic(32));
            derived.gives_one_of(&[CKR_MECHANISM_PARAM_INVALID, CKR_PUBLIC_KEY_INVALID]);
        }
    }
}

#[test]
fn derived_keys_inherit_their_history() {
    let user = User::new();
    let s = user.session;
    let secret = template! { CKA_SENSITIVE => true, CKA_EXTRACTABLE => false };
    let point = reference::point(&P256, &reference::generate(&P256));
    let mech = Mech::ecdh(CKD_NULL, b"", &point);
    let (_, kept) = keys::pair_with(s, &P256, &Template::default(), &secret);
    let (_, loose) = keys::pair(s, &P256);
    let history = |base: Obj, wish: &Template| {
        let template = template! {
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32 as CK_ULONG,
        };
        let key = s.derive(&mech, base, &template.and(wish)).good();
        assert!(!s.flag(key, CKA_LOCAL).good(), "a derived key was not generated");
        (s.flag(key, CKA_ALWAYS_SENSITIVE).good(), s.flag(key, CKA_NEVER_EXTRACTABLE).good())
    };
    assert_eq!(history(kept, &secret), (true, true));
    assert_eq!(history(kept, &keys::open()), (false, false));
    assert_eq!(history(loose, &secret), (false, false));
    assert_eq!(history(loose, &keys::open()), (false, false));
}

#[test]
fn edwards_keys_do_not_agree() {
    let user = User::new();
    let s = user.session;
    let (_, base) = keys::pair(s, &ec::ED25519);
    let mech = Mech::ecdh(CKD_NULL, b"", &data(32));
    s.derive(&mech, base, &generic(32)).gives(CKR_KEY_TYPE_INCONSISTENT);
    let started = s.start(Kind::Sign, &mech, Some(base));
    started.gives(CKR_MECHANISM_INVALID);
}

/// The concatenation functions and their hashes.
const SP800: &[(CK_EC_KDF_TYPE, CK_MECHANISM_TYPE)] = &[
    (CKD_SHA1_KDF_SP800, CKM_SHA_1),
    (CKD_SHA224_KDF_SP800, CKM_SHA224),
    (CKD_SHA256_KDF_SP800, CKM_SHA256),
    (CKD_SHA384_KDF_SP800, CKM_SHA384),
    (CKD_SHA512_KDF_SP800, CKM_SHA512),
    (CKD_SHA3_224_KDF_SP800, CKM_SHA3_224),
    (CKD_SHA3_256_KDF_SP800, CKM_SHA3_256),
    (CKD_SHA3_384_KDF_SP800, CKM_SHA3_384),
    (CKD_SHA3_512_KDF_SP800, CKM_SHA3_512),
];

fn secret_of(kind: CK_KEY_TYPE) -> Template {
    template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind }.and(&keys::open())
}

fn generic(length: CK_ULONG) -> Template {
    secret_of(CKK_GENERIC_SECRET).with(CKA_VALUE_LEN, length)
}

fn shared(s: Session, mech: &Mech, base: Obj, length: usize) -> Vec<u8> {
    let key = s.derive(mech, base, &generic(length as CK_ULONG)).good();
    s.get(key, CKA_VALUE).good()
}
