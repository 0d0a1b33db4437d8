// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys from outside are looked at before they are let in.

use crate::common::ec::{
    Curve, ED25519, EDWARDS, MONTGOMERY, P256, WEIERSTRASS, X25519, octet_string,
};
use crate::common::*;
use crate::secret;

const BAD: &[CK_RV] =
    &[CKR_ATTRIBUTE_VALUE_INVALID, CKR_PUBLIC_KEY_INVALID, CKR_TEMPLATE_INCONSISTENT];

#[test]
fn points_must_be_on_their_curve() {
    let user = User::new();
    let s = user.session;
    for curve in WEIERSTRASS {
        let good = reference::point(curve, &reference::generate(curve));
        let mut off = good.clone();
        *off.last_mut().unwrap() ^= 1;
        let field = vec![0xFF; curve.size];
        let large = [&[4][..], &field, &good[1 + curve.size..]].concat();
        let infinity = vec![0];
        let zero = [&[4][..], &vec![0; 2 * curve.size]].concat();
        let short = good[..good.len() - 1].to_vec();
        let long = [&good[..], &[0]].concat();
        for (what, point) in [
            ("off the curve", off),
            ("beyond the field", large),
            ("at infinity", infinity),
            ("at zero", zero),
            ("short", short),
            ("long", long),
            ("empty", Vec::new()),
        ] {
            for encoded in [point.clone(), octet_string(&point)] {
                let template = keys::curve_public(curve, &good).set(CKA_EC_POINT, encoded);
                s.create(&template).gives_for(&format!("{} {what}", curve.name), BAD);
            }
        }
        for point in [good.clone(), octet_string(&good)] {
            let template = keys::curve_public(curve, &good).set(CKA_EC_POINT, point);
            let public = s.create(&template).good_for(curve.name);
            assert_eq!(s.get(public, CKA_EC_POINT).good(), octet_string(&good));
        }
    }
}

#[test]
fn a_point_of_another_curve_is_refused() {
    let user = User::new();
    let s = user.session;
    let all: Vec<&Curve> = WEIERSTRASS.iter().chain(EDWARDS).chain(MONTGOMERY).collect();
    for curve in &all {
        for other in
            all.iter().filter(|other| other.key_type == curve.key_type && other.name != curve.name)
        {
            let point = reference::point(other, &reference::generate(other));
            let made = s.create(&keys::curve_public(curve, &point));
            made.gives_for(&format!("{} as {}", other.name, curve.name), BAD);
        }
    }
}

#[test]
fn public_bytes_have_the_length_of_their_curve() {
    let user = User::new();
    let s = user.session;
    for curve in EDWARDS.iter().chain(MONTGOMERY) {
        let good = reference::point(curve, &reference::generate(curve));
        for length in [0, 1, curve.size - 1, curve.size + 3] {
            let mut point = good.clone();
            point.resize(length, 1);
            let made = s.create(&keys::curve_public(curve, &point));
            made.gives_for(&format!("{} of {length} bytes", curve.name), BAD);
        }
    }
}

#[test]
fn private_values_are_in_range() {
    let user = User::new();
    let s = user.session;
    for curve in WEIERSTRASS {
        let order = order(curve);
        let mut more = order.clone();
        *more.last_mut().unwrap() = more.last().unwrap().wrapping_add(2);
        for value in [
            vec![0; curve.size],
            order,
            more,
            vec![0xFF; curve.size],
            vec![0xFF; curve.size + 9],
            Vec::new(),
        ] {
            let made = s.create(&keys::curve_private(curve, &value));
            made.gives_for(&format!("{} {value:02x?}", curve.name), BAD);
        }
        let one = s.create(&keys::curve_private(curve, &[1]).and(&keys::open()));
        one.good_for("a short number is a number");
    }
    for curve in EDWARDS.iter().chain(MONTGOMERY) {
        for length in [0, 1, curve.size - 1, curve.size + 1] {
            let made = s.create(&keys::curve_private(curve, &vec![7; length]));
            made.gives_for(&format!("{} of {length} bytes", curve.name), BAD);
        }
    }
}

