// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pseudo-random functions: the MACs that key derivations are built on, named by the mechanisms that
//! compute them.

use super::ossl::{MacCtx, MacKind};
use super::{Hash, Key, ParamKind, Row, find};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// A pseudo-random function.
#[derive(Clone, Copy)]
pub(super) struct Prf {
    row: &'static Row,
    kind: MacKind,
}

impl Prf {
    /// The function that this mechanism computes; others are `MechanismParamInvalid`.
    pub(super) fn of(mechanism: CK_MECHANISM_TYPE) -> Result<Prf> {
        let row = find(mechanism).map_err(|_| Error::MechanismParamInvalid)?;
        let keyed = row.does.sign.is_some() && row.keys.contains(&CKK_GENERIC_SECRET);
        let kind = match (row.hash, row.params) {
            (Some(hash), ParamKind::None) if keyed && told(hash) => MacKind::Hmac(hash),
            (None, ParamKind::None) if mechanism == CKM_AES_CMAC => MacKind::Cmac,
            (None, ParamKind::None) if mechanism == CKM_DES3_CMAC => MacKind::Des3Cmac,
            _ => return Err(Error::MechanismParamInvalid),
        };
        Ok(Prf { row, kind })
    }

    /// The length of its output, bytes.
    pub(super) fn len(self) -> usize {
        self.kind.len()
    }

    /// The type of keys that are for it alone.
    pub(super) fn key_type(self) -> CK_KEY_TYPE {
        self.row.keys.last().copied().unwrap_or(CKK_GENERIC_SECRET)
    }

    /// The value of a key, if the function takes keys of its type.
    pub(super) fn key(self, key: &Key) -> Result<&[u8]> {
        match self.row.keys.contains(&key.key_type()) {
            true => key.value(),
            false => Err(Error::KeyTypeInconsistent),
        }
    }

    /// Begins with a key that may be any bytes.
    pub(super) fn begin(self, key: &[u8]) -> Result<MacCtx> {
        MacCtx::new(self.kind, key)
    }

    /// The output over the parts one after the other.
    pub(super) fn once(self, key: &[u8], parts: &[&[u8]]) -> Result<Secret> {
        let mut context = self.begin(key)?;
        Secret::with(self.len(), |out| feed(&mut context, parts, out))
    }

    /// `len` bytes of as many outputs as it takes, each over what `input` names of the output before
    /// (empty at first) and the number of this one, from 1.
    pub(super) fn chain<'a>(
        self,
        key: &[u8],
        len: usize,
        mut input: impl FnMut(&mut MacCtx, &[u8], usize) -> Result<()> + 'a,
    ) -> Result<Secret> {
        let mut context = self.begin(key)?;
        let mut all = Secret::zeroed(len.next_multiple_of(self.len()))?;
        let mut rest = all.expose_mut();
        let mut before: &[u8] = &[];
        let mut number = 0;
        while let Some((now, after)) = rest.split_at_mut_checked(self.len()) {
            if number > 0 {
                context.restart()?;
            }
            number += 1;
            input(&mut context, before, number)?;
            context.finish(now)?;
            (before, rest) = (now, after);
            if rest.is_empty() {
                break;
            }
        }
        all.truncate(len);
        Ok(all)
    }
}

/// Whether HMAC can be told this hash, and MD5 it is not.
fn told(hash: Hash) -> bool {
    hash.has_name() && hash != Hash::Md5
}

fn feed(context: &mut MacCtx, parts: &[&[u8]], out: &mut [u8]) -> Result<()> {
    parts.iter().try_for_each(|part| context.update(part))?;
    context.finish(out).map(drop)
}
