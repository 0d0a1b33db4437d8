// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Key generation: the attributes that generated keys must have.

use crate::common::ec::octets;
use crate::common::*;
use crate::table::ALL_CURVES;
use openssl::pkey::PKey;

#[test]
fn generated_keys_know_where_they_come_from() {
    let user = User::new();
    let s = user.session;
    let mut keys = Vec::new();
    for curve in ALL_CURVES {
        let (public, private) =
            keys::pair_with(s, curve, &Template::default(), &Template::default());
        keys.push((public, CKO_PUBLIC_KEY, curve.key_type, curve.generation));
        keys.push((private, CKO_PRIVATE_KEY, curve.key_type, curve.generation));
    }
    let rsa = template! { CKA_MODULUS_BITS => 2048 as CK_ULONG };
    let mech = Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let (public, private) = s.generate_pair(&mech, &rsa, &Template::default()).good();
    keys.push((public, CKO_PUBLIC_KEY, CKK_RSA, mech.kind()));
    keys.push((private, CKO_PRIVATE_KEY, CKK_RSA, mech.kind()));
    for (kind, key_type) in
        [(CKM_AES_KEY_GEN, CKK_AES), (CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET)]
    {
        let template = template! { CKA_VALUE_LEN => 32 as CK_ULONG };
        let key = s.generate(&Mech::plain(kind), &template).good();
        keys.push((key, CKO_SECRET_KEY, key_type, kind));
    }
    for (key, class, key_type, mechanism) in keys {
        assert_eq!(s.number(key, CKA_CLASS).good(), class);
        assert_eq!(s.number(key, CKA_KEY_TYPE).good(), key_type);
        assert_eq!(s.number(key, CKA_KEY_GEN_MECHANISM).good(), mechanism);
        assert!(s.flag(key, CKA_LOCAL).good());
        assert!(!s.flag(key, CKA_TOKEN).good(), "a session object by default");
        if class == CKO_PUBLIC_KEY {
            continue;
        }
        assert!(s.flag(key, CKA_PRIVATE).good(), "{class} private by default");
        assert!(s.flag(key, CKA_SENSITIVE).good(), "{class} sensitive by default");
        assert!(!s.flag(key, CKA_EXTRACTABLE).good(), "{class} not extractable by default");
        assert!(s.flag(key, CKA_ALWAYS_SENSITIVE).good());
        assert!(s.flag(key, CKA_NEVER_EXTRACTABLE).good());
    }
}

#[test]
fn generated_keys_that_may_leave_say_so_for_ever() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 16);
    assert!(!s.flag(key, CKA_ALWAYS_SENSITIVE).good());
    assert!(!s.flag(key, CKA_NEVER_EXTRACTABLE).good());
    s.set(key, &template! { CKA_SENSITIVE => true, CKA_EXTRACTABLE => false }).good();
    assert!(!s.flag(key, CKA_ALWAYS_SENSITIVE).good());
    assert!(!s.flag(key, CKA_NEVER_EXTRACTABLE).good());
}

#[test]
fn both_halves_of_a_pair_belong_together() {
    let user = User::new();
    let s = user.session;
    for curve in ALL_CURVES {
        let (public, private) = keys::pair(s, curve);
        let point = octets(&s.get(public, CKA_EC_POINT).good());
        let value = s.get(private, CKA_VALUE).good();
        let info = s.get(private, CKA_PUBLIC_KEY_INFO).good();
        assert_eq!(info, s.get(public, CKA_PUBLIC_KEY_INFO).good(), "{}", curve.name);
        let openssl = reference::public_from_point(curve, &point);
        assert_eq!(openssl.public_key_to_der().unwrap(), info, "{}", curve.name);
        let own = s.create(&keys::curve_private(curve, &value).and(&keys::open())).good();
        assert_eq!(s.get(own, CKA_PUBLIC_KEY_INFO).good(), info, "{}", curve.name);
        assert_eq!(s.get(private, CKA_EC_PARAMS).good(), s.get(public, CKA_EC_PARAMS).good());
        let expected = if curve.key_type == CKK_EC { 1 + 2 * curve.size } else { curve.size };
        assert_eq!(point.len(), expected);
    }
}

#[test]
fn curves_may_be_asked_for_by_name() {
    let user = User::new();
    let s = user.session;
    for curve in ALL_CURVES {
        let Some(name) = curve.name_der() else { continue };
        let public = template! { CKA_EC_PARAMS => name };
        let made = s.generate_pair(&Mech::plain(curve.generation), &public, &keys::open());
        let (public, private) = made.good_for(curve.name);
        let expected = if curve.key_type == CKK_EC { 1 + 2 * curve.size } else { curve.size };
        let point = octets(&s.get(public, CKA_EC_POINT).good());
        assert_eq!(point.len(), expected, "{}", curve.name);
        assert_eq!(s.get(private, CKA_EC_PARAMS).good(), curve.name_der().unwrap());
        let openssl = reference::public_from_point(curve, &point);
        let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
        assert_eq!(openssl.public_key_to_der().unwrap(), info, "{}", curve.name);
    }
}

