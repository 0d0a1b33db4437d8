// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The ECDH-AES key wraps (PKCS #11, sections "ECDH AES KEY WRAP", "ECDH COFACTOR AES KEY WRAP" and
//! "ECDH Montgomery AES KEY WRAP"): the public half of a new key on the curve, and behind it the
//! key that is wrapped, under an AES key that the two agree on.

use super::curve::Curve;
use super::ec::SIZES;
use super::ecdh::{self, Function};
use super::key::{Key, KeyClass};
use super::{Cipher, Direction, Does, ParamKind, Params, Row, ec_key, transport};
use crate::codec::der;
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// The wraps.
pub const ROWS: &[Row] = &[
    row(CKM_ECDH_AES_KEY_WRAP, "CKM_ECDH_AES_KEY_WRAP", &[CKK_EC, CKK_EC_MONTGOMERY], SIZES),
    row(CKM_ECDH_COF_AES_KEY_WRAP, "CKM_ECDH_COF_AES_KEY_WRAP", &[CKK_EC], SIZES),
    row(CKM_ECDH_X_AES_KEY_WRAP, "CKM_ECDH_X_AES_KEY_WRAP", &[CKK_EC_MONTGOMERY], (255, 448)),
];

const fn row(
    id: CK_MECHANISM_TYPE,
    name: &'static str,
    keys: &'static [CK_KEY_TYPE],
    sizes: (CK_ULONG, CK_ULONG),
) -> Row {
    let does = Does { wrap: Some(wrap), ..Does::NOTHING };
    Row { params: ParamKind::EcdhAesWrap, does, ..Row::new(id, name, keys, sizes) }
}

fn wrap(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::EcdhAesWrap { aes, kdf, shared } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let function = Function::of(*kdf, shared)?;
    let curve = key.curve()?;
    // Without a function the AES key is the front of the secret, which must be long enough.
    if matches!(function, Function::Null) && curve.bits.div_ceil(8) < *aes {
        return Err(Error::MechanismParamInvalid);
    }
    key.pkey(match direction {
        Direction::Encrypt => KeyClass::Public,
        Direction::Decrypt => KeyClass::Private,
    })?;
    Ok(Box::new(EcdhAes {
        key: Arc::clone(key),
        curve,
        direction,
        aes: *aes,
        function,
        shared: shared.clone(),
        wrapped_point: row.id == CKM_ECDH_COF_AES_KEY_WRAP,
    }))
}

struct EcdhAes {
    key: Arc<Key>,
    curve: &'static Curve,
    direction: Direction,
    /// The length of the AES key, bytes.
    aes: usize,
    function: Function,
    shared: Vec<u8>,
    /// Whether the public half is written in a DER OCTET STRING, and not raw.
    wrapped_point: bool,
}

impl EcdhAes {
    fn wrap(&self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let own = ec_key::fresh(self.curve)?;
        let key = self.agreed(&own, self.key.pkey(KeyClass::Public)?)?;
        let mut point = ec_key::point(self.curve, &own)?;
        if self.wrapped_point {
            point = der::wrap(der::OCTET_STRING, &point);
        }
        let (head, rest) = output.split_at_mut_checked(point.len()).ok_or(Error::BufferTooSmall)?;
        head.copy_from_slice(&point);
        Ok(point.len() + transport::wrap(&key, input, rest)?)
    }

    fn unwrap(&self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let (point, rest) = self.split(input).ok_or(Error::EncryptedDataLenRange)?;
        let invalid = |_| Error::EncryptedDataInvalid;
        let (peer, _) = ec_key::public(self.curve, point, false).map_err(invalid)?;
        let key = self.agreed(self.key.pkey(KeyClass::Private)?, &peer).map_err(invalid)?;
        transport::unwrap(&key, rest, output)
    }

    /// The public half, and the wrapped key behind it. For short Weierstrass curves the public half
    /// may be raw or in an OCTET STRING: the wrapped key has a length of whole semiblocks, which
    /// the length of only one of the two readings leaves.
    fn split<'a>(&self, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let whole =
            |(point, rest): &(&[u8], &[u8])| point.len() == self.point_len() && rest.len() % 8 == 0;
        let wrapped = || der::read(der::OCTET_STRING, input).filter(whole);
        let raw = || input.split_at_checked(self.point_len()).filter(whole);
        match self.curve.is_weierstrass() {
            true => wrapped().or_else(raw),
            false => raw(),
        }
    }

    fn agreed(&self, own: &super::ossl::Pkey, peer: &super::ossl::Pkey) -> Result<Secret> {
        let mut secret = ecdh::secret(self.curve, own, peer)?;
        if matches!(self.function, Function::Null) {
            secret.truncate(self.aes);
            return Ok(secret);
        }
        self.function.keying(secret, &self.shared, self.aes)
    }

    fn point_len(&self) -> usize {
        match self.curve.is_weierstrass() {
            true => 1 + 2 * self.curve.len,
            false => self.curve.len,
        }
    }
}

impl Cipher for EcdhAes {
    fn multi_part(&self) -> bool {
        false
    }

    fn exact(&self) -> bool {
        false
    }

    fn whole_len(&self, input: usize) -> usize {
        match self.direction {
            Direction::Encrypt => {
                transport::wrapped_len(input).saturating_add(self.point_len() + HEAD)
            }
            Direction::Decrypt => input,
        }
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        match self.direction {
            Direction::Encrypt => self.wrap(input, output),
            Direction::Decrypt => self.unwrap(input, output),
        }
    }
}

/// The longest head of an OCTET STRING around a point, bytes.
const HEAD: usize = 3;
