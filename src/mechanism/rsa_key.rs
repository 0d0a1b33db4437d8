// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RSA keys from their numbers and back: validation, and recovery of the factors where only the
//! exponents are known.

use super::ossl::{Half, Operation, ParamList, Pkey, PkeyCtx, native};
use super::parts::{RsaPrivate, RsaPublic};
use crate::error::{Error, Result};
use crate::secret::{Secret, on_clean_stack};
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::error::ErrorStack;

/// Makes a public key; with `validate` its numbers are checked first.
pub(super) fn public(parts: &RsaPublic, validate: bool) -> Result<Pkey> {
    if validate {
        check_public(parts)?;
    }
    let (n, e) = (native(&parts.modulus)?, native(&parts.exponent)?);
    let params = ParamList::new().integer(c"n", &n).integer(c"e", &e);
    Pkey::from_params(c"RSA", Half::Public, &params).map_err(|_| Error::PublicKeyInvalid)
}

/// Makes a private key; with `validate` its numbers are checked against each other and tried.
/// Factors and CRT values that are not given are computed.
pub(super) fn private(parts: &RsaPrivate, validate: bool) -> Result<Pkey> {
    if validate {
        check_public(&parts.public)?;
        check_sizes(parts)?;
    }
    let recovered;
    let crt = match &parts.crt {
        Some(crt) => crt,
        None => {
            recovered = recover(parts).map_err(|_| Error::AttributeValueInvalid)?;
            &recovered
        }
    };
    if validate && !is_consistent(parts, crt).unwrap_or(false) {
        return Err(Error::AttributeValueInvalid);
    }
    let (n, e) = (native(&parts.public.modulus)?, native(&parts.public.exponent)?);
    let d = native(parts.exponent.expose())?;
    let [p, q, dp, dq, qinv] = crt;
    let [p, q, dp, dq, qinv] = [
        native(p.expose())?,
        native(q.expose())?,
        native(dp.expose())?,
        native(dq.expose())?,
        native(qinv.expose())?,
    ];
    let params = ParamList::new()
        .integer(c"n", &n)
        .integer(c"e", &e)
        .integer(c"d", &d)
        .integer(c"rsa-factor1", &p)
        .integer(c"rsa-factor2", &q)
        .integer(c"rsa-exponent1", &dp)
        .integer(c"rsa-exponent2", &dq)
        .integer(c"rsa-coefficient1", &qinv);
    let key = Pkey::from_params(c"RSA", Half::Private, &params)
        .map_err(|_| Error::AttributeValueInvalid)?;
    if validate && !works(&key, minimal(&parts.public.modulus).len()).unwrap_or(false) {
        return Err(Error::AttributeValueInvalid);
    }
    Ok(key)
}

/// The public numbers of a key that OpenSSL holds.
pub(super) fn public_parts(key: &Pkey) -> Result<RsaPublic> {
    let len = key.bits().div_ceil(8);
    let number = |name| key.integer(name, len).map(|value| minimal(value.expose()).to_vec());
    Ok(RsaPublic { modulus: number(c"n")?, exponent: number(c"e")? })
}

/// All numbers of a private key that OpenSSL holds.
pub(super) fn private_parts(key: &Pkey) -> Result<RsaPrivate> {
    let len = key.bits().div_ceil(8);
    let number = |name| Secret::copy_of(minimal(key.integer(name, len)?.expose()));
    Ok(RsaPrivate {
        public: public_parts(key)?,
        exponent: number(c"d")?,
        crt: Some([
            number(c"rsa-factor1")?,
            number(c"rsa-factor2")?,
            number(c"rsa-exponent1")?,
            number(c"rsa-exponent2")?,
            number(c"rsa-coefficient1")?,
        ]),
    })
}

