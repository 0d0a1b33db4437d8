// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The parameters of mechanisms: C structures in the application's memory become owned values. What
//! each family takes is read in its own file; here are the one dispatch and what they share.

mod cipher;
mod context;
mod curve;
mod derive;
mod field;
mod ike;
mod kbkdf;
pub(super) mod message;
mod password;
mod places;
mod rsa;
mod tls;

pub(super) use places::{KeyMaterial, Places};

use super::pointer::Pointer;
use crate::error::{Error, Result};
use crate::mechanism::{ParamKind, Params};
use cryptoki_sys::*;

/// A parameter in the application's memory.
pub(super) struct Parameter<'a> {
    bytes: Pointer<'a, u8>,
    len: CK_ULONG,
    asker: Asker,
}

/// Which call the parameter is for: wrapping has structures of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// `C_WrapKey`.
    Wrap,
    /// `C_UnwrapKey`.
    Unwrap,
    /// Any other.
    Other,
}

impl<'a> Parameter<'a> {
    /// A parameter of so many bytes.
    pub(super) fn new(bytes: Pointer<'a, u8>, len: CK_ULONG, asker: Asker) -> Parameter<'a> {
        Parameter { bytes, len, asker }
    }

    /// Reads it as the structure that a mechanism takes.
    pub(super) fn read(&self, kind: ParamKind) -> Result<Params> {
        let none = self.len == 0;
        match kind {
            ParamKind::None if none => Ok(Params::None),
            ParamKind::None => Err(Error::MechanismParamInvalid),
            ParamKind::OptionalIv(_) | ParamKind::Eddsa | ParamKind::SignContext if none => {
                Ok(Params::None)
            }
            ParamKind::Iv(len) | ParamKind::OptionalIv(len) => self.iv(len),
            ParamKind::Counter => self.counter(),
            ParamKind::Gcm => self.gcm(),
            ParamKind::Ccm => self.ccm(),
            ParamKind::IvData(len) => self.iv_data(len),
            ParamKind::ChaCha20 => self.chacha20(),
            ParamKind::ChaCha20Poly1305 => self.chacha20_poly1305(),
            ParamKind::MacLength => {
                let length: CK_ULONG = self.structure()?;
                Ok(Params::MacLength(length as usize))
            }
            ParamKind::Pss => self.pss(),
            ParamKind::Oaep => self.oaep(),
            ParamKind::RsaAesWrap => self.rsa_aes_wrap(),
            ParamKind::Eddsa => self.eddsa(),
            ParamKind::Ecdh => self.ecdh(),
            ParamKind::EcdhAesWrap => self.ecdh_aes_wrap(),
            ParamKind::PublicValue => self.public_value(),
            ParamKind::X942 => self.x9_42(),
            ParamKind::Hkdf => self.hkdf(),
            ParamKind::DerivationData => self.derivation_data(),
            ParamKind::KeyHandle => self.structure().map(Params::KeyHandle),
            ParamKind::FirstBit => self.first_bit(),
            ParamKind::Kbkdf => self.kbkdf(),
            ParamKind::KbkdfFeedback => self.kbkdf_feedback(),
            ParamKind::Pbkdf2 => self.pbkdf2(),
            ParamKind::Version => self.version(),
            ParamKind::TlsMaster => self.tls_master(),
            ParamKind::TlsExtendedMaster => self.tls_extended_master(),
            ParamKind::TlsKeys => self.tls_keys(true),
            ParamKind::TlsKeysAlone => self.tls_keys(false),
            ParamKind::TlsKdf => self.tls_kdf(),
            ParamKind::TlsMac => self.tls_mac(),
            ParamKind::IkePrf => self.ike_prf(),
            ParamKind::Ike1Prf => self.ike1_prf(),
            ParamKind::Ike1Extended => self.ike1_extended(),
            ParamKind::Ike2PrfPlus => self.ike2_prf_plus(),
            ParamKind::SignContext => self.sign_context(),
            ParamKind::HashSignContext => self.hash_sign_context(),
        }
    }

    /// The parameter as a structure, which it must be exactly as long as.
    fn structure<T: Copy>(&self) -> Result<T> {
        if self.len as usize != size_of::<T>() {
            return Err(Error::MechanismParamInvalid);
        }
        self.bytes.cast::<T>().read()
    }
}

/// Bytes that a structure points at.
fn field<'a>(pointer: *mut CK_BYTE, len: CK_ULONG) -> Result<&'a [u8]> {
    if len > LONGEST {
        return Err(Error::MechanismParamInvalid);
    }
    // SAFETY: a field of a parameter is as long as its length says, by the caller's promise.
    unsafe { Pointer::inner(pointer) }.slice(len)
}

/// Elements that a structure points at; more than any real use has are refused.
fn elements<'a, T>(pointer: *mut T, count: CK_ULONG) -> Result<&'a [T]> {
    if count > MOST {
        return Err(Error::MechanismParamInvalid);
    }
    // SAFETY: as for `field`.
    unsafe { Pointer::inner(pointer) }.slice(count)
}

/// The length of an AES key from its bits: "can be only 128, 192 or 256".
fn aes_length(bits: CK_ULONG) -> Result<usize> {
    match bits {
        128 | 192 | 256 => Ok(bits as usize / 8),
        _ => Err(Error::MechanismParamInvalid),
    }
}

fn boolean(byte: CK_BBOOL) -> Result<bool> {
    match byte {
        CK_FALSE => Ok(false),
        CK_TRUE => Ok(true),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// The longest field of a parameter, bytes: additional data of a file's size is not one.
const LONGEST: CK_ULONG = 1 << 24;
/// The most elements of an array in a parameter.
const MOST: CK_ULONG = 1 << 10;
