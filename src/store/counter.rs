// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How processes that share a store learn, without asking the database, that nothing was changed: two
//! numbers in a file. It may use `mechanism`, and layer 0.
//!
//! The file is read, not mapped: who cuts a mapped file short ends every process that looks at it.
//! A read costs a third of a microsecond, so what was read stands for [`FRESH`], and a change is not
//! acknowledged before that time is over for whoever read just before it began: who is told of a
//! change finds it.
//!
//! While a change is under way, and once after it, the database is asked which state it is in, which costs
//! one tiny query and stands for [`BRIEF`]: beside a process that writes all the time others read most of
//! what they know from memory still. The answer is what readers compare; the file's numbers only say when to ask.

use crate::error::{Error, Result};
use crate::files::{self, Access, Identity};
use crate::mechanism::primitive;
use parking_lot::RwLock;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The numbers that all processes of a store share.
pub struct Counter {
    path: PathBuf,
    access: Access,
    file: RwLock<Open>,
    memo: Memo,
    /// What the database said last while a change was under way.
    during: Memo,
    /// What the database said when the file had this number and no change was under way.
    settled: Trio,
    /// When the name was last seen to be that of the open file, as [`Glance::at`].
    named: AtomicU64,
}

/// How the store stood at a moment.
#[derive(Clone, Copy)]
pub struct Glance {
    /// A number that is the same as before where nothing was changed meanwhile; none where nobody can
    /// tell.
    pub count: Option<u64>,
    /// When that was asked, nanoseconds of the machine's monotonic clock.
    pub at: u64,
}

struct Open {
    file: File,
    identity: Identity,
    writable: bool,
}

/// A change that has begun.
pub(super) struct Mark {
    number: u64,
    begun: Instant,
}

impl Counter {
    /// The length of the file, bytes.
    pub const LENGTH: usize = 4096;

    /// Opens the file.
    pub fn open(path: &Path, access: Access) -> Result<Counter> {
        let file = RwLock::new(opened(path, access)?);
        let (memo, during) = (Memo::default(), Memo::default());
        let (settled, named) = (Trio::default(), AtomicU64::new(0));
        Ok(Counter { path: path.to_path_buf(), access, file, memo, during, settled, named })
    }

    /// How the store stands; `state` asks the database, and has another answer after each change.
    pub(super) fn glance(&self, state: impl Fn() -> Option<u64>) -> Glance {
        let at = clock();
        let known = self.memo.at(at, FRESH).unwrap_or_else(|| self.read_at(at, &state));
        Glance { count: known.or_else(|| self.during_a_change(at, state)), at }
    }

    fn during_a_change(&self, now: u64, state: impl Fn() -> Option<u64>) -> Option<u64> {
        self.during.at(now, BRIEF).unwrap_or_else(|| {
            let answer = state();
            self.during.keep(now, answer);
            answer
        })
    }

    fn read_at(&self, now: u64, state: impl Fn() -> Option<u64>) -> Option<u64> {
        let looked = now.saturating_sub(self.named.load(Ordering::Acquire)) < BETWEEN_LOOKS;
        if !looked || self.is_removed() {
            // A file of another name tells of nobody's changes.
            if self.renew().is_err() {
                return None;
            }
            self.named.store(now, Ordering::Release);
        }
        let number = match read(&self.file.read().file) {
            Some([begun, ended]) if begun == ended => Some(self.settled_at(begun, state)),
            _ => None,
        };
        self.memo.keep(now, number);
        number
    }

    /// The database's answer where no change is under way. It is asked after the number was read: should it
    /// answer for a later change already, the file does not come to this number again.
    fn settled_at(&self, number: u64, state: impl Fn() -> Option<u64>) -> u64 {
        if let Some([1, of, answer]) = self.settled.get() {
            if of == number {
                return answer;
            }
        }
        let answer = state().unwrap_or(number);
        self.settled.put([1, number, answer]);
        answer
    }

    /// Whether the others can be told of a change; called before one is made.
    pub(super) fn ready(&self) -> Result<()> {
        self.renew()?;
        if self.file.read().writable {
            return Ok(());
        }
        // It may have been given back the right to since it was opened.
        *self.file.write() = opened(&self.path, self.access)?;
        if self.file.read().writable {
            return Ok(());
        }
        tracing::error!(
            "the store's file 'changes' cannot be written: give this user the right to"
        );
        Err(Error::TokenWriteProtected)
    }

    /// Whether the file could be written when it was last looked at.
    pub(super) fn writable(&self) -> bool {
        self.file.read().writable
    }

