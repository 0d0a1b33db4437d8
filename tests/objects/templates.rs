// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Templates that keys carry, and lists of mechanisms: given, read back, obeyed.

use crate::common::*;
use crate::secret;
use std::ptr;

const NONE: CK_ATTRIBUTE_TYPE = CK_UNAVAILABLE_INFORMATION;
const SIZE: CK_ULONG = size_of::<CK_ATTRIBUTE>() as CK_ULONG;

#[test]
fn a_template_comes_back_in_steps() {
    let user = User::new();
    let s = user.session;
    let key = carrier(s, CKA_UNWRAP_TEMPLATE, &wanted());
    assert_eq!(ask(s, key, None), (CKR_OK, 3 * SIZE));
    // The types and lengths first, then the values.
    let mut rows = rows([NONE; 3]);
    assert_eq!(ask(s, key, Some(&mut rows)), (CKR_OK, 3 * SIZE));
    assert_eq!(types(&rows), [CKA_LABEL, CKA_ID, CKA_EXTRACTABLE]);
    assert_eq!(lengths(&rows), [5, 2, 1]);
    assert!(rows.iter().all(|row| row.pValue.is_null()));
    let mut values = [[0_u8; 5]; 3];
    point(&mut rows, &mut values);
    assert_eq!(ask(s, key, Some(&mut rows)), (CKR_OK, 3 * SIZE));
    assert_eq!(values[0], *b"inner");
    assert_eq!((&values[1][..2], values[2][0]), (&[1, 2][..], CK_FALSE));
    // In the order of the application, and fewer than there are.
    let mut rows = [CKA_EXTRACTABLE, CKA_LABEL].map(empty);
    assert_eq!(ask(s, key, Some(&mut rows)), (CKR_OK, 2 * SIZE));
    assert_eq!(lengths(&rows), [1, 5]);
}

#[test]
fn an_array_of_zeros_learns_the_types_too() {
    let user = User::new();
    let key = carrier(user.session, CKA_UNWRAP_TEMPLATE, &wanted());
    let mut rows = rows([0; 4]);
    assert_eq!(ask(user.session, key, Some(&mut rows)), (CKR_OK, 3 * SIZE));
    assert_eq!(types(&rows[..3]), [CKA_LABEL, CKA_ID, CKA_EXTRACTABLE]);
}

#[test]
fn an_array_that_does_not_fit_is_refused() {
    let user = User::new();
    let s = user.session;
    let key = carrier(s, CKA_UNWRAP_TEMPLATE, &wanted());
    let refuses = |kinds: &[CK_ATTRIBUTE_TYPE], code: CK_RV| {
        let mut rows: Vec<CK_ATTRIBUTE> = kinds.iter().map(|kind| empty(*kind)).collect();
        assert_eq!(ask(s, key, Some(&mut rows)), (code, NONE), "{kinds:x?}");
    };
    refuses(&[NONE; 4], CKR_TEMPLATE_INCONSISTENT);
    refuses(&[CKA_LABEL, CKA_ID, CKA_TOKEN], CKR_TEMPLATE_INCONSISTENT);
    refuses(&[CKA_LABEL, CKA_ID, NONE], CKR_TEMPLATE_INCONSISTENT);
    refuses(&[CKA_LABEL, CKA_LABEL, CKA_ID], CKR_TEMPLATE_INCONSISTENT);
    refuses(&[NONE; 2], CKR_BUFFER_TOO_SMALL);
    refuses(&[0; 2], CKR_BUFFER_TOO_SMALL);
}

#[test]
fn one_inner_value_too_long_leaves_the_others() {
    let user = User::new();
    let key = carrier(user.session, CKA_UNWRAP_TEMPLATE, &wanted());
    let mut values = [[0_u8; 5]; 3];
    let mut rows = [CKA_LABEL, CKA_ID, CKA_EXTRACTABLE].map(empty);
    point(&mut rows, &mut values);
    rows[0].ulValueLen = 4;
    assert_eq!(ask(user.session, key, Some(&mut rows)), (CKR_BUFFER_TOO_SMALL, 3 * SIZE));
    assert_eq!(lengths(&rows), [NONE, 2, 1]);
    assert_eq!((values[0], &values[1][..2]), ([0; 5], &[1, 2][..]));
}

