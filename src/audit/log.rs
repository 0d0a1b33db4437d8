// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The log of a store, as the layers above hold it: made once, opened by each process, written to by
//! any thread.

use super::auditors::{self, Auditor, Keeper, Kept, keep};
use super::chain::ChainKey;
use super::counts::{Bank, Counter, Taken};
use super::head::{CountKey, Head, KeyHolder, Seals};
use super::note::{self, Checkpoint};
use super::record::{Detail, Entry};
use super::recovery::names;
use super::segments::{Place, put_anew};
use super::signer;
use super::writer::{Durability, OWN, Position, Turn, Writer, boot, now};
use crate::config;
use crate::error::{Error, Result};
use crate::files;
use crate::secret::Secret;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// An open log.
pub struct Log {
    writer: Mutex<Writer>,
    /// The counts of this process, and which process that is.
    banks: Mutex<Vec<Arc<Bank>>>,
    owner: AtomicU32,
    /// When this process last recorded its counts.
    flushed: AtomicU64,
}

impl Log {
    /// Makes the log of a store, whose keys rest under the store's audit key of 32 bytes; the key of
    /// the chain is kept for the auditors alone. What a killed process left of it is done again:
    /// there is a log as soon as it has a head.
    pub fn create(place: &Place, key: &Secret, auditors: &[Auditor]) -> Result<()> {
        files::make_directory(&place.directory, place.access)?;
        let _alone = files::lock_directory(&place.directory)?;
        if place.head().try_exists().unwrap_or(true) {
            tracing::error!("{} has an audit log already", place.directory.display());
            return Err(Error::DeviceError);
        }
        Log::create_in(place, key, auditors)
    }

    /// The same in a directory that is there and locked.
    pub(super) fn create_in(place: &Place, key: &Secret, auditors: &[Auditor]) -> Result<()> {
        files::make_directory(&place.checkpoints(), place.access)?;
        let mut seals = Seals::new(key, place.store)?;
        if !signer::is_there(place, key) {
            signer::make(place, &seals)?;
        }
        let chain = ChainKey::random()?;
        let kept = keep(place, &seals, (1, &chain), auditors)?;
        place.fill_reserve()?;
        put_anew(place, &place.chain(1), kept.as_bytes())?;
        let head = Head::first(chain, now(), boot()?).seal(&mut seals)?;
        let temporary = place.directory.join("new-head");
        put_anew(place, &temporary, head.as_slice())?;
        // Before anybody can write, and with its first records.
        std::fs::rename(&temporary, place.head()).map_err(super::writer::failed)?;
        files::sync_directory(&place.directory)?;
        let mut writer = Writer::new(place.clone(), key, config::Audit::default())?;
        // Whoever writes first records how the log begins.
        writer.turn(|_| Ok(()))
    }

    /// Opens the log of a store. A log that is not there is an error: somebody took it away.
    pub fn open(place: Place, key: &Secret, settings: config::Audit) -> Result<Log> {
        Log::open_with(place, (key, None), settings)
    }

    /// The same where others may put other keys in force, which the holder knows.
    pub fn open_with(
        place: Place,
        (key, holder): (&Secret, Option<Arc<dyn KeyHolder>>),
        settings: config::Audit,
    ) -> Result<Log> {
        files::check_directory(&place.directory, place.access)?;
        place.check()?;
        let mut writer = Writer::new(place, key, settings)?.with(holder);
        writer.turn(|_| Ok(()))?;
        Ok(Log {
            writer: Mutex::new(writer),
            banks: Mutex::default(),
            owner: AtomicU32::new(std::process::id()),
            flushed: AtomicU64::new(now()),
        })
    }

    /// Appends a record and returns where it is. Where this fails, what was to be recorded must not
    /// be done.
    pub fn append(&self, entry: &Entry<'_>, durability: Durability) -> Result<Position> {
        self.writer.lock().turn(|turn| {
            sweep_if_due(turn)?;
            let position = turn.append(entry, durability)?;
            checkpoint_if_due(turn)?;
            Ok(position)
        })
    }

