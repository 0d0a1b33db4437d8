// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Domain parameters of keys in a finite field: what sizes they have, and whether they are what
//! they claim to be.

use super::ossl::{ParamList, Pkey};
use super::parts::FieldDomain;
use super::rsa_key::{bit_length, minimal};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::error::ErrorStack;
use std::ffi::CStr;

impl FieldDomain {
    /// Takes numbers from outside in, without leading zeros. A `CKK_DH` key has no subprime
    /// (`TemplateInconsistent`), the others must have one (`TemplateIncomplete`).
    pub fn new(
        key_type: CK_KEY_TYPE,
        prime: &[u8],
        subprime: Option<&[u8]>,
        base: &[u8],
    ) -> Result<FieldDomain> {
        match (key_type, subprime) {
            (CKK_DH, Some(_)) => return Err(Error::TemplateInconsistent),
            (CKK_DSA | CKK_X9_42_DH, None) => return Err(Error::TemplateIncomplete),
            _ => {}
        }
        Ok(FieldDomain {
            key_type,
            prime: minimal(prime).to_vec(),
            subprime: subprime.map(|subprime| minimal(subprime).to_vec()),
            base: minimal(base).to_vec(),
        })
    }

    /// The size of the prime, bits.
    pub fn bits(&self) -> usize {
        bit_length(&self.prime)
    }

    /// The size of the subprime, bits.
    pub fn order_bits(&self) -> Option<usize> {
        self.subprime.as_deref().map(bit_length)
    }

    /// OpenSSL's algorithm.
    pub(super) fn algorithm(&self) -> &'static CStr {
        match self.key_type {
            CKK_DSA => c"DSA",
            CKK_X9_42_DH => c"DHX",
            _ => c"DH",
        }
    }

    /// Sizes that the specification gives and OpenSSL works with, an odd prime, a base between 2
    /// and `p - 2`: what costs nothing to look at. `DomainParamsInvalid` where it is not so.
    pub(super) fn check_sizes(&self) -> Result<()> {
        let bits = self.bits();
        let order = self.order_bits();
        let good = match (self.key_type, order) {
            (CKK_DSA, Some(order)) => {
                bits <= 3072 && bits % 64 == 0 && matches!(order, 160 | 224 | 256)
            }
            (CKK_X9_42_DH, Some(order)) => bits % 256 == 0 && (160..bits).contains(&order),
            (CKK_DH, None) => true,
            _ => false,
        };
        let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        let odd = odd(&self.prime) && self.subprime.as_deref().is_none_or(odd);
        let between = self.is_between(&self.base);
        let smallest = if self.key_type == CKK_DSA { DSA_SMALLEST } else { SMALLEST };
        match good && odd && between && (smallest..=LARGEST).contains(&bits) {
            true => Ok(()),
            false => Err(Error::DomainParamsInvalid),
        }
    }

    /// Whether a number without leading zeros is between 2 and `p - 2`.
    pub(super) fn is_between(&self, number: &[u8]) -> bool {
        let Some((last, front)) = self.prime.split_last() else { return false };
        // The prime is odd, so that one less differs in the last byte alone.
        let below = number.len() < self.prime.len()
            || (number.len() == self.prime.len()
                && number < [front, &[last.saturating_sub(1)]].concat().as_slice());
        below && !matches!(number, [] | [1])
    }

    /// Whether the numbers are primes, the order divides `p - 1`, and the base has that order
    /// (FIPS 186-4, appendices A.1.1.3 and A.2.2). It takes as long as some signatures do.
    pub(super) fn is_sound(&self) -> Result<bool> {
        self.sound().map_err(|_| Error::DeviceError)
    }

    fn sound(&self) -> std::result::Result<bool, ErrorStack> {
        let mut scratch = BigNumContext::new()?;
        let p = BigNum::from_slice(&self.prime)?;
        let Some(order) = &self.subprime else { return is_prime(&p, &mut scratch) };
        let q = BigNum::from_slice(order)?;
        let mut less = BigNum::new()?;
        less.checked_sub(&p, &*BigNum::from_u32(1)?)?;
        let mut rest = BigNum::new()?;
        rest.nnmod(&less, &q, &mut scratch)?;
        let divides = rest.num_bits() == 0;
        Ok(divides
            && is_prime(&q, &mut scratch)?
            && is_prime(&p, &mut scratch)?
            && self.has_order(&self.base)?)
    }

    /// Whether the order of a number divides the subprime. Without one nothing is known.
    pub(super) fn has_order(&self, number: &[u8]) -> std::result::Result<bool, ErrorStack> {
        let Some(order) = &self.subprime else { return Ok(true) };
        let (p, q) = (BigNum::from_slice(&self.prime)?, BigNum::from_slice(order)?);
        let mut power = BigNum::new()?;
        let number = BigNum::from_slice(number)?;
        power.mod_exp(&number, &q, &p, &mut *BigNumContext::new()?)?;
        Ok(power == BigNum::from_u32(1)?)
    }
}

