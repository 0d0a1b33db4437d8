// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mechanisms as a call names them: the row is looked up, and the C structure that the row says it
//! takes is read into an owned parameter. Anything amiss in it is `CKR_MECHANISM_PARAM_INVALID`.

use super::pointer::Pointer;
use crate::error::{Error, Result};
use crate::mechanism::params::{Hkdf, Iv, Salt};
use crate::mechanism::{self, Hash, ParamKind, Params};
use crate::session::Call;
use cryptoki_sys::*;

/// The mechanism of a call that needs one.
pub(super) fn call(mechanism: Pointer<'_, CK_MECHANISM>) -> Result<Call> {
    call_or_cancel(mechanism)?.ok_or(Error::ArgumentsBad)
}

/// The mechanism of an `*Init` call; none (NULL) cancels the operation at hand.
pub(super) fn call_or_cancel(mechanism: Pointer<'_, CK_MECHANISM>) -> Result<Option<Call>> {
    if mechanism.is_null() {
        return Ok(None);
    }
    let given = mechanism.read()?;
    let row = mechanism::find(given.mechanism)?;
    // SAFETY: a mechanism's parameter is as long as the mechanism says, by the caller's promise.
    let bytes: Pointer<'_, u8> = unsafe { Pointer::inner(given.pParameter.cast()) };
    let parameter = Parameter { bytes, len: given.ulParameterLen };
    let params = parameter.read(row.params).map_err(|error| match error {
        Error::ArgumentsBad => Error::MechanismParamInvalid,
        other => other,
    })?;
    Ok(Some(Call { row, params }))
}

/// A parameter in the application's memory.
struct Parameter<'a> {
    bytes: Pointer<'a, u8>,
    len: CK_ULONG,
}

impl Parameter<'_> {
    fn read(&self, kind: ParamKind) -> Result<Params> {
        let none = self.len == 0;
        match kind {
            ParamKind::None if none => Ok(Params::None),
            ParamKind::None => Err(Error::MechanismParamInvalid),
            ParamKind::OptionalIv(_) | ParamKind::Eddsa if none => Ok(Params::None),
            ParamKind::Iv(len) | ParamKind::OptionalIv(len) => self.iv(len),
            ParamKind::Counter => self.counter(),
            ParamKind::Gcm => self.gcm(),
            ParamKind::MacLength => {
                let length: CK_ULONG = self.structure()?;
                Ok(Params::MacLength(length as usize))
            }
            ParamKind::Pss => self.pss(),
            ParamKind::Oaep => self.oaep(),
            ParamKind::Eddsa => self.eddsa(),
            ParamKind::Ecdh => self.ecdh(),
            ParamKind::Hkdf => self.hkdf(),
        }
    }

    /// The parameter as a structure, which it must be exactly as long as.
    fn structure<T: Copy>(&self) -> Result<T> {
        if self.len as usize != size_of::<T>() {
            return Err(Error::MechanismParamInvalid);
        }
        self.bytes.cast::<T>().read()
    }

    fn iv(&self, len: usize) -> Result<Params> {
        if self.len as usize != len {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::Iv(Iv::from_slice(self.bytes.slice(self.len)?)))
    }

    fn counter(&self) -> Result<Params> {
        let given: CK_AES_CTR_PARAMS = self.structure()?;
        match given.ulCounterBits {
            bits @ 1..=128 => Ok(Params::Counter { bits: bits as usize, block: given.cb }),
            _ => Err(Error::MechanismParamInvalid),
        }
    }

    fn gcm(&self) -> Result<Params> {
        let given: CK_GCM_PARAMS = self.structure()?;
        if given.ulTagBits > 128 || given.ulIvLen > LONGEST_IV {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::Gcm {
            iv: Iv::from_slice(field(given.pIv, given.ulIvLen)?),
            aad: match field(given.pAAD, given.ulAADLen)? {
                [] => Vec::new(),
                aad => aad.to_vec(),
            },
            tag_bits: given.ulTagBits as usize,
        })
    }

    fn pss(&self) -> Result<Params> {
        let given: CK_RSA_PKCS_PSS_PARAMS = self.structure()?;
        if given.sLen > LONGEST {
            return Err(Error::MechanismParamInvalid);
        }
        let (hash, mgf) = hashes(given.hashAlg, given.mgf)?;
        Ok(Params::Pss { hash, mgf, salt: given.sLen as usize })
    }

    fn oaep(&self) -> Result<Params> {
        let given: CK_RSA_PKCS_OAEP_PARAMS = self.structure()?;
        let (hash, mgf) = hashes(given.hashAlg, given.mgf)?;
        let label = match given.source {
            // No source: then no label either.
            0 if given.ulSourceDataLen == 0 => Vec::new(),
            CKZ_DATA_SPECIFIED => field(given.pSourceData.cast(), given.ulSourceDataLen)?.to_vec(),
            _ => return Err(Error::MechanismParamInvalid),
        };
        Ok(Params::Oaep { hash, mgf, label })
    }

    fn eddsa(&self) -> Result<Params> {
        let given: CK_EDDSA_PARAMS = self.structure()?;
        let context = field(given.pContextData, given.ulContextDataLen)?;
        if context.len() > 255 {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::Eddsa { prehash: boolean(given.phFlag)?, context: context.to_vec() })
    }

    fn ecdh(&self) -> Result<Params> {
        let given: CK_ECDH1_DERIVE_PARAMS = self.structure()?;
        Ok(Params::Ecdh {
            kdf: given.kdf,
            shared: field(given.pSharedData, given.ulSharedDataLen)?.to_vec(),
            public: field(given.pPublicData, given.ulPublicDataLen)?.to_vec(),
        })
    }

    fn hkdf(&self) -> Result<Params> {
        let given: CK_HKDF_PARAMS = self.structure()?;
        let hash = Hash::of_mechanism(given.prfHashMechanism);
        let (extract, expand) = (boolean(given.bExtract)?, boolean(given.bExpand)?);
        // Without its step, salt or info is ignored, whatever it is.
        let salt = match given.ulSaltType {
            _ if !extract => Salt::None,
            CKF_HKDF_SALT_NULL => Salt::None,
            CKF_HKDF_SALT_DATA => Salt::Data(field(given.pSalt, given.ulSaltLen)?.to_vec()),
            CKF_HKDF_SALT_KEY => Salt::Key(given.hSaltKey),
            _ => return Err(Error::MechanismParamInvalid),
        };
        let info = if expand { field(given.pInfo, given.ulInfoLen)? } else { &[] };
        Ok(Params::Hkdf(Hkdf {
            extract,
            expand,
            hash: hash.ok_or(Error::MechanismParamInvalid)?,
            salt,
            info: info.to_vec(),
        }))
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

fn boolean(byte: CK_BBOOL) -> Result<bool> {
    match byte {
        CK_FALSE => Ok(false),
        CK_TRUE => Ok(true),
        _ => Err(Error::MechanismParamInvalid),
    }
}

fn hashes(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE) -> Result<(Hash, Hash)> {
    Hash::of_mechanism(hash).zip(Hash::of_mgf(mgf)).ok_or(Error::MechanismParamInvalid)
}

/// The longest field of a parameter, bytes: additional data of a file's size is not one.
const LONGEST: CK_ULONG = 1 << 24;
/// The longest initialisation vector, bytes.
const LONGEST_IV: CK_ULONG = 256;
