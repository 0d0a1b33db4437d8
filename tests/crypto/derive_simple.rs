// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys put together from other keys and data, cut out of keys, and public keys of private ones.

use crate::common::*;
use crate::derivation::{first_bit, string, value, wanted};
use crate::table::Family;

#[test]
fn the_examples_of_the_specification() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("derive_simple.txt") {
        let place = record.place();
        let base = keys::secret(s, CKK_GENERIC_SECRET, &record.hex("base"));
        let data = record.hex("data");
        let mech = match record.text("mechanism") {
            "base_and_key" => {
                let other = keys::secret(s, CKK_SHA256_HMAC, &record.hex("other"));
                Mech::with(CKM_CONCATENATE_BASE_AND_KEY, other.0, Vec::new())
            }
            "base_and_data" => string(CKM_CONCATENATE_BASE_AND_DATA, &data),
            "data_and_base" => string(CKM_CONCATENATE_DATA_AND_BASE, &data),
            "xor" => string(CKM_XOR_BASE_AND_DATA, &data),
            "extract" => first_bit(record.number("bit")),
            "null" => Mech::plain(CKM_NULL),
            other => panic!("{place}: {other}"),
        };
        let derived = record.hex("derived");
        let whole = wanted(None, Some(derived.len()));
        assert_eq!(value(s, &mech, base, &whole, &place), derived, "{place}");
        if mech.kind() != CKM_EXTRACT_KEY_FROM_KEY {
            assert_eq!(value(s, &mech, base, &wanted(None, None), &place), derived, "{place}");
        }
        // Cut from the left.
        assert_eq!(value(s, &mech, base, &wanted(None, Some(1)), &place), derived[..1]);
    }
}

#[test]
fn bits_are_extracted_around_the_end() {
    let user = User::new();
    let s = user.session;
    let bytes: Vec<u8> = (0..=40).map(|i: u8| i.wrapping_mul(37)).collect();
    let base = keys::secret(s, CKK_GENERIC_SECRET, &bytes);
    let bit = |at: usize| (bytes[at / 8 % bytes.len()] >> (7 - at % 8)) & 1;
    for start in [0, 1, 7, 8, 9, 100, 8 * bytes.len() - 1] {
        for length in [1, 16, bytes.len()] {
            let one = |i: usize| (0..8).fold(0, |byte, j| (byte << 1) | bit(start + 8 * i + j));
            let want: Vec<u8> = (0..length).map(one).collect();
            let template = wanted(None, Some(length));
            let got = value(s, &first_bit(start as CK_ULONG), base, &template, "bits");
            assert_eq!(got, want, "{length} bytes from bit {start}");
        }
    }
    let some = wanted(None, Some(16));
    for start in [8 * bytes.len() as CK_ULONG, 1 << 40, HUGE] {
        s.derive(&first_bit(start), base, &some).gives(CKR_MECHANISM_PARAM_INVALID);
    }
    let mech = first_bit(0);
    s.derive(&mech, base, &wanted(None, Some(42))).gives(CKR_KEY_SIZE_RANGE);
    s.derive(&mech, base, &wanted(None, None)).gives(CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn parameters_must_be_what_they_say() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 16]);
    let any = wanted(None, None);
    let null = std::ptr::null_mut();
    for kind in
        [CKM_CONCATENATE_BASE_AND_DATA, CKM_CONCATENATE_DATA_AND_BASE, CKM_XOR_BASE_AND_DATA]
    {
        for length in [1, 1 << 30, 1 << 45, HUGE] {
            let parameter = CK_KEY_DERIVATION_STRING_DATA { pData: null, ulLen: length };
            let mech = Mech::with(kind, parameter, Vec::new());
            s.derive(&mech, base, &any).gives(CKR_MECHANISM_PARAM_INVALID);
        }
        let mut place = [0u8; 64];
        let size = size_of::<CK_KEY_DERIVATION_STRING_DATA>() as CK_ULONG;
        for length in [0, 1, size - 1, size + 1, HUGE] {
            let mech = Mech::raw_parameter(kind, place.as_mut_ptr().cast(), length);
            s.derive(&mech, base, &any).gives(CKR_MECHANISM_PARAM_INVALID);
        }
        let mech = Mech::raw_parameter(kind, null.cast(), size);
        s.derive(&mech, base, &any).gives(CKR_MECHANISM_PARAM_INVALID);
    }
    let empty = string(CKM_CONCATENATE_BASE_AND_DATA, b"");
    assert_eq!(value(s, &empty, base, &any, "no data"), [1; 16]);
    s.derive(&string(CKM_XOR_BASE_AND_DATA, b""), base, &any).gives(CKR_KEY_SIZE_RANGE);
    let mech = Mech::with(CKM_CONCATENATE_BASE_AND_KEY, 0x7777_7777 as CK_ULONG, Vec::new());
    s.derive(&mech, base, &any).gives(CKR_KEY_HANDLE_INVALID);
    let (public, _) = keys::rsa(s);
    let mech = Mech::with(CKM_CONCATENATE_BASE_AND_KEY, public.0, Vec::new());
    s.derive(&mech, base, &any).gives(CKR_KEY_TYPE_INCONSISTENT);
    let silent = keys::open().with(CKA_DERIVE, false);
    let silent = keys::try_secret(s, CKK_GENERIC_SECRET, &[2; 16], &silent).good();
    let mech = Mech::with(CKM_CONCATENATE_BASE_AND_KEY, silent.0, Vec::new());
    s.derive(&mech, base, &any).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn every_private_key_gives_its_public_key() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_PUB_KEY_FROM_PRIV_KEY);
    let none = Template::default();
    let mut pairs: Vec<(Obj, Obj)> =
        crate::table::ALL_CURVES.iter().map(|curve| keys::pair(s, curve)).collect();
    pairs.push(keys::rsa(s));
    for family in [Family::Dsa, Family::Dh, Family::X942] {
        pairs.push(crate::table::keys_of(s, family));
    }
    for key_type in [CKK_ML_DSA, CKK_SLH_DSA, CKK_ML_KEM] {
        pairs.push(sets::quick(key_type).pair(s));
    }
    for (public, private) in pairs {
        let derived = s.derive(&mech, private, &none).good();
        assert_eq!(s.number(derived, CKA_CLASS).good(), CKO_PUBLIC_KEY);
        let same = [
            CKA_KEY_TYPE,
            CKA_PUBLIC_KEY_INFO,
            CKA_MODULUS,
            CKA_PUBLIC_EXPONENT,
            CKA_MODULUS_BITS,
            CKA_EC_POINT,
            CKA_EC_PARAMS,
            CKA_PARAMETER_SET,
            CKA_VALUE,
            CKA_PRIME,
            CKA_SUBPRIME,
            CKA_BASE,
            CKA_KEY_GEN_MECHANISM,
        ];
        for kind in same {
            assert_eq!(s.get(derived, kind), s.get(public, kind), "{kind:#x}");
        }
        assert!(!s.flag(derived, CKA_LOCAL).good());
        assert!(!s.flag(derived, CKA_TOKEN).good());
        assert!(!s.flag(derived, CKA_PRIVATE).good());
        s.derive(&mech, public, &none).gives(CKR_KEY_TYPE_INCONSISTENT);
    }
    let secret = keys::secret(s, CKK_GENERIC_SECRET, &[1; 16]);
    s.derive(&mech, secret, &none).gives(CKR_KEY_TYPE_INCONSISTENT);
}

