// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a record says that a check of the log needs: of itself, and of those before it. It touches no
//! file.

use super::chain::MAC;
use super::parsed::{Record, bytes};
use super::tree::{Frontier, Node};
use serde::Deserialize;
use serde_json::Value;

/// What a record says of itself and of those before it.
pub(super) struct Facts {
    pub(super) seq: u64,
    pub(super) time: String,
    pub(super) store: [u8; 16],
    pub(super) op: String,
    /// Whether it went well.
    pub(super) good: bool,
    pub(super) mac: [u8; MAC],
    /// By how much the clock was set back, microseconds.
    pub(super) back: u64,
    pub(super) lost: u64,
    pub(super) size: Option<u64>,
    pub(super) root: Option<Node>,
    pub(super) previous: Option<[u8; MAC]>,
    pub(super) keys: Option<[u8; 32]>,
    tree: Option<Vec<Node>>,
}

impl Facts {
    /// Of a line without its newline.
    pub(super) fn of(line: &[u8]) -> Option<Facts> {
        let said = Record::of(line)?;
        let details = Details::deserialize(Value::Object(said.details)).ok()?;
        let tree = match &details.tree {
            Some(roots) => Some(roots.iter().map(|root| bytes(root)).collect::<Option<_>>()?),
            None => None,
        };
        Some(Facts {
            seq: said.seq,
            store: bytes(&said.store)?,
            good: said.outcome == "CKR_OK",
            mac: bytes(&said.mac)?,
            time: said.time,
            op: said.op,
            back: details.back.unwrap_or(0),
            lost: details.lost.unwrap_or(0),
            size: details.size,
            root: details.root.as_deref().and_then(bytes),
            previous: details.previous.as_deref().and_then(bytes),
            keys: details.keys.as_deref().and_then(bytes),
            tree,
        })
    }

    /// The tree over all records before this one, where it says so.
    pub(super) fn tree_before(&self) -> Option<Frontier> {
        Frontier::of(self.size?, self.tree.clone()?).ok()
    }
}

/// The number of a record, of a line that a check of the log takes for one.
pub fn number_of(line: &[u8]) -> Option<u64> {
    Facts::of(line).map(|facts| facts.seq)
}

/// The particulars that matter here; the set of names may grow.
#[derive(Default, Deserialize)]
struct Details {
    size: Option<u64>,
    root: Option<String>,
    tree: Option<Vec<String>>,
    previous: Option<String>,
    keys: Option<String>,
    lost: Option<u64>,
    back: Option<u64>,
}
