// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a line says that a check of the log needs, read strictly: a field that no record has makes it
//! none. It touches no file.

use super::chain::MAC;
use super::record;
use super::tree::{Frontier, Node};
use serde::Deserialize;

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
        if line.len() >= record::LONGEST_LINE || !line.iter().all(|byte| matches!(byte, 32..=126)) {
            return None;
        }
        let (text, mac) = record::split(line)?;
        // The number is read as the chain reads it: at its place.
        let seq = record::seq(text).ok()?;
        let shape: Shape = serde_json::from_slice(line).ok()?;
        let details = shape.details.unwrap_or_default();
        let same = shape.v == 1 && shape.seq == seq && shape.mac == hex::encode(mac);
        let tree = match &details.tree {
            Some(roots) => Some(roots.iter().map(|root| bytes(root)).collect::<Option<_>>()?),
            None => None,
        };
        same.then_some(Facts {
            seq,
            time: Some(shape.time).filter(|time| time.len() == TIME && time.ends_with('Z'))?,
            store: bytes(&shape.store)?,
            op: shape.op,
            good: shape.outcome == "CKR_OK",
            mac,
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

/// A record in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that are looked at for their type alone")]
struct Shape {
    v: u8,
    seq: u64,
    time: String,
    store: String,
    who: Who,
    token: Option<String>,
    session: Option<u64>,
    op: String,
    key: Option<Key>,
    mechanism: Option<String>,
    outcome: String,
    details: Option<Details>,
    mac: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "as above")]
struct Who {
    uid: u32,
    pid: u32,
    program: String,
    role: Option<String>,
    user: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "as above")]
struct Key {
    id: String,
    label: String,
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

fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    hex::decode_to_slice(digits, &mut out).ok()?;
    (hex::encode(out) == digits).then_some(out)
}

/// The length of a time, characters.
const TIME: usize = "1970-01-01T00:00:00.000000Z".len();