#[test]
fn a_public_key_has_what_the_private_key_says_and_the_template_changes() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_PUB_KEY_FROM_PRIV_KEY);
    let private = template! {
        CKA_ID => b"id", CKA_SUBJECT => b"subject", CKA_START_DATE => b"20300101",
        CKA_DERIVE => false, CKA_SIGN => true,
    };
    let curve = &ec::P256;
    let (_, private) = keys::pair_with(s, curve, &Template::default(), &private);
    let derived = s.derive(&mech, private, &Template::default()).good();
    assert_eq!(s.get(derived, CKA_ID).good(), b"id");
    assert_eq!(s.get(derived, CKA_SUBJECT).good(), b"subject");
    assert_eq!(s.get(derived, CKA_START_DATE).good(), b"20300101");
    assert!(s.flag(derived, CKA_VERIFY).good());
    assert!(!s.flag(derived, CKA_DERIVE).good());
    assert!(s.flag(derived, CKA_DESTROYABLE).good());
    let template = template! {
        CKA_CLASS => CKO_PUBLIC_KEY, CKA_KEY_TYPE => CKK_EC, CKA_LABEL => "made",
        CKA_ID => b"other", CKA_VERIFY => false, CKA_TOKEN => true, CKA_EC_PARAMS => curve.oid,
    };
    let derived = s.derive(&mech, private, &template).good();
    assert_eq!(s.get(derived, CKA_ID).good(), b"other");
    assert_eq!(s.get(derived, CKA_LABEL).good(), b"made");
    assert!(!s.flag(derived, CKA_VERIFY).good());
    assert!(s.flag(derived, CKA_TOKEN).good());
    for (wrong, code) in [
        (template! { CKA_CLASS => CKO_PRIVATE_KEY }, CKR_TEMPLATE_INCONSISTENT),
        (template! { CKA_KEY_TYPE => CKK_RSA }, CKR_TEMPLATE_INCONSISTENT),
        (template! { CKA_EC_PARAMS => ec::P384.oid }, CKR_TEMPLATE_INCONSISTENT),
        (template! { CKA_SENSITIVE => true }, CKR_TEMPLATE_INCONSISTENT),
        (template! { CKA_LOCAL => true }, CKR_ATTRIBUTE_READ_ONLY),
        (template! { CKA_TRUSTED => true }, CKR_ATTRIBUTE_READ_ONLY),
        (template! { CKA_KEY_GEN_MECHANISM => CKM_EC_KEY_PAIR_GEN }, CKR_ATTRIBUTE_READ_ONLY),
    ] {
        s.derive(&mech, private, &wrong).gives(code);
    }
}
