// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The writer: one after the other, whichever process they are in, appends to the log. What a killed
//! process left half done, the next one ends.
//!
//! A line comes before the head that counts it. So a kill between the two leaves a line too many, which
//! is authentic and taken over, and a loss of power may leave a head too new, which is recorded.

use super::chain::MAC;
use super::head::{self, CountKey, Head, KeyHolder, Page, Seals};
use super::record::{self, Entry, LONGEST_LINE, Process, Stamp};
use super::segments::{self, Place};
use super::signer;
use super::tree;
use crate::config;
use crate::error::{Error, Result};
use crate::files::{self, Identity};
use crate::mechanism::primitive::Ratchet;
use crate::secret::{Secret, Unsignalled};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// How many records there are.
    pub seq: u64,
    /// The code of the last of them.
    pub mac: [u8; MAC],
}

/// Whether a record must outlive a loss of power before what it records goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It must.
    Now,
    /// The system writes it out in its time.
    Later,
}

/// What a process writes with. Whoever has it `&mut` is the one thread that does.
pub(super) struct Writer {
    pub(super) place: Place,
    pub(super) settings: config::Audit,
    pub(super) seals: Seals,
    /// What descriptions of counts are authenticated by.
    pub(super) counts: Arc<CountKey>,
    /// Who knows the keys in force, and which those were when they were asked last.
    holder: Option<Arc<dyn KeyHolder>>,
    generation: Option<u32>,
    pub(super) process: Process,
    pub(super) boot: [u8; 16],
    head: Option<Arc<File>>,
    pub(super) segment: Option<(u64, Arc<File>)>,
    /// The head that this process wrote last: while it is still there, it need not be opened.
    known: Option<(Page, Head)>,
    line: Vec<u8>,
    pub(super) ratchet: Ratchet,
}

impl Writer {
    pub(super) fn new(place: Place, key: &Secret, settings: config::Audit) -> Result<Writer> {
        let seals = Seals::new(key, place.store)?;
        let counts = Arc::new(seals.for_counts()?);
        let (head, segment, known) = (None, None, None);
        let (process, boot, line) = (this_process(), boot()?, Vec::with_capacity(1024));
        let ratchet = Ratchet::default();
        Ok(Writer {
            place,
            settings,
            seals,
            counts,
            holder: None,
            generation: None,
            process,
            boot,
            head,
            segment,
            known,
            line,
            ratchet,
        })
    }

    /// The same where others may put other keys in force, which the holder knows.
    pub(super) fn with(self, holder: Option<Arc<dyn KeyHolder>>) -> Writer {
        Writer { holder, ..self }
    }

