// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The pseudo-random function of TLS 1.0 to 1.2 (RFC 2246, RFC 5246), and the MAC of its "finished"
//! messages (PKCS #11, section "TLS MAC").

use super::derive::SIZES;
use super::ossl::{Kdf, ParamList, derive, equal};
use super::{Does, Hash, Key, ParamKind, Params, Row, Signer, Verifier};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::ffi::CStr;
use std::sync::Arc;

/// The MACs.
pub const ROWS: &[Row] = &[row(CKM_TLS_MAC, "CKM_TLS_MAC"), row(CKM_TLS12_MAC, "CKM_TLS12_MAC")];

const fn row(id: CK_MECHANISM_TYPE, name: &'static str) -> Row {
    let does = Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING };
    Row { params: ParamKind::TlsMac, does, ..Row::new(id, name, &[CKK_GENERIC_SECRET], SIZES) }
}

/// The function: over a hash in TLS 1.2, over MD5 and SHA-1 together before.
#[derive(Clone, Copy)]
pub(super) struct TlsPrf {
    digest: &'static CStr,
    old: bool,
}

impl TlsPrf {
    /// The function over the hash of a digest mechanism; `CKM_TLS_PRF` is that of TLS 1.0 and 1.1.
    pub(super) fn of(mechanism: CK_MECHANISM_TYPE) -> Result<TlsPrf> {
        match mechanism {
            CKM_TLS_PRF => Ok(TlsPrf { digest: c"MD5-SHA1", old: true }),
            _ => TlsPrf::with_hash(mechanism),
        }
    }

    /// The function of TLS 1.2.
    pub(super) fn with_hash(mechanism: CK_MECHANISM_TYPE) -> Result<TlsPrf> {
        let hash = Hash::of_mechanism(mechanism).ok_or(Error::MechanismParamInvalid)?;
        Ok(TlsPrf { digest: hash.name(), old: false })
    }

    /// `len` bytes of output.
    pub(super) fn expand(
        self,
        secret: &[u8],
        label: &[u8],
        seed: &[u8],
        len: usize,
    ) -> Result<Secret> {
        if len == 0 {
            return Secret::zeroed(0);
        }
        let seed = [label, seed].concat();
        let list = ParamList::new()
            .text(c"digest", self.digest)
            .octets(c"secret", secret)
            .octets(c"seed", &seed);
        Secret::with(len, |out| derive(Kdf::Tls1Prf, &list, out))
    }
}

fn sign(_: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    Ok(Box::new(Finished::new(key, params)?))
}

fn verify(_: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(Finished::new(key, params)?))
}

/// The data of a "finished" message in the making. The function needs all of its seed at once.
struct Finished {
    key: Arc<Key>,
    prf: TlsPrf,
    label: &'static [u8],
    len: usize,
    data: Vec<u8>,
}

impl Finished {
    fn new(key: &Arc<Key>, params: &Params) -> Result<Finished> {
        let Params::TlsMac { prf, len, server } = params else {
            return Err(Error::MechanismParamInvalid);
        };
        let prf = TlsPrf::of(*prf)?;
        // Always 12 bytes before TLS 1.2, and no less in it.
        let most = if prf.old { LEAST } else { MOST };
        if !(LEAST..=most).contains(len) {
            return Err(Error::MechanismParamInvalid);
        }
        let label = if *server { &b"server finished"[..] } else { &b"client finished"[..] };
        Ok(Finished { key: Arc::clone(key), prf, label, len: *len, data: Vec::new() })
    }

    fn take(&mut self, data: &[u8]) -> Result<()> {
        if self.data.len().saturating_add(data.len()) > LONGEST_DATA {
            return Err(Error::DataLenRange);
        }
        self.data.try_reserve(data.len()).map_err(|_| Error::HostMemory)?;
        self.data.extend_from_slice(data);
        Ok(())
    }

    fn code(&mut self) -> Result<Secret> {
        let data = std::mem::take(&mut self.data);
        self.prf.expand(self.key.value()?, self.label, &data, self.len)
    }
}

impl Signer for Finished {
    fn len(&self) -> usize {
        self.len
    }

    fn whole(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize> {
        self.take(data)?;
        Signer::finish(self, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.take(data)
    }

    fn finish(&mut self, signature: &mut [u8]) -> Result<usize> {
        let code = self.code()?;
        let room = signature.get_mut(..code.len()).ok_or(Error::BufferTooSmall)?;
        room.copy_from_slice(code.expose());
        Ok(code.len())
    }
}

impl Verifier for Finished {
    fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.take(data)?;
        Verifier::finish(self, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.take(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let code = self.code()?;
        if signature.len() != code.len() {
            return Err(Error::SignatureLenRange);
        }
        if equal(code.expose(), signature) { Ok(()) } else { Err(Error::SignatureInvalid) }
    }
}

/// The lengths of a MAC, bytes.
const LEAST: usize = 12;
const MOST: usize = 1024;
/// The most data that is signed, bytes: it is the hash of a handshake.
const LONGEST_DATA: usize = 1 << 24;
