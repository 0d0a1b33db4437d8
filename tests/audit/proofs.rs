// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The tree has the roots of others' vectors, and its proofs prove what they should and nothing else.

use crate::proof::{grew, includes};
use strongroom::audit::tree::{self, Node};

/// The inputs and roots that implementations of Certificate Transparency test with.
const INPUTS: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn leaves() -> Vec<Node> {
    INPUTS.iter().map(|input| tree::leaf(&hex::decode(input).unwrap()).unwrap()).collect()
}

#[test]
fn the_tree_is_that_of_others() {
    let leaves = leaves();
    let mut grown = tree::Frontier::default();
    for (size, root) in ROOTS.iter().enumerate() {
        assert_eq!(hex::encode(tree::root(&leaves[..size]).unwrap()), *root);
        assert_eq!(hex::encode(grown.root().unwrap()), *root);
        leaves.get(size).into_iter().for_each(|leaf| grown.push(*leaf).unwrap());
    }
}

/// More than a power of two, so that paths have all forms.
fn many() -> Vec<Node> {
    (0..21u8).map(|number| tree::leaf(&[number]).unwrap()).collect()
}

#[test]
fn a_proof_shows_one_leaf_at_one_place() {
    let leaves = many();
    for size in 1..=leaves.len() {
        let root = tree::root(&leaves[..size]).unwrap();
        let other = tree::root(&leaves[..size - 1]).unwrap();
        for index in 0..size {
            let proof = tree::inclusion(&leaves[..size], index).unwrap();
            let shows = |leaf: &Node, at: usize, size: usize, root: &Node, proof: &[Node]| {
                includes(*leaf, (at as u64, size as u64), *root, proof)
            };
            let leaf = &leaves[index];
            assert!(shows(leaf, index, size, &root, &proof), "{index} of {size}");
            assert!(!shows(&root, index, size + 1, &root, &proof));
            assert!(!shows(leaf, index, size, &other, &proof));
            assert!(!shows(&[7; 32], index, size, &root, &proof));
            assert!(!shows(leaf, size, size, &root, &proof));
            assert!((0..size).all(|at| at == index || !shows(leaf, at, size, &root, &proof)));
            assert_spoilt(&proof, |proof| shows(leaf, index, size, &root, proof));
        }
    }
}

#[test]
fn a_proof_shows_one_tree_grow_into_one_other() {
    let leaves = many();
    let roots: Vec<_> = (0..=leaves.len()).map(|n| tree::root(&leaves[..n]).unwrap()).collect();
    for new in 1..=leaves.len() {
        for old in 1..=new {
            let proof = tree::consistency(&leaves[..new], old).unwrap();
            let shows = |old: usize, was: &Node, new: usize, is: &Node, proof: &[Node]| {
                grew((old as u64, *was), (new as u64, *is), proof)
            };
            assert!(shows(old, &roots[old], new, &roots[new], &proof), "{old} to {new}");
            assert!(!shows(old, &roots[old - 1], new, &roots[new], &proof));
            assert!(!shows(old, &roots[old], new, &roots[new - 1], &proof));
            assert!(!shows(0, &roots[old], new, &roots[new], &proof));
            assert!(!shows(new + 1, &roots[old], new, &roots[new], &proof));
            assert_spoilt(&proof, |proof| shows(old, &roots[old], new, &roots[new], proof));
        }
    }
}

/// Each hash altered, left out, doubled; one added; two swapped.
fn assert_spoilt(proof: &[Node], shows: impl Fn(&[Node]) -> bool) {
    for at in 0..proof.len() {
        let mut spoilt = proof.to_vec();
        spoilt[at][31] ^= 1;
        assert!(!shows(&spoilt));
        spoilt.remove(at);
        assert!(!shows(&spoilt));
        let mut spoilt = proof.to_vec();
        spoilt.insert(at, proof[at]);
        assert!(!shows(&spoilt));
        if at > 0 {
            let mut spoilt = proof.to_vec();
            spoilt.swap(at, at - 1);
            assert!(!shows(&spoilt));
        }
    }
    assert!(!shows(&[proof, &[[0; 32]]].concat()));
}