    /// Tells the others that a change begins. Called by who holds the database's lock for writing.
    pub(super) fn begin(&self) -> Result<Mark> {
        let mut drawn = [0; 8];
        primitive::random(&mut drawn)?;
        // Drawn, not counted: a file that was emptied or put back does not come to a number again
        // that somebody remembers. Odd: versions that count take it for a change under way.
        let number = u64::from_ne_bytes(drawn) | 1;
        let written = self.file.read().file.write_all_at(&number.to_ne_bytes(), BEGUN);
        written.map_err(|error| files::complain("write", &self.path, &error))?;
        Ok(Mark { number, begun: Instant::now() })
    }

    /// Tells them that it is through, or was given up.
    pub(super) fn end(&self, mark: Mark) {
        let ended = Instant::now();
        if let Some(left) = FRESH.checked_sub(mark.begun.elapsed()) {
            std::thread::sleep(left);
        }
        // Too short to sleep.
        while ended.elapsed() < BRIEF {
            std::hint::spin_loop();
        }
        let file = self.file.read();
        // Where another has begun by now it is that one's to end. Should this one come too late or
        // fail, the numbers differ until the next change, and everybody asks the database.
        if read(&file.file).is_some_and(|[begun, _]| begun == mark.number) {
            let _ = file.file.write_all_at(&mark.number.to_ne_bytes(), ENDED);
        }
    }

    /// Whether the open file has no name at all.
    fn is_removed(&self) -> bool {
        self.file.read().file.metadata().map_or(true, |found| found.nlink() == 0)
    }

    /// Opens the file of the name anew where it is another by now.
    fn renew(&self) -> Result<()> {
        if Identity::of(&self.path) == Some(self.file.read().identity) {
            return Ok(());
        }
        let new = opened(&self.path, self.access)?;
        tracing::warn!("{} is another file than it was", self.path.display());
        *self.file.write() = new;
        Ok(())
    }
}

/// Nanoseconds of the machine's monotonic clock.
pub(super) fn clock() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    (now.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(now.tv_nsec as u64)
}

fn opened(path: &Path, access: Access) -> Result<Open> {
    let (file, writable) = files::open(path, access)?;
    let identity = Identity::of_open(&file).ok_or(Error::DeviceError)?;
    Ok(Open { file, identity, writable })
}

fn read(file: &File) -> Option<[u64; 2]> {
    let mut bytes = [0; 16];
    // A shorter file is an error, and tells nothing; the next change makes it longer.
    file.read_exact_at(&mut bytes, BEGUN).ok()?;
    let (begun, ended) = bytes.split_at(8);
    Some([u64::from_ne_bytes(begun.try_into().ok()?), u64::from_ne_bytes(ended.try_into().ok()?)])
}

/// What was read last, and when: when reading began, nanoseconds (0 for never); the number; whether there
/// was one.
#[derive(Default)]
struct Memo(Trio);

impl Memo {
    /// What was read, where that is not too long ago.
    fn at(&self, now: u64, within: Duration) -> Option<Option<u64>> {
        let [at, number, known] = self.0.get()?;
        let fresh = at != 0 && now.saturating_sub(at) < within.as_nanos() as u64;
        fresh.then_some((known == 1).then_some(number))
    }

    fn keep(&self, at: u64, number: Option<u64>) {
        self.0.put([at, number.unwrap_or_default(), u64::from(number.is_some())]);
    }
}

/// Three numbers that threads read together without a lock.
#[derive(Default)]
struct Trio {
    /// Odd while the others are being written.
    turn: AtomicU64,
    numbers: [AtomicU64; 3],
}

impl Trio {
    /// The numbers; none while they are being written.
    fn get(&self) -> Option<[u64; 3]> {
        let turn = self.turn.load(Ordering::Acquire);
        let numbers = self.numbers.each_ref().map(|number| number.load(Ordering::Acquire));
        let whole = turn % 2 == 0 && self.turn.load(Ordering::Acquire) == turn;
        whole.then_some(numbers)
    }

    /// Another thread that is writing some at this moment has something as good.
    fn put(&self, numbers: [u64; 3]) {
        let turn = self.turn.load(Ordering::Acquire);
        let (from, to) = (turn & !1, (turn & !1) | 1);
        if self.turn.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return;
        }
        for (place, number) in self.numbers.iter().zip(numbers) {
            place.store(number, Ordering::Release);
        }
        self.turn.store(to.wrapping_add(1), Ordering::Release);
    }
}

/// How long a process takes what it read for what is; a change takes at least so long.
pub(super) const FRESH: Duration = Duration::from_micros(50);
/// How long what the database said during a change stands; so long a change is not acknowledged after it
/// was made.
const BRIEF: Duration = Duration::from_micros(10);
/// How often a reader looks whether the file has its name still, not only one, nanoseconds.
const BETWEEN_LOOKS: u64 = 100_000_000;
/// Where the two numbers are in the file, in the machine's byte order.
const BEGUN: u64 = 0;
const ENDED: u64 = 8;
