// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Attributes: asked for one after the other, in copies, twice in one template, or without the right.

use crate::common::*;
use crate::{SECRET, compatible, kw, lifting, ordinary, safe, target};

/// Delaune, Kremer and Steel 2008: two usages that may not be had together are had one
/// after the other.
#[test]
fn conflicting_attributes_set_one_after_the_other() {
    let first = template! {
        CKA_WRAP => true, CKA_UNWRAP => false, CKA_ENCRYPT => false, CKA_DECRYPT => false,
        CKA_SIGN => false, CKA_VERIFY => false, CKA_DERIVE => false,
    };
    let then = template! { CKA_WRAP => false, CKA_DECRYPT => true };
    let user = safe();
    let s = user.session;
    let key = keys::aes_with(s, 32, &first);
    let wrapped = s.wrap(&kw(), key, target(s)).good();
    s.set(key, &then).gives(CKR_ATTRIBUTE_READ_ONLY);
    s.decrypt(&kw(), key, &wrapped).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    // Nor before the first use: what it has been allowed to do, it may have done.
    let key = keys::aes_with(s, 32, &first);
    s.set(key, &then).gives(CKR_ATTRIBUTE_READ_ONLY);
    drop(user);

    let user = lifting(&["separate-usages"]);
    let s = user.session;
    let key = keys::aes_with(s, 32, &first);
    let wrapped = s.wrap(&kw(), key, target(s)).good();
    s.set(key, &then).good();
    assert_eq!(s.decrypt(&kw(), key, &wrapped).good(), SECRET);
}

/// A copy has the usage that the original lost, or has what the original may not have.
#[test]
fn copy_to_regain_a_usage() {
    let user = safe();
    let s = user.session;
    let key = ordinary(s);
    let wrapped = s.wrap(&kw(), key, target(s)).good();
    let copy = s.copy(key, &Template::default()).good();
    s.decrypt(&kw(), copy, &wrapped).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    // Two copies of a key that has done nothing yet do not share out what conflicts.
    let key = ordinary(s);
    let copy = s.copy(key, &Template::default()).good();
    let sealed = s.encrypt(&kw(), copy, &[1; 16]).good();
    s.decrypt(&kw(), copy, &sealed).good();
    s.wrap(&kw(), key, target(s)).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    drop(user);

    let user = lifting(&["separate-usages"]);
    let s = user.session;
    let key = ordinary(s);
    let copy = s.copy(key, &Template::default()).good();
    let wrapped = s.wrap(&kw(), key, target(s)).good();
    assert_eq!(s.decrypt(&kw(), copy, &wrapped).good(), SECRET);
}

/// Copy to weaken: a copy is guarded as its original is.
#[test]
fn copy_to_weaken() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let strict = template! {
            CKA_SENSITIVE => true, CKA_EXTRACTABLE => false, CKA_WRAP_WITH_TRUSTED => true,
        };
        let key = keys::aes_with(s, 32, &strict);
        let weaker = [
            (template! { CKA_SENSITIVE => false }, CKR_ATTRIBUTE_READ_ONLY),
            (template! { CKA_EXTRACTABLE => true }, CKR_ATTRIBUTE_READ_ONLY),
            (template! { CKA_WRAP_WITH_TRUSTED => false }, CKR_ATTRIBUTE_READ_ONLY),
            (template! { CKA_PRIVATE => false }, CKR_TEMPLATE_INCONSISTENT),
            (template! { CKA_ALWAYS_SENSITIVE => true }, CKR_ATTRIBUTE_READ_ONLY),
            (template! { CKA_LOCAL => true }, CKR_ATTRIBUTE_READ_ONLY),
            (template! { CKA_TRUSTED => true }, CKR_ATTRIBUTE_READ_ONLY),
        ];
        for (change, code) in weaker {
            s.copy(key, &change).gives_for(&format!("{change:?}"), &[code]);
        }
        let copy = s.copy(key, &Template::default()).good();
        s.get(copy, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
    }
}

/// A template says a thing twice, each time differently; the weaker one is not taken, nor the first,
/// nor the last.
#[test]
fn templates_with_duplicates_or_contradictions() {
    let twice = |id, first: bool| Template::default().with(id, first).with(id, !first);
    let user = compatible();
    let s = user.session;
    let (key, target) = (ordinary(s), target(s));
    let wrapped = s.wrap(&kw(), key, target).good();
    for id in [CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_DECRYPT] {
        for first in [true, false] {
            let wrong = twice(id, first);
            let aes = Mech::plain(CKM_AES_KEY_GEN);
            let generated = template! { CKA_VALUE_LEN => 32 }.and(&wrong);
            s.generate(&aes, &generated).gives(CKR_TEMPLATE_INCONSISTENT);
            keys::try_secret(s, CKK_AES, &[1; 16], &wrong).gives(CKR_TEMPLATE_INCONSISTENT);
            s.copy(target, &wrong).gives(CKR_TEMPLATE_INCONSISTENT);
            s.set(target, &wrong).gives(CKR_TEMPLATE_INCONSISTENT);
            let head = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
            s.unwrap(&kw(), key, &wrapped, &head.and(&wrong)).gives(CKR_TEMPLATE_INCONSISTENT);
            let head =
                template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET };
            let derived = s.derive(&Mech::plain(CKM_NULL), target, &head.and(&wrong));
            derived.gives(CKR_TEMPLATE_INCONSISTENT);
        }
    }
    // What prescribes for the key that comes back is not contradicted either.
    let prescribed = Template::default().with(CKA_SENSITIVE, true);
    let mut inner = prescribed.raw();
    let strict = nested(CKA_UNWRAP_TEMPLATE, &mut inner);
    let strict = keys::aes_with(s, 32, &strict);
    let wrapped = s.wrap(&kw(), strict, target).good();
    let open = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    let open = open.and(&keys::open());
    s.unwrap(&kw(), strict, &wrapped, &open).gives(CKR_TEMPLATE_INCONSISTENT);
}