/// A big-endian number without leading zeros.
pub(super) fn minimal(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The number of bits of a big-endian number.
pub(super) fn bit_length(number: &[u8]) -> usize {
    match minimal(number) {
        [] => 0,
        [first, rest @ ..] => rest.len() * 8 + (8 - first.leading_zeros() as usize),
    }
}

/// Cheap conditions on a public key: sizes in range, both numbers odd, the exponent at least 3,
/// below the modulus, and no larger than OpenSSL works with (crypto/rsa: 64 bits above a modulus
/// of 3072). Sizes out of range are `AttributeValueInvalid`, the rest `PublicKeyInvalid`.
fn check_public(parts: &RsaPublic) -> Result<()> {
    let (n, e) = (minimal(&parts.modulus), minimal(&parts.exponent));
    let bits = bit_length(n);
    if !(SMALLEST..=LARGEST).contains(&bits) {
        return Err(Error::AttributeValueInvalid);
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    let longest = if bits > 3072 { 64 } else { 256 };
    if !odd(n) || !odd(e) || e == [1] || bit_length(e) > longest {
        return Err(Error::PublicKeyInvalid);
    }
    Ok(())
}

/// Whether `n = p q`, `d e = 1` modulo `p-1` and `q-1`, and the CRT values follow from them
/// (RFC 8017, section 3.2).
fn is_consistent(parts: &RsaPrivate, crt: &[Secret; 5]) -> std::result::Result<bool, ErrorStack> {
    on_clean_stack(|| {
        let mut scratch = BigNumContext::new_secure()?;
        let [p, q, dp, dq, qinv] = crt;
        let n = secret_number(&parts.public.modulus)?;
        let e = secret_number(&parts.public.exponent)?;
        let d = secret_number(parts.exponent.expose())?;
        let (p, q) = (secret_number(p.expose())?, secret_number(q.expose())?);
        let mut product = BigNum::new_secure()?;
        product.checked_mul(&p, &q, &mut scratch)?;
        let one = BigNum::from_u32(1)?;
        if product != n || p <= one || q <= one || d >= n {
            return Ok(false);
        }
        let mut good = true;
        for (prime, exponent) in [(&p, dp), (&q, dq)] {
            let mut less = BigNum::new_secure()?;
            less.checked_sub(prime, &one)?;
            let mut reduced = BigNum::new_secure()?;
            reduced.nnmod(&d, &less, &mut scratch)?;
            good &= reduced == secret_number(exponent.expose())?;
            let mut unit = BigNum::new_secure()?;
            unit.mod_mul(&reduced, &e, &less, &mut scratch)?;
            good &= unit == one;
        }
        let mut unit = BigNum::new_secure()?;
        unit.mod_mul(&q, &*secret_number(qinv.expose())?, &p, &mut scratch)?;
        Ok(good && unit == one)
    })
}

/// No private number is longer than the modulus: what is would cost time without bound to look at.
fn check_sizes(parts: &RsaPrivate) -> Result<()> {
    let most = minimal(&parts.public.modulus).len();
    let crt = parts.crt.iter().flatten();
    let fits = |number: &Secret| minimal(number.expose()).len() <= most;
    let all = std::iter::once(&parts.exponent).chain(crt).all(fits);
    if all { Ok(()) } else { Err(Error::AttributeValueInvalid) }
}

/// Encrypts a number and decrypts it again: catches factors that are no primes.
fn works(key: &Pkey, len: usize) -> Result<bool> {
    let params = || ParamList::new().text(c"pad-mode", c"none");
    let mut number = vec![0u8; len];
    if let Some(last) = number.last_mut() {
        *last = 2;
    }
    let (mut middle, mut end) = (vec![0u8; len], vec![0u8; len]);
    PkeyCtx::new(key, Operation::Encrypt, &params())?.encrypt(&number, &mut middle)?;
    PkeyCtx::new(key, Operation::Decrypt, &params())?.decrypt(&middle, &mut end)?;
    Ok(number == end)
}

/// The factors and CRT values of a key of which only `n`, `e` and `d` are known (SP 800-56B
/// rev. 2, appendix C.1, with small bases in place of random ones).
fn recover(parts: &RsaPrivate) -> std::result::Result<[Secret; 5], Unrecoverable> {
    on_clean_stack(|| {
        let mut scratch = BigNumContext::new_secure()?;
        let n = secret_number(&parts.public.modulus)?;
        let d = secret_number(parts.exponent.expose())?;
        let mut k = BigNum::new_secure()?;
        k.checked_mul(&d, &*secret_number(&parts.public.exponent)?, &mut scratch)?;
        k.sub_word(1)?;
        // Only a positive even k can be a multiple of lambda(n); and n must be a modulus at all.
        if k.num_bits() < 2 || k.is_bit_set(0) || n.num_bits() < 16 || !n.is_bit_set(0) {
            return Err(Unrecoverable);
        }
        let twos = (0..k.num_bits()).take_while(|bit| !k.is_bit_set(*bit)).count() as i32;
        let mut r = BigNum::new_secure()?;
        r.rshift(&k, twos)?;
        r.set_const_time();
        for base in BASES {
            let mut y = BigNum::new_secure()?;
            y.mod_exp(&*BigNum::from_u32(*base)?, &r, &n, &mut scratch)?;
            if let Some(p) = factor(&n, y, twos, &mut scratch)? {
                return crt_values(&n, &d, &p, &mut scratch);
            }
        }
        Err(Unrecoverable)
    })
}

/// Squares `y` until it is 1; the value before, if it is not -1, is a root that splits `n`.
fn factor(
    n: &BigNumRef,
    mut y: BigNum,
    twos: i32,
    scratch: &mut BigNumContext,
) -> std::result::Result<Option<BigNum>, ErrorStack> {
    let one = BigNum::from_u32(1)?;
    let mut minus_one = BigNum::new_secure()?;
    minus_one.checked_sub(n, &one)?;
    for _ in 0..twos {
        if y == one || y == minus_one {
            return Ok(None);
        }
        let mut square = BigNum::new_secure()?;
        square.mod_sqr(&y, n, scratch)?;
        if square == one {
            y.sub_word(1)?;
            let mut p = BigNum::new_secure()?;
            p.gcd(&y, n, scratch)?;
            return Ok(Some(p));
        }
        y = square;
    }
    Ok(None)
}

fn crt_values(
    n: &BigNumRef,
    d: &BigNumRef,
    p: &BigNumRef,
    scratch: &mut BigNumContext,
) -> std::result::Result<[Secret; 5], Unrecoverable> {
    let mut q = BigNum::new_secure()?;
    q.checked_div(n, p, scratch)?;
    let mut reduced = |prime: &BigNumRef| {
        let mut less = BigNum::new_secure()?;
        less.checked_sub(prime, &*BigNum::from_u32(1)?)?;
        let mut exponent = BigNum::new_secure()?;
        exponent.nnmod(d, &less, scratch).map(|()| exponent)
    };
    let (dp, dq) = (reduced(p)?, reduced(&q)?);
    let mut qinv = BigNum::new_secure()?;
    qinv.mod_inverse(&q, p, scratch)?;
    Ok([to_secret(p)?, to_secret(&q)?, to_secret(&dp)?, to_secret(&dq)?, to_secret(&qinv)?])
}

/// A number whose memory OpenSSL wipes and whose arithmetic it does in constant time.
fn secret_number(big_endian: &[u8]) -> std::result::Result<BigNum, ErrorStack> {
    let mut number = BigNum::new_secure()?;
    number.copy_from_slice(big_endian)?;
    number.set_const_time();
    Ok(number)
}

fn to_secret(number: &BigNumRef) -> std::result::Result<Secret, Unrecoverable> {
    Secret::take(number.to_vec()).map_err(|_| Unrecoverable)
}

/// The numbers given are not those of an RSA key.
struct Unrecoverable;

impl From<ErrorStack> for Unrecoverable {
    fn from(_: ErrorStack) -> Unrecoverable {
        Unrecoverable
    }
}

/// The sizes of modulus that are taken in, bits: the shortest verify and decrypt alone.
const SMALLEST: usize = 512;
const LARGEST: usize = 16384;

/// Each base fails for at most half of all keys.
const BASES: &[u32] = &[
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101,
];
