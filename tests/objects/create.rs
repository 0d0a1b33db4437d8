// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Creating and destroying objects, and templates that are refused.

use crate::common::*;
use crate::{data, every_class, secret};

#[test]
fn every_class_is_created_read_and_destroyed() {
    let user = User::new();
    let s = user.session;
    for token in [false, true] {
        for private in [false, true] {
            for (name, template) in every_class() {
                let place =
                    template! { CKA_TOKEN => token, CKA_PRIVATE => private, CKA_LABEL => name };
                let whole = template.and(&place);
                let object = s.create(&whole).good_for(name);
                for (kind, value) in whole.attributes() {
                    assert_eq!(s.get(object, *kind).good_for(name), value.0, "{name}: {kind:#x}");
                }
                assert!(s.size(object).good_for(name) > 0, "{name}");
                s.destroy(object).good_for(name);
                s.get(object, CKA_CLASS).gives(CKR_OBJECT_HANDLE_INVALID);
                s.destroy(object).gives(CKR_OBJECT_HANDLE_INVALID);
            }
        }
    }
    assert_eq!(s.find(&Template::default()).good(), []);
}

#[test]
fn created_keys_were_not_made_here() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        let object = s.create(&template).good_for(name);
        let class = s.number(object, CKA_CLASS).good();
        if [CKO_DATA, CKO_CERTIFICATE, CKO_TRUST].contains(&class) {
            continue;
        }
        assert!(!s.flag(object, CKA_LOCAL).good_for(name), "{name}");
        if class == CKO_DOMAIN_PARAMETERS {
            continue;
        }
        assert_eq!(s.number(object, CKA_KEY_GEN_MECHANISM).good(), CK_UNAVAILABLE_INFORMATION);
        if class != CKO_PUBLIC_KEY {
            assert!(!s.flag(object, CKA_ALWAYS_SENSITIVE).good(), "{name}");
            assert!(!s.flag(object, CKA_NEVER_EXTRACTABLE).good(), "{name}");
        }
    }
}

#[test]
fn what_is_required_must_be_there() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        let optional = [
            CKA_APPLICATION,
            CKA_SENSITIVE,
            CKA_EXTRACTABLE,
            CKA_PRIME_1,
            CKA_PRIME_2,
            CKA_EXPONENT_1,
            CKA_EXPONENT_2,
            CKA_COEFFICIENT,
            CKA_ISSUER,
            CKA_SERIAL_NUMBER,
            CKA_ID,
            CKA_AC_ISSUER,
            CKA_ATTR_TYPES,
            CKA_NAME_HASH_ALGORITHM,
            CKA_TRUST_SERVER_AUTH,
        ];
        let bare_data = name == "data";
        for (kind, _) in template.attributes() {
            let by_name = [CKA_SERIAL_NUMBER, CKA_ISSUER].contains(kind);
            if (optional.contains(kind) && !(by_name && name == "trust"))
                || (bare_data && *kind == CKA_VALUE)
            {
                continue;
            }
            let less = s.create(&template.clone().without(*kind));
            less.gives_for(&format!("{name} without {kind:#x}"), &[CKR_TEMPLATE_INCOMPLETE]);
        }
    }
    s.create(&Template::default()).gives(CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn values_have_the_width_of_their_type() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        for flag in [CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE] {
            for wrong in [&b""[..], &[1, 0], &[1, 0, 0, 0], &[1, 0, 0, 0, 0, 0, 0, 0]] {
                let made = s.create(&template.clone().with(flag, wrong));
                let what = format!("{name}: {flag:#x} of {} bytes", wrong.len());
                made.gives_for(&what, &[CKR_ATTRIBUTE_VALUE_INVALID]);
            }
        }
        for number in [CKA_CLASS, CKA_KEY_TYPE, CKA_CERTIFICATE_TYPE] {
            let Some(right) = template.value(number) else { continue };
            let long = [right, &[0]].concat();
            for wrong in [&right[..1], &right[..4], &right[..7], &long, b""] {
                let made = s.create(&template.clone().set(number, wrong));
                let what = format!("{name}: {number:#x} of {} bytes", wrong.len());
                made.gives_for(&what, &[CKR_ATTRIBUTE_VALUE_INVALID]);
            }
        }
    }
    assert_eq!(s.find(&Template::default()).good(), [], "nothing was created");
}

#[test]
fn dates_are_dates() {
    let user = User::new();
    let s = user.session;
    let key = secret(CKK_AES, &[1; 16]);
    for date in [&b"20260131"[..], b""] {
        let made = s.create(&key.clone().with(CKA_START_DATE, date)).good();
        assert_eq!(s.get(made, CKA_START_DATE).good(), date);
    }
    for wrong in [&b"2026013"[..], b"202601311", b"2"] {
        s.create(&key.clone().with(CKA_START_DATE, wrong)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    }
}

#[test]
fn attributes_the_token_computes_cannot_be_given() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        let unique = s.create(&template.clone().with(CKA_UNIQUE_ID, "mine"));
        unique.gives_for(name, &[CKR_ATTRIBUTE_READ_ONLY]);
        if template.value(CKA_KEY_TYPE).is_none() {
            continue;
        }
        let local = s.create(&template.clone().with(CKA_LOCAL, true));
        local.gives_for(name, &[CKR_ATTRIBUTE_READ_ONLY]);
        let class = template.value(CKA_CLASS).map(<[u8]>::to_vec);
        if class == Some(Value::from(CKO_DOMAIN_PARAMETERS).0) {
            continue;
        }
        let made = s.create(&template.clone().with(CKA_KEY_GEN_MECHANISM, CKM_AES_KEY_GEN));
        made.gives_for(name, &[CKR_ATTRIBUTE_READ_ONLY]);
        if class != Some(Value::from(CKO_PUBLIC_KEY).0) {
            for history in [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
                let made = s.create(&template.clone().with(history, true));
                made.gives_for(name, &[CKR_ATTRIBUTE_READ_ONLY]);
            }
        }
    }
}

