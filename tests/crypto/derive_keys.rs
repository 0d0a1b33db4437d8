// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What all derivations have in common: the type and length of the new key, and what it inherits.

use crate::common::*;
use crate::derivation::{string, value, wanted};
use crate::table::offers;

const LENGTHS: &[(CK_KEY_TYPE, &[usize])] = &[
    (CKK_AES, &[16, 24, 32]),
    (CKK_AES_XTS, &[32, 64]),
    (CKK_CHACHA20, &[32]),
    (CKK_POLY1305, &[32]),
    (CKK_DES2, &[16]),
    (CKK_DES3, &[24]),
];

#[test]
fn types_and_lengths_agree() {
    let user = User::new();
    let s = user.session;
    let base: Vec<u8> = (1..=80).collect();
    let key = keys::secret(s, CKK_GENERIC_SECRET, &base);
    let mech = Mech::plain(CKM_NULL);
    for (kind, lengths) in LENGTHS {
        for length in 1..=80 {
            let what = format!("type {kind:#x} of {length} bytes");
            let template = wanted(Some(*kind), Some(length));
            if lengths.contains(&length) {
                let got = value(s, &mech, key, &template, &what);
                let des = matches!(*kind, CKK_DES2 | CKK_DES3);
                let parity = |byte: &u8| byte & 0xfe | (byte >> 1).count_ones() as u8 & 1 ^ 1;
                let want: Vec<u8> = match des {
                    true => base[..length].iter().map(parity).collect(),
                    false => base[..length].to_vec(),
                };
                assert_eq!(got, want, "{what}");
            } else {
                s.derive(&mech, key, &template).gives_for(&what, &[CKR_TEMPLATE_INCONSISTENT]);
            }
        }
        let alone = s.derive(&mech, key, &wanted(Some(*kind), None));
        if let [only] = lengths {
            assert_eq!(s.get(alone.good(), CKA_VALUE).good().len(), *only);
        } else {
            alone.gives(CKR_TEMPLATE_INCOMPLETE);
        }
    }
}

#[test]
fn keys_without_a_length_of_their_own_need_one() {
    let user = User::new();
    let s = user.session;
    let key = keys::secret(s, CKK_GENERIC_SECRET, &[9; 40]);
    let mech = Mech::plain(CKM_NULL);
    let open = [CKK_GENERIC_SECRET, CKK_HKDF, CKK_SHA_1_HMAC, CKK_SHA256_HMAC, CKK_SHA3_512_HMAC];
    for kind in open {
        s.derive(&mech, key, &wanted(Some(kind), None)).gives(CKR_TEMPLATE_INCOMPLETE);
        s.derive(&mech, key, &wanted(Some(kind), Some(41))).gives(CKR_KEY_SIZE_RANGE);
        s.derive(&mech, key, &wanted(Some(kind), Some(0))).gives(CKR_ATTRIBUTE_VALUE_INVALID);
        s.derive(&mech, key, &wanted(Some(kind), Some(usize::MAX))).gives(CKR_KEY_SIZE_RANGE);
        let derived = s.derive(&mech, key, &wanted(Some(kind), Some(7))).good();
        assert_eq!(s.number(derived, CKA_KEY_TYPE).good(), kind);
        assert_eq!(s.number(derived, CKA_VALUE_LEN).good(), 7);
    }
    // Neither: a generic secret of all there is.
    let derived = s.derive(&mech, key, &wanted(None, None)).good();
    assert_eq!(s.number(derived, CKA_KEY_TYPE).good(), CKK_GENERIC_SECRET);
    assert_eq!(s.number(derived, CKA_VALUE_LEN).good(), 40);
    for wrong in [CKK_RSA, CKK_EC, CKK_ML_DSA, 0x7777, HUGE] {
        let code = [CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID];
        s.derive(&mech, key, &wanted(Some(wrong), Some(16))).gives_one_of(&code);
    }
    let class = wanted(None, Some(16)).with(CKA_CLASS, CKO_PRIVATE_KEY);
    s.derive(&mech, key, &class).gives(CKR_TEMPLATE_INCONSISTENT);
    let valued = wanted(None, Some(16)).with(CKA_VALUE, &[9; 16]);
    s.derive(&mech, key, &valued)
        .gives_one_of(&[CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_READ_ONLY]);
}