    /// Records a change of the store before it is made, and returns where the log ends then: what the
    /// store's state is bound to with the change. Without an entry the change is none of those that are
    /// recorded, and is bound all the same.
    pub fn announce(&self, change: &Announced, entry: Option<&Entry<'_>>) -> Result<Position> {
        self.writer.lock().turn(|turn| {
            sweep_if_due(turn)?;
            compare(turn, change)?;
            let Announced { revision, .. } = *change;
            if let Some(entry) = entry {
                turn.append(entry, Durability::Now)?;
                turn.note(|head| head.announced.0 = revision);
            }
            turn.note(|head| head.announced.1 = revision);
            checkpoint_if_due(turn)?;
            Ok(turn.position())
        })
    }

    /// Before a `fork`: lets go of the files, which are opened again when they are needed.
    pub fn rest(&self) {
        self.writer.lock().rest();
    }

    /// What is wrong between the log and the store whose state, of this revision, is bound to it.
    pub fn compared(&self, change: &Announced) -> Result<Option<Mismatch>> {
        self.writer.lock().turn(|turn| mismatch(turn, change))
    }

    /// Where the log ends: what the store's state can be bound to.
    pub fn position(&self) -> Result<Position> {
        self.writer.lock().turn(|turn| Ok(turn.position()))
    }

    /// Counts uses of one kind from now on: `entry` says which, without outcome and details.
    pub fn counter(&self, entry: &Entry<'_>) -> Result<Counter> {
        if let Some(counter) = self.free_counter(entry)? {
            return Ok(counter);
        }
        // What ended is free once it is recorded.
        self.flush()?;
        if let Some(counter) = self.free_counter(entry)? {
            return Ok(counter);
        }
        // With the log locked: under the key in force, and seen by whoever puts another in force.
        let bank = self
            .writer
            .lock()
            .turn(|turn| Bank::create(&turn.writer.place, &turn.writer.counts))?;
        self.banks.lock().push(Arc::new(bank));
        self.free_counter(entry)?.ok_or(Error::DeviceError)
    }

    /// Whether this process has many counters.
    pub fn is_crowded(&self) -> bool {
        self.banks.lock().len() >= MANY
    }

    fn free_counter(&self, entry: &Entry<'_>) -> Result<Option<Counter>> {
        let mut banks = self.banks.lock();
        let (process, key) = {
            let mut writer = self.writer.lock();
            (writer.process().clone(), writer.counts.clone())
        };
        if self.owner.swap(process.pid, Ordering::AcqRel) != process.pid {
            // A forked child counts in files of its own.
            banks.clear();
        }
        let now = now();
        for bank in banks.iter() {
            if let Some(counter) = bank.begin(entry, &process, (now, &key))? {
                return Ok(Some(counter));
            }
        }
        Ok(None)
    }

    /// Records the counts of this process if the last time was a second ago, and returns for how long
    /// there is nothing to record, nanoseconds. Each `*Init` asks, or knows that it need not.
    pub fn tick(&self) -> Result<u64> {
        let now = now();
        let flushed = self.flushed.load(Ordering::Acquire);
        let age = now.abs_diff(flushed);
        if age < COUNTS_AGE {
            return Ok((COUNTS_AGE - age) * 1000);
        }
        // Where that fails another thread does.
        let taken =
            self.flushed.compare_exchange(flushed, now, Ordering::AcqRel, Ordering::Acquire);
        taken.map_or(Ok(()), |_| self.flush()).map(|()| COUNTS_AGE * 1000)
    }

    /// Records what these have counted: at the end of a session.
    pub fn settle(&self, counters: &[&Counter]) -> Result<()> {
        if !counters.iter().any(|counter| counter.counted()) {
            return Ok(());
        }
        self.writer.lock().turn(|turn| {
            for counter in counters {
                let key = key_of(turn.writer, counter.bank())?;
                counter.take(&key, |taken| record_uses(turn, taken))?;
            }
            sweep_if_due(turn)?;
            checkpoint_if_due(turn)
        })
    }

    /// Records the counts of this process.
    pub fn flush(&self) -> Result<()> {
        let banks = self.banks.lock().clone();
        self.writer.lock().turn(|turn| {
            banks.iter().try_for_each(|bank| record(turn, bank))?;
            sweep_if_due(turn)?;
            checkpoint_if_due(turn)
        })
    }

    /// Records the counts of all processes: before the log is read.
    pub fn sweep(&self) -> Result<()> {
        self.writer.lock().turn(sweep)
    }

