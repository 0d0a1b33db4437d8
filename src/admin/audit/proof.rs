// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Proofs that a record is in the log and that the log only grew, against its checkpoints, in the texts
//! that others' tools read: C2SP tlog-proof, and the request of C2SP tlog-witness.

use super::trail::Trail;
use crate::admin::failure::{Failure, Outcome};
use crate::audit::note::{Checkpoint, base64};
use crate::audit::record;
use crate::audit::tree::{self, Node};
use serde::Serialize;

/// That a record is in the log.
#[derive(Debug, Serialize)]
pub struct Inclusion {
    /// The number of the record.
    pub seq: u64,
    /// The number of its leaf: one less.
    pub index: u64,
    /// The record, which is the leaf.
    pub line: String,
    /// The size of the tree.
    pub size: u64,
    /// The root of the tree, base64.
    pub root: String,
    /// The proof, from the leaf's neighbour up, base64.
    pub hashes: Vec<String>,
    /// The checkpoint of that size.
    pub checkpoint: String,
}

/// That the log only grew.
#[derive(Debug, Serialize)]
pub struct Growth {
    /// The size it had.
    pub old: u64,
    /// The root it had, base64.
    pub old_root: String,
    /// The size that it came to have.
    pub new: u64,
    /// The root that it came to have, base64.
    pub new_root: String,
    /// The proof in the order of RFC 6962, base64.
    pub hashes: Vec<String>,
    /// The checkpoint of the size that it came to have.
    pub checkpoint: String,
}

/// A checkpoint that the log's key signed, as it rests.
pub(super) struct Signed {
    pub(super) text: String,
    pub(super) checkpoint: Checkpoint,
}

impl Inclusion {
    /// The proof as a text: C2SP tlog-proof.
    pub fn text(&self) -> String {
        let hashes = lines(&self.hashes);
        let Inclusion { index, checkpoint, .. } = self;
        format!("c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{checkpoint}")
    }
}

impl Growth {
    /// The proof as a text: what a witness is sent by C2SP tlog-witness.
    pub fn text(&self) -> String {
        let hashes = lines(&self.hashes);
        let Growth { old, checkpoint, .. } = self;
        format!("old {old}\n{hashes}\n{checkpoint}")
    }
}

impl Trail {
    /// Proves that a record is in the log, against the checkpoint of this size or the newest.
    pub fn prove(&self, seq: u64, size: Option<u64>) -> Outcome<Inclusion> {
        let sizes = self.sizes()?;
        let newest = sizes.last().copied().unwrap_or(0);
        let size = size.unwrap_or(newest);
        if seq == 0 || seq > size || !sizes.contains(&size) {
            return Err(match seq > newest && seq > 0 {
                true => Failure::new(
                    format!("no checkpoint is over record {seq}: the newest is over {newest}"),
                    "'strongroom audit checkpoint' makes one over all there is",
                ),
                false => Failure::new(
                    format!("no checkpoint of size {size} is over record {seq}"),
                    format!(
                        "records are numbered from 1; there are checkpoints of {}",
                        some(&sizes)
                    ),
                ),
            });
        }
        let signed = self.signed(size)?;
        let mut line = Vec::new();
        let leaves = self.leaves(size, |number, bytes| {
            if number == seq {
                line = bytes.to_vec();
            }
        })?;
        self.agrees(&signed.checkpoint, &leaves)?;
        let at = usize::try_from(seq - 1).unwrap_or(usize::MAX);
        let hashes = tree::inclusion(&leaves, at).map_err(|error| self.cannot("prove", error))?;
        Ok(Inclusion {
            seq,
            index: seq - 1,
            line: String::from_utf8_lossy(&line).into_owned(),
            size,
            root: base64(&signed.checkpoint.root),
            hashes: hashes.iter().map(|hash| base64(hash)).collect(),
            checkpoint: signed.text,
        })
    }

