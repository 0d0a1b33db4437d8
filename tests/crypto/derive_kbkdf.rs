// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SP 800-108.

use crate::common::*;
use crate::derivation::{Further, Piece, UNTOUCHED, kbkdf, leaked, value, wanted};

const MODES: [CK_MECHANISM_TYPE; 3] =
    [CKM_SP800_108_COUNTER_KDF, CKM_SP800_108_FEEDBACK_KDF, CKM_SP800_108_DOUBLE_PIPELINE_KDF];

fn prf_named(name: &str) -> CK_MECHANISM_TYPE {
    match name {
        "aes_cmac" => CKM_AES_CMAC,
        "des3_cmac" => CKM_DES3_CMAC,
        "sha1" => CKM_SHA_1_HMAC,
        "sha224" => CKM_SHA224_HMAC,
        "sha256" => CKM_SHA256_HMAC,
        "sha384" => CKM_SHA384_HMAC,
        "sha512" => CKM_SHA512_HMAC,
        other => panic!("unknown function {other}"),
    }
}

#[test]
fn known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("kbkdf.txt") {
        let place = record.place();
        let prf = prf_named(record.text("prf"));
        let key_type = match prf {
            CKM_AES_CMAC => CKK_AES,
            CKM_DES3_CMAC => CKK_DES3,
            _ => CKK_GENERIC_SECRET,
        };
        let base = keys::secret(s, key_type, &record.hex("key"));
        let (before, after) = (record.hex("before"), record.hex("after"));
        let mut pieces = vec![Piece::Iteration(record.number("width"))];
        if !before.is_empty() {
            pieces.insert(0, Piece::Bytes(&before));
        }
        if !after.is_empty() {
            pieces.push(Piece::Bytes(&after));
        }
        let mech = kbkdf(CKM_SP800_108_COUNTER_KDF, prf, &pieces, b"", &mut []);
        let derived = record.hex("derived");
        let got = value(s, &mech, base, &wanted(None, Some(derived.len())), &place);
        assert_eq!(got, derived, "{place}");
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    reference::hmac(CKM_SHA256, key, &parts.concat())
}

#[test]
fn feedback_and_pipelines_by_their_definition() {
    let user = User::new();
    let s = user.session;
    let key = [0x0b; 32];
    let base = keys::secret(s, CKK_SHA256_HMAC, &key);
    let length = wanted(None, Some(80));
    for iv in [&b""[..], b"vector", &[9; 32]] {
        let pieces =
            [Piece::Iteration(0), Piece::Counter(8), Piece::Bytes(b"label"), Piece::Keys(32)];
        let mech = kbkdf(CKM_SP800_108_FEEDBACK_KDF, CKM_SHA256_HMAC, &pieces, iv, &mut []);
        let (mut last, mut want) = (iv.to_vec(), Vec::<u8>::new());
        for number in 1..=3u8 {
            last = hmac(&key, &[&last, &[number], b"label", &640u32.to_be_bytes()]);
            want.extend(&last);
        }
        assert_eq!(value(s, &mech, base, &length, "feedback"), want[..80]);
    }
    let pieces = [
        Piece::Bytes(b"label"),
        Piece::Iteration(0),
        Piece::Counter(16),
        Piece::Segments(16),
        Piece::Bytes(b"context"),
    ];
    let mech = kbkdf(CKM_SP800_108_DOUBLE_PIPELINE_KDF, CKM_SHA256_HMAC, &pieces, b"", &mut []);
    let bits = 768u16.to_be_bytes();
    let (mut link, mut want) = ([b"label", &bits[..], b"context"].concat(), Vec::new());
    for number in 1..=3u16 {
        link = hmac(&key, &[&link]);
        let number = number.to_be_bytes();
        want.extend(hmac(&key, &[b"label", &link, &number, &bits, b"context"]));
    }
    assert_eq!(value(s, &mech, base, &length, "two pipelines"), want[..80]);
}

#[test]
fn counters_and_lengths_are_written_either_way() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 20]);
    let inner = keys::secret(s, CKK_AES, &[7; 16]);
    let pieces =
        [Piece::IterationLittle(24), Piece::Key(inner), Piece::Segments(64), Piece::Key(inner)];
    let mech = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, &pieces, b"", &mut []);
    let bits = 512u64.to_be_bytes();
    let one = |number: u8| hmac(&[1; 20], &[&[number, 0, 0], &[7; 16], &bits, &[7; 16]]);
    // Any secret key may go in, by the type that the mechanism takes as a base key.
    let got = value(s, &mech, base, &wanted(None, Some(40)), "little endian");
    assert_eq!(got, [one(1), one(2)].concat()[..40]);
}