/// Sensitive, extractable; always sensitive, never extractable.
type Guards = (bool, bool, bool, bool);

fn guards(s: Session, key: Obj) -> Guards {
    let flag = |kind| s.flag(key, kind).good();
    (
        flag(CKA_SENSITIVE),
        flag(CKA_EXTRACTABLE),
        flag(CKA_ALWAYS_SENSITIVE),
        flag(CKA_NEVER_EXTRACTABLE),
    )
}

/// A generated key with these two flags, so that its history begins with them.
fn guarded(s: Session, sensitive: bool, extractable: bool) -> Obj {
    let template = template! {
        CKA_VALUE_LEN => 32 as CK_ULONG, CKA_SENSITIVE => sensitive, CKA_EXTRACTABLE => extractable,
    };
    s.generate(&Mech::plain(CKM_GENERIC_SECRET_KEY_GEN), &template).good()
}

const BOTH: [bool; 2] = [false, true];

fn asked(sensitive: Option<bool>, extractable: Option<bool>) -> Template {
    let mut template = template! { CKA_VALUE_LEN => 16 as CK_ULONG };
    for (kind, value) in [(CKA_SENSITIVE, sensitive), (CKA_EXTRACTABLE, extractable)] {
        if let Some(value) = value {
            template = template.with(kind, value);
        }
    }
    template
}

#[test]
fn guards_are_free_where_the_section_says_so() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_SHA256_KEY_DERIVATION);
    for (sensitive, extractable) in BOTH.iter().flat_map(|a| BOTH.map(|b| (*a, b))) {
        let base = guarded(s, sensitive, extractable);
        for (want_sensitive, want_extractable) in BOTH.iter().flat_map(|a| BOTH.map(|b| (*a, b))) {
            let template = asked(Some(want_sensitive), Some(want_extractable));
            let derived = s.derive(&mech, base, &template).good();
            let always = sensitive && want_sensitive;
            let never = !extractable && !want_extractable;
            assert_eq!(guards(s, derived), (want_sensitive, want_extractable, always, never));
        }
    }
}

#[test]
fn guards_are_kept_where_the_section_says_so() {
    let user = User::compatible();
    let s = user.session;
    let data = [
        string(CKM_CONCATENATE_BASE_AND_DATA, b"data"),
        string(CKM_CONCATENATE_DATA_AND_BASE, b"data"),
        string(CKM_XOR_BASE_AND_DATA, &[1; 32]),
        crate::derivation::first_bit(3),
        Mech::plain(CKM_NULL),
    ];
    for (sensitive, extractable) in BOTH.iter().flat_map(|a| BOTH.map(|b| (*a, b))) {
        let base = guarded(s, sensitive, extractable);
        for mech in &data {
            for (want_sensitive, want_extractable) in
                BOTH.iter().flat_map(|a| BOTH.map(|b| (*a, b)))
            {
                let template = asked(Some(want_sensitive), Some(want_extractable));
                let derived = s.derive(mech, base, &template);
                if (sensitive && !want_sensitive) || (!extractable && want_extractable) {
                    derived.gives(CKR_TEMPLATE_INCONSISTENT);
                } else {
                    let want = (want_sensitive, want_extractable, sensitive, !extractable);
                    assert_eq!(guards(s, derived.good()), want, "{:#x}", mech.kind());
                }
            }
            let unsaid = guards(s, s.derive(mech, base, &asked(None, None)).good());
            assert!(unsaid.0 || !sensitive, "{:#x}", mech.kind());
            assert!(!unsaid.1 || extractable, "{:#x}", mech.kind());
        }
    }
}

