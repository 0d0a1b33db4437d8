// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The mechanism list keeps its word: what it names works, what it does not name is refused.

use crate::common::operation::Kind;
use crate::common::*;
use crate::data;
use crate::table::{Family, Row, find, keys_of, offers, required};

#[test]
fn all_required_mechanisms_are_offered() {
    let user = User::new();
    let slot = user.token.slot;
    for row in required() {
        assert!(offers(&user, row.kind), "{:#x} is missing", row.kind);
        let flags = session::mechanism_info(slot, row.kind).good().flags;
        assert_eq!(flags & row.flags, row.flags, "{:#x} serves {flags:#x}", row.kind);
    }
}

#[test]
fn every_flag_of_every_mechanism_works() {
    let user = User::with_settings(crate::legacy::LEGACY);
    let s = user.session;
    let kinds = session::mechanisms(user.token.slot).good();
    for kind in &kinds {
        let flags = session::mechanism_info(user.token.slot, *kind).good().flags;
        assert_ne!(flags & FUNCTIONS, 0, "{kind:#x} serves no function");
        let row = find(*kind).unwrap_or_else(|| panic!("{kind:#x} is offered but has no test row"));
        let keys = keys_of(s, row.family);
        for flag in (0..32).map(|bit| 1 << bit).filter(|flag| flags & flag & FUNCTIONS != 0) {
            works(s, &row, flag, keys);
        }
    }
    let mut unique = kinds.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), kinds.len(), "a mechanism is listed once");
}

#[test]
fn what_no_flag_promises_is_refused() {
    let user = User::new();
    let s = user.session;
    let (rsa_public, rsa_private) = keys::rsa(s);
    for kind in session::mechanisms(user.token.slot).good() {
        let flags = session::mechanism_info(user.token.slot, kind).good().flags;
        let row = find(kind).unwrap_or_else(|| panic!("{kind:#x} has no test row"));
        let mech = (row.mech)(kind);
        let (first, second) = match row.family {
            Family::None => (rsa_public, rsa_private),
            family => keys_of(s, family),
        };
        for (flag, operation, key) in [
            (CKF_ENCRYPT, Kind::Encrypt, Some(first)),
            (CKF_DECRYPT, Kind::Decrypt, Some(second)),
            (CKF_SIGN, Kind::Sign, Some(second)),
            (CKF_VERIFY, Kind::Verify, Some(first)),
            (CKF_DIGEST, Kind::Digest, None),
        ] {
            if flags & flag == 0 {
                let started = s.start(operation, &mech, key);
                started.gives_for(&format!("{operation:?} by {kind:#x}"), &[CKR_MECHANISM_INVALID]);
            }
        }
        if flags & CKF_GENERATE == 0 {
            let template = template! { CKA_VALUE_LEN => 16 as CK_ULONG };
            s.generate(&mech, &template).gives_for(&format!("{kind:#x}"), &[CKR_MECHANISM_INVALID]);
        }
    }
}

#[test]
fn key_sizes_are_in_the_units_of_the_specification() {
    let user = User::new();
    let bits_of_rsa = (2048, 8192);
    let bytes_of_aes = (16, 32);
    let bits_of_fields = (224, 521);
    let bits_of_edwards = (255, 448);
    let (bits_of_dsa, bits_of_dh) = ((512, 3072), (1024, 8192));
    for (kind, want) in [
        (CKM_RSA_PKCS_KEY_PAIR_GEN, bits_of_rsa),
        (CKM_AES_KEY_GEN, bytes_of_aes),
        (CKM_AES_CBC, bytes_of_aes),
        (CKM_AES_GCM, bytes_of_aes),
        (CKM_AES_CMAC, bytes_of_aes),
        (CKM_EC_KEY_PAIR_GEN, bits_of_fields),
        (CKM_ECDSA, bits_of_fields),
        (CKM_EDDSA, bits_of_edwards),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, bits_of_edwards),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, bits_of_edwards),
        (CKM_ECDH_X_AES_KEY_WRAP, bits_of_edwards),
        (CKM_ECDH_COF_AES_KEY_WRAP, bits_of_fields),
        (CKM_RSA_AES_KEY_WRAP, (512, 16384)),
        (CKM_DSA, bits_of_dsa),
        (CKM_DSA_SHA256, bits_of_dsa),
        (CKM_DSA_KEY_PAIR_GEN, (1024, 3072)),
        (CKM_DH_PKCS_DERIVE, bits_of_dh),
        (CKM_X9_42_DH_DERIVE, bits_of_dh),
        (CKM_DH_PKCS_KEY_PAIR_GEN, bits_of_dh),
    ] {
        let info = session::mechanism_info(user.token.slot, kind).good();
        assert_eq!((info.ulMinKeySize, info.ulMaxKeySize), want, "{kind:#x}");
    }
}

