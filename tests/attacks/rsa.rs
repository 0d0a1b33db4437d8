// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RSA keys that others can factor, or that are no keys.

use crate::common::*;
use crate::{compatible, lifting, safe};
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::rsa::{Rsa, RsaPrivateKeyBuilder};

/// Nemec et al. 2017, "The Return of Coppersmith's Attack" (ROCA, CVE-2017-15361): primes of the form
/// k * M + (65537^a mod M).
#[test]
fn roca_weak_import() {
    let weak = roca();
    let user = safe();
    let s = user.session;
    s.create(&keys::rsa_public(&weak)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    s.create(&keys::rsa_private(&weak)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    // A key like any other is not mistaken for one.
    for _ in 0..4 {
        s.create(&keys::rsa_public(&Rsa::generate(2048).unwrap())).good();
    }
    drop(user);

    let user = lifting(&["rsa-weak"]);
    let s = user.session;
    s.create(&keys::rsa_public(&weak)).good();
    s.create(&keys::rsa_private(&weak)).good();
}

/// An even exponent has no inverse, 1 encrypts nothing: neither is taken on any token.
#[test]
fn even_exponents() {
    let public =
        |exponent: &[u8]| keys::rsa_public(&reference::rsa()).set(CKA_PUBLIC_EXPONENT, exponent);
    let bad = |user: User| {
        let s = user.session;
        for exponent in [&[1][..], &[2], &[4], &[1, 0, 0]] {
            let taken = s.create(&public(exponent));
            taken.gives_one_of(&[CKR_PUBLIC_KEY_INVALID, CKR_ATTRIBUTE_VALUE_INVALID]);
            let generated = template! {
                CKA_MODULUS_BITS => 2048, CKA_PUBLIC_EXPONENT => exponent,
            };
            let mech = Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
            let made = s.generate_pair(&mech, &generated, &Template::default());
            made.gives_one_of(&[
                CKR_ATTRIBUTE_VALUE_INVALID,
                CKR_PUBLIC_KEY_INVALID,
                CKR_TEMPLATE_INCONSISTENT,
            ]);
        }
    };
    bad(safe());
    bad(compatible());
}

/// A modulus that is short is not made, and protects nothing.
#[test]
fn short_modulus() {
    let pair = |s: Session| {
        let public = template! { CKA_MODULUS_BITS => 1024 };
        let mech = Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        s.generate_pair(&mech, &public, &Template::default())
    };
    let user = safe();
    let s = user.session;
    pair(s).gives_one_of(&[CKR_KEY_SIZE_RANGE, CKR_ATTRIBUTE_VALUE_INVALID]);
    let short = s.create(&keys::rsa_public(&Rsa::generate(1024).unwrap())).good();
    let oaep = Mech::oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"");
    s.encrypt(&oaep, short, b"data").gives(CKR_KEY_SIZE_RANGE);
    drop(user);
    let user = lifting(&["rsa-length"]);
    pair(user.session).good();
}

/// SHA-1 collisions (Stevens et al. 2017) make one signature two: such signatures are verified, not
/// made.
#[test]
fn sha1_signatures() {
    let mech = || Mech::plain(CKM_SHA1_RSA_PKCS);
    let user = safe();
    let s = user.session;
    let (_, private) = keys::rsa(s);
    s.sign(&mech(), private, b"data").gives(CKR_MECHANISM_INVALID);
    drop(user);
    let user = lifting(&["sha1-signatures"]);
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let signature = s.sign(&mech(), private, b"data").good();
    s.verify(&mech(), public, b"data", &signature).good();
}

/// A key of 2048 bits as the faulty generator made it.
fn roca() -> Rsa<openssl::pkey::Private> {
    let e = BigNum::from_u32(65537).unwrap();
    let (p, q) = (roca_prime(), roca_prime());
    let mut context = BigNumContext::new().unwrap();
    let big = || BigNum::new().unwrap();
    let less = |number: &BigNumRef| {
        let mut number = number.to_owned().unwrap();
        number.sub_word(1).unwrap();
        number
    };
    let (mut n, mut phi, mut d) = (big(), big(), big());
    n.checked_mul(&p, &q, &mut context).unwrap();
    let (p1, q1) = (less(&p), less(&q));
    phi.checked_mul(&p1, &q1, &mut context).unwrap();
    d.mod_inverse(&e, &phi, &mut context).unwrap();
    let (mut dp, mut dq, mut qinv) = (big(), big(), big());
    dp.nnmod(&d, &p1, &mut context).unwrap();
    dq.nnmod(&d, &q1, &mut context).unwrap();
    qinv.mod_inverse(&q, &p, &mut context).unwrap();
    let builder = RsaPrivateKeyBuilder::new(n, e, d).unwrap();
    builder.set_factors(p, q).unwrap().set_crt_params(dp, dq, qinv).unwrap().build()
}

/// A prime of 1024 bits of that form, M being the product of the first 126 primes.
fn roca_prime() -> BigNum {
    let mut context = BigNumContext::new().unwrap();
    let is_prime = |n: u32| (2..n).take_while(|d| d * d <= n).all(|d| n % d != 0);
    let mut product = BigNum::from_u32(1).unwrap();
    (2..).filter(|n| is_prime(*n)).take(126).for_each(|prime| product.mul_word(prime).unwrap());
    let generator = BigNum::from_u32(65537).unwrap();
    loop {
        let (mut a, mut k) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        a.rand(62, openssl::bn::MsbOption::MAYBE_ZERO, false).unwrap();
        k.rand(1024 - product.num_bits() as i32 + 1, openssl::bn::MsbOption::ONE, false).unwrap();
        let (mut power, mut multiple) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        power.mod_exp(&generator, &a, &product, &mut context).unwrap();
        multiple.checked_mul(&k, &product, &mut context).unwrap();
        let mut prime = BigNum::new().unwrap();
        prime.checked_add(&multiple, &power).unwrap();
        let top = prime.num_bits() == 1024 && prime.is_bit_set(1022);
        if top && prime.is_prime(32, &mut context).unwrap() {
            return prime;
        }
    }
}
