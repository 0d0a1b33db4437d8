// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Derivations that show their base key, at once or piece by piece.

use crate::common::*;
use crate::tookan::derivation;
use crate::{SECRET, compatible, guarded, kw, lifting, ordinary, safe, target};

/// Clulow 2003, and Tookan: a short piece of a key is cut out and searched through, then
/// the next.
#[test]
fn reduced_key_space_by_extract_key_derivation() {
    let user = safe();
    let s = user.session;
    let base = target(s);
    for bytes in [1, 8, 15] {
        let cut = s.derive(&bit(0), base, &piece(bytes));
        cut.gives(CKR_KEY_SIZE_RANGE);
    }
    drop(user);

    let user = lifting(&["derived-length"]);
    let s = user.session;
    let base = target(s);
    let mut found = Vec::new();
    for at in 0..SECRET.len() as CK_ULONG {
        let cut = s.derive(&bit(8 * at), base, &piece(1)).good();
        found.push(search(s, cut, |byte| vec![byte]));
    }
    assert_eq!(found, SECRET);
}

/// The same where the piece hides in a long key: all of it but one byte is known.
#[test]
fn reduced_key_space_by_joining_what_is_known() {
    let known = [0x55; 15];
    let front = || derivation(CKM_CONCATENATE_DATA_AND_BASE, &known);
    let user = safe();
    let s = user.session;
    s.derive(&front(), target(s), &piece(16)).gives(CKR_KEY_SIZE_RANGE);
    drop(user);

    let user = lifting(&["derived-length"]);
    let s = user.session;
    let joined = s.derive(&front(), target(s), &piece(16)).good();
    let first = search(s, joined, |byte| [&known[..], &[byte]].concat());
    assert_eq!(first, SECRET[0]);
}

/// The same in two steps: known bytes behind the key, and a cut across the seam.
#[test]
fn reduced_key_space_across_a_seam() {
    let attack = |s: Session| {
        let behind = derivation(CKM_CONCATENATE_BASE_AND_DATA, &[0x66; 15]);
        let joined = s.derive(&behind, target(s), &piece(32 + 15))?;
        s.derive(&bit(8 * 31), joined, &piece(16))
    };
    let user = safe();
    attack(user.session).gives(CKR_KEY_SIZE_RANGE);
    drop(user);

    let user = lifting(&["derived-length"]);
    let s = user.session;
    let cut = attack(s).good();
    let last = search(s, cut, |byte| [&[byte][..], &[0x66; 15]].concat());
    assert_eq!(last, SECRET[31]);
}

/// XOR, concatenation and their kind: what shows the base is guarded as the base is.
#[test]
fn xor_and_concatenate_reveal_the_base() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let base = target(s);
        let mine = keys::secret(s, CKK_GENERIC_SECRET, &[1; 16]);
        let shows = [
            derivation(CKM_XOR_BASE_AND_DATA, &[0; 32]),
            derivation(CKM_CONCATENATE_BASE_AND_DATA, &[1; 16]),
            derivation(CKM_CONCATENATE_DATA_AND_BASE, &[1; 16]),
            Mech::with(CKM_CONCATENATE_BASE_AND_KEY, mine.0, Vec::new()),
            Mech::with(CKM_EXTRACT_KEY_FROM_KEY, 0 as CK_ULONG, Vec::new()),
            Mech::plain(CKM_NULL),
        ];
        let open = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
        for mech in shows {
            let what = format!("mechanism {:#x}", mech.kind());
            let asked = open.clone().with(CKA_VALUE_LEN, 32);
            let readable = asked.clone().and(&keys::open());
            s.derive(&mech, base, &readable).gives_for(&what, &[CKR_TEMPLATE_INCONSISTENT]);
            let made = s.derive(&mech, base, &asked).good_for(&what);
            s.get(made, CKA_VALUE).gives_for(&what, &[CKR_ATTRIBUTE_SENSITIVE]);
        }
        // The sensitive key as the second: the result is guarded all the same.
        let behind = Mech::with(CKM_CONCATENATE_BASE_AND_KEY, base.0, Vec::new());
        let readable = open.with(CKA_VALUE_LEN, 32).and(&keys::open());
        s.derive(&behind, mine, &readable).gives(CKR_TEMPLATE_INCONSISTENT);
    }
}