#[test]
fn private_values_may_be_made_from_extra_bits() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS);
    for curve in ec::WEIERSTRASS {
        let public = template! { CKA_EC_PARAMS => curve.oid };
        let (public, private) = s.generate_pair(&mech, &public, &keys::open()).good_for(curve.name);
        assert_eq!(s.number(private, CKA_KEY_GEN_MECHANISM).good(), mech.kind());
        let value = s.get(private, CKA_VALUE).good();
        assert_eq!(value.len(), curve.size, "{}", curve.name);
        let own = s.create(&keys::curve_private(curve, &value).and(&keys::open())).good();
        let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
        assert_eq!(s.get(own, CKA_PUBLIC_KEY_INFO).good(), info, "{}", curve.name);
    }
    for (parameters, want) in [
        (ec::ED25519.oid, CKR_CURVE_NOT_SUPPORTED),
        (ec::X25519.oid, CKR_CURVE_NOT_SUPPORTED),
        (&[0x30, 0x00][..], CKR_DOMAIN_PARAMS_INVALID),
    ] {
        let public = template! { CKA_EC_PARAMS => parameters };
        s.generate_pair(&mech, &public, &Template::default()).gives(want);
    }
    let none = Template::default();
    s.generate_pair(&mech, &none, &none).gives(CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn curves_belong_to_their_own_generation_mechanism() {
    let user = User::new();
    let s = user.session;
    for curve in ALL_CURVES {
        for other in ALL_CURVES.iter().filter(|other| other.generation != curve.generation) {
            let public = template! { CKA_EC_PARAMS => curve.oid };
            let mech = Mech::plain(other.generation);
            let made = s.generate_pair(&mech, &public, &Template::default());
            made.gives_for(curve.name, &[CKR_CURVE_NOT_SUPPORTED]);
        }
    }
}

#[test]
fn unknown_and_malformed_curves_are_refused() {
    let user = User::new();
    let s = user.session;
    let brainpool_t = [0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x02];
    let malformed = [CKR_DOMAIN_PARAMS_INVALID, CKR_ATTRIBUTE_VALUE_INVALID];
    let unknown = [CKR_CURVE_NOT_SUPPORTED];
    // Explicit parameters: ecpVer1, a field, a curve, a base and an order.
    let explicit = [0x30, 0x05, 0x02, 0x01, 0x01, 0x30, 0x00];
    let cases: [(&[u8], &[CK_RV]); 8] = [
        (&explicit, &[CKR_DOMAIN_PARAMS_INVALID]),
        (&brainpool_t, &unknown),
        (&[0x06, 0x03, 0x29, 0x01, 0x01], &unknown),
        (&[0x13, 0x03, b'f', b'o', b'o'], &unknown),
        (&[0x05, 0x00], &malformed),
        (&[0x06, 0x08, 0x2a], &malformed),
        (&[0x06], &malformed),
        (b"", &[CKR_DOMAIN_PARAMS_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCOMPLETE]),
    ];
    for (parameters, want) in cases {
        let public = template! { CKA_EC_PARAMS => parameters };
        let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN);
        let made = s.generate_pair(&mech, &public, &Template::default());
        made.gives_for(&format!("{parameters:02x?}"), want);
    }
    let none = Template::default();
    let made = s.generate_pair(&Mech::plain(CKM_EC_KEY_PAIR_GEN), &none, &none);
    made.gives(CKR_TEMPLATE_INCOMPLETE);
    assert_eq!(s.find(&none).good(), [], "a refused pair leaves no half");
}

#[test]
fn rsa_sizes_and_exponents() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    for (bits, exponent) in [(2048, &[1, 0, 1][..]), (3072, &[1, 0, 1]), (2048, &[3])] {
        let public =
            template! { CKA_MODULUS_BITS => bits as CK_ULONG, CKA_PUBLIC_EXPONENT => exponent };
        let made = s.generate_pair(&mech, &public, &keys::open());
        let (public, private) = match made {
            // Exponents below 65537 are against FIPS 186-5; a token may refuse them.
            Err(_) if exponent == [3] => {
                made.gives_one_of(&[CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT]);
                continue;
            }
            made => made.good(),
        };
        let modulus = s.get(public, CKA_MODULUS).good();
        assert_eq!(modulus.len() * 8, bits);
        assert_ne!(modulus[0] & 0x80, 0, "exactly {bits} bits");
        assert_eq!(s.number(public, CKA_MODULUS_BITS).good(), bits as CK_ULONG);
        assert_eq!(s.get(private, CKA_MODULUS).good(), modulus);
        assert_eq!(s.get(private, CKA_PUBLIC_EXPONENT).good(), exponent);
        check_rsa(s, public, private);
    }
}

#[test]
fn the_rsa_exponent_has_a_default() {
    let user = User::new();
    let s = user.session;
    let public = template! { CKA_MODULUS_BITS => 2048 as CK_ULONG };
    let mech = Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let (public, _) = s.generate_pair(&mech, &public, &Template::default()).good();
    assert_eq!(s.get(public, CKA_PUBLIC_EXPONENT).good(), [1, 0, 1]);
}