    /// Writes as nobody else does: at the end of the log as it is now.
    pub(super) fn turn<T>(&mut self, work: impl FnOnce(&mut Turn<'_>) -> Result<T>) -> Result<T> {
        self.settle();
        let _limits = Unsignalled::begin();
        let file = self.head_file()?;
        let _locked = Locked::lock(file.clone())?;
        self.heed_holder()?;
        let page = head::read(&file)?;
        let (head, changed) = match self.known.take() {
            Some((known, head)) if known == page => (head, false),
            _ => self.open_head(&page)?,
        };
        let stored = (head.segment, head.offset);
        let mut turn = Turn { writer: self, head, file, page, stored, changed };
        // What was written before a failure stays written, and the head says so.
        let result = turn.recover().and_then(|()| work(&mut turn));
        turn.store().inspect_err(|_| turn.take_back())?;
        let Turn { head, page, .. } = turn;
        self.known = Some((page, head));
        result
    }

    /// Takes a key that others put in force, so that nothing under the one before is believed. A store
    /// that cannot be read says nothing of keys: that, too, is to be recorded.
    fn heed_holder(&mut self) -> Result<()> {
        let Some(holder) = self.holder.clone() else { return Ok(()) };
        let Ok(now) = holder.generation() else { return Ok(()) };
        if self.generation != Some(now) {
            let key = holder.keys()?.key;
            if !self.seals.is_of(&key) {
                self.seals = Seals::new(&key, self.place.store)?;
                self.counts = Arc::new(self.seals.for_counts()?);
                self.known = None;
            }
            self.generation = Some(now);
        }
        Ok(())
    }

    /// What the log may rest under yet.
    pub(super) fn former(&self) -> Result<Vec<Secret>> {
        self.holder.as_ref().map_or(Ok(Vec::new()), |holder| Ok(holder.keys()?.former))
    }

    /// Opens a head, and tells whether it is to come under the key of now.
    fn open_head(&mut self, page: &Page) -> Result<(Head, bool)> {
        if let Ok(head) = Head::open(page.as_slice(), &mut self.seals) {
            return Ok((head, false));
        }
        let former = self.former()?;
        let open = |key| Head::find(page.as_slice(), key, self.place.store).ok();
        let head = former.iter().find_map(open).ok_or_else(|| {
            tracing::error!("the head of the audit log was altered: {LOST_HEAD}");
            Error::Altered
        })?;
        // Before the head is: where that is under the key of now, all but counts is.
        signer::bring(&self.place, &self.seals, &former)?;
        Ok((head, true))
    }

    /// Writes with a head that is not in its place yet.
    pub(super) fn apart(&mut self, head: Head, file: File) -> Result<Turn<'_>> {
        let page = head.seal(&mut self.seals)?;
        let stored = (head.segment, head.offset);
        Ok(Turn { writer: self, head, file: Arc::new(file), page, stored, changed: true })
    }

    /// Lets go of the files, which a forked child must not share.
    pub(super) fn rest(&mut self) {
        (self.head, self.segment, self.known) = (None, None, None);
        // Of what was made of keys a forked child has zeros.
        self.ratchet = Ratchet::default();
        self.seals.rest();
    }

    /// The process that writes, as records name it.
    pub(super) fn process(&mut self) -> &Process {
        self.settle();
        &self.process
    }

    /// A forked child shares its parent's locks and is another process.
    fn settle(&mut self) {
        if self.process.pid != std::process::id() {
            self.process = this_process();
            // A child has zeros where these were: there is nothing to free.
            std::mem::forget(std::mem::take(&mut self.ratchet));
            self.seals.forget();
            (self.head, self.segment, self.known) = (None, None, None);
        }
    }

    fn head_file(&mut self) -> Result<Arc<File>> {
        if let Some(file) = &self.head {
            // What has lost its name is nobody's log any more.
            let there = Identity::of(&self.place.head());
            if there.is_some() && there == Identity::of_open(file) {
                return Ok(file.clone());
            }
            self.rest();
        }
        if !self.place.head().try_exists().unwrap_or(true) {
            tracing::error!("the audit log has no head any more: {LOST_HEAD}");
            return Err(Error::Altered);
        }
        let (file, writable) = crate::files::open(&self.place.head(), self.place.access)?;
        if !writable {
            return Err(Error::TokenWriteProtected);
        }
        Ok(self.head.insert(Arc::new(file)).clone())
    }
}

/// The time in which one writer writes.
pub(super) struct Turn<'a> {
    pub(super) writer: &'a mut Writer,
    pub(super) head: Head,
    pub(super) file: Arc<File>,
    page: Page,
    /// The segment and its end, as the head on the disk has them.
    stored: (u64, u64),
    pub(super) changed: bool,
}

