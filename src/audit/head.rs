// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The head: where the log ends and the key of its next record, one page, sealed under the store's
//! audit key. Written over in place, so that the key before is gone.

use super::chain::{ChainKey, KEY, MAC};
use super::segments::unread;
use super::tree::{Frontier, Node};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::mechanism::primitive::{self, Sealer};
use crate::secret::Secret;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Where a log ends.
pub(super) struct Head {
    /// The key of the next record.
    pub(super) key: ChainKey,
    /// The first key of a chain that is to begin behind the next record.
    pub(super) pending: Option<ChainKey>,
    /// How many records there are.
    pub(super) seq: u64,
    /// The code of the last of them.
    pub(super) mac: [u8; MAC],
    /// The first record of the segment that is being written.
    pub(super) segment: u64,
    /// Where in it the next record comes, bytes.
    pub(super) offset: u64,
    /// When it was begun, microseconds since 1970.
    pub(super) begun: u64,
    /// The time of the last record, microseconds since 1970.
    pub(super) time: u64,
    /// The boot of the machine that wrote this.
    pub(super) boot: [u8; 16],
    /// Whether the next segment is being made.
    pub(super) turning: bool,
    /// Whether the reserve was given up.
    pub(super) full: bool,
    /// The size and time of the last checkpoint.
    pub(super) checkpoint: (u64, u64),
    /// When the counts of all processes were last taken.
    pub(super) swept: u64,
    /// How many records were found lost, which is yet to be recorded.
    pub(super) lost: u64,
    /// The last revision of the store that a record announced, and the last that any change was to make.
    pub(super) announced: (u64, u64),
    /// Whether what is missing, or written anew, was not taken by a loss of power; yet to be recorded.
    pub(super) tampered: bool,
    /// Size and root of the tree when its lines were last made durable: a loss of power leaves them. Of
    /// size 0 where that is not known.
    pub(super) durable: (u64, Node),
    /// The tree.
    pub(super) tree: Frontier,
}

/// The keys of a log.
pub struct Keys {
    /// What it rests under: 32 bytes.
    pub key: Secret,
    /// What it may rest under yet, oldest first: after a compromise until all of it is under the key.
    pub former: Vec<Secret>,
}

/// Who knows the keys of a log, where others may put new ones in force.
pub trait KeyHolder: Send + Sync {
    /// Which keys are in force: another number where they are others. It is asked at each turn.
    fn generation(&self) -> Result<u32>;
    /// The keys in force.
    fn keys(&self) -> Result<Keys>;
}

/// What descriptions of counts are authenticated by.
pub(super) struct CountKey {
    pub(super) key: Secret,
    /// What files call it, in clear; never 0.
    pub(super) name: u64,
}

/// What seals heads: a key a segment, so that no key seals more than random nonces allow.
pub(super) struct Seals {
    audit: Secret,
    store: [u8; 16],
    /// The key of a segment, and what seals with it.
    latest: Option<(u64, Secret, Option<Sealer>)>,
}

impl Seals {
    pub(super) fn new(audit: &Secret, store: [u8; 16]) -> Result<Seals> {
        Ok(Seals { audit: audit.duplicate()?, store, latest: None })
    }

    /// Whether this is the key that it seals under.
    pub(super) fn is_of(&self, key: &Secret) -> bool {
        primitive::equal(self.audit.expose(), key.expose())
    }

    /// Lets go of what was made of the key.
    pub(super) fn rest(&mut self) {
        self.latest = None;
    }

    /// The same in a forked child, which has zeros where that was: there is nothing to free.
    pub(super) fn forget(&mut self) {
        std::mem::forget(self.latest.take());
    }

    fn key(&mut self, segment: u64) -> Result<&mut (u64, Secret, Option<Sealer>)> {
        let latest = match self.latest.take() {
            Some(latest) if latest.0 == segment => latest,
            _ => (segment, self.derive(b"strongroom audit head", &segment.to_be_bytes())?, None),
        };
        Ok(self.latest.insert(latest))
    }

    fn sealer(&mut self, segment: u64) -> Result<&mut Sealer> {
        let (_, key, sealer) = self.key(segment)?;
        Ok(match sealer {
            Some(sealer) => sealer,
            none => none.insert(Sealer::new(key)?),
        })
    }

    /// The key that authenticates what counts are of, and its name.
    pub(super) fn for_counts(&self) -> Result<CountKey> {
        let name = self.derive(b"strongroom audit counts name", &[])?;
        let name = name.expose().first_chunk().copied().ok_or(Error::GeneralError)?;
        Ok(CountKey {
            key: self.derive(b"strongroom audit counts", &[])?,
            // Never that of a file which tells none.
            name: u64::from_be_bytes(name) | 1,
        })
    }

    /// A key for another purpose.
    pub(super) fn derive(&self, purpose: &[u8], of: &[u8]) -> Result<Secret> {
        let info = [purpose, &[0], of].concat();
        primitive::hkdf_sha256(self.audit.expose(), &self.store, &info, KEY)
    }
}

impl Head {
    /// Of a log that is yet to be written.
    pub(super) fn first(key: ChainKey, now: u64, boot: [u8; 16]) -> Head {
        Head {
            key,
            pending: None,
            seq: 0,
            mac: [0; MAC],
            segment: 1,
            offset: 0,
            begun: now,
            time: 0,
            boot,
            turning: true,
            full: false,
            checkpoint: (0, now),
            swept: now,
            lost: 0,
            announced: (0, 0),
            tampered: false,
            durable: (0, [0; 32]),
            tree: Frontier::default(),
        }
    }