    /// Sees to it that all of the log is under the key in force, durably, and begins another chain. Where
    /// this is interrupted it is done again.
    pub fn bring(&self, keepers: &[Auditor]) -> Result<Position> {
        self.writer.lock().turn(|turn| {
            sweep(turn)?;
            let former = turn.writer.former()?;
            auditors::bring(&turn.writer.place, &turn.writer.seals, &former)?;
            turn.note(|_| {});
            turn.store()?;
            turn.file.sync_data().map_err(super::writer::failed)
        })?;
        self.renew(keepers)
    }

    /// Begins another chain, whose first key is kept for these auditors: from now on they check the log
    /// and nobody else can. Where this is interrupted the old chain goes on.
    pub fn renew(&self, auditors: &[Auditor]) -> Result<Position> {
        self.writer.lock().turn(|turn| {
            turn.turn_if_due()?;
            let place = turn.writer.place.clone();
            let first = turn.position().seq + 2;
            let next = ChainKey::random()?;
            let kept = keep(&place, &turn.writer.seals, (first, &next), auditors)?;
            let temporary = place.directory.join("new-keys");
            put_anew(&place, &temporary, kept.as_bytes())?;
            // From here on who finds the renewal unrecorded knows that there was to be one.
            turn.keep_pending(next)?;
            std::fs::rename(&temporary, place.chain(first)).map_err(super::writer::failed)?;
            files::sync_directory(&place.directory)?;
            turn.record_renewal(&names(auditors.iter().map(|auditor| auditor.name.as_str())))?;
            Ok(turn.position())
        })
    }

    /// For whom the chain of now is kept, in order; none where its file does not tell.
    pub fn keepers(&self) -> Result<Option<Vec<Keeper>>> {
        self.writer.lock().turn(|turn| {
            let place = &turn.writer.place;
            let chain = place.chains()?.pop().map(|first| (first, place.chain(first)));
            let broken = place.breaks()?.pop().map(|first| (first, place.broken(first)));
            // A chain behind a break begins later than one of the same number, which never began.
            let latest = if broken >= chain { broken } else { chain };
            let kept = latest.and_then(|(first, path)| Kept::read(&path, first));
            Ok(kept.and_then(|kept| kept.keepers()))
        })
    }

    /// Signs how the log stands now and returns the note.
    pub fn checkpoint(&self) -> Result<String> {
        self.writer.lock().turn(checkpoint)
    }

    /// Records the counts of this process and gives up its files.
    pub fn close(&self) -> Result<()> {
        let done = self.flush();
        if self.owner.load(Ordering::Acquire) == std::process::id() && done.is_ok() {
            self.banks.lock().drain(..).try_for_each(|bank| bank.remove())?;
        }
        done
    }
}

/// A change of the store, as the log sees it.
#[derive(Clone, Copy, Debug)]
pub struct Announced {
    /// Where the log ended at the last change that was made; all zeros where none was bound.
    pub bound: Position,
    /// The revision that this change makes.
    pub revision: u64,
}

/// What does not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The log ends before the record that the store was bound to, by so many: it is an older copy, or
    /// was cut off.
    LogOlder(u64),
    /// The record that the store was bound to is another one.
    LogOther,
    /// The log has seen later revisions of the store: that is an older copy.
    StoreOlder,
}

fn mismatch(turn: &mut Turn<'_>, change: &Announced) -> Result<Option<Mismatch>> {
    let Announced { bound, revision } = *change;
    let (is, was) = (turn.head.seq, bound.seq);
    if is < was {
        return Ok(Some(Mismatch::LogOlder(was - is)));
    }
    if was > 0 && turn.mac_of(was)? != Some(bound.mac) {
        return Ok(Some(Mismatch::LogOther));
    }
    // A change that failed was to make the same revision.
    Ok((turn.head.announced.1 > revision).then_some(Mismatch::StoreOlder))
}

/// Records what is not as the last change left it. It is recorded once: this change is bound to what is.
fn compare(turn: &mut Turn<'_>, change: &Announced) -> Result<()> {
    let before = [Detail::Revision(change.revision.saturating_sub(1))];
    let this = [Detail::Revision(change.revision)];
    let wrong = Error::DeviceError.name();
    // However long it is by now: an older one can be padded.
    let Position { seq, mac } = change.bound;
    let older = turn.head.seq < seq;
    if older || (seq > 0 && turn.mac_of(seq)? != Some(mac)) {
        tracing::error!("the audit log is not the one that the store was bound to");
        let lost = [Detail::Lost(change.bound.seq.saturating_sub(turn.head.seq))];
        let entry = Entry { op: LOG_OLDER, outcome: wrong, details: &lost, ..OWN };
        turn.append(&entry, Durability::Now)?;
    }
    let (announced, reached) = turn.head.announced;
    if reached > change.revision {
        tracing::error!("the store is older than its audit log: a copy was put in its place");
        let entry = Entry { op: STORE_OLDER, outcome: wrong, details: &before, ..OWN };
        turn.append(&entry, Durability::Now)?;
        turn.note(|head| head.announced = (0, 0));
    } else if announced == change.revision {
        let outcome = Error::FunctionFailed.name();
        turn.append(&Entry { op: UNDONE, outcome, details: &this, ..OWN }, Durability::Later)?;
    }
    Ok(())
}