#[test]
fn curve_mechanisms_say_which_encodings_they_take() {
    let user = User::new();
    let fields = CKF_EC_F_P | CKF_EC_OID | CKF_EC_CURVENAME | CKF_EC_UNCOMPRESS;
    for kind in [CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDH1_DERIVE] {
        let flags = session::mechanism_info(user.token.slot, kind).good().flags;
        assert_eq!(flags & fields, fields, "{kind:#x}");
        assert_eq!(flags & CKF_EC_F_2M, 0, "{kind:#x} on no binary field");
        assert_eq!(flags & CKF_EC_ECPARAMETERS, 0, "{kind:#x} by name alone");
        assert_ne!(flags & CKF_EC_COMPRESS, 0, "{kind:#x}");
    }
    for kind in [CKM_EDDSA, CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EC_MONTGOMERY_KEY_PAIR_GEN] {
        let flags = session::mechanism_info(user.token.slot, kind).good().flags;
        assert_eq!(flags & fields, fields, "{kind:#x}");
        assert_eq!(flags & CKF_EC_COMPRESS, 0, "{kind:#x} has points of one form");
    }
}

#[test]
fn unknown_mechanisms_are_refused_everywhere() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    for kind in [CKM_DES_CBC, CKM_MD5, 0x8000_0001, HUGE] {
        assert!(!offers(&user, kind));
        session::mechanism_info(user.token.slot, kind).gives(CKR_MECHANISM_INVALID);
        let mech = Mech::plain(kind);
        for operation in [Kind::Encrypt, Kind::Decrypt, Kind::Sign, Kind::Verify, Kind::Digest] {
            s.start(operation, &mech, Some(aes)).gives(CKR_MECHANISM_INVALID);
        }
        let none = Template::default();
        s.generate(&mech, &none).gives(CKR_MECHANISM_INVALID);
        s.generate_pair(&mech, &none, &none).gives(CKR_MECHANISM_INVALID);
        s.wrap(&mech, aes, aes).gives(CKR_MECHANISM_INVALID);
        s.unwrap(&mech, aes, &data(24), &none).gives(CKR_MECHANISM_INVALID);
        s.derive(&mech, aes, &none).gives(CKR_MECHANISM_INVALID);
    }
}

fn works(s: Session, row: &Row, flag: CK_FLAGS, (first, second): (Obj, Obj)) {
    let (mech, input) = ((row.mech)(row.kind), data(row.input));
    let what = format!("{:#x} with flag {flag:#x}", row.kind);
    match flag {
        CKF_ENCRYPT | CKF_DECRYPT => {
            let sealed = s.encrypt(&mech, first, &input).good_for(&what);
            let opened = s.decrypt(&mech, second, &sealed).good_for(&what);
            assert!(opened.ends_with(&input), "{what}");
        }
        CKF_SIGN => {
            let signature = s.sign(&mech, second, &input).good_for(&what);
            s.verify(&mech, first, &input, &signature).good_for(&what);
        }
        CKF_VERIFY => {
            let checked = s.verify(&mech, first, &input, &[1; 3]);
            checked.gives_for(&what, &[CKR_SIGNATURE_LEN_RANGE, CKR_SIGNATURE_INVALID]);
        }
        CKF_DIGEST => {
            s.digest(&mech, &input).good_for(&what);
        }
        CKF_WRAP | CKF_UNWRAP => wraps(s, row, (&mech, &what), first, second),
        CKF_DERIVE => {
            crate::derivation::derives(s, &mech, second).good_for(&what);
        }
        CKF_GENERATE => {
            s.generate(&mech, &crate::derivation::generated(row.kind)).good_for(&what);
        }
        CKF_GENERATE_KEY_PAIR => {
            s.generate_pair(&mech, &pair_template(row.kind), &Template::default()).good_for(&what);
        }
        CKF_ENCAPSULATE | CKF_DECAPSULATE => shares(s, row, (mech, &what), first, second),
        CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER => recovers(s, &mech, first, second, &input),
        other => panic!("{what}: no test for flag {other:#x}"),
    }
}

