// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys on curves from their attribute values and back.

use super::curve::Curve;
use super::ossl::{Half, ParamList, Pkey, native, random_private};
use super::parts::{EcPrivate, EcPublic};
use super::spki::BIT_STRING;
use crate::codec::der;
use crate::error::{Error, Result};
use crate::secret::{Secret, on_clean_stack, on_own_stack};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcPoint, PointConversionForm};
use openssl::error::ErrorStack;

/// Makes a public key from a point (X9.62 in any form, or RFC 8032 / RFC 7748 bytes), which may
/// come raw or as ASN.1 wraps it; gives the point raw and uncompressed too. Where it is no point
/// of the curve, or infinity, `PublicKeyInvalid`.
pub(super) fn public(curve: &Curve, given: &[u8], validate: bool) -> Result<(Pkey, Vec<u8>)> {
    let point = raw(curve, given);
    if !has_length_of_point(curve, point) {
        return Err(Error::PublicKeyInvalid);
    }
    let point = match curve.is_weierstrass() && point.first() != Some(&0x04) {
        true => uncompressed(curve, point).map_err(|_| Error::PublicKeyInvalid)?,
        false => point.to_vec(),
    };
    Ok((from_point(curve, &point, validate)?, point))
}

/// The bytes of a point: as they are, or the content of a DER OCTET STRING (`CKA_EC_POINT`) or of
/// a BIT STRING (as some have it). The length tells which: no raw point is as long as a wrapped
/// one.
fn raw<'a>(curve: &Curve, given: &'a [u8]) -> &'a [u8] {
    if has_length_of_point(curve, given) {
        return given;
    }
    let bits = || der::only(BIT_STRING, given)?.strip_prefix(&[0]);
    der::only(der::OCTET_STRING, given).or_else(bits).unwrap_or(given)
}

fn has_length_of_point(curve: &Curve, point: &[u8]) -> bool {
    match curve.is_weierstrass() {
        true => point.len() == 1 + 2 * curve.len || point.len() == 1 + curve.len,
        false => point.len() == curve.len,
    }
}

fn from_point(curve: &Curve, point: &[u8], validate: bool) -> Result<Pkey> {
    let params = group(curve).octets(c"pub", point);
    let key = Pkey::from_params(curve.algorithm, Half::Public, &params)
        .map_err(|_| Error::PublicKeyInvalid)?;
    if validate && !key.public_is_valid()? {
        return Err(Error::PublicKeyInvalid);
    }
    Ok(key)
}

/// Makes a private key. A value out of range (SP 800-56A rev. 3, section 5.6.2.1.2: 1 to n-1) or
/// of the wrong length is `AttributeValueInvalid`.
pub(super) fn private(curve: &Curve, value: &Secret) -> Result<Pkey> {
    let number;
    let params = if curve.is_weierstrass() {
        if !in_range(curve, value).unwrap_or(false) {
            return Err(Error::AttributeValueInvalid);
        }
        number = native(value.expose())?;
        group(curve).integer(c"priv", &number)
    } else if value.len() == curve.len {
        group(curve).octets(c"priv", value.expose())
    } else {
        return Err(Error::AttributeValueInvalid);
    };
    Pkey::from_params(curve.algorithm, Half::Private, &params)
        .map_err(|_| Error::AttributeValueInvalid)
}

/// The private value of a key that OpenSSL holds, at its full length.
pub(super) fn private_value(curve: &Curve, key: &Pkey) -> Result<Secret> {
    match curve.is_weierstrass() {
        true => key.integer(c"priv", curve.len),
        false => key.octets(c"priv", curve.len),
    }
}

/// The point of a key that OpenSSL holds; for `CKK_EC` uncompressed. A private key made from its
/// value alone has none inside, so it is computed.
pub(super) fn point(curve: &Curve, key: &Pkey) -> Result<Vec<u8>> {
    if !curve.is_weierstrass() {
        return key.octets(c"pub", curve.len).map(|point| point.expose().to_vec());
    }
    if let Ok(point) = key.octets(c"pub", 1 + 2 * curve.len) {
        return Ok(point.expose().to_vec());
    }
    let value = key.integer(c"priv", curve.len)?;
    multiply(curve, &value).map_err(|_| Error::DeviceError)
}

