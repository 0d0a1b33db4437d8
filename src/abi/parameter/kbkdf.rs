// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of SP 800-108.

use super::places::FurtherKey;
use super::{LONGEST, Parameter, boolean, elements, field};
use crate::abi::pointer::Pointer;
use crate::error::{Error, Result};
use crate::mechanism::Params;
use crate::mechanism::params::{Integer, Kbkdf, PrfData};
use cryptoki_sys::*;

impl<'a> Parameter<'a> {
    pub(super) fn kbkdf(&self) -> Result<Params> {
        let given: CK_SP800_108_KDF_PARAMS = self.structure()?;
        let data = sequence(given.pDataParams, given.ulNumberOfDataParams)?;
        Ok(Params::Kbkdf(Kbkdf { prf: given.prfType, data, iv: Vec::new() }))
    }

    pub(super) fn kbkdf_feedback(&self) -> Result<Params> {
        let given: CK_SP800_108_FEEDBACK_KDF_PARAMS = self.structure()?;
        let data = sequence(given.pDataParams, given.ulNumberOfDataParams)?;
        let iv = field(given.pIV, given.ulIVLen)?.to_vec();
        Ok(Params::Kbkdf(Kbkdf { prf: given.prfType, data, iv }))
    }

    /// The further keys of either structure.
    pub(super) fn kbkdf_keys(&self, feedback: bool) -> Result<Vec<FurtherKey<'a>>> {
        let (keys, count) = if feedback {
            let given: CK_SP800_108_FEEDBACK_KDF_PARAMS = self.structure()?;
            (given.pAdditionalDerivedKeys, given.ulAdditionalDerivedKeys)
        } else {
            let given: CK_SP800_108_KDF_PARAMS = self.structure()?;
            (given.pAdditionalDerivedKeys, given.ulAdditionalDerivedKeys)
        };
        elements(keys, count)?.iter().map(further_key).collect()
    }
}

fn further_key<'a>(key: &CK_DERIVED_KEY) -> Result<FurtherKey<'a>> {
    // SAFETY: a template and a place of a handle in a parameter are what their types say, for the
    // length of the call, by the caller's promise.
    let (template, place) = unsafe { (Pointer::inner(key.pTemplate), Pointer::inner(key.phKey)) };
    place.required()?;
    Ok(FurtherKey { template, count: key.ulAttributeCount, place })
}

fn sequence(data: *mut CK_PRF_DATA_PARAM, count: CK_ULONG) -> Result<Vec<PrfData>> {
    let data = elements(data, count)?;
    // The pieces may all be the same memory: what is copied is bounded in all.
    let total = data.iter().fold(0, |sum: CK_ULONG, data| sum.saturating_add(data.ulValueLen));
    if total > LONGEST {
        return Err(Error::MechanismParamInvalid);
    }
    data.iter().map(one).collect()
}

fn one(data: &CK_PRF_DATA_PARAM) -> Result<PrfData> {
    match data.type_ {
        CK_SP800_108_ITERATION_VARIABLE if data.ulValueLen == 0 && data.pValue.is_null() => {
            Ok(PrfData::Iteration(None))
        }
        CK_SP800_108_ITERATION_VARIABLE => counter(data).map(|form| PrfData::Iteration(Some(form))),
        CK_SP800_108_COUNTER => counter(data).map(PrfData::Counter),
        CK_SP800_108_DKM_LENGTH => {
            let format: CK_SP800_108_DKM_LENGTH_FORMAT = value(data)?;
            let of_keys = match format.dkmLengthMethod {
                CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS => true,
                CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS => false,
                _ => return Err(Error::MechanismParamInvalid),
            };
            let format = integer(format.bLittleEndian, format.ulWidthInBits, 64)?;
            Ok(PrfData::Length { of_keys, format })
        }
        CK_SP800_108_BYTE_ARRAY => match field(data.pValue.cast(), data.ulValueLen)? {
            [] => Err(Error::MechanismParamInvalid),
            bytes => Ok(PrfData::Bytes(bytes.to_vec())),
        },
        CK_SP800_108_KEY_HANDLE => value(data).map(PrfData::Key),
        _ => Err(Error::MechanismParamInvalid),
    }
}

fn counter(data: &CK_PRF_DATA_PARAM) -> Result<Integer> {
    let format: CK_SP800_108_COUNTER_FORMAT = value(data)?;
    // SP 800-108, section 4: the counter has 32 bits at most.
    integer(format.bLittleEndian, format.ulWidthInBits, 32)
}

/// Integers are written in whole bytes.
fn integer(little_endian: CK_BBOOL, bits: CK_ULONG, widest: CK_ULONG) -> Result<Integer> {
    let little_endian = boolean(little_endian)?;
    match bits {
        0 => Err(Error::MechanismParamInvalid),
        bits if bits % 8 == 0 && bits <= widest => {
            Ok(Integer { little_endian, bytes: bits as usize / 8 })
        }
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// The structure that a piece of data points at, which it must be exactly as long as.
fn value<T: Copy>(data: &CK_PRF_DATA_PARAM) -> Result<T> {
    if data.ulValueLen as usize != size_of::<T>() {
        return Err(Error::MechanismParamInvalid);
    }
    // SAFETY: it is as long as the structure, by the caller's promise.
    unsafe { Pointer::inner(data.pValue.cast::<T>()) }.read()
}