#[test]
fn templates_that_are_none_are_refused() {
    let user = User::new();
    let s = user.session;
    let make = |kind: CK_ATTRIBUTE_TYPE, inner: &[CK_ATTRIBUTE], length: CK_ULONG| {
        let base = secret(CKK_AES, &[1; 16]);
        let mut raw = base.raw();
        let value = inner.as_ptr().cast_mut().cast();
        raw.push(CK_ATTRIBUTE { type_: kind, pValue: value, ulValueLen: length });
        let (count, mut handle) = (raw.len() as CK_ULONG, 0);
        outcome(p11!(C_CreateObject(s.0, raw.as_mut_ptr(), count, &mut handle)))
    };
    let wanted = wanted();
    let inner = wanted.raw();
    for kind in [CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE] {
        make(kind, &inner, SIZE * 3).good();
        make(kind, &inner, SIZE * 2 + 1).gives(CKR_ATTRIBUTE_VALUE_INVALID);
        make(kind, &[], 0).good_for("an empty template");
        let nested = CK_ATTRIBUTE {
            type_: kind,
            pValue: inner.as_ptr().cast_mut().cast(),
            ulValueLen: SIZE,
        };
        make(kind, &[nested], SIZE).gives(CKR_TEMPLATE_INCONSISTENT);
        make(kind, &[empty(0x7FFF_0001)], SIZE).gives(CKR_ATTRIBUTE_TYPE_INVALID);
        let wide = CK_ATTRIBUTE { type_: CKA_TOKEN, ..inner[1] };
        make(kind, &[wide], SIZE).gives(CKR_ATTRIBUTE_VALUE_INVALID);
        make(kind, &[], HUGE / SIZE * SIZE)
            .gives_one_of(&[CKR_ATTRIBUTE_VALUE_INVALID, CKR_ARGUMENTS_BAD]);
    }
}

#[test]
fn a_key_wraps_what_fits_its_template() {
    let user = User::compatible();
    let s = user.session;
    let by = carrier(s, CKA_WRAP_TEMPLATE, &template! { CKA_LABEL => "fits", CKA_TOKEN => false });
    let target = |label: &str| s.create(&secret(CKK_AES, &[2; 16]).with(CKA_LABEL, label)).good();
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    s.wrap(&mech, by, target("fits")).good();
    s.wrap(&mech, by, target("does not")).gives(CKR_KEY_HANDLE_INVALID);
    let by = carrier(s, CKA_WRAP_TEMPLATE, &template! { CKA_VALUE => &[2; 16] });
    let hidden = secret(CKK_AES, &[2; 16]).set(CKA_SENSITIVE, true);
    let hidden = s.create(&hidden).good();
    s.wrap(&mech, by, target("shown")).good();
    s.wrap(&mech, by, hidden).gives(CKR_KEY_HANDLE_INVALID);
    let by = carrier(s, CKA_WRAP_TEMPLATE, &Template::default());
    s.wrap(&mech, by, hidden).good_for("an empty template excludes nothing");
}