/// What authenticates the counts of a file, all of which are under it then.
fn key_of(writer: &Writer, bank: &Bank) -> Result<Arc<CountKey>> {
    if !bank.is_under(&writer.counts) {
        let former = writer.former()?;
        let keys = former.iter().map(|key| Seals::new(key, writer.place.store)?.for_counts());
        let keys = keys.collect::<Result<Vec<_>>>()?;
        if !keys.is_empty() {
            bank.bring(&writer.counts, &keys)?;
        }
    }
    Ok(writer.counts.clone())
}

fn record(turn: &mut Turn<'_>, bank: &Bank) -> Result<()> {
    let key = key_of(turn.writer, bank)?;
    bank.take(&key, |taken| record_uses(turn, taken))
}

fn record_uses(turn: &mut Turn<'_>, Taken { count, first, of }: &Taken) -> Result<()> {
    let details = [Detail::Count(*count), Detail::First(*first), Detail::Last(now())];
    turn.append_for(&of.process, &Entry { details: &details, ..of.entry() })
}

fn sweep_if_due(turn: &mut Turn<'_>) -> Result<()> {
    match now().abs_diff(turn.head.swept) < COUNTS_AGE {
        true => Ok(()),
        false => sweep(turn),
    }
}

fn sweep(turn: &mut Turn<'_>) -> Result<()> {
    let at = now();
    turn.note(|head| head.swept = at);
    for path in Bank::all(&turn.writer.place)? {
        // One that cannot be read is gone by now, or nothing that a process of ours made.
        let opened = Bank::open(&path, &turn.writer.place);
        let Ok((bank, dead)) = opened else { continue };
        record(turn, &bank)?;
        if dead {
            bank.remove()?;
        }
    }
    Ok(())
}

fn checkpoint_if_due(turn: &mut Turn<'_>) -> Result<()> {
    let (size, at) = turn.head.checkpoint;
    let settings = &turn.writer.settings;
    let records = turn.head.seq - size.min(turn.head.seq);
    let age = now().saturating_sub(at) / 1_000_000;
    // The record of the last checkpoint alone is nothing new.
    match records >= settings.checkpoint_records
        || (records > 1 && age >= settings.checkpoint_seconds)
    {
        true => checkpoint(turn).map(drop),
        false => Ok(()),
    }
}

fn checkpoint(turn: &mut Turn<'_>) -> Result<String> {
    // Nothing comes between it and its record.
    turn.turn_if_due()?;
    // What is signed stays.
    turn.sync()?;
    let place = turn.writer.place.clone();
    let (size, root) = (turn.head.tree.size(), turn.head.tree.root()?);
    let signer = signer::open(&place, &turn.writer.seals)?;
    let origin = note::origin(&place.store);
    let note = Checkpoint { origin, size, root }.sign(&signer)?;
    let temporary = place.checkpoints().join("new");
    put_anew(&place, &temporary, note.as_bytes())?;
    std::fs::rename(&temporary, place.checkpoint(size)).map_err(super::writer::failed)?;
    files::sync_directory(&place.checkpoints())?;
    let at = now();
    turn.note(|head| head.checkpoint = (size, at));
    let details = [Detail::Size(size), Detail::Root(&root)];
    turn.put(&Entry { op: CHECKPOINT, details: &details, ..OWN }, None)?;
    Ok(note)
}

const CHECKPOINT: &str = "audit.checkpoint";
const LOG_OLDER: &str = "audit.older";
const STORE_OLDER: &str = "store.older";
const UNDONE: &str = "store.undone";
/// Files of counts of one process that are many.
const MANY: usize = 8;
/// How old counts get, microseconds.
const COUNTS_AGE: u64 = 1_000_000;