impl Turn<'_> {
    /// Appends a record.
    pub(super) fn append(&mut self, entry: &Entry<'_>, durability: Durability) -> Result<Position> {
        let was_full = self.head.full;
        if was_full {
            self.writer.place.fill_reserve()?;
            (self.head.full, self.changed) = (false, true);
        }
        self.turn_if_due()?;
        match self.put(entry, None) {
            Err(Error::DeviceMemory) if was_full => {
                // Room for the reserve and no more: as full as it was said to be.
                self.give_reserve()?;
                return Err(Error::DeviceMemory);
            }
            Err(Error::DeviceMemory) => {
                self.record_full()?;
                return Err(Error::DeviceMemory);
            }
            put => put?,
        }
        if durability == Durability::Now {
            self.sync()?;
        }
        Ok(self.position())
    }

    /// Begins the next segment where it is time.
    pub(super) fn turn_if_due(&mut self) -> Result<()> {
        if self.due(now()) { self.next_segment() } else { Ok(()) }
    }

    /// Appends what another process did.
    pub(super) fn append_for(&mut self, process: &Process, entry: &Entry<'_>) -> Result<()> {
        match self.put(entry, Some(process)) {
            Err(Error::DeviceMemory) if !self.head.full => {
                self.record_full()?;
                Err(Error::DeviceMemory)
            }
            put => put,
        }
    }

    /// Where the log ends.
    pub(super) fn position(&self) -> Position {
        Position { seq: self.head.seq, mac: self.head.mac }
    }

    /// Makes durable what was written.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.segment()?.sync_data().map_err(failed)?;
        self.head.durable = (self.head.tree.size(), self.head.tree.root()?);
        self.changed = true;
        Ok(())
    }

    /// Notes something in the head that no record goes with.
    pub(super) fn note(&mut self, edit: impl FnOnce(&mut Head)) {
        edit(&mut self.head);
        self.changed = true;
    }

    /// The code of a record; none where there is no such record. Those at the end are found fast.
    pub(super) fn mac_of(&mut self, seq: u64) -> Result<Option<[u8; MAC]>> {
        if seq == self.head.seq {
            return Ok(Some(self.head.mac));
        }
        let segments = self.writer.place.segments()?;
        let Some(first) = segments.into_iter().filter(|first| *first <= seq).max() else {
            return Ok(None);
        };
        let (file, _) =
            crate::files::open(&self.writer.place.segment(first), self.writer.place.access)?;
        segments::mac_of(&file, seq)
    }

    fn due(&self, now: u64) -> bool {
        let settings = &self.writer.settings;
        let age = now.saturating_sub(self.head.begun);
        self.head.offset >= settings.segment_mib << 20 || age >= settings.segment_days * DAY
    }

    /// Writes one line, for a process that may be another one's.
    pub(super) fn put(&mut self, entry: &Entry<'_>, process: Option<&Process>) -> Result<()> {
        let file = self.segment()?;
        let time = now();
        let writer = &mut *self.writer;
        let stamp = Stamp {
            seq: self.head.seq + 1,
            time,
            store: &writer.place.store,
            process: process.unwrap_or(&writer.process),
            back: self.head.time.saturating_sub(time),
        };
        writer.line.clear();
        record::render(&stamp, entry, &mut writer.line);
        let (mac, next) = self.head.key.tag(&mut writer.ratchet, &self.head.mac, &writer.line)?;
        record::close(&mac, &mut writer.line);
        if writer.line.len() > LONGEST_LINE {
            return Err(Error::DeviceError);
        }
        if let Err(error) = file.write_all_at(&writer.line, self.head.offset) {
            // Nothing of a line that is not all there.
            file.set_len(self.head.offset).map_err(failed)?;
            return Err(failed(error));
        }
        let line = writer.line.strip_suffix(b"\n").ok_or(Error::DeviceError)?;
        self.head.tree.push(tree::leaf(line)?)?;
        (self.head.seq, self.head.mac, self.head.key) = (stamp.seq, mac, next);
        self.head.offset += writer.line.len() as u64;
        self.head.time = time;
        self.changed = true;
        Ok(())
    }

    fn give_reserve(&mut self) -> Result<()> {
        (self.head.full, self.changed) = (true, true);
        crate::files::remove_if_there(&self.writer.place.reserve())
    }

    /// Records with the disk that was kept back that there is no more of it.
    fn record_full(&mut self) -> Result<()> {
        tracing::error!("the audit log's disk is full: make room");
        self.give_reserve()?;
        let outcome = Error::DeviceMemory.name();
        self.put(&Entry { op: FULL, outcome, ..Entry::default() }, None)?;
        self.sync()
    }

    /// Begins the next segment. The head says so first, so that the next writer ends it after a kill.
    fn next_segment(&mut self) -> Result<()> {
        self.sync()?;
        (self.head.turning, self.changed) = (true, true);
        self.store()?;
        self.turn_over()
    }

    pub(super) fn segment(&mut self) -> Result<Arc<File>> {
        match &self.writer.segment {
            Some((first, file)) if *first == self.head.segment && segments::named(file) => {
                Ok(file.clone())
            }
            _ => {
                let file = Arc::new(self.writer.place.open_segment(self.head.segment)?);
                self.writer.segment = Some((self.head.segment, file.clone()));
                Ok(file)
            }
        }
    }

    pub(super) fn store(&mut self) -> Result<()> {
        if self.changed {
            let page = self.head.seal(&mut self.writer.seals)?;
            if let Err(error) = self.file.write_all_at(page.as_slice(), 0) {
                // Half a page is none.
                let _ = self.file.write_all_at(self.page.as_slice(), 0);
                return Err(failed(error));
            }
            (self.page, self.changed) = (page, false);
            self.stored = (self.head.segment, self.head.offset);
        }
        Ok(())
    }

    /// The head cannot be written, and the caller hears that nothing was: so that the next writer does
    /// not count them, the lines since the head go. Uses among them are lost, a second's at most.
    fn take_back(&mut self) {
        let (segment, offset) = self.stored;
        let kept = if segment == self.head.segment { offset } else { 0 };
        // Where not even that can be done, they stay: more was recorded than was done.
        if let Ok(file) = self.segment() {
            let _ = file.set_len(kept);
        }
    }
}

