// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Uses of keys, counted in files that other processes can read when this one is gone. A use is one
//! addition in memory; whoever next writes the log takes what was added and records it.
//!
//! A count is taken by an exchange while the log is locked: no two processes take the same uses, and
//! a process that is killed between the exchange and the record loses what it took, never more.
//!
//! Who writes the files and has no key of the log can take counts away, or add to those that there are;
//! whose uses they are, and of which key, is authenticated when a count is begun.

use super::head::CountKey;
use super::record::{Entry, KeyName, Process, Who};
use super::segments::Place;
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::files;
use crate::mechanism::primitive;
use crate::secret::SharedCells;
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counts one kind of use by one session of one key. Once it is dropped, its place is free as soon as
/// its count is recorded.
pub struct Counter {
    bank: Arc<Bank>,
    slot: usize,
    owner: u32,
}

impl Counter {
    /// One use more.
    pub fn add(&self) {
        if let Some(slot) = self.bank.slot(self.slot) {
            slot.count.fetch_add(1, Ordering::Release);
        }
    }

    /// Whether there are uses that nobody has taken.
    pub(super) fn counted(&self) -> bool {
        self.bank.slot(self.slot).is_some_and(|slot| slot.count.load(Ordering::Acquire) > 0)
    }

    /// Takes its uses, with the log locked.
    pub(super) fn take(
        &self,
        key: &CountKey,
        mut taken: impl FnMut(&Taken) -> Result<()>,
    ) -> Result<()> {
        self.bank.take_from(self.slot, (super::writer::now(), key), &mut taken)
    }

    /// The file that it is in.
    pub(super) fn bank(&self) -> &Bank {
        &self.bank
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // A forked child has a copy of what its parent goes on to count with.
        if self.owner != std::process::id() {
            return;
        }
        if let Some(slot) = self.bank.slot(self.slot) {
            slot.state.store(ENDED, Ordering::Release);
        }
    }
}

/// A file of counts, mapped.
pub(super) struct Bank {
    cells: SharedCells,
    path: PathBuf,
    /// Whether no slot is free, as far as this process knows.
    full: AtomicBool,
    /// Held, it says that the process lives.
    _alive: File,
}

/// One count in it.
struct Slot<'a> {
    count: &'a AtomicU64,
    state: &'a AtomicU64,
    first: &'a AtomicU64,
    length: &'a AtomicU64,
    text: &'a [AtomicU64],
}

/// What was taken from a slot.
pub(super) struct Taken {
    pub(super) count: u64,
    /// The uses were after this, microseconds since 1970.
    pub(super) first: u64,
    pub(super) of: Description,
}

/// What a slot counts.
pub(super) struct Description {
    pub(super) process: Process,
    pub(super) session: u64,
    texts: [String; 5],
    key: Option<(Vec<u8>, Vec<u8>)>,
}

/// What a slot says that it counts, and the code of that.
type Described = (Vec<u8>, [u8; CODE]);

impl Bank {
    /// A new file, of this process.
    pub(super) fn create(place: &Place, key: &CountKey) -> Result<Bank> {
        let mut name = [0; 16];
        primitive::random(&mut name)?;
        let name = hex::encode(name);
        let temporary = place.directory.join(format!("new-{name}"));
        let path = place.directory.join(format!("{PREFIX}{name}"));
        let file = files::create(&temporary, place.access, b"")?;
        // Locked before it has its name: nobody takes it for a dead process's. Its blocks are taken
        // now: a page that the disk has no room for would end the process.
        let made = flock(&file, FlockOperation::NonBlockingLockExclusive)
            .and_then(|()| fallocate(&file, FallocateFlags::empty(), 0, BYTES as u64))
            .map_err(|error| super::writer::failed(error.into()))
            .and_then(|()| SharedCells::map(&file, WORDS));
        let cells = match made {
            Ok(cells) => cells,
            Err(error) => {
                files::remove_if_there(&temporary)?;
                return Err(error);
            }
        };
        if let Some(version) = cells.cells().first() {
            version.store(VERSION, Ordering::Release);
        }
        if let Some(name) = cells.cells().get(NAME) {
            name.store(key.name, Ordering::Release);
        }
        std::fs::rename(&temporary, &path).map_err(super::writer::failed)?;
        Ok(Bank { cells, path, full: AtomicBool::new(false), _alive: file })
    }

    /// A file that is there, and whether its process is gone.
    pub(super) fn open(path: &Path, place: &Place) -> Result<(Bank, bool)> {
        let (file, writable) = files::open(path, place.access)?;
        if !writable {
            return Err(Error::TokenWriteProtected);
        }
        let cells = SharedCells::map(&file, WORDS)?;
        if cells.cells().first().map(|version| version.load(Ordering::Acquire)) != Some(VERSION) {
            return Err(Error::DeviceError);
        }
        let dead = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        let (path, full) = (path.to_path_buf(), AtomicBool::new(false));
        Ok((Bank { cells, path, full, _alive: file }, dead))
    }