#[test]
fn several_keys_from_disjoint_segments() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    let aes = wanted(Some(CKK_AES), Some(16)).with(CKA_LABEL, "second");
    for (piece, bits) in [(Piece::Keys(32), 8 * (48 + 16 + 1)), (Piece::Segments(32), 8 * 128)] {
        let mut further = [Further::new(aes.clone()), Further::new(wanted(None, Some(1)))];
        let pieces = [Piece::Iteration(32), Piece::Bytes(b"fixed"), piece];
        let mech = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, &pieces, b"", &mut further);
        let first = value(s, &mech, base, &wanted(None, Some(48)), "three keys");
        let bits = u32::to_be_bytes(bits);
        let one = |number: u32| hmac(&[1; 32], &[&number.to_be_bytes(), b"fixed", &bits]);
        assert_eq!(first, [one(1), one(2)].concat()[..48]);
        let [second, third] = further.map(|key| Obj(key.handle()));
        assert_eq!(s.get(second, CKA_VALUE).good(), one(3)[..16]);
        assert_eq!(s.number(second, CKA_KEY_TYPE).good(), CKK_AES);
        assert_eq!(s.get(second, CKA_LABEL).good(), b"second");
        assert_eq!(s.get(third, CKA_VALUE).good(), one(4)[..1]);
        assert_eq!(s.number(third, CKA_KEY_TYPE).good(), CKK_GENERIC_SECRET);
    }
}

#[test]
fn all_keys_are_made_or_none_and_the_wrong_template_is_marked() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    let good = wanted(Some(CKK_AES), Some(16));
    let before = s.find(&Template::default()).good().len();
    for (wrong, code) in [
        (wanted(Some(CKK_AES), Some(17)), CKR_TEMPLATE_INCONSISTENT),
        (wanted(Some(CKK_AES), None), CKR_TEMPLATE_INCOMPLETE),
        (wanted(None, Some(16)).with(CKA_CLASS, CKO_DATA), CKR_TEMPLATE_INCONSISTENT),
        (wanted(None, Some(16)).with(CKA_LOCAL, true), CKR_ATTRIBUTE_READ_ONLY),
        (wanted(None, Some(16)).with(0x7fff_0000, true), CKR_ATTRIBUTE_TYPE_INVALID),
        (keys::open(), CKR_TEMPLATE_INCOMPLETE),
    ] {
        for mode in MODES {
            let width = if mode == CKM_SP800_108_COUNTER_KDF { 8 } else { 0 };
            let pieces = [Piece::Iteration(width), Piece::Bytes(b"fixed")];
            let mut further = [
                Further::new(good.clone()),
                Further::new(wrong.clone()),
                Further::new(good.clone()),
            ];
            let mech = kbkdf(mode, CKM_SHA256_HMAC, &pieces, b"", &mut further);
            s.derive(&mech, base, &good).gives(code);
            let handles = further.map(|key| key.handle());
            assert_eq!(handles, [UNTOUCHED, CK_INVALID_HANDLE, UNTOUCHED]);
        }
    }
    // What is wrong with the call's own template is nobody else's fault.
    let mut further = [Further::new(good.clone())];
    let pieces = [Piece::Iteration(8), Piece::Bytes(b"fixed")];
    let mech = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, &pieces, b"", &mut further);
    s.derive(&mech, base, &wanted(Some(CKK_AES), Some(17))).gives(CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(further[0].handle(), UNTOUCHED);
    assert_eq!(s.find(&Template::default()).good().len(), before);
}

