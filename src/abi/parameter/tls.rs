// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of TLS.

use super::places::{KeyMaterial, Places};
use super::{Parameter, boolean, field};
use crate::abi::pointer::Pointer;
use crate::error::{Error, Result};
use crate::mechanism::params::TlsKeys;
use crate::mechanism::{ParamKind, Params};
use cryptoki_sys::*;

impl<'a> Parameter<'a> {
    pub(super) fn version(&self) -> Result<Params> {
        let given: CK_VERSION = self.structure()?;
        Ok(Params::Version([given.major, given.minor]))
    }

    pub(super) fn tls_master(&self) -> Result<Params> {
        let given: CK_TLS12_MASTER_KEY_DERIVE_PARAMS = self.structure()?;
        let (client, server) = randoms(&given.RandomInfo)?;
        Ok(Params::TlsMaster {
            prf: given.prfHashMechanism,
            seed: [client, server].concat(),
            versioned: !given.pVersion.is_null(),
        })
    }

    pub(super) fn tls_extended_master(&self) -> Result<Params> {
        let given: CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS = self.structure()?;
        let seed = field(given.pSessionHash, given.ulSessionHashLen)?;
        if seed.is_empty() {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::TlsMaster {
            prf: given.prfHashMechanism,
            seed: seed.to_vec(),
            versioned: !given.pVersion.is_null(),
        })
    }

    pub(super) fn tls_version(&self, kind: ParamKind) -> Result<Places<'a>> {
        let version = match kind {
            ParamKind::TlsExtendedMaster => {
                self.structure::<CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS>()?.pVersion
            }
            _ => self.structure::<CK_TLS12_MASTER_KEY_DERIVE_PARAMS>()?.pVersion,
        };
        // SAFETY: it points at a version, by the caller's promise, for the length of the call.
        let place: Pointer<'a, CK_VERSION> = unsafe { Pointer::inner(version) };
        Ok(if place.is_null() { Places::None } else { Places::Version(place) })
    }

    pub(super) fn tls_keys(&self, vectors: bool) -> Result<Params> {
        let given: CK_TLS12_KEY_MAT_PARAMS = self.structure()?;
        // No cipher suite of TLS 1.1 and later is for export.
        if boolean(given.bIsExport)? {
            return Err(Error::MechanismParamInvalid);
        }
        let (client, server) = randoms(&given.RandomInfo)?;
        Ok(Params::TlsKeys(TlsKeys {
            prf: given.prfHashMechanism,
            mac: whole_bytes(given.ulMacSizeInBits)?,
            key: whole_bytes(given.ulKeySizeInBits)?,
            iv: if vectors { whole_bytes(given.ulIVSizeInBits)? } else { 0 },
            seed: [server, client].concat(),
        }))
    }

    pub(super) fn tls_key_material(&self, vectors: bool) -> Result<Places<'a>> {
        let given: CK_TLS12_KEY_MAT_PARAMS = self.structure()?;
        // SAFETY: it points at the structure, by the caller's promise, for the length of the call.
        let out: Pointer<'a, CK_SSL3_KEY_MAT_OUT> =
            unsafe { Pointer::inner(given.pReturnedKeyMaterial) };
        let buffers = out.read()?;
        let mut ivs = Vec::new();
        if vectors && given.ulIVSizeInBits > 0 {
            for buffer in [buffers.pIVClient, buffers.pIVServer] {
                // SAFETY: as long as the vectors that were asked for, by the caller's promise.
                let buffer: Pointer<'a, CK_BYTE> = unsafe { Pointer::inner(buffer) };
                buffer.required()?;
                ivs.push(buffer);
            }
        }
        Ok(Places::KeyMaterial(KeyMaterial {
            out,
            macs: given.ulMacSizeInBits > 0,
            keys: given.ulKeySizeInBits > 0,
            ivs,
        }))
    }

    pub(super) fn tls_kdf(&self) -> Result<Params> {
        let given: CK_TLS_KDF_PARAMS = self.structure()?;
        let label = field(given.pLabel, given.ulLabelLength)?.to_vec();
        let (client, server) = randoms(&given.RandomInfo)?;
        let mut seed = [client, server].concat();
        let context = field(given.pContextData, given.ulContextDataLength)?;
        // RFC 5705, section 4: no context is something else than an empty one.
        if !given.pContextData.is_null() {
            let len = u16::try_from(context.len()).map_err(|_| Error::MechanismParamInvalid)?;
            seed.extend_from_slice(&len.to_be_bytes());
            seed.extend_from_slice(context);
        }
        Ok(Params::TlsKdf { prf: given.prfMechanism, label, seed })
    }

    pub(super) fn tls_mac(&self) -> Result<Params> {
        let given: CK_TLS_MAC_PARAMS = self.structure()?;
        let server = match given.ulServerOrClient {
            1 => true,
            2 => false,
            _ => return Err(Error::MechanismParamInvalid),
        };
        let len = given.ulMacLength as usize;
        Ok(Params::TlsMac { prf: given.prfHashMechanism, len, server })
    }
}

fn randoms<'a>(given: &CK_SSL3_RANDOM_DATA) -> Result<(&'a [u8], &'a [u8])> {
    let client = field(given.pClientRandom, given.ulClientRandomLen)?;
    Ok((client, field(given.pServerRandom, given.ulServerRandomLen)?))
}

/// A length in bits, of whole bytes and no more than any cipher suite has.
fn whole_bytes(bits: CK_ULONG) -> Result<usize> {
    match bits {
        bits if bits % 8 == 0 && bits <= LONGEST_PART => Ok(bits as usize / 8),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// The longest key or vector, bits.
const LONGEST_PART: CK_ULONG = 8192;