fn wraps(s: Session, row: &Row, (mech, what): (&Mech, &str), first: Obj, second: Obj) {
    let key = keys::aes(s, 32);
    let wrapped = s.wrap(mech, first, key).good_for(what);
    let template = template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32 as CK_ULONG,
    };
    let template =
        if row.kind == CKM_AES_CBC_PAD { template.without(CKA_VALUE_LEN) } else { template };
    let back = s.unwrap(mech, second, &wrapped, &template.and(&keys::open()));
    let value = s.get(back.good_for(what), CKA_VALUE).good_for(what);
    assert_eq!(value, s.get(key, CKA_VALUE).good(), "{what}");
}

fn shares(s: Session, row: &Row, (mech, what): (Mech, &str), first: Obj, second: Obj) {
    let mech = match row.kind {
        CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => {
            Mech::ecdh(CKD_NULL, b"", b"").named(row.kind)
        }
        CKM_DH_PKCS_DERIVE => Mech::plain(row.kind),
        CKM_X9_42_DH_DERIVE => Mech::x9_42(CKD_NULL, b"", b""),
        _ => mech,
    };
    let template = match row.kind {
        CKM_RSA_X_509 => template! { CKA_KEY_TYPE => CKK_GENERIC_SECRET },
        _ => template! { CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32 as CK_ULONG },
    };
    let template = template.and(&keys::open());
    let (ciphertext, shared) = s.encapsulate(&mech, first, &template).good_for(what);
    let same = s.decapsulate(&mech, second, &ciphertext, &template).good_for(what);
    let value = s.get(same, CKA_VALUE).good_for(what);
    assert_eq!(value, s.get(shared, CKA_VALUE).good(), "{what}");
}

fn pair_template(kind: CK_MECHANISM_TYPE) -> Template {
    if let Some(set) = sets::all().find(|set| set.generation == kind) {
        return template! { CKA_PARAMETER_SET => sets::quick(set.key_type).id };
    }
    match crate::table::ALL_CURVES.iter().find(|curve| curve.generation == kind) {
        Some(curve) => template! { CKA_EC_PARAMS => curve.oid },
        None if kind == CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS => {
            template! { CKA_EC_PARAMS => ec::P256.oid }
        }
        None if kind == CKM_DH_PKCS_KEY_PAIR_GEN => group::modp2048().template(),
        None if kind == CKM_X9_42_DH_KEY_PAIR_GEN => group::x9_42().template(),
        None if kind == CKM_DSA_KEY_PAIR_GEN => {
            group::Group::of(CKK_DSA, &group::dsa_record()).template()
        }
        None => template! { CKA_MODULUS_BITS => 2048 as CK_ULONG },
    }
}

fn recovers(s: Session, mech: &Mech, public: Obj, private: Obj, input: &[u8]) {
    let (mut raw, mut signature, mut length) = (mech.raw(), vec![0; 512], 512);
    outcome(p11!(C_SignRecoverInit(s.0, &mut raw, private.0))).good();
    let out = signature.as_mut_ptr();
    outcome(p11!(C_SignRecover(s.0, bytes(input), len(input), out, &mut length))).good();
    let (mut recovered, mut count) = (vec![0; 512], 512);
    outcome(p11!(C_VerifyRecoverInit(s.0, &mut raw, public.0))).good();
    let out = recovered.as_mut_ptr();
    outcome(p11!(C_VerifyRecover(s.0, bytes(&signature), length, out, &mut count))).good();
    assert!(recovered[..count as usize].ends_with(input));
}

const FUNCTIONS: CK_FLAGS = CKF_ENCRYPT
    | CKF_DECRYPT
    | CKF_DIGEST
    | CKF_SIGN
    | CKF_SIGN_RECOVER
    | CKF_VERIFY
    | CKF_VERIFY_RECOVER
    | CKF_GENERATE
    | CKF_GENERATE_KEY_PAIR
    | CKF_WRAP
    | CKF_UNWRAP
    | CKF_DERIVE
    | CKF_ENCAPSULATE
    | CKF_DECAPSULATE;