#[test]
fn curves_belong_to_their_key_type() {
    let user = User::new();
    let s = user.session;
    let want = [CKR_CURVE_NOT_SUPPORTED, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT];
    for (curve, other) in
        [(&P256, &ED25519), (&ED25519, &P256), (&X25519, &ED25519), (&ED25519, &X25519)]
    {
        let value = reference::private_value(curve, &reference::generate(curve));
        let template = keys::curve_private(curve, &value).set(CKA_KEY_TYPE, other.key_type);
        s.create(&template).gives_for(&format!("{} as {}", curve.name, other.name), &want);
    }
}

#[test]
fn unknown_and_malformed_parameters_are_refused() {
    let user = User::new();
    let s = user.session;
    let secp256k1_explicit = [0x30, 0x03, 0x02, 0x01, 0x01];
    for (parameters, want) in [
        (&[0x06, 0x03, 0x29, 0x01, 0x01][..], &[CKR_CURVE_NOT_SUPPORTED][..]),
        (&[0x13, 0x03, b'f', b'o', b'o'], &[CKR_CURVE_NOT_SUPPORTED]),
        (&secp256k1_explicit, &[CKR_DOMAIN_PARAMS_INVALID, CKR_ATTRIBUTE_VALUE_INVALID]),
        (&[0x05, 0x00], &[CKR_DOMAIN_PARAMS_INVALID, CKR_ATTRIBUTE_VALUE_INVALID]),
        (&[0x06, 0xFF, 0x01], &[CKR_DOMAIN_PARAMS_INVALID, CKR_ATTRIBUTE_VALUE_INVALID]),
        (&[0xFF], &[CKR_DOMAIN_PARAMS_INVALID, CKR_ATTRIBUTE_VALUE_INVALID]),
    ] {
        let template = keys::curve_private(&P256, &[5; 32]).set(CKA_EC_PARAMS, parameters);
        s.create(&template).gives_for(&format!("{parameters:02x?}"), want);
    }
}

#[test]
fn curve_parameters_come_back_as_they_were_given() {
    let user = User::new();
    let s = user.session;
    for curve in EDWARDS.iter().chain(MONTGOMERY) {
        let value = reference::private_value(curve, &reference::generate(curve));
        let name = curve.name_der().unwrap();
        let template = keys::curve_private(curve, &value).set(CKA_EC_PARAMS, &name);
        let private = s.create(&template).good_for(curve.name);
        assert_eq!(s.get(private, CKA_EC_PARAMS).good(), name, "{}", curve.name);
    }
}

#[test]
fn the_parts_of_an_rsa_key_belong_together() {
    let user = User::new();
    let s = user.session;
    let whole = keys::rsa_private(&reference::rsa());
    for kind in [
        CKA_MODULUS,
        CKA_PUBLIC_EXPONENT,
        CKA_PRIVATE_EXPONENT,
        CKA_PRIME_1,
        CKA_PRIME_2,
        CKA_EXPONENT_1,
        CKA_EXPONENT_2,
        CKA_COEFFICIENT,
    ] {
        let mut value = whole.value(kind).unwrap().to_vec();
        let last = value.len() - 1;
        value[last] ^= 2;
        let made = s.create(&whole.clone().set(kind, value));
        made.gives_for(&format!("{kind:#x} changed"), BAD);
        let made = s.create(&whole.clone().set(kind, &[0]));
        made.gives_for(&format!("{kind:#x} zero"), BAD);
    }
    s.create(&whole).good();
}

#[test]
fn public_rsa_keys_have_a_sensible_size() {
    let user = User::new();
    let s = user.session;
    let whole = keys::rsa_public(&reference::rsa());
    let mut even = reference::rsa().n().to_vec();
    *even.last_mut().unwrap() &= 0xFE;
    let huge = vec![0xFF; 4096];
    for modulus in [Vec::new(), vec![0], vec![1], vec![0xC5; 63], even, huge] {
        let made = s.create(&whole.clone().set(CKA_MODULUS, &modulus));
        made.gives_for(&format!("modulus of {} bytes", modulus.len()), BAD_OR_SIZE);
    }
    for exponent in [&[][..], &[0_u8], &[1], &[2], &[1, 0, 0]] {
        let made = s.create(&whole.clone().set(CKA_PUBLIC_EXPONENT, exponent));
        made.gives_for(&format!("exponent {exponent:02x?}"), BAD_OR_SIZE);
    }
}