#[test]
fn guards_are_as_the_base_key_has_them() {
    let user = User::new();
    let s = user.session;
    let pieces = [Piece::Iteration(8), Piece::Bytes(b"fixed")];
    for (sensitive, extractable) in [(false, false), (false, true), (true, false), (true, true)] {
        let guards = template! { CKA_SENSITIVE => sensitive, CKA_EXTRACTABLE => extractable };
        let base = template! { CKA_VALUE_LEN => 32 as CK_ULONG }.and(&guards);
        let base = s.generate(&Mech::plain(CKM_GENERIC_SECRET_KEY_GEN), &base).good();
        let length = template! { CKA_VALUE_LEN => 16 as CK_ULONG };
        let mut further = [Further::new(length.clone())];
        let mech = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, &pieces, b"", &mut further);
        let first = s.derive(&mech, base, &length).good();
        for key in [first, Obj(further[0].handle())] {
            let flag = |kind| s.flag(key, kind).good();
            assert_eq!(flag(CKA_SENSITIVE), sensitive);
            assert_eq!(flag(CKA_EXTRACTABLE), extractable);
            assert_eq!(flag(CKA_ALWAYS_SENSITIVE), sensitive);
            assert_eq!(flag(CKA_NEVER_EXTRACTABLE), !extractable);
        }
        // The template may say otherwise.
        let mech = kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, &pieces, b"", &mut []);
        let other = template! { CKA_SENSITIVE => !sensitive, CKA_EXTRACTABLE => !extractable };
        let key = s.derive(&mech, base, &length.and(&other)).good();
        assert_eq!(s.flag(key, CKA_SENSITIVE).good(), !sensitive);
        assert!(!s.flag(key, CKA_ALWAYS_SENSITIVE).good());
        assert!(!s.flag(key, CKA_NEVER_EXTRACTABLE).good());
    }
}

#[test]
fn the_sequence_must_be_one_of_the_mode() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    let length = wanted(None, Some(64));
    let fixed = Piece::Bytes(b"fixed");
    for mode in MODES {
        let counts = mode == CKM_SP800_108_COUNTER_KDF;
        let variable = Piece::Iteration(if counts { 8 } else { 0 });
        let derive = |pieces: &[Piece<'_>]| {
            s.derive(&kbkdf(mode, CKM_SHA256_HMAC, pieces, b"", &mut []), base, &length)
        };
        derive(&[variable, fixed]).good();
        derive(&[variable]).good();
        derive(&[]).gives(CKR_MECHANISM_PARAM_INVALID);
        derive(&[fixed]).gives(CKR_MECHANISM_PARAM_INVALID);
        derive(&[variable, variable]).gives(CKR_MECHANISM_PARAM_INVALID);
        let both = [variable, Piece::Keys(32), Piece::Segments(32)];
        derive(&both).gives(CKR_MECHANISM_PARAM_INVALID);
        let counter = derive(&[variable, Piece::Counter(8)]).map(drop);
        counter.gives(if counts { CKR_MECHANISM_PARAM_INVALID } else { CKR_OK });
        let other = Piece::Iteration(if counts { 0 } else { 8 });
        derive(&[other, fixed]).gives(CKR_MECHANISM_PARAM_INVALID);
        let counters = [variable, Piece::Counter(8), Piece::Counter(8)];
        derive(&counters).gives(CKR_MECHANISM_PARAM_INVALID);
        // 512 bits do not fit in one byte.
        derive(&[variable, Piece::Keys(8)]).gives(CKR_MECHANISM_PARAM_INVALID);
        for width in [0, 1, 7, 12, 65, 72, 1 << 40, HUGE] {
            derive(&[variable, Piece::Keys(width)]).gives(CKR_MECHANISM_PARAM_INVALID);
            if width > 0 {
                derive(&[Piece::Iteration(width)]).gives(CKR_MECHANISM_PARAM_INVALID);
            }
        }
        for key in [0, 0x7777_7777, HUGE] {
            derive(&[variable, Piece::Key(Obj(key))]).gives(CKR_KEY_HANDLE_INVALID);
        }
        let long = s.derive(
            &kbkdf(mode, CKM_SHA256_HMAC, &[variable], b"", &mut []),
            base,
            &wanted(None, Some(255 * 32 + 1)),
        );
        long.map(drop).gives(if counts { CKR_KEY_SIZE_RANGE } else { CKR_OK });
        for length in [1 << 30, 1 << 45, usize::MAX] {
            let mech = kbkdf(mode, CKM_SHA256_HMAC, &[variable], b"", &mut []);
            s.derive(&mech, base, &wanted(None, Some(length))).gives(CKR_KEY_SIZE_RANGE);
        }
    }
}

