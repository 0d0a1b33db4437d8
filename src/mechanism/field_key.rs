// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys in a finite field (DSA, Diffie-Hellman) from their numbers and back.

use super::field::{NEW_SMALLEST, of_pkey};
use super::ossl::{Half, ParamList, Pkey, native, random_private};
use super::parts::{FieldDomain, FieldPrivate, FieldPublic};
use super::rsa_key::{bit_length, minimal};
use crate::error::{Error, Result};
use crate::secret::{Secret, on_clean_stack, on_own_stack};
use cryptoki_sys::*;
use openssl::bn::{BigNum, BigNumContext};
use openssl::error::ErrorStack;

/// A key, and the numbers that OpenSSL is not asked for.
pub(super) struct FieldKey {
    pub(super) pkey: Pkey,
    pub(super) domain: FieldDomain,
    /// The public value; empty in a private key.
    value: Vec<u8>,
    /// The size of the private value, bits.
    pub(super) value_bits: Option<usize>,
}

impl FieldKey {
    /// Makes a public key; with `validate` its numbers are checked first. Bad parameters are
    /// `DomainParamsInvalid`, a value that is none of the group `PublicKeyInvalid`.
    pub(super) fn public(parts: &FieldPublic, validate: bool) -> Result<FieldKey> {
        let domain = parts.domain.clone();
        domain.check_sizes()?;
        let value = minimal(&parts.value).to_vec();
        if !domain.is_between(&value) {
            return Err(Error::PublicKeyInvalid);
        }
        let number = native(&value)?;
        let pkey = assemble(&domain, Half::Public, Some((c"pub", &number)))
            .map_err(|_| Error::PublicKeyInvalid)?;
        if validate {
            check_domain(&domain, &pkey)?;
            if !domain.has_order(&value).unwrap_or(false) {
                return Err(Error::PublicKeyInvalid);
            }
        }
        Ok(FieldKey { pkey, domain, value, value_bits: None })
    }

    /// Makes a private key; with `validate` its numbers are checked first. A value that is not
    /// between 1 and `q - 1` (without a subprime `p - 2`) is `AttributeValueInvalid`.
    pub(super) fn private(parts: &FieldPrivate, validate: bool) -> Result<FieldKey> {
        let domain = parts.domain.clone();
        domain.check_sizes()?;
        let value = minimal(parts.value.expose());
        let most = domain.subprime.as_deref().unwrap_or(&domain.prime);
        let below = value.len() < most.len() || (value.len() == most.len() && value < most);
        if value.is_empty() || !below {
            return Err(Error::AttributeValueInvalid);
        }
        let number = native(value)?;
        let pkey = assemble(&domain, Half::Private, Some((c"priv", &number)))
            .map_err(|_| Error::AttributeValueInvalid)?;
        if validate {
            check_domain(&domain, &pkey)?;
        }
        let value_bits = Some(bit_length(value));
        Ok(FieldKey { pkey, domain, value: Vec::new(), value_bits })
    }

    /// The values of the public half.
    pub(super) fn public_parts(&self) -> Result<FieldPublic> {
        let value = match self.value.is_empty() {
            true => power(&self.domain, &self.value()?).map_err(|_| Error::DeviceError)?,
            false => self.value.clone(),
        };
        Ok(FieldPublic { domain: self.domain.clone(), value })
    }

    /// The values of a private key.
    pub(super) fn private_parts(&self) -> Result<FieldPrivate> {
        Ok(FieldPrivate { domain: self.domain.clone(), value: self.value()? })
    }

    /// The other party's key in the same group, if it is one.
    pub(super) fn peer(&self, value: &[u8]) -> Result<Pkey> {
        let value = minimal(value);
        if !self.domain.is_between(value) {
            return Err(Error::PublicKeyInvalid);
        }
        assemble(&self.domain, Half::Public, Some((c"pub", &native(value)?)))
            .map_err(|_| Error::PublicKeyInvalid)
    }

    /// A new pair in the same group, to be used once.
    pub(super) fn fresh(&self) -> Result<(FieldPublic, FieldPrivate)> {
        pair(self.domain.clone(), self.pkey.group().is_some(), None)
    }

    fn value(&self) -> Result<Secret> {
        let value = self.pkey.integer(c"priv", self.domain.prime.len())?;
        Secret::copy_of(minimal(value.expose()))
    }
}

/// The values of a private key that OpenSSL read.
pub(super) fn of_pkey_private(key_type: CK_KEY_TYPE, key: &Pkey) -> Result<FieldPrivate> {
    let domain = of_pkey(key_type, key)?;
    let value = key.integer(c"priv", domain.prime.len())?;
    Ok(FieldPrivate { value: Secret::copy_of(minimal(value.expose()))?, domain })
}