/// A key that only trusted keys may wrap has no descendant that others may wrap.
#[test]
fn derive_to_lose_the_trusted_wrap() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let pinned = guarded().with(CKA_WRAP_WITH_TRUSTED, true);
        let base = keys::try_secret(s, CKK_AES, SECRET, &pinned).good();
        let template = template! {
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32,
        };
        let zeros = derivation(CKM_XOR_BASE_AND_DATA, &[0; 32]);
        let loose = template.clone().with(CKA_WRAP_WITH_TRUSTED, false);
        s.derive(&zeros, base, &loose).gives(CKR_TEMPLATE_INCONSISTENT);
        let twin = s.derive(&zeros, base, &template.with(CKA_EXTRACTABLE, true)).good();
        assert!(s.flag(twin, CKA_WRAP_WITH_TRUSTED).good());
        s.wrap(&kw(), ordinary(s), twin).gives(CKR_KEY_NOT_WRAPPABLE);
    }
}

/// A key that wraps is the base of one that decrypts: the same value under another handle.
#[test]
fn wrap_then_derive_the_wrapping_key() {
    let attack = |s: Session| {
        let key = ordinary(s);
        let wrapped = s.wrap(&kw(), key, target(s)).good();
        let template = template! {
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32,
        };
        let twin = s.derive(&derivation(CKM_XOR_BASE_AND_DATA, &[0; 32]), key, &template)?;
        s.decrypt(&kw(), twin, &wrapped)
    };
    let user = safe();
    attack(user.session).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    drop(user);
    let user = lifting(&["separate-usages"]);
    assert_eq!(attack(user.session).good(), SECRET);
}

/// A derived key that the token holds sensitive is derived once more, readable: a derivation of the
/// one-way kind gives what its template asks for, on every token, unless the base key prescribes.
#[test]
fn derive_twice() {
    let how = mechanism::Hkdf { expand: true, extract: true, ..Default::default() };
    let mech = || Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how);
    let template = template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32,
    };
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let sensitive = template! { CKA_SENSITIVE => true };
        let mut inner = sensitive.raw();
        let prescribes = crate::attributes::nested(CKA_DERIVE_TEMPLATE, &mut inner);
        let strict = guarded().and(&prescribes);
        let base = keys::try_secret(s, CKK_GENERIC_SECRET, SECRET, &strict).good();
        s.derive(&mech(), base, &template).good();
        let shown = template.clone().and(&keys::open());
        s.derive(&mech(), base, &shown).gives(CKR_TEMPLATE_INCONSISTENT);
        // Nor does a copy prescribe less.
        let copy = s.copy(base, &Template::default()).good();
        s.derive(&mech(), copy, &shown).gives(CKR_TEMPLATE_INCONSISTENT);
    }
}

/// From this bit on.
fn bit(first: CK_ULONG) -> Mech {
    Mech::with(CKM_EXTRACT_KEY_FROM_KEY, first, Vec::new())
}

/// A derived key of so many bytes that makes MACs.
fn piece(bytes: CK_ULONG) -> Template {
    template! {
        CKA_CLASS => CKO_SECRET_KEY,
        CKA_KEY_TYPE => CKK_GENERIC_SECRET,
        CKA_VALUE_LEN => bytes,
        CKA_SIGN => true,
    }
}

/// The one byte of a key that is not known: by its MAC of known data.
fn search(s: Session, key: Obj, value: impl Fn(u8) -> Vec<u8>) -> u8 {
    let mac = s.sign(&Mech::plain(CKM_SHA256_HMAC), key, b"known").good();
    let fits = |byte: &u8| reference::hmac(CKM_SHA256, &value(*byte), b"known") == mac;
    (0..=255).find(fits).expect("one of 256")
}