/// New parameters of DSA (FIPS 186-4, appendix A) and X9.42, from sizes in bits. Sizes that are not
/// made are `AttributeValueInvalid`.
pub(super) fn generate(key_type: CK_KEY_TYPE, bits: usize, order: usize) -> Result<FieldDomain> {
    if !matches!((bits, order), (1024, 160) | (2048, 224 | 256) | (3072, 256)) {
        return Err(Error::AttributeValueInvalid);
    }
    let algorithm = if key_type == CKK_DSA { c"DSA" } else { c"DHX" };
    let (pbits, qbits) = (bits as u64, order as u64);
    let params = ParamList::new()
        .text(c"type", c"fips186_4")
        .number(c"pbits", &pbits)
        .number(c"qbits", &qbits);
    of_pkey(key_type, &Pkey::generate_params(algorithm, &params)?)
}

/// The parameters of PKCS #3 of this size: the group of RFC 7919. A safe prime of one's own takes
/// minutes and gains nothing (SP 800-56A rev. 3, section 5.5.1.1, knows the named ones alone).
pub(super) fn named(bits: usize) -> Result<FieldDomain> {
    let group = match bits {
        2048 => c"ffdhe2048",
        3072 => c"ffdhe3072",
        4096 => c"ffdhe4096",
        6144 => c"ffdhe6144",
        8192 => c"ffdhe8192",
        _ => return Err(Error::AttributeValueInvalid),
    };
    of_pkey(CKK_DH, &Pkey::generate(c"DH", &ParamList::new().text(c"group", group))?)
}

/// The parameters of a key that OpenSSL holds.
pub(super) fn of_pkey(key_type: CK_KEY_TYPE, key: &Pkey) -> Result<FieldDomain> {
    let len = key.bits().div_ceil(8);
    let number = |name| key.integer(name, len);
    let subprime = match key_type {
        CKK_DH => None,
        _ => Some(number(c"q")?),
    };
    let subprime = subprime.as_ref().map(|subprime| subprime.expose());
    let (prime, base) = (number(c"p")?, number(c"g")?);
    FieldDomain::new(key_type, prime.expose(), subprime, base.expose())
}

/// Miller and Rabin's test with random bases (FIPS 186-5, appendix B.3.1).
fn is_prime(
    number: &BigNumRef,
    scratch: &mut BigNumContext,
) -> std::result::Result<bool, ErrorStack> {
    let one = BigNum::from_u32(1)?;
    let mut less = BigNum::new()?;
    less.checked_sub(number, &one)?;
    if number.num_bits() < 3 || !number.is_bit_set(0) {
        return Ok(false);
    }
    let twos = (0..less.num_bits()).take_while(|bit| !less.is_bit_set(*bit)).count() as i32;
    let mut odd = BigNum::new()?;
    odd.rshift(&less, twos)?;
    for _ in 0..ROUNDS {
        let mut base = BigNum::new()?;
        less.rand_range(&mut base)?;
        if base <= one {
            continue;
        }
        let mut power = BigNum::new()?;
        power.mod_exp(&base, &odd, number, scratch)?;
        let mut passes = power == one || power == less;
        for _ in 1..twos {
            if passes {
                break;
            }
            let mut square = BigNum::new()?;
            square.mod_sqr(&power, number, scratch)?;
            passes = square == less;
            power = square;
        }
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Rounds of the test of primes: who gives parameters harms none but his own keys with wrong ones.
const ROUNDS: usize = 16;
/// Sizes of primes that are taken in, bits.
pub(super) const SMALLEST: usize = 1024;
pub(super) const LARGEST: usize = 8192;
/// The smallest of DSA verify alone.
pub(super) const DSA_SMALLEST: usize = 512;
/// The smallest prime of keys that are made here and sign, bits.
pub(super) const NEW_SMALLEST: usize = 1024;
