// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Public values that are not what they say: points off the curve or of small order, numbers in small
//! subgroups. Each agreement with one tells a few bits of the private key.

use crate::common::*;
use crate::{compatible, safe};
use openssl::bn::{BigNum, BigNumContext, BigNumRef};

/// Biehl, Meyer and Müller 2000; Jager, Schwenk and Somorovsky 2015: points of another curve, whose
/// group falls apart.
#[test]
fn invalid_curve_points() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        for curve in [ec::P256, ec::P384, ec::P521, ec::K256, ec::BRAINPOOL256] {
            let (_, private) = keys::pair(s, &curve);
            let good = reference::point(&curve, &reference::generate(&curve));
            agree(s, private, &good).good_for(curve.name);
            for (what, point) in off(&curve, &good) {
                let refused = agree(s, private, &point);
                let codes = [CKR_MECHANISM_PARAM_INVALID, CKR_PUBLIC_KEY_INVALID];
                refused.gives_for(&format!("{} {what}", curve.name), &codes);
                // Nor is it taken as a public key.
                let taken = s.create(&keys::curve_public(&curve, &point));
                let codes = [CKR_PUBLIC_KEY_INVALID, CKR_ATTRIBUTE_VALUE_INVALID];
                taken.gives_for(&format!("{} {what}", curve.name), &codes);
            }
        }
    }
}

/// A point with another second coordinate lies on another curve, as the formulas do not use the
/// constant of the equation.
fn off(curve: &ec::Curve, good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut changed = good.to_vec();
    changed[2 * curve.size] ^= 1;
    let zeros = [&[4][..], &vec![0; 2 * curve.size]].concat();
    let small = [&[4][..], &[&vec![0; curve.size - 1][..], &[1]].concat().repeat(2)].concat();
    let large = [&[4][..], &vec![0xFF; 2 * curve.size]].concat();
    vec![
        ("changed", changed),
        ("zero", zeros),
        ("one", small),
        ("too large", large),
        ("infinity", vec![0]),
        ("nothing", Vec::new()),
    ]
}

/// RFC 7748, section 6; Lim and Lee 1997: points of small order make the secret a constant.
#[test]
fn small_order_points() {
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xFF; 32];
    (minus_one[0], minus_one[31]) = (0xEC, 0x7F);
    let x25519: [&[u8]; 5] = [
        &[0; 32],
        &one,
        &minus_one,
        // The two of order 8.
        &unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        &unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    ];
    let mut one = [0; 56];
    one[0] = 1;
    let mut minus_one = [0xFF; 56];
    (minus_one[0], minus_one[28]) = (0xFE, 0xFE);
    let x448: [&[u8]; 3] = [&[0; 56], &one, &minus_one];
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let curves = [(ec::X25519, &x25519[..]), (ec::X448, &x448[..])];
        for (curve, points) in curves {
            let (_, private) = keys::pair(s, &curve);
            for point in points {
                let refused = agree(s, private, point);
                let codes = [CKR_MECHANISM_PARAM_INVALID, CKR_PUBLIC_KEY_INVALID];
                refused.gives_for(&format!("{} {point:02x?}", curve.name), &codes);
            }
        }
    }
}

/// Lim and Lee 1997: numbers in a small subgroup of the field.
#[test]
fn small_subgroup_confinement() {
    let number = |hex: &[u8]| BigNum::from_slice(hex).unwrap();
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let groups = [(group::modp2048(), CKK_DH), (group::x9_42(), CKK_X9_42_DH)];
        for (group, kind) in groups {
            let (_, private) = group.pair(s);
            let prime = number(&group.prime);
            let mut minus_one = prime.to_owned().unwrap();
            minus_one.sub_word(1).unwrap();
            let mut values = vec![vec![0], vec![1], minus_one.to_vec(), prime.to_vec()];
            values.extend(small(&group, &prime, &minus_one));
            for value in values {
                let mech = match kind {
                    CKK_DH => Mech::dh(&value),
                    _ => Mech::x9_42(CKD_NULL, b"", &value),
                };
                let derived = s.derive(&mech, private, &secret());
                let codes = [CKR_MECHANISM_PARAM_INVALID, CKR_PUBLIC_KEY_INVALID];
                derived.gives_for(&format!("{kind:#x} {} bytes", value.len()), &codes);
            }
        }
    }
}

/// An element of a small order that is not 1 or 2, where the group has a named order and so more
/// subgroups beside it.
fn small(group: &group::Group, prime: &BigNum, minus_one: &BigNumRef) -> Option<Vec<u8>> {
    let mut context = BigNumContext::new().unwrap();
    let order = BigNum::from_slice(group.subprime.as_ref()?).unwrap();
    let (mut cofactor, mut rest) = (BigNum::new().unwrap(), BigNum::new().unwrap());
    cofactor.div_rem(&mut rest, minus_one, &order, &mut context).unwrap();
    let factor = (3..100_000).find(|small| cofactor.mod_word(*small).unwrap() == 0)?;
    let mut exponent = minus_one.to_owned().unwrap();
    exponent.div_word(factor as u32).unwrap();
    let mut element = BigNum::new().unwrap();
    let found = (2..50).find(|base| {
        let base = BigNum::from_u32(*base).unwrap();
        element.mod_exp(&base, &exponent, prime, &mut context).unwrap();
        element.to_vec() != [1]
    });
    found.map(|_| element.to_vec())
}

fn agree(s: Session, private: Obj, point: &[u8]) -> R<Obj> {
    s.derive(&Mech::ecdh(CKD_NULL, b"", point), private, &secret())
}

fn secret() -> Template {
    let secret = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET };
    secret.and(&keys::open())
}
