// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The verifiers of RFC 9162, section 2.1, which the product has not: it makes proofs, others check them.

use openssl::sha::Sha256;

pub type Hash = [u8; 32];

/// Whether a proof shows that `leaf` is the one at `index` of the tree of this size and root (section
/// 2.1.3.2).
pub fn includes(leaf: Hash, (index, size): (u64, u64), root: Hash, proof: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let mut path = Path { at: index, last: size - 1 };
    let mut node = leaf;
    for beside in proof {
        match path.step() {
            Some(true) => node = parent(beside, &node),
            Some(false) => node = parent(&node, beside),
            None => return false,
        }
    }
    path.last == 0 && node == root
}

/// Whether a proof shows that the tree of one size and root became that of another (section 2.1.4.2).
pub fn grew((old, was): (u64, Hash), (new, is): (u64, Hash), proof: &[Hash]) -> bool {
    if old == 0 || old >= new {
        return old == new && was == is && proof.is_empty();
    }
    let mut hashes = proof.to_vec();
    if old.is_power_of_two() {
        // A complete tree is in the new one as it is: its proof leaves it out.
        hashes.insert(0, was);
    }
    let Some((first, rest)) = hashes.split_first() else { return false };
    let mut path = Path { at: old - 1, last: new - 1 };
    while path.at & 1 == 1 {
        (path.at, path.last) = (path.at >> 1, path.last >> 1);
    }
    let (mut left, mut right) = (*first, *first);
    for beside in rest {
        match path.step() {
            Some(true) => (left, right) = (parent(beside, &left), parent(beside, &right)),
            Some(false) => right = parent(&right, beside),
            None => return false,
        }
    }
    path.last == 0 && left == was && right == is
}

/// The hash of a line.
pub fn leaf(line: &[u8]) -> Hash {
    sha256(&[&[0], line])
}

struct Path {
    at: u64,
    last: u64,
}

impl Path {
    /// A step up: whether what it goes by is on the left; none beyond the root.
    fn step(&mut self) -> Option<bool> {
        if self.last == 0 {
            return None;
        }
        let left = self.at & 1 == 1 || self.at == self.last;
        while left && self.at & 1 == 0 && self.at != 0 {
            (self.at, self.last) = (self.at >> 1, self.last >> 1);
        }
        (self.at, self.last) = (self.at >> 1, self.last >> 1);
        Some(left)
    }
}

fn parent(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finish()
}