#[test]
fn bad_rsa_parameters_are_refused() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let bad = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT, CKR_KEY_SIZE_RANGE];
    for bits in [0, 1, 512, 1023, 2047, 8193, 16384, HUGE] {
        let public = template! { CKA_MODULUS_BITS => bits };
        let made = s.generate_pair(&mech, &public, &Template::default());
        made.gives_for(&format!("{bits} bits"), &bad);
    }
    for exponent in [&[1_u8][..], &[2], &[3], &[1, 0, 0], &[0xFF; 300]] {
        let public =
            template! { CKA_MODULUS_BITS => 2048 as CK_ULONG, CKA_PUBLIC_EXPONENT => exponent };
        let made = s.generate_pair(&mech, &public, &Template::default());
        made.gives_for(&format!("exponent {exponent:02x?}"), &[CKR_TEMPLATE_INCONSISTENT]);
    }
    for exponent in [&[0_u8][..], &[]] {
        let public =
            template! { CKA_MODULUS_BITS => 2048 as CK_ULONG, CKA_PUBLIC_EXPONENT => exponent };
        let made = s.generate_pair(&mech, &public, &Template::default());
        made.gives_for(&format!("exponent {exponent:02x?}"), &bad);
    }
    let none = Template::default();
    s.generate_pair(&mech, &none, &none).gives(CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn secret_key_lengths() {
    let user = User::new();
    let s = user.session;
    let bad = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT, CKR_KEY_SIZE_RANGE];
    for length in [16, 24, 32] {
        let key = keys::aes(s, length);
        assert_eq!(s.get(key, CKA_VALUE).good().len() as CK_ULONG, length);
        assert_eq!(s.number(key, CKA_VALUE_LEN).good(), length);
    }
    let aes = Mech::plain(CKM_AES_KEY_GEN);
    for length in [0, 1, 15, 17, 33, 64, HUGE] {
        let template = template! { CKA_VALUE_LEN => length };
        s.generate(&aes, &template).gives_for(&format!("AES of {length}"), &bad);
    }
    s.generate(&aes, &Template::default()).gives(CKR_TEMPLATE_INCOMPLETE);
    let generic = Mech::plain(CKM_GENERIC_SECRET_KEY_GEN);
    for length in [16, 31, 64, 512] {
        let key = keys::generic(s, length);
        assert_eq!(s.get(key, CKA_VALUE).good().len() as CK_ULONG, length);
    }
    for length in [0, HUGE, 1 << 40] {
        let template = template! { CKA_VALUE_LEN => length };
        s.generate(&generic, &template).gives_for(&format!("secret of {length}"), &bad);
    }
    s.generate(&generic, &Template::default()).gives(CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn generation_contradicts_no_template() {
    let user = User::new();
    let s = user.session;
    let aes = Mech::plain(CKM_AES_KEY_GEN);
    let ok = template! { CKA_VALUE_LEN => 16 as CK_ULONG };
    for (attribute, value) in [(CKA_CLASS, CKO_PUBLIC_KEY), (CKA_KEY_TYPE, CKK_DES3)] {
        s.generate(&aes, &ok.clone().with(attribute, value)).gives(CKR_TEMPLATE_INCONSISTENT);
    }
    let both = ok.clone().with(CKA_CLASS, CKO_SECRET_KEY).with(CKA_KEY_TYPE, CKK_AES);
    s.generate(&aes, &both).good();
    let valued = s.generate(&aes, &ok.with(CKA_VALUE, &[1; 16]));
    valued.gives_one_of(&[CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_READ_ONLY]);
}

#[test]
fn two_keys_differ() {
    let user = User::new();
    let s = user.session;
    let value = |key| s.get(key, CKA_VALUE).good();
    assert_ne!(value(keys::aes(s, 32)), value(keys::aes(s, 32)));
    assert_ne!(value(keys::generic(s, 32)), value(keys::generic(s, 32)));
    for curve in ALL_CURVES {
        assert_ne!(value(keys::pair(s, curve).1), value(keys::pair(s, curve).1));
    }
}

fn check_rsa(s: Session, public: Obj, private: Obj) {
    let number = |kind| openssl::bn::BigNum::from_slice(&s.get(private, kind).good()).unwrap();
    let rsa = openssl::rsa::RsaPrivateKeyBuilder::new(
        number(CKA_MODULUS),
        number(CKA_PUBLIC_EXPONENT),
        number(CKA_PRIVATE_EXPONENT),
    )
    .unwrap()
    .set_factors(number(CKA_PRIME_1), number(CKA_PRIME_2))
    .unwrap()
    .set_crt_params(number(CKA_EXPONENT_1), number(CKA_EXPONENT_2), number(CKA_COEFFICIENT))
    .unwrap()
    .build();
    assert!(rsa.check_key().unwrap());
    let info = PKey::from_rsa(rsa).unwrap().public_key_to_der().unwrap();
    assert_eq!(s.get(public, CKA_PUBLIC_KEY_INFO).good(), info);
    assert_eq!(s.get(private, CKA_PUBLIC_KEY_INFO).good(), info);
}
