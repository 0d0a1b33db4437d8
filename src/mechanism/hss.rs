// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Verification of HSS signatures (PKCS #11, section "HSS"; RFC 8554; SP 800-208). OpenSSL's LMS is
//! not part of the build, so the trees are climbed here, over its hash functions. Nothing is secret
//! in a verification. Signing would need state that no copy of a store ever repeats: there is none.

use super::hss_key::{Function, LmsKey, number};
use super::key::Key;
use super::ossl::MdCtx;
use super::{Does, Params, Row, Verifier};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// The mechanisms of HSS. Their sizes are not used and 0.
pub const ROWS: &[Row] = &[Row {
    does: Does { verify: Some(verify), ..Does::NOTHING },
    ..Row::new(CKM_HSS, "CKM_HSS", &[CKK_HSS], (0, 0))
}];

fn verify(_row: &'static Row, key: &Arc<Key>, _params: &Params) -> Result<Box<dyn Verifier>> {
    key.hss()?;
    Ok(Box::new(Collected { key: Arc::clone(key), data: Vec::new() }))
}

/// The message so far: its hash begins with bytes of the signature.
struct Collected {
    key: Arc<Key>,
    data: Vec<u8>,
}

impl Verifier for Collected {
    fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        check(&self.key, data, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.try_reserve(data.len()).map_err(|_| Error::HostMemory)?;
        self.data.extend_from_slice(data);
        Ok(())
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        check(&self.key, &self.data, signature)
    }
}

/// RFC 8554, section 6.3: each tree signs the one below it, and the last the message.
fn check(key: &Key, message: &[u8], signature: &[u8]) -> Result<()> {
    let key = key.hss()?;
    let (signed, mut rest) = number(signature).ok_or(Error::SignatureLenRange)?;
    if signed.checked_add(1) != Some(key.levels) {
        return Err(Error::SignatureInvalid);
    }
    let mut below;
    let mut tree = &key.top;
    for _ in 0..signed {
        let (own, after) = Signature::read(tree, rest)?;
        let (next, after_key) = LmsKey::read(after).ok_or(Error::SignatureInvalid)?;
        let encoded = after.get(..after.len() - after_key.len()).unwrap_or_default();
        own.check(tree, encoded)?;
        rest = after_key;
        below = next;
        tree = &below;
    }
    let (own, rest) = Signature::read(tree, rest)?;
    if !rest.is_empty() {
        return Err(Error::SignatureLenRange);
    }
    own.check(tree, message)
}

/// A signature of LMS (RFC 8554, section 5.4).
struct Signature<'a> {
    leaf: u32,
    randomizer: &'a [u8],
    /// One value a digit.
    values: &'a [u8],
    path: &'a [u8],
}

impl<'a> Signature<'a> {
    /// Reads the signature at the front, which must be of the tree's types, and gives what follows.
    fn read(tree: &LmsKey, bytes: &'a [u8]) -> Result<(Signature<'a>, &'a [u8])> {
        let len = tree.function.len;
        let read = || {
            let (leaf, rest) = number(bytes)?;
            let (ots_type, rest) = number(rest)?;
            let (randomizer, rest) = rest.split_at_checked(len)?;
            let (values, rest) = rest.split_at_checked(len * Digits::of(tree).count())?;
            let (lms_type, rest) = number(rest)?;
            let (path, rest) = rest.split_at_checked(len * tree.height as usize)?;
            let types = (lms_type, ots_type);
            Some((types, Signature { leaf, randomizer, values, path }, rest))
        };
        let (types, signature, rest) = read().ok_or(Error::SignatureLenRange)?;
        if types != (tree.lms_type, tree.ots_type) || signature.leaf >> tree.height != 0 {
            return Err(Error::SignatureInvalid);
        }
        Ok((signature, rest))
    }