    /// Proves that the log of one size became the one of a checkpoint.
    pub fn consistency(&self, old: u64, new: u64) -> Outcome<Growth> {
        let sizes = self.sizes()?;
        if old > new {
            return Err(Failure::new(
                format!("a log of {old} records does not become one of {new}"),
                "give two sizes, the smaller first",
            ));
        }
        if !sizes.contains(&new) {
            return Err(Failure::new(
                format!("there is no checkpoint of size {new}"),
                format!("there are checkpoints of {}", some(&sizes)),
            ));
        }
        let signed = self.signed(new)?;
        let leaves = self.leaves(new, |_, _| {})?;
        self.agrees(&signed.checkpoint, &leaves)?;
        let (was, old_root) = self.first(&leaves, old)?;
        if sizes.contains(&old) && old > 0 {
            self.agrees(&self.signed(old)?.checkpoint, &leaves)?;
        }
        let hashes = tree::consistency(&leaves, was);
        let hashes = hashes.map_err(|error| self.cannot("prove the growth", error))?;
        Ok(Growth {
            old,
            old_root: base64(&old_root),
            new,
            new_root: base64(&signed.checkpoint.root),
            hashes: hashes.iter().map(|hash| base64(hash)).collect(),
            checkpoint: signed.text,
        })
    }

    /// The sizes of the checkpoints, ascending.
    pub fn sizes(&self) -> Outcome<Vec<u64>> {
        self.reading.checkpoints().map_err(|error| self.cannot("list the checkpoints", error))
    }

    /// A checkpoint, if the log's key signed it.
    pub(super) fn signed(&self, size: u64) -> Outcome<Signed> {
        let key = self.key()?;
        let text = self.reading.checkpoint(size);
        let text = text.map_err(|error| self.cannot("read a checkpoint", error))?;
        let opened = Checkpoint::open(&text, &key.name, &key.public).ok();
        match opened.filter(|checkpoint| checkpoint.size == size) {
            Some(checkpoint) => Ok(Signed { text, checkpoint }),
            None => Err(Failure::new(
                format!("the checkpoint of size {size} is not as the log's key signed it"),
                VERIFY,
            )),
        }
    }

    /// The leaves of the first records.
    fn leaves(&self, size: u64, mut see: impl FnMut(u64, &[u8])) -> Outcome<Vec<Node>> {
        let mut leaves = Vec::new();
        let mut lines = self.reading.lines(1).map_err(|error| self.cannot("read", error))?;
        for number in 1..=size {
            let line = lines.next_line().map_err(|error| self.cannot("read", error))?;
            let line = line.ok_or_else(|| {
                Failure::new(
                    format!("the log ends after record {}, before record {size}", number - 1),
                    VERIFY,
                )
            })?;
            let seq = record::split(&line.bytes).and_then(|(text, _)| record::seq(text).ok());
            if seq != Some(number) {
                let place = self.reading.segment(line.segment);
                return Err(Failure::new(
                    format!("{}:{} is not record {number}", place.display(), line.number),
                    VERIFY,
                ));
            }
            see(number, &line.bytes);
            leaves.push(tree::leaf(&line.bytes).map_err(|error| self.cannot("hash", error))?);
        }
        Ok(leaves)
    }

    /// The root over the first leaves, and how many they are.
    fn first(&self, leaves: &[Node], size: u64) -> Outcome<(usize, Node)> {
        let count = usize::try_from(size).unwrap_or(usize::MAX);
        let part = leaves.get(..count).unwrap_or(leaves);
        let root = tree::root(part).map_err(|error| self.cannot("hash", error))?;
        Ok((count, root))
    }

    /// Whether the log is the one that a checkpoint was made of.
    pub(super) fn agrees(&self, checkpoint: &Checkpoint, leaves: &[Node]) -> Outcome<()> {
        let (_, root) = self.first(leaves, checkpoint.size)?;
        match root == checkpoint.root {
            true => Ok(()),
            false => Err(Failure::new(
                format!(
                    "the log is not the one that the checkpoint of size {} is of",
                    checkpoint.size
                ),
                VERIFY,
            )),
        }
    }
}

fn lines(hashes: &[String]) -> String {
    hashes.iter().flat_map(|hash| [hash.as_str(), "\n"]).collect()
}

/// The newest sizes, for a person.
fn some(sizes: &[u64]) -> String {
    let newest: Vec<_> = sizes.iter().rev().take(5).rev().map(u64::to_string).collect();
    match newest.is_empty() {
        true => "no size yet: 'strongroom audit checkpoint' makes one".to_string(),
        false => format!(
            "sizes up to {} (the newest: {})",
            newest.last().map_or("", |s| s),
            newest.join(", ")
        ),
    }
}

const VERIFY: &str = "'strongroom audit verify' names the first bad record; keep a copy of the log";