/// A new key on the curve, to be used once.
pub(super) fn fresh(curve: &Curve) -> Result<Pkey> {
    Pkey::generate(curve.algorithm, &group(curve))
}

/// Both halves of a new key pair.
pub(super) fn generate(curve: &'static Curve, params: &[u8]) -> Result<(EcPublic, EcPrivate)> {
    let key = fresh(curve)?;
    let (key_type, params) = (curve.key_type, params.to_vec());
    let public = EcPublic { key_type, params: params.clone(), point: point(curve, &key)? };
    let private = EcPrivate { key_type, params, value: private_value(curve, &key)? };
    Ok((public, private))
}

/// Both halves of a new key pair, the private value made from 64 bits more than the order has (FIPS
/// 186-5, section A.2.1): `CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS`.
pub(super) fn generate_with_extra_bits(
    curve: &'static Curve,
    params: &[u8],
) -> Result<(EcPublic, EcPrivate)> {
    let random = Secret::with(curve.len + 8, random_private)?;
    let value = reduced(curve, &random).map_err(|_| Error::DeviceError)?;
    let point = multiply(curve, &value).map_err(|_| Error::DeviceError)?;
    let (key_type, params) = (curve.key_type, params.to_vec());
    let public = EcPublic { key_type, params: params.clone(), point };
    Ok((public, EcPrivate { key_type, params, value }))
}

fn group(curve: &Curve) -> ParamList<'static> {
    let params = ParamList::new();
    match curve.is_weierstrass() {
        true => params.text(c"group", curve.group),
        false => params,
    }
}

/// `random mod (n - 1) + 1`, at its full length. The surplus of 64 bits hides what the reduction
/// favours.
fn reduced(curve: &Curve, random: &Secret) -> Result<Secret> {
    on_clean_stack(|| {
        let number = || {
            let group = EcGroup::from_curve_name(curve.nid)?;
            let mut order = BigNum::new()?;
            let mut scratch = BigNumContext::new_secure()?;
            group.order(&mut order, &mut scratch)?;
            order.sub_word(1)?;
            let mut value = BigNum::new_secure()?;
            value.nnmod(&*secret_number(random)?, &order, &mut scratch)?;
            value.add_word(1)?;
            value.to_vec_padded(i32::try_from(curve.len).unwrap_or_default())
        };
        Secret::take(number().map_err(|_: ErrorStack| Error::DeviceError)?)
    })
}

fn in_range(curve: &Curve, value: &Secret) -> std::result::Result<bool, ErrorStack> {
    on_own_stack(|| {
        let group = EcGroup::from_curve_name(curve.nid)?;
        let mut order = BigNum::new()?;
        group.order(&mut order, &mut *BigNumContext::new()?)?;
        let number = secret_number(value)?;
        Ok(number.num_bits() > 0 && number < order)
    })
}

fn uncompressed(curve: &Curve, point: &[u8]) -> std::result::Result<Vec<u8>, ErrorStack> {
    let group = EcGroup::from_curve_name(curve.nid)?;
    let mut scratch = BigNumContext::new()?;
    let point = EcPoint::from_bytes(&group, point, &mut scratch)?;
    point.to_bytes(&group, PointConversionForm::UNCOMPRESSED, &mut scratch)
}

fn multiply(curve: &Curve, value: &Secret) -> std::result::Result<Vec<u8>, ErrorStack> {
    on_own_stack(|| {
        let group = EcGroup::from_curve_name(curve.nid)?;
        let mut scratch = BigNumContext::new_secure()?;
        let mut point = EcPoint::new(&group)?;
        point.mul_generator2(&group, &*secret_number(value)?, &mut scratch)?;
        point.to_bytes(&group, PointConversionForm::UNCOMPRESSED, &mut scratch)
    })
}

/// A number whose memory OpenSSL wipes.
fn secret_number(value: &Secret) -> std::result::Result<BigNum, ErrorStack> {
    let mut number = BigNum::new_secure()?;
    number.copy_from_slice(value.expose())?;
    number.set_const_time();
    Ok(number)
}
