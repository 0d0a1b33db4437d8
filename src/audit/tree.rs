// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The Merkle tree over the lines (RFC 6962, section 2.1): its root as lines come, and proofs. It
//! hashes and does nothing else.

use crate::error::{Error, Result};
use crate::mechanism::primitive::sha256;

/// A hash of the tree.
pub type Node = [u8; 32];

/// The hash of a line without its newline.
pub fn leaf(line: &[u8]) -> Result<Node> {
    let mut input = Vec::with_capacity(1 + line.len());
    input.push(LEAF);
    input.extend_from_slice(line);
    sha256(&input)
}

/// The hash of two hashes.
pub fn parent(left: &Node, right: &Node) -> Result<Node> {
    let mut input = [INNER; 65];
    let (_, hashes) = input.split_at_mut(1);
    hashes.iter_mut().zip(left.iter().chain(right)).for_each(|(to, from)| *to = *from);
    sha256(&input)
}

/// A tree that grows: the roots of its complete subtrees, largest first.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Node>,
}

impl Frontier {
    /// A tree that was kept.
    pub fn of(size: u64, roots: Vec<Node>) -> Result<Frontier> {
        match size.count_ones() as usize == roots.len() {
            true => Ok(Frontier { size, roots }),
            false => Err(Error::DeviceError),
        }
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its complete subtrees, largest first.
    pub fn roots(&self) -> &[Node] {
        &self.roots
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Node) -> Result<()> {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.roots.pop().ok_or(Error::DeviceError)?;
            node = parent(&left, &node)?;
        }
        self.roots.push(node);
        self.size += 1;
        Ok(())
    }

    /// Whether this can have become that, as far as their roots tell: where this ends with one of the
    /// complete subtrees of that, all up to there are the same.
    pub fn agrees(&self, later: &Frontier) -> bool {
        let end = 1_u64.checked_shl(self.size.trailing_zeros());
        match end.is_some_and(|end| self.size ^ later.size < end) {
            true => later.roots.starts_with(&self.roots),
            false => true,
        }
    }

    /// The root; of no leaves the hash of nothing.
    pub fn root(&self) -> Result<Node> {
        let mut roots = self.roots.iter().rev();
        let Some(last) = roots.next() else { return sha256(&[]) };
        roots.try_fold(*last, |right, left| parent(left, &right))
    }
}

/// The root over leaves.
pub fn root(leaves: &[Node]) -> Result<Node> {
    let mut tree = Frontier::default();
    leaves.iter().try_for_each(|leaf| tree.push(*leaf))?;
    tree.root()
}

/// That the leaf at `index` is in the tree over all leaves (RFC 6962, section 2.1.1), nearest first.
pub fn inclusion(leaves: &[Node], index: usize) -> Result<Vec<Node>> {
    if index >= leaves.len() {
        return Err(Error::ArgumentsBad);
    }
    let Some((left, right)) = halves(leaves) else { return Ok(Vec::new()) };
    let (mut proof, beside) = match index.checked_sub(left.len()) {
        None => (inclusion(left, index)?, right),
        Some(index) => (inclusion(right, index)?, left),
    };
    proof.push(root(beside)?);
    Ok(proof)
}

/// That the tree over the first `old` leaves became the one over all of them (RFC 6962, section
/// 2.1.2).
pub fn consistency(leaves: &[Node], old: usize) -> Result<Vec<Node>> {
    match old {
        0 => Ok(Vec::new()),
        _ if old > leaves.len() => Err(Error::ArgumentsBad),
        _ => subproof(leaves, old, true),
    }
}

fn subproof(leaves: &[Node], old: usize, whole: bool) -> Result<Vec<Node>> {
    if old == leaves.len() {
        return if whole { Ok(Vec::new()) } else { Ok(vec![root(leaves)?]) };
    }
    let (left, right) = halves(leaves).ok_or(Error::DeviceError)?;
    let (mut proof, beside) = match old.checked_sub(left.len()) {
        None | Some(0) => (subproof(left, old, whole)?, right),
        Some(old) => (subproof(right, old, false)?, left),
    };
    proof.push(root(beside)?);
    Ok(proof)
}

/// Splits at the largest power of two below the length; none of a single leaf.
fn halves(leaves: &[Node]) -> Option<(&[Node], &[Node])> {
    match leaves.len() {
        0 | 1 => None,
        len => leaves.split_at_checked(1 << (len - 1).ilog2()),
    }
}

const LEAF: u8 = 0;
const INNER: u8 = 1;