/// A template inside a template: the bytes of an array of attributes.
pub fn nested(id: CK_ATTRIBUTE_TYPE, inner: &mut [CK_ATTRIBUTE]) -> Template {
    let size = size_of_val(inner);
    // SAFETY: the array is plain numbers and pointers, and outlives the copy of its bytes.
    let bytes = unsafe { std::slice::from_raw_parts(inner.as_ptr().cast::<u8>(), size) };
    Template::default().with(id, bytes)
}

/// `CKA_TRUSTED` by the user, by every way that an object comes to be or changes.
#[test]
fn trusted_by_the_user() {
    let user = compatible();
    let s = user.session;
    let trusted = template! { CKA_TRUSTED => true };
    let (key, target) = (ordinary(s), target(s));
    let wrapped = s.wrap(&kw(), key, target).good();
    s.set(key, &trusted).gives(CKR_ATTRIBUTE_READ_ONLY);
    s.copy(key, &trusted).gives(CKR_ATTRIBUTE_READ_ONLY);
    keys::try_secret(s, CKK_AES, &[1; 16], &trusted).gives(CKR_ATTRIBUTE_READ_ONLY);
    let sized = template! { CKA_VALUE_LEN => 16 }.and(&trusted);
    s.generate(&Mech::plain(CKM_AES_KEY_GEN), &sized).gives(CKR_ATTRIBUTE_READ_ONLY);
    let secret = template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32,
    };
    s.unwrap(&kw(), key, &wrapped, &secret.clone().and(&trusted)).gives(CKR_ATTRIBUTE_READ_ONLY);
    let derived = s.derive(&Mech::plain(CKM_NULL), target, &secret.clone().and(&trusted));
    derived.gives(CKR_ATTRIBUTE_READ_ONLY);
    let public = keys::rsa_public(&reference::rsa()).and(&trusted);
    s.create(&public).gives(CKR_ATTRIBUTE_READ_ONLY);
    // By way of what a key prescribes for those that it unwraps.
    let mut inner = trusted.raw();
    let template = nested(CKA_UNWRAP_TEMPLATE, &mut inner);
    let strict = keys::aes_with(s, 32, &template);
    let wrapped = s.wrap(&kw(), strict, target).good();
    s.unwrap(&kw(), strict, &wrapped, &secret).gives(CKR_ATTRIBUTE_READ_ONLY);
    // Nor without a login.
    s.logout().good();
    let open = template! { CKA_PRIVATE => false }.and(&trusted);
    keys::try_secret(s, CKK_AES, &[1; 16], &open).gives(CKR_ATTRIBUTE_READ_ONLY);
}

/// Attributes that say where a key comes from and what it has been are nobody's to write.
#[test]
fn history_is_not_written() {
    let user = compatible();
    let s = user.session;
    let key = ordinary(s);
    let history = [
        template! { CKA_LOCAL => true },
        template! { CKA_ALWAYS_SENSITIVE => true },
        template! { CKA_NEVER_EXTRACTABLE => true },
        template! { CKA_KEY_GEN_MECHANISM => CKM_AES_KEY_GEN },
        template! { CKA_UNIQUE_ID => "mine" },
    ];
    for said in history {
        s.set(key, &said).gives(CKR_ATTRIBUTE_READ_ONLY);
        s.copy(key, &said).gives(CKR_ATTRIBUTE_READ_ONLY);
        keys::try_secret(s, CKK_AES, &[1; 16], &said).gives(CKR_ATTRIBUTE_READ_ONLY);
        let sized = template! { CKA_VALUE_LEN => 16 }.and(&said);
        s.generate(&Mech::plain(CKM_AES_KEY_GEN), &sized).gives(CKR_ATTRIBUTE_READ_ONLY);
    }
}

/// A search, or a template that a key must fit to be wrapped, tells nothing of a hidden value.
#[test]
fn guessing_a_hidden_value() {
    let user = compatible();
    let s = user.session;
    let target = target(s);
    let guess = template! { CKA_VALUE => SECRET };
    assert_eq!(s.find(&guess).good(), [], "a search answers guesses of a sensitive value");
    let mut inner = guess.raw();
    let key = keys::aes_with(s, 32, &nested(CKA_WRAP_TEMPLATE, &mut inner));
    s.wrap(&kw(), key, target).gives(CKR_KEY_HANDLE_INVALID);
    s.get(target, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
}