    /// Climbs from the leaf to the root (RFC 8554, algorithms 4b and 6a).
    fn check(&self, tree: &LmsKey, message: &[u8]) -> Result<()> {
        let mut hasher = Hasher { md: MdCtx::new(tree.function.hash)?, function: tree.function };
        let leaf = self.leaf.to_be_bytes();
        let digest = hasher.hash(&[&tree.identifier, &leaf, MESSAGE, self.randomizer, message])?;
        let ends = self.ends(tree, &mut hasher, &digest)?;
        let one_time = hasher.hash(&[&tree.identifier, &leaf, PUBLIC, &ends])?;
        let mut node = (1 << tree.height) + self.leaf;
        let at = node.to_be_bytes();
        let mut value = hasher.hash(&[&tree.identifier, &at, LEAF, &one_time])?;
        for sibling in self.path.chunks_exact(tree.function.len) {
            let right = node & 1 == 1;
            node >>= 1;
            let (a, b) = if right { (sibling, &value[..]) } else { (&value[..], sibling) };
            value = hasher.hash(&[&tree.identifier, &node.to_be_bytes(), INNER, a, b])?;
        }
        if value == tree.root { Ok(()) } else { Err(Error::SignatureInvalid) }
    }

    /// The ends of the chains, one after the other.
    fn ends(&self, tree: &LmsKey, hasher: &mut Hasher, digest: &[u8]) -> Result<Vec<u8>> {
        let digits = Digits::of(tree);
        let checked = [digest, &digits.checksum(digest).to_be_bytes()].concat();
        let leaf = self.leaf.to_be_bytes();
        let mut ends = Vec::with_capacity(self.values.len());
        for (at, value) in self.values.chunks_exact(tree.function.len).enumerate() {
            let place = (at as u16).to_be_bytes();
            let mut value = value.to_vec();
            for step in digits.get(&checked, at)..digits.largest() {
                let step = [step as u8];
                value = hasher.hash(&[&tree.identifier, &leaf, &place, &step, &value])?;
            }
            ends.extend_from_slice(&value);
        }
        Ok(ends)
    }
}

/// How a digest and its checksum are cut into digits (RFC 8554, sections 3.1.3 and 4.4, appendix B).
struct Digits {
    width: u32,
    /// Those of the digest.
    digest: u32,
    /// Those of the checksum.
    checksum: u32,
}

impl Digits {
    fn of(tree: &LmsKey) -> Digits {
        let digest = 8 * tree.function.len as u32 / tree.width;
        let greatest = ((1 << tree.width) - 1) * digest;
        let checksum = (greatest.ilog2() + 1).div_ceil(tree.width);
        Digits { width: tree.width, digest, checksum }
    }

    fn count(&self) -> usize {
        (self.digest + self.checksum) as usize
    }

    fn largest(&self) -> u32 {
        (1 << self.width) - 1
    }

    fn get(&self, bytes: &[u8], at: usize) -> u32 {
        let bit = at * self.width as usize;
        let byte = u32::from(bytes.get(bit / 8).copied().unwrap_or_default());
        (byte >> (8 - self.width as usize - bit % 8)) & self.largest()
    }

    /// The sum of what the digits lack, moved to the front of 16 bits.
    fn checksum(&self, digest: &[u8]) -> u16 {
        let lacking = |at| self.largest() - self.get(digest, at as usize);
        let sum: u32 = (0..self.digest).map(lacking).sum();
        (sum << (16 - self.checksum * self.width)) as u16
    }
}

/// A hash function, used over and over.
struct Hasher {
    md: MdCtx,
    function: Function,
}

impl Hasher {
    fn hash(&mut self, parts: &[&[u8]]) -> Result<Vec<u8>> {
        self.md.restart()?;
        for part in parts {
            self.md.update(part)?;
        }
        let mut out = [0; 64];
        self.md.finish(&mut out)?;
        out.get(..self.function.len).map(<[u8]>::to_vec).ok_or(Error::DeviceError)
    }
}

// RFC 8554, sections 4.5 and 5.3: what is hashed.
const PUBLIC: &[u8] = &[0x80, 0x80];
const MESSAGE: &[u8] = &[0x81, 0x81];
const LEAF: &[u8] = &[0x82, 0x82];
const INNER: &[u8] = &[0x83, 0x83];