#[test]
fn two_keys_guard_what_is_made_of_both() {
    let user = User::compatible();
    let s = user.session;
    let flags = || BOTH.iter().flat_map(|a| BOTH.map(|b| (*a, b)));
    for (first, second) in flags().flat_map(|a| flags().map(move |b| (a, b))) {
        let base = guarded(s, first.0, first.1);
        let other = guarded(s, second.0, second.1);
        let mech = Mech::with(CKM_CONCATENATE_BASE_AND_KEY, other.0, Vec::new());
        let (sensitive, extractable) = (first.0 || second.0, first.1 && second.1);
        let (always, never) = (first.0 && second.0, !first.1 && !second.1);
        let template = asked(Some(sensitive), Some(extractable));
        let derived = s.derive(&mech, base, &template).good();
        assert_eq!(guards(s, derived), (sensitive, extractable, always, never));
        for (looser, possible) in
            [(asked(Some(false), None), !sensitive), (asked(None, Some(true)), extractable)]
        {
            let code = if possible { CKR_OK } else { CKR_TEMPLATE_INCONSISTENT };
            s.derive(&mech, base, &looser).map(drop).gives(code);
        }
    }
}

#[test]
fn a_base_key_prescribes_what_is_derived_from_it() {
    let user = User::new();
    let s = user.session;
    let mut label = *b"prescribed";
    let mut attribute = CK_ATTRIBUTE {
        type_: CKA_LABEL,
        pValue: label.as_mut_ptr().cast(),
        ulValueLen: label.len() as CK_ULONG,
    };
    let mut value = [3u8; 32];
    let (mut class, mut kind) = (CKO_SECRET_KEY, CKK_GENERIC_SECRET);
    let row = |type_, place: *mut u8, size: usize| CK_ATTRIBUTE {
        type_,
        pValue: place.cast(),
        ulValueLen: size as CK_ULONG,
    };
    let mut template = [
        row(CKA_CLASS, std::ptr::from_mut(&mut class).cast(), size_of_val(&class)),
        row(CKA_KEY_TYPE, std::ptr::from_mut(&mut kind).cast(), size_of_val(&kind)),
        row(CKA_VALUE, value.as_mut_ptr(), value.len()),
        row(
            CKA_DERIVE_TEMPLATE,
            std::ptr::from_mut(&mut attribute).cast(),
            size_of::<CK_ATTRIBUTE>(),
        ),
    ];
    let mut base = CK_INVALID_HANDLE;
    let count = template.len() as CK_ULONG;
    outcome(p11!(C_CreateObject(s.0, template.as_mut_ptr(), count, &mut base))).good();
    let base = Obj(base);
    for mech in [CKM_SHA1_KEY_DERIVATION, CKM_SHA256_KEY_DERIVATION].map(Mech::plain) {
        let derived = s.derive(&mech, base, &wanted(None, None)).good();
        assert_eq!(s.get(derived, CKA_LABEL).good(), b"prescribed");
        let same = wanted(None, None).with(CKA_LABEL, "prescribed");
        s.derive(&mech, base, &same).good();
        let other = wanted(None, None).with(CKA_LABEL, "another");
        s.derive(&mech, base, &other).gives(CKR_TEMPLATE_INCONSISTENT);
    }
}

#[test]
fn derived_keys_are_not_local_and_remember_no_mechanism() {
    let user = User::new();
    let s = user.session;
    let base = guarded(s, true, false);
    let derived = s.derive(&Mech::plain(CKM_NULL), base, &asked(None, None)).good();
    assert!(!s.flag(derived, CKA_LOCAL).good());
    assert_eq!(s.number(derived, CKA_KEY_GEN_MECHANISM).good(), CK_UNAVAILABLE_INFORMATION);
    assert!(offers(&user, CKM_NULL));
}
