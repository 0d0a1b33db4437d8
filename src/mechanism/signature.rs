// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signing and verifying with asymmetric keys: what RSA, ECDSA and EdDSA have in common.

use super::checkout::Checkout;
use super::key::{Key, KeyClass};
use super::ossl::{MdCtx, Operation, ParamList, PkeyCtx};
use super::ready::{Asymmetric, Purpose, Slot};
use super::{Hash, Row, Signer, Verifier};
use crate::error::{Error, Result};
use std::sync::Arc;

/// What a signature scheme does with what is to be signed: a digest, or the data itself.
pub(super) trait Scheme: Send {
    /// The length of a signature, bytes.
    fn len(&self) -> usize;
    /// Signs; `out` has at least [`Scheme::len`] bytes. Returns the length.
    fn sign(&self, context: &mut PkeyCtx, data: &[u8], out: &mut [u8]) -> Result<usize>;
    /// Whether a signature is good. `SignatureLenRange` where it cannot be one.
    fn verify(&self, context: &mut PkeyCtx, data: &[u8], signature: &[u8]) -> Result<bool>;
}

/// How data reaches the scheme.
pub(super) enum Feed {
    /// All at once.
    Whole,
    /// Digested, in any number of parts.
    Digest(Hash),
    /// Collected first: the scheme reads it more than once.
    Collect(Vec<u8>),
}

/// How the OpenSSL context of an operation is made.
pub(super) struct Setup<'a> {
    /// The operation.
    pub operation: Operation,
    /// Its parameters.
    pub params: ParamList<'a>,
    /// Parameters that tell apart contexts of one mechanism; `None` for those not worth keeping.
    pub variant: Option<u64>,
}

/// A signature being made or verified.
pub(super) struct InProgress<S> {
    context: Checkout<Asymmetric>,
    scheme: S,
    feed: Feed,
}

/// Begins to sign with a private key.
pub(super) fn signer<S: Scheme + 'static>(
    row: &Row,
    key: &Arc<Key>,
    setup: Setup<'_>,
    feed: Feed,
    scheme: S,
) -> Result<Box<dyn Signer>> {
    let context = checkout(row, key, KeyClass::Private, Purpose::Sign, setup, &feed)?;
    Ok(Box::new(InProgress { context, scheme, feed }))
}

/// Begins to verify with a public key.
pub(super) fn verifier<S: Scheme + 'static>(
    row: &Row,
    key: &Arc<Key>,
    setup: Setup<'_>,
    feed: Feed,
    scheme: S,
) -> Result<Box<dyn Verifier>> {
    let context = checkout(row, key, KeyClass::Public, Purpose::Verify, setup, &feed)?;
    Ok(Box::new(InProgress { context, scheme, feed }))
}

fn checkout(
    row: &Row,
    key: &Arc<Key>,
    class: KeyClass,
    purpose: Purpose,
    setup: Setup<'_>,
    feed: &Feed,
) -> Result<Checkout<Asymmetric>> {
    let slot = setup.variant.map(|variant| Slot { mechanism: row.id, purpose, variant });
    let restart = |context: &mut Asymmetric| context.md.as_mut().map_or(Ok(()), MdCtx::restart);
    Checkout::new(key, slot, restart, |key| {
        let md = match feed {
            Feed::Digest(hash) => Some(MdCtx::new(*hash)?),
            _ => None,
        };
        Ok(Asymmetric { pkey: PkeyCtx::new(key.pkey(class)?, setup.operation, &setup.params)?, md })
    })
}

impl<S: Scheme> InProgress<S> {
    fn part(&mut self, data: &[u8]) -> Result<()> {
        match &mut self.feed {
            Feed::Whole => Err(Error::FunctionNotSupported),
            Feed::Digest(_) => self.context.step(|context| digest_of(context)?.update(data)),
            Feed::Collect(all) => {
                all.try_reserve(data.len()).map_err(|_| Error::HostMemory)?;
                all.extend_from_slice(data);
                Ok(())
            }
        }
    }

    /// Gives the scheme what it signs: `data`, or what came in parts where `data` is absent.
    fn end<R>(
        &mut self,
        data: Option<&[u8]>,
        act: impl FnOnce(&S, &mut PkeyCtx, &[u8]) -> Result<R>,
    ) -> Result<R> {
        let scheme = &self.scheme;
        match (&self.feed, data) {
            (Feed::Digest(_), data) => self.context.last(|context| {
                let mut digest = [0u8; 64];
                let md = digest_of(context)?;
                md.update(data.unwrap_or_default())?;
                let len = md.finish(&mut digest)?;
                act(scheme, &mut context.pkey, digest.get(..len).unwrap_or_default())
            }),
            (_, Some(data)) => self.context.last(|context| act(scheme, &mut context.pkey, data)),
            (Feed::Collect(all), None) => {
                self.context.last(|context| act(scheme, &mut context.pkey, all))
            }
            (Feed::Whole, None) => Err(Error::FunctionNotSupported),
        }
    }
}

fn digest_of(context: &mut Asymmetric) -> Result<&mut MdCtx> {
    context.md.as_mut().ok_or(Error::DeviceError)
}

impl<S: Scheme> Signer for InProgress<S> {
    fn multi_part(&self) -> bool {
        !matches!(self.feed, Feed::Whole)
    }

    fn len(&self) -> usize {
        self.scheme.len()
    }

    fn whole(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize> {
        self.end(Some(data), |scheme, context, data| scheme.sign(context, data, signature))
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.part(data)
    }

    fn finish(&mut self, signature: &mut [u8]) -> Result<usize> {
        self.end(None, |scheme, context, data| scheme.sign(context, data, signature))
    }
}

impl<S: Scheme> Verifier for InProgress<S> {
    fn multi_part(&self) -> bool {
        !matches!(self.feed, Feed::Whole)
    }

    fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.end(Some(data), |scheme, context, data| judge(scheme.verify(context, data, signature)))
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.part(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        self.end(None, |scheme, context, data| judge(scheme.verify(context, data, signature)))
    }
}

fn judge(verdict: Result<bool>) -> Result<()> {
    match verdict? {
        true => Ok(()),
        false => Err(Error::SignatureInvalid),
    }
}