    /// The files of counts of a log.
    pub(super) fn all(place: &Place) -> Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(&place.directory).map_err(super::writer::failed)?;
        let counts = entries.flatten().filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
        });
        Ok(counts.map(|entry| entry.path()).collect())
    }

    /// Removes the file, whose counts were taken.
    pub(super) fn remove(&self) -> Result<()> {
        files::remove_if_there(&self.path)
    }

    /// A counter in a slot that nothing is in; none where there is none, or where others put another key
    /// in force meanwhile: then what ends here is to be recorded first.
    pub(super) fn begin(
        self: &Arc<Bank>,
        entry: &Entry<'_>,
        process: &Process,
        (now, key): (u64, &CountKey),
    ) -> Result<Option<Counter>> {
        if self.full.load(Ordering::Acquire) {
            return Ok(None);
        }
        for at in 0..SLOTS {
            let Some(slot) = self.slot(at) else { break };
            if slot.state.load(Ordering::Acquire) == FREE {
                let mut described = describe(entry, process);
                let code = self.code(at, &described, key)?;
                described.extend_from_slice(&code);
                slot.fill(&described, now)?;
                let counter = Counter { bank: self.clone(), slot: at, owner: process.pid };
                // Asked now that it can be seen: whoever brings the file over says so before they look.
                return Ok(Some(counter).filter(|_| self.is_under(key)));
            }
        }
        self.full.store(true, Ordering::Release);
        Ok(None)
    }

    /// Whether all that is in it is under this key. One of an earlier version does not tell.
    pub(super) fn is_under(&self, key: &CountKey) -> bool {
        self.cells.cells().get(NAME).is_some_and(|name| name.load(Ordering::SeqCst) == key.name)
    }

    /// Brings what is under former keys under this one, with the log locked. Who is interrupted leaves
    /// a file that is under none, and is to be brought over once more.
    pub(super) fn bring(&self, key: &CountKey, former: &[CountKey]) -> Result<()> {
        let name = self.cells.cells().get(NAME).ok_or(Error::DeviceError)?;
        name.store(UNNAMED, Ordering::SeqCst);
        for at in 0..SLOTS {
            let Some(slot) = self.slot(at) else { break };
            if slot.state.load(Ordering::SeqCst) == FREE {
                continue;
            }
            let Some((bytes, code)) = slot.described() else { continue };
            for former in former {
                if primitive::equal(&self.code(at, &bytes, former)?, &code) {
                    slot.write(&[&bytes[..], &self.code(at, &bytes, key)?].concat())?;
                }
            }
        }
        name.store(key.name, Ordering::SeqCst);
        Ok(())
    }

    /// Takes all counts, with the log locked, and frees the slots whose counters are gone.
    pub(super) fn take(
        &self,
        key: &CountKey,
        mut taken: impl FnMut(&Taken) -> Result<()>,
    ) -> Result<()> {
        let now = super::writer::now();
        (0..SLOTS).try_for_each(|at| self.take_from(at, (now, key), &mut taken))
    }

    /// The same of one slot, whose uses from now on are after `now`.
    fn take_from(
        &self,
        at: usize,
        (now, key): (u64, &CountKey),
        taken: &mut impl FnMut(&Taken) -> Result<()>,
    ) -> Result<()> {
        let Some(slot) = self.slot(at) else { return Ok(()) };
        let state = slot.state.load(Ordering::Acquire);
        if state == FREE {
            return Ok(());
        }
        if slot.count.load(Ordering::Acquire) > 0 {
            self.take_uses((at, &slot), (now, key), taken)?;
        } else {
            slot.first.store(now, Ordering::Release);
        }
        if state == ENDED {
            slot.state.store(FREE, Ordering::Release);
            self.full.store(false, Ordering::Release);
        }
        Ok(())
    }

    fn take_uses(
        &self,
        (at, slot): (usize, &Slot<'_>),
        (now, key): (u64, &CountKey),
        taken: &mut impl FnMut(&Taken) -> Result<()>,
    ) -> Result<()> {
        // Read before the count is taken, so that what was added belongs to it.
        let described = slot.described();
        let first = slot.first.swap(now, Ordering::AcqRel);
        let count = slot.count.swap(0, Ordering::AcqRel);
        let Some(described) = described else { return Ok(()) };
        let of = self.description(at, &described, key);
        let recorded = of.and_then(|of| of.map_or(Ok(()), |of| taken(&Taken { count, first, of })));
        if recorded.is_err() {
            slot.count.fetch_add(count, Ordering::AcqRel);
            slot.first.store(first, Ordering::Release);
        }
        recorded
    }

    /// What a slot counts; none where somebody else wrote it, or a copy of it.
    fn description(
        &self,
        at: usize,
        (bytes, code): &Described,
        key: &CountKey,
    ) -> Result<Option<Description>> {
        if !primitive::equal(&self.code(at, bytes, key)?, code) {
            tracing::error!("{}: what it counts was altered: ignored", self.path.display());
            return Ok(None);
        }
        Ok(Description::of(bytes))
    }

    /// It is of this slot of this file: a copy under another name is none.
    fn code(&self, at: usize, description: &[u8], key: &CountKey) -> Result<[u8; CODE]> {
        let name = self.path.file_name().unwrap_or_default().as_encoded_bytes();
        primitive::hmac_sha256(&key.key, &[name, &(at as u64).to_be_bytes(), description])
    }

    fn slot(&self, at: usize) -> Option<Slot<'_>> {
        let words = self.cells.cells().chunks_exact(SLOT).nth(at + 1)?;
        let [count, state, first, length, text @ ..] = words else { return None };
        Some(Slot { count, state, first, length, text })
    }
}