/// Both halves of a new key pair. `value_bits` is the length of the private value, where the group
/// has no subprime.
pub(super) fn generate(
    domain: FieldDomain,
    value_bits: Option<usize>,
) -> Result<(FieldPublic, FieldPrivate)> {
    domain.check_sizes()?;
    if domain.bits() < NEW_SMALLEST {
        return Err(Error::DomainParamsInvalid);
    }
    let pkey = assemble(&domain, Half::Parameters, None)?;
    let named = pkey.group().is_some();
    if !named && !domain.is_sound()? {
        return Err(Error::DomainParamsInvalid);
    }
    pair(domain, named, value_bits)
}

fn pair(
    domain: FieldDomain,
    named: bool,
    value_bits: Option<usize>,
) -> Result<(FieldPublic, FieldPrivate)> {
    let secret = match &domain.subprime {
        Some(_) if value_bits.is_some() => return Err(Error::TemplateInconsistent),
        Some(order) => below(order)?,
        None => of_length(length(&domain, named, value_bits)?)?,
    };
    let value = power(&domain, &secret).map_err(|_| Error::DeviceError)?;
    Ok((FieldPublic { domain: domain.clone(), value }, FieldPrivate { domain, value: secret }))
}

/// The length of a private value, bits: what is asked for, or twice the strength of a group whose
/// order is known to be half its prime (SP 800-56A rev. 3, section 5.6.1.1.1), or all there is.
fn length(domain: &FieldDomain, named: bool, wanted: Option<usize>) -> Result<usize> {
    let most = domain.bits().saturating_sub(1);
    match wanted {
        Some(wanted) if (SHORTEST_VALUE..=most).contains(&wanted) => Ok(wanted),
        Some(_) => Err(Error::AttributeValueInvalid),
        None if !named => Ok(most),
        // Appendix D there, rounded as RFC 7919 does.
        None => Ok(match domain.bits() {
            ..=2048 => 225,
            2049..=3072 => 275,
            3073..=4096 => 325,
            4097..=6144 => 375,
            _ => 400,
        }),
    }
}

/// A number between 1 and `order - 1`, made from 64 bits more than the order has (FIPS 186-5,
/// section A.2.1).
fn below(order: &[u8]) -> Result<Secret> {
    on_clean_stack(|| {
        let random = Secret::with(order.len() + 8, random_private)?;
        let number = || {
            let mut most = BigNum::from_slice(order)?;
            most.sub_word(1)?;
            let mut value = BigNum::new_secure()?;
            value.nnmod(&*secret_number(&random)?, &most, &mut *BigNumContext::new_secure()?)?;
            value.add_word(1)?;
            Ok(value.to_vec())
        };
        Secret::take(number().map_err(|_: ErrorStack| Error::DeviceError)?)
    })
}

/// A number of exactly so many bits (PKCS #3, section 7.1).
fn of_length(bits: usize) -> Result<Secret> {
    let mut value = Secret::with(bits.div_ceil(8), random_private)?;
    let top = (bits + 7) % 8;
    if let Some(first) = value.expose_mut().first_mut() {
        *first = (*first & ((1u8 << top) - 1)) | (1 << top);
    }
    Ok(value)
}

/// `g` to the power of a private value.
fn power(domain: &FieldDomain, value: &Secret) -> std::result::Result<Vec<u8>, ErrorStack> {
    on_own_stack(|| {
        let (p, g) = (BigNum::from_slice(&domain.prime)?, BigNum::from_slice(&domain.base)?);
        let mut result = BigNum::new()?;
        result.mod_exp(&g, &*secret_number(value)?, &p, &mut *BigNumContext::new_secure()?)?;
        Ok(result.to_vec())
    })
}

/// A group that OpenSSL knows by name needs no test.
fn check_domain(domain: &FieldDomain, pkey: &Pkey) -> Result<()> {
    match pkey.group().is_some() || domain.is_sound()? {
        true => Ok(()),
        false => Err(Error::DomainParamsInvalid),
    }
}

fn assemble(
    domain: &FieldDomain,
    half: Half,
    value: Option<(&'static std::ffi::CStr, &Secret)>,
) -> Result<Pkey> {
    let (p, g) = (native(&domain.prime)?, native(&domain.base)?);
    let q = domain.subprime.as_deref().map(native).transpose()?;
    let mut params = ParamList::new().integer(c"p", &p).integer(c"g", &g);
    if let Some(q) = &q {
        params = params.integer(c"q", q);
    }
    if let Some((name, value)) = value {
        params = params.integer(name, value);
    }
    Pkey::from_params(domain.algorithm(), half, &params)
}

/// A number whose memory OpenSSL wipes and whose arithmetic it does in constant time.
fn secret_number(value: &Secret) -> std::result::Result<BigNum, ErrorStack> {
    let mut number = BigNum::new_secure()?;
    number.copy_from_slice(value.expose())?;
    number.set_const_time();
    Ok(number)
}

/// Twice the strength of the smallest group that new keys are made in, bits.
const SHORTEST_VALUE: usize = 160;