#[test]
fn empty_secrets_are_none() {
    let user = User::new();
    let s = user.session;
    for kind in [CKK_AES, CKK_GENERIC_SECRET] {
        s.create(&secret(kind, b"")).gives_one_of(BAD_OR_SIZE);
    }
}

fn order(curve: &Curve) -> Vec<u8> {
    let ec::Family::Weierstrass(nid) = curve.family else { panic!("{}", curve.name) };
    let group = openssl::ec::EcGroup::from_curve_name(nid).unwrap();
    let (mut order, mut context) =
        (openssl::bn::BigNum::new().unwrap(), openssl::bn::BigNumContext::new().unwrap());
    group.order(&mut order, &mut context).unwrap();
    order.to_vec_padded(curve.size as i32).unwrap()
}

const BAD_OR_SIZE: &[CK_RV] = &[
    CKR_ATTRIBUTE_VALUE_INVALID,
    CKR_TEMPLATE_INCONSISTENT,
    CKR_KEY_SIZE_RANGE,
    CKR_PUBLIC_KEY_INVALID,
];

#[test]
fn a_private_exponent_longer_than_its_modulus_is_refused_unseen() {
    let test = "validate::a_private_exponent_longer_than_its_modulus_is_refused_unseen";
    if child::role().is_none() {
        // A process of its own: reckoning with such numbers takes minutes.
        child::succeeds(child::command(test, "creator"));
        return;
    }
    // SAFETY: asks for a signal that ends this process.
    unsafe { libc::alarm(60) };
    let user = User::new();
    let s = user.session;
    let whole = keys::rsa_private(&reference::rsa()).and(&keys::open());
    let factors = [CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];
    let bare = factors.iter().fold(whole.clone(), |template, kind| template.without(*kind));
    let size = whole.value(CKA_MODULUS).unwrap().len();
    let refused = [BAD, &[CKR_KEY_SIZE_RANGE, CKR_HOST_MEMORY, CKR_DEVICE_MEMORY]].concat();
    for template in [&whole, &bare] {
        for length in [size + 1, 2 * size, LONG, LONG + 1] {
            let long = template.clone().set(CKA_PRIVATE_EXPONENT, vec![0xFF; length]);
            s.create(&long).gives_for(&format!("an exponent of {length} bytes"), &refused);
        }
    }
    for kind in factors {
        let long = whole.clone().set(kind, vec![0xFF; LONG]);
        s.create(&long).gives_for(&format!("{kind:#x} of 512 KiB"), &refused);
    }
    s.create(&whole).good_for("the right numbers are taken");
    s.create(&bare).good_for("the factors need not be said");
}

const LONG: usize = 512 << 10;

#[test]
fn points_may_come_compressed_and_are_given_out_whole() {
    let user = User::new();
    let s = user.session;
    for curve in WEIERSTRASS {
        let good = reference::point(curve, &reference::generate(curve));
        let sign = 2 + (good.last().unwrap() & 1);
        let compressed = [&[sign][..], &good[1..=curve.size]].concat();
        for point in [compressed.clone(), octet_string(&compressed)] {
            let template = keys::curve_public(curve, &good).set(CKA_EC_POINT, point);
            let public = s.create(&template).good_for(curve.name);
            assert_eq!(s.get(public, CKA_EC_POINT).good(), octet_string(&good), "{}", curve.name);
            let info = reference::public_from_point(curve, &good).public_key_to_der().unwrap();
            assert_eq!(s.get(public, CKA_PUBLIC_KEY_INFO).good(), info, "{}", curve.name);
        }
        let off = [&[sign][..], &vec![0xFF; curve.size]].concat();
        s.create(&keys::curve_public(curve, &off)).gives_for(curve.name, BAD);
    }
}