#[test]
fn what_a_key_unwraps_and_derives_follows_its_template() {
    let user = User::new();
    let s = user.session;
    let inner = template! { CKA_LABEL => "inner", CKA_EXTRACTABLE => false };
    let by = carrier(s, CKA_UNWRAP_TEMPLATE, &inner);
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    let wrapped = s.wrap(&mech, by, s.create(&secret(CKK_AES, &[2; 16])).good()).good();
    let named = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    let unwrap = |more: Template| s.unwrap(&mech, by, &wrapped, &named.clone().and(&more));
    let key = unwrap(template! {}).good();
    assert_eq!(s.get(key, CKA_LABEL).good(), b"inner");
    assert!(!s.flag(key, CKA_EXTRACTABLE).good());
    unwrap(template! { CKA_LABEL => "inner", CKA_ID => &[1] }).good_for("the same and more");
    for conflict in [template! { CKA_EXTRACTABLE => true }, template! { CKA_LABEL => "other" }] {
        unwrap(conflict).gives(CKR_TEMPLATE_INCONSISTENT);
    }
    let base = carrier_of(s, secret(CKK_GENERIC_SECRET, &[3; 32]), CKA_DERIVE_TEMPLATE, &inner);
    let mech = hkdf();
    let derived = template! { CKA_VALUE_LEN => 16 as CK_ULONG }.and(&named);
    let key = s.derive(&mech, base, &derived).good();
    assert_eq!(s.get(key, CKA_LABEL).good(), b"inner");
    let conflict = derived.with(CKA_LABEL, "other");
    s.derive(&mech, base, &conflict).gives(CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn a_key_serves_the_mechanisms_on_its_list_alone() {
    let user = User::compatible();
    let s = user.session;
    let with = |allowed: &[CK_ULONG]| {
        let template = secret(CKK_AES, &[1; 16]).with(CKA_ALLOWED_MECHANISMS, allowed);
        s.create(&template).good()
    };
    let other = s.create(&secret(CKK_AES, &[2; 16])).good();
    let (ecb, wrap) = (Mech::plain(CKM_AES_ECB), Mech::plain(CKM_AES_KEY_WRAP));
    let cmac = Mech::plain(CKM_AES_CMAC);
    let key = with(&[CKM_AES_ECB, CKM_AES_KEY_WRAP]);
    s.encrypt(&ecb, key, &[0; 16]).good();
    let wrapped = s.wrap(&wrap, key, other).good();
    s.sign(&cmac, key, &[0; 16]).gives(CKR_MECHANISM_INVALID);
    for key in [with(&[CKM_AES_CMAC]), with(&[])] {
        s.encrypt(&ecb, key, &[0; 16]).gives(CKR_MECHANISM_INVALID);
        s.decrypt(&ecb, key, &[0; 16]).gives(CKR_MECHANISM_INVALID);
        s.wrap(&wrap, key, other).gives(CKR_MECHANISM_INVALID);
        let named = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
        s.unwrap(&wrap, key, &wrapped, &named).gives(CKR_MECHANISM_INVALID);
    }
    assert_eq!(s.get(with(&[]), CKA_ALLOWED_MECHANISMS).good(), b"");
    let listed = Value::from(&[CKM_AES_ECB, CKM_AES_KEY_WRAP][..]).0;
    assert_eq!(s.get(key, CKA_ALLOWED_MECHANISMS).good(), listed);
    s.set(key, &template! { CKA_ALLOWED_MECHANISMS => &listed[..8] })
        .gives(CKR_ATTRIBUTE_READ_ONLY);
    let ragged = secret(CKK_AES, &[1; 16]).with(CKA_ALLOWED_MECHANISMS, &listed[..9]);
    s.create(&ragged).gives(CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn lists_bind_digests_and_derivations_as_well() {
    let user = User::new();
    let s = user.session;
    let with = |allowed: CK_ULONG| {
        let allowed = &[allowed][..];
        let base = secret(CKK_GENERIC_SECRET, &[3; 32]).with(CKA_ALLOWED_MECHANISMS, allowed);
        s.create(&base).good()
    };
    let mut mech = Mech::plain(CKM_SHA256).raw();
    for (key, want) in [(with(CKM_SHA256), CKR_OK), (with(CKM_SHA256_HMAC), CKR_KEY_INDIGESTIBLE)] {
        outcome(p11!(C_DigestInit(s.0, &mut mech))).good();
        outcome(p11!(C_DigestKey(s.0, key.0))).gives(want);
        s.cancel(CKF_DIGEST).good();
    }
    let template = template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 16 as CK_ULONG,
    };
    s.derive(&hkdf(), with(CKM_HKDF_DERIVE), &template).good();
    s.derive(&hkdf(), with(CKM_SHA256), &template).gives(CKR_MECHANISM_INVALID);
    let set = sets::quick(CKK_ML_KEM);
    let public =
        template! { CKA_PARAMETER_SET => set.id, CKA_ALLOWED_MECHANISMS => &[CKM_SHA256][..] };
    let pair = s.generate_pair(&Mech::plain(set.generation), &public, &Template::default());
    let (public, _) = pair.good();
    let named = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    let shared = s.encapsulate(&Mech::plain(CKM_ML_KEM), public, &named);
    shared.gives(CKR_MECHANISM_INVALID);
    let public = template! { CKA_EC_PARAMS => ec::P256.oid };
    let listed = template! { CKA_ALLOWED_MECHANISMS => &[CKM_ECDSA][..] };
    let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN);
    let (_, private) = s.generate_pair(&mech, &public, &listed).good();
    s.sign(&Mech::plain(CKM_ECDSA), private, &[1; 32]).good();
    s.sign(&Mech::plain(CKM_ECDSA_SHA256), private, &[1; 32]).gives(CKR_MECHANISM_INVALID);
}

/// A key that carries a template.
fn carrier(s: Session, kind: CK_ATTRIBUTE_TYPE, inner: &Template) -> Obj {
    carrier_of(s, secret(CKK_AES, &[1; 16]), kind, inner)
}

fn carrier_of(s: Session, base: Template, kind: CK_ATTRIBUTE_TYPE, inner: &Template) -> Obj {
    let (mut raw, inner) = (base.raw(), inner.raw());
    let value = inner.as_ptr().cast_mut().cast();
    raw.push(CK_ATTRIBUTE {
        type_: kind,
        pValue: if inner.is_empty() { ptr::null_mut() } else { value },
        ulValueLen: inner.len() as CK_ULONG * SIZE,
    });
    let (count, mut handle) = (raw.len() as CK_ULONG, 0);
    outcome(p11!(C_CreateObject(s.0, raw.as_mut_ptr(), count, &mut handle))).good();
    Obj(handle)
}

fn wanted() -> Template {
    template! { CKA_EXTRACTABLE => false, CKA_LABEL => "inner", CKA_ID => &[1, 2] }
}

/// Asks for the unwrap template; without rows for its length.
fn ask(s: Session, key: Obj, rows: Option<&mut [CK_ATTRIBUTE]>) -> (CK_RV, CK_ULONG) {
    let (value, length) = match rows {
        Some(rows) => (rows.as_mut_ptr().cast(), rows.len() as CK_ULONG * SIZE),
        None => (ptr::null_mut(), 0),
    };
    let mut outer = CK_ATTRIBUTE { type_: CKA_UNWRAP_TEMPLATE, pValue: value, ulValueLen: length };
    let code = outcome(p11!(C_GetAttributeValue(s.0, key.0, &mut outer, 1))).code();
    (code, outer.ulValueLen)
}

fn rows<const N: usize>(kinds: [CK_ATTRIBUTE_TYPE; N]) -> [CK_ATTRIBUTE; N] {
    kinds.map(empty)
}

fn empty(kind: CK_ATTRIBUTE_TYPE) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_: kind, pValue: ptr::null_mut(), ulValueLen: 0 }
}

fn point(rows: &mut [CK_ATTRIBUTE], values: &mut [[u8; 5]; 3]) {
    for (row, value) in rows.iter_mut().zip(values) {
        row.pValue = value.as_mut_ptr().cast();
        row.ulValueLen = 5;
    }
}

fn types(rows: &[CK_ATTRIBUTE]) -> Vec<CK_ATTRIBUTE_TYPE> {
    rows.iter().map(|row| row.type_).collect()
}

fn lengths(rows: &[CK_ATTRIBUTE]) -> Vec<CK_ULONG> {
    rows.iter().map(|row| row.ulValueLen).collect()
}

/// HKDF-SHA-256 without salt and information.
pub fn hkdf() -> Mech {
    let parameter = CK_HKDF_PARAMS {
        bExtract: CK_TRUE,
        bExpand: CK_TRUE,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: CKF_HKDF_SALT_NULL,
        pSalt: ptr::null_mut(),
        ulSaltLen: 0,
        hSaltKey: CK_INVALID_HANDLE,
        pInfo: ptr::null_mut(),
        ulInfoLen: 0,
    };
    Mech::with(CKM_HKDF_DERIVE, parameter, Vec::new())
}