#[test]
fn attributes_of_another_class_are_refused() {
    let user = User::new();
    let s = user.session;
    let other = [CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID];
    for (template, kind) in [
        (data(), CKA_MODULUS),
        (data(), CKA_SENSITIVE),
        (secret(CKK_AES, &[1; 16]), CKA_MODULUS),
        (secret(CKK_AES, &[1; 16]), CKA_EC_POINT),
        (keys::rsa_public(&reference::rsa()), CKA_PRIVATE_EXPONENT),
        (keys::rsa_public(&reference::rsa()), CKA_SENSITIVE),
        (keys::rsa_private(&reference::rsa()), CKA_EC_PARAMS),
        (keys::rsa_private(&reference::rsa()), CKA_APPLICATION),
    ] {
        let made = s.create(&template.with(kind, &[1]));
        made.gives_for(&format!("{kind:#x}"), &other);
    }
}

#[test]
fn unknown_attributes_classes_and_types() {
    let user = User::new();
    let s = user.session;
    for kind in [0x7FFF_0001, 0x0000_0F0F, HUGE] {
        s.create(&data().with(kind, b"value")).gives(CKR_ATTRIBUTE_TYPE_INVALID);
    }
    let class = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT];
    for unknown in [99, 0x8000_0001, HUGE, CKO_HW_FEATURE, CKO_MECHANISM, CKO_PROFILE] {
        let made = s.create(&template! { CKA_CLASS => unknown, CKA_KEY_TYPE => CKK_AES });
        made.gives_for(&format!("class {unknown:#x}"), &class);
    }
    for unknown in [CKK_DES, CKK_RSA, 0x8000_0001, HUGE] {
        let made = s.create(&secret(unknown, &[1; 24]));
        made.gives_for(&format!("secret key of type {unknown:#x}"), &class);
    }
    let kind = keys::rsa_public(&reference::rsa()).set(CKA_KEY_TYPE, CKK_AES);
    let made = s.create(&kind);
    made.gives_one_of(&[CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT]);
}

#[test]
fn a_value_given_twice() {
    let user = User::new();
    let s = user.session;
    let same = s.create(&data().with(CKA_LABEL, "data"));
    same.gives_one_of(&[CKR_OK, CKR_TEMPLATE_INCONSISTENT]);
    s.create(&data().with(CKA_LABEL, "other")).gives(CKR_TEMPLATE_INCONSISTENT);
    s.create(&data().with(CKA_TOKEN, true).with(CKA_TOKEN, false)).gives(CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn keys_have_the_length_of_their_type() {
    let user = User::new();
    let s = user.session;
    for length in [0, 1, 15, 17, 23, 33, 64] {
        let made = s.create(&secret(CKK_AES, &vec![1; length]));
        let want = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT, CKR_KEY_SIZE_RANGE];
        made.gives_for(&format!("AES of {length} bytes"), &want);
    }
    for length in [1, 5, 64, 4096] {
        let key = s.create(&secret(CKK_GENERIC_SECRET, &vec![1; length])).good();
        assert_eq!(s.number(key, CKA_VALUE_LEN).good(), length as CK_ULONG);
    }
}

#[test]
fn large_values_are_kept() {
    let user = User::new();
    let s = user.session;
    let large: Vec<u8> = (0..300_000_u32).map(|i| (i >> 5) as u8).collect();
    let template = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_VALUE => &large };
    let object = s.create(&template).good();
    assert_eq!(s.get(object, CKA_VALUE).good(), large);
}

#[test]
fn unique_ids_are_unique() {
    let user = User::new();
    let s = user.session;
    let mut seen = Vec::new();
    for (name, template) in every_class() {
        for token in [false, true] {
            let object = s.create(&template.clone().with(CKA_TOKEN, token)).good_for(name);
            let id = s.get(object, CKA_UNIQUE_ID).good_for(name);
            assert!(!id.is_empty() && std::str::from_utf8(&id).is_ok(), "{name}: {id:02x?}");
            assert!(!seen.contains(&id), "{name}: {id:02x?} again");
            assert_eq!(s.find(&template! { CKA_UNIQUE_ID => &id }).good(), [object]);
            let copy = s.copy(object, &Template::default()).good_for(name);
            assert_ne!(s.get(copy, CKA_UNIQUE_ID).good(), id, "{name}: a copy has its own");
            s.destroy(copy).good();
            seen.push(id);
        }
    }
}