#[test]
fn functions_take_keys_of_their_type() {
    let user = User::new();
    let s = user.session;
    let pieces = [Piece::Iteration(8), Piece::Bytes(b"fixed")];
    let length = wanted(None, Some(16));
    let derive = |prf, base| {
        let mech = kbkdf(CKM_SP800_108_COUNTER_KDF, prf, &pieces, b"", &mut []);
        s.derive(&mech, base, &length).map(drop)
    };
    let aes = keys::secret(s, CKK_AES, &[1; 16]);
    let generic = keys::secret(s, CKK_GENERIC_SECRET, &[1; 16]);
    let hmac = keys::secret(s, CKK_SHA256_HMAC, &[1; 16]);
    derive(CKM_AES_CMAC, aes).good();
    derive(CKM_AES_CMAC, generic).gives(CKR_KEY_TYPE_INCONSISTENT);
    derive(CKM_SHA256_HMAC, generic).good();
    derive(CKM_SHA256_HMAC, hmac).good();
    derive(CKM_SHA512_HMAC, hmac).gives(CKR_KEY_TYPE_INCONSISTENT);
    derive(CKM_SHA256_HMAC, aes).gives(CKR_KEY_TYPE_INCONSISTENT);
    for prf in [CKM_SHA256, CKM_AES_ECB, CKM_SHA256_HMAC_GENERAL, CKM_SHA256_RSA_PKCS, 0, HUGE] {
        derive(prf, generic).gives(CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn pointers_and_counts_are_checked() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    let length = wanted(None, Some(16));
    let null = std::ptr::null_mut();
    let whole = CK_SP800_108_KDF_PARAMS {
        prfType: CKM_SHA256_HMAC,
        ulNumberOfDataParams: 0,
        pDataParams: std::ptr::null_mut(),
        ulAdditionalDerivedKeys: 0,
        pAdditionalDerivedKeys: std::ptr::null_mut(),
    };
    let refused = |parameter: CK_SP800_108_KDF_PARAMS| {
        let mech = Mech::with(CKM_SP800_108_COUNTER_KDF, parameter, Vec::new());
        s.derive(&mech, base, &length).gives(CKR_MECHANISM_PARAM_INVALID);
    };
    for count in [1, 2, 1 << 20, 1 << 45, HUGE] {
        refused(CK_SP800_108_KDF_PARAMS { ulNumberOfDataParams: count, ..whole });
        refused(CK_SP800_108_KDF_PARAMS { ulAdditionalDerivedKeys: count, ..whole });
    }
    for type_ in [CK_SP800_108_ITERATION_VARIABLE, 2, 3, 4, 5, 0, 6, HUGE] {
        for size in [1, 8, 16, 24, 1 << 45, HUGE] {
            let data = leaked(CK_PRF_DATA_PARAM { type_, pValue: null, ulValueLen: size }).0.cast();
            refused(CK_SP800_108_KDF_PARAMS {
                ulNumberOfDataParams: 1,
                pDataParams: data,
                ..whole
            });
        }
    }
    let (format, size) = leaked(CK_SP800_108_COUNTER_FORMAT { bLittleEndian: 2, ulWidthInBits: 8 });
    let data = CK_PRF_DATA_PARAM {
        type_: CK_SP800_108_ITERATION_VARIABLE,
        pValue: format,
        ulValueLen: size,
    };
    let data = leaked(data).0.cast();
    refused(CK_SP800_108_KDF_PARAMS { ulNumberOfDataParams: 1, pDataParams: data, ..whole });
}

#[test]
fn further_keys_have_a_place_for_their_handle() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    let length = wanted(None, Some(16));
    let of = |parameter: CK_SP800_108_KDF_PARAMS| {
        let mech = Mech::with(CKM_SP800_108_COUNTER_KDF, parameter, Vec::new());
        s.derive(&mech, base, &length)
    };
    let mech =
        kbkdf(CKM_SP800_108_COUNTER_KDF, CKM_SHA256_HMAC, &[Piece::Iteration(8)], b"", &mut []);
    let right = mech.raw();
    // SAFETY: the parameter of a mechanism made above.
    let mut parameter = unsafe { *right.pParameter.cast::<CK_SP800_108_KDF_PARAMS>() };
    let mut key = CK_DERIVED_KEY {
        pTemplate: std::ptr::null_mut(),
        ulAttributeCount: 0,
        phKey: std::ptr::null_mut(),
    };
    parameter.ulAdditionalDerivedKeys = 1;
    parameter.pAdditionalDerivedKeys = leaked(key).0.cast();
    of(parameter).gives(CKR_MECHANISM_PARAM_INVALID);
    for count in [1, 1 << 45, HUGE] {
        let place: *mut CK_OBJECT_HANDLE = leaked(UNTOUCHED).0.cast();
        key.phKey = place;
        key.ulAttributeCount = count;
        parameter.pAdditionalDerivedKeys = leaked(key).0.cast();
        of(parameter).gives(CKR_ARGUMENTS_BAD);
        // SAFETY: leaked above.
        assert_eq!(unsafe { *place }, CK_INVALID_HANDLE);
    }
}