impl Slot<'_> {
    fn fill(&self, described: &[u8], now: u64) -> Result<()> {
        self.write(described)?;
        self.length.store(described.len() as u64, Ordering::Relaxed);
        self.first.store(now, Ordering::Relaxed);
        self.count.store(0, Ordering::Relaxed);
        self.state.store(LIVE, Ordering::SeqCst);
        Ok(())
    }

    fn write(&self, described: &[u8]) -> Result<()> {
        if described.len() > self.text.len() * 8 {
            return Err(Error::DeviceError);
        }
        for (word, chunk) in self.text.iter().zip(described.chunks(8)) {
            let mut value = [0; 8];
            value.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            word.store(u64::from_le_bytes(value), Ordering::Relaxed);
        }
        Ok(())
    }

    /// What was written to it, and the code of that; none of a slot that has no room for one.
    fn described(&self) -> Option<Described> {
        let length = usize::try_from(self.length.load(Ordering::Relaxed)).ok()?;
        let words = self.text.iter().map(|word| word.load(Ordering::Relaxed).to_le_bytes());
        let mut bytes: Vec<u8> = words.flatten().collect();
        if length > bytes.len() {
            return None;
        }
        bytes.truncate(length);
        let code = bytes.split_off(length.checked_sub(CODE)?);
        Some((bytes, code.try_into().ok()?))
    }
}

fn describe(entry: &Entry<'_>, process: &Process) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.u32(process.uid).u32(process.pid).u64(entry.session);
    writer.bytes(short(process.program.as_bytes(), 40));
    let texts = [entry.who.role, entry.who.user, entry.token, entry.op, entry.mechanism];
    for text in texts {
        writer.bytes(short(text.as_bytes(), 44));
    }
    writer.u8(u8::from(entry.key.is_some()));
    if let Some(key) = entry.key {
        writer.bytes(short(key.id, 64)).bytes(short(key.label, 64));
    }
    writer.finish()
}

impl Description {
    fn of(bytes: &[u8]) -> Option<Description> {
        let mut reader = Reader::new(bytes);
        let text = |reader: &mut Reader<'_>| {
            reader.bytes().ok().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let (uid, pid) = (reader.u32().ok()?, reader.u32().ok()?);
        let session = reader.u64().ok()?;
        let process = Process { uid, pid, program: text(&mut reader)? };
        let mut texts: [String; 5] = Default::default();
        for to in &mut texts {
            *to = text(&mut reader)?;
        }
        let key = match reader.u8().ok()? {
            0 => None,
            _ => Some((reader.bytes().ok()?.to_vec(), reader.bytes().ok()?.to_vec())),
        };
        Some(Description { process, session, texts, key })
    }

    /// The record of the uses, but for how many there were.
    pub(super) fn entry(&self) -> Entry<'_> {
        let [role, user, token, op, mechanism] = &self.texts;
        Entry {
            who: Who { role, user },
            token,
            session: self.session,
            op,
            key: self.key.as_ref().map(|(id, label)| KeyName { id, label }),
            mechanism,
            outcome: "CKR_OK",
            details: &[],
        }
    }
}

fn short(bytes: &[u8], longest: usize) -> &[u8] {
    bytes.get(..longest).unwrap_or(bytes)
}

const PREFIX: &str = "counts-";
const VERSION: u64 = u64::from_le_bytes(*b"SRCOUNT2");
/// Where in a file the name of its key is, words; and what is there while it is brought under another,
/// and in files of an earlier version.
const NAME: usize = 1;
const UNNAMED: u64 = 0;
/// The length of a code, bytes.
const CODE: usize = 32;
/// States of a slot.
const FREE: u64 = 0;
const LIVE: u64 = 1;
const ENDED: u64 = 2;
/// The length of a slot, words of eight bytes; the first of a file says what it is.
const SLOT: usize = 64;
const SLOTS: usize = 255;
const WORDS: usize = (SLOTS + 1) * SLOT;
const BYTES: usize = WORDS * 8;