    /// The page of a head.
    pub(super) fn seal(&self, seals: &mut Seals) -> Result<Page> {
        let mut writer = Writer::default();
        writer.raw(&self.mac).raw(&self.boot);
        for number in self.numbers() {
            writer.u64(number);
        }
        for flag in [self.turning, self.full, self.tampered] {
            writer.u8(u8::from(flag));
        }
        writer.u64(self.durable.0).raw(&self.durable.1);
        for root in self.tree.roots() {
            writer.raw(root);
        }
        let public = writer.finish();
        let plain = Secret::with(2 * KEY + public.len(), |out| {
            let (keys, rest) = out.split_at_mut_checked(2 * KEY).ok_or(Error::DeviceError)?;
            let (key, pending) = keys.split_at_mut_checked(KEY).ok_or(Error::DeviceError)?;
            key.copy_from_slice(self.key.expose());
            pending.copy_from_slice(self.pending.as_ref().unwrap_or(&self.key).expose());
            rest.copy_from_slice(&public);
            Ok(())
        })?;
        let context = context(&seals.store, self.segment, VERSION);
        let length = plain.len() + Sealer::MORE;
        let long = u32::try_from(length).map_err(|_| Error::DeviceError)?;
        // The rest as well: no part of the page before stays.
        let mut page: Page = Box::new([0; PAGE]);
        let fields: [&[u8]; 3] = [&[VERSION], &self.segment.to_be_bytes(), &long.to_be_bytes()];
        let mut rest = page.as_mut_slice();
        for field in fields {
            let (to, after) = rest.split_at_mut_checked(field.len()).ok_or(Error::DeviceError)?;
            to.copy_from_slice(field);
            rest = after;
        }
        let sealed = rest.get_mut(..length).ok_or(Error::DeviceError)?;
        seals.sealer(self.segment)?.seal(&context, plain.expose(), sealed)?;
        Ok(page)
    }

    /// Opens a page with a key of the log.
    pub(super) fn find(page: &[u8], key: &Secret, store: [u8; 16]) -> Result<Head> {
        Head::open(page, &mut Seals::new(key, store)?)
    }

    /// Opens a page.
    pub(super) fn open(page: &[u8], seals: &mut Seals) -> Result<Head> {
        let mut reader = Reader::new(page);
        let version = reader.u8()?;
        if !(FIRST..=VERSION).contains(&version) {
            return Err(Error::DeviceError);
        }
        let segment = reader.u64()?;
        let sealed = reader.bytes()?;
        let context = context(&seals.store, segment, version);
        let plain = primitive::open(&seals.key(segment)?.1, &context, sealed)?;
        let (keys, rest) = plain.expose().split_at_checked(2 * KEY).ok_or(Error::DeviceError)?;
        let (key, pending) = keys.split_at_checked(KEY).ok_or(Error::DeviceError)?;
        let chain = |key: &[u8]| Secret::copy_of(key).map(ChainKey::of);
        let mut reader = Reader::new(rest);
        let (mac, boot) = (reader.array()?, reader.array()?);
        let mut numbers = [0; NUMBERS];
        for number in &mut numbers {
            *number = reader.u64()?;
        }
        let [seq, size, offset, begun, time, checked, checked_at, swept, lost, announced, reached] =
            numbers;
        let (turning, full) = (reader.u8()? == 1, reader.u8()? == 1);
        let (tampered, durable) = match version {
            FIRST => (false, (0, [0; 32])),
            _ => (reader.u8()? == 1, (reader.u64()?, reader.array()?)),
        };
        let roots = reader.rest().chunks_exact(32).filter_map(|root| root.try_into().ok());
        Ok(Head {
            key: chain(key)?,
            // The same twice: none.
            pending: if pending == key { None } else { Some(chain(pending)?) },
            seq,
            mac,
            segment,
            offset,
            begun,
            time,
            boot,
            turning,
            full,
            checkpoint: (checked, checked_at),
            swept,
            lost,
            announced: (announced, reached),
            tampered,
            durable,
            tree: Frontier::of(size, roots.collect())?,
        })
    }

    /// Whether lines that came to this tree may be those that are counted here.
    pub(super) fn agrees(&self, tree: &Frontier) -> Result<bool> {
        let (size, root) = &self.durable;
        let durable = tree.size() != *size || *size == 0 || tree.root()? == *root;
        Ok(durable && tree.agrees(&self.tree))
    }

    fn numbers(&self) -> [u64; NUMBERS] {
        let (checked, checked_at) = self.checkpoint;
        let size = self.tree.size();
        [
            self.seq,
            size,
            self.offset,
            self.begun,
            self.time,
            checked,
            checked_at,
            self.swept,
            self.lost,
            self.announced.0,
            self.announced.1,
        ]
    }
}

/// Reads the page of a head.
pub(super) fn read(file: &File) -> Result<Page> {
    let mut page = Box::new([0; PAGE]);
    file.read_exact_at(page.as_mut_slice(), 0).map_err(|error| {
        tracing::error!("cannot read the head of the audit log: {error}");
        unread(&error)
    })?;
    Ok(page)
}

fn context(store: &[u8; 16], segment: u64, version: u8) -> Vec<u8> {
    let mut context = [&b"strongroom audit head"[..], store, &segment.to_be_bytes()].concat();
    if version > FIRST {
        context.push(version);
    }
    context
}

/// The file, as it is.
pub(super) type Page = Box<[u8; PAGE]>;

/// The length of the file, bytes.
pub(super) const PAGE: usize = 4096;
const VERSION: u8 = 2;
/// The version that does not know what is durable.
const FIRST: u8 = 1;
const NUMBERS: usize = 11;