/// The right to write, until it is dropped.
struct Locked(Arc<File>);

impl Locked {
    /// Waits for the others: each needs microseconds beside the disk's own time.
    fn lock(file: Arc<File>) -> Result<Locked> {
        let mut begun = None;
        let mut pause = Duration::from_micros(5);
        loop {
            match flock(&*file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Locked(file)),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
                Err(error) => return Err(failed(error.into())),
            }
            let since = *begun.get_or_insert_with(Instant::now);
            if files::waited_enough(since, file.metadata()) {
                tracing::error!("the audit log is held by another process, which may hang: end it");
                return Err(Error::FunctionFailed);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(2));
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing it lets go as well, and a file that is open can be unlocked.
        let _ = flock(&*self.0, FlockOperation::Unlock);
    }
}

/// Microseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn this_process() -> Process {
    let program = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let uid = rustix::process::getuid().as_raw();
    Process { uid, pid: std::process::id(), program }
}

/// What tells this boot of the machine from others.
pub(super) fn boot() -> Result<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let mut boot = [0; 16];
    // Without one every start looks alike: a loss of power then looks like a loss.
    let _ = hex::decode_to_slice(digits, &mut boot);
    Ok(boot)
}

pub(super) fn failed(error: std::io::Error) -> Error {
    use std::io::ErrorKind::*;
    tracing::error!("cannot write the audit log: {error}");
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => Error::DeviceMemory,
        ReadOnlyFilesystem | PermissionDenied => Error::TokenWriteProtected,
        _ => Error::Unread,
    }
}

/// What all of the log's own records have.
pub(super) const OWN: Entry<'static> = Entry {
    who: record::Who { role: "", user: "" },
    token: "",
    session: 0,
    op: "",
    key: None,
    mechanism: "",
    outcome: "CKR_OK",
    details: &[],
};
/// What to do about a head that is lost.
pub(super) const LOST_HEAD: &str =
    "put the latest copy of it back, or go on with 'strongroom audit renew --lost'";
/// The log's own records.
const FULL: &str = "audit.full";
/// Microseconds.
const DAY: u64 = 86_400_000_000;
