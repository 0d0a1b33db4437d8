// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The log as its readers see it: lines in order over all segments, parsed, without a key, a lock or a
//! right to write. It opens files and believes nothing of them: who wants to know whether they are
//! authentic verifies them.

use super::record::LONGEST_LINE;
use super::segments::numbered;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hasher};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The directory of a log, or of a copy of one.
#[derive(Clone, Debug)]
pub struct Reading {
    directory: PathBuf,
}

/// A line of the log.
#[derive(Clone, Debug)]
pub struct Line {
    /// The first record of the segment that it is in.
    pub segment: u64,
    /// Which line of the segment it is, from 1.
    pub number: u64,
    /// What it consists of, without its newline.
    pub bytes: Vec<u8>,
}

/// What a line says.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Record {
    /// The version of its format.
    pub v: u64,
    /// Its number.
    pub seq: u64,
    /// When it was written: RFC 3339, UTC.
    pub time: String,
    /// The store.
    pub store: String,
    /// Who did it.
    pub who: Author,
    /// The token's serial number.
    #[serde(default)]
    pub token: Option<String>,
    /// The session's handle.
    #[serde(default)]
    pub session: Option<u64>,
    /// What was done.
    pub op: String,
    /// With which key.
    #[serde(default)]
    pub key: Option<Key>,
    /// By which mechanism.
    #[serde(default)]
    pub mechanism: Option<String>,
    /// How it went.
    pub outcome: String,
    /// Further particulars.
    #[serde(default)]
    pub details: serde_json::Map<String, serde_json::Value>,
    /// Its code.
    pub mac: String,
}

/// Who did something.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Author {
    /// The user of the operating system.
    pub uid: u32,
    /// The process.
    pub pid: u32,
    /// Its program.
    pub program: String,
    /// The role.
    #[serde(default)]
    pub role: Option<String>,
    /// The user's name.
    #[serde(default)]
    pub user: Option<String>,
}

/// A key by its names.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Key {
    /// `CKA_UNIQUE_ID`.
    pub id: String,
    /// `CKA_LABEL`.
    pub label: String,
}

impl Line {
    /// What the line says; none where it is no record.
    pub fn record(&self) -> Option<Record> {
        serde_json::from_slice(&self.bytes).ok().filter(|record: &Record| record.v == 1)
    }
}

impl Record {
    /// When it was written, microseconds since 1970; 0 where it does not say.
    pub fn written(&self) -> i64 {
        micros(&self.time).unwrap_or(0)
    }

    /// When what it is of may have begun: a record of counts is of a span.
    pub fn since(&self) -> i64 {
        let first = self.details.get("first").and_then(|first| first.as_str());
        first.and_then(micros).unwrap_or_else(|| self.written())
    }
}

/// A time of RFC 3339, microseconds since 1970.
pub fn micros(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().map(|time| time.as_microsecond())
}

impl Reading {
    /// Of the log in a directory.
    pub fn at(directory: &Path) -> Reading {
        Reading { directory: directory.to_path_buf() }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The first records of the segments, ascending.
    pub fn segments(&self) -> Result<Vec<u64>> {
        numbered(&self.directory, ".jsonl")
    }

    /// The file of a segment.
    pub fn segment(&self, first: u64) -> PathBuf {
        self.directory.join(format!("{first:020}.jsonl"))
    }

    /// The sizes of the checkpoints, ascending.
    pub fn checkpoints(&self) -> Result<Vec<u64>> {
        numbered(&self.directory.join("checkpoints"), "")
    }

    /// The checkpoint of a size, as it rests.
    pub fn checkpoint(&self, size: u64) -> Result<String> {
        small(&self.directory.join("checkpoints").join(format!("{size:020}")))
    }

    /// Whose checkpoints to believe, as it rests.
    pub fn verifier(&self) -> Result<String> {
        small(&self.directory.join("verifier"))
    }

    /// The lines from the segment on that has this record, to the end as it is now; and then, asked
    /// again, those that have come since.
    pub fn lines(&self, seq: u64) -> Result<Lines> {
        let segments = self.segments()?;
        let first = segments.iter().rev().find(|first| **first <= seq).or(segments.first());
        Ok(Lines { reading: self.clone(), next: first.copied(), open: None })
    }
}

/// Lines in their order. [`Lines::next_line`] tells `None` where there is no more for now.
pub struct Lines {
    reading: Reading,
    /// The segment that comes next; none where it is yet to be made.
    next: Option<u64>,
    open: Option<Segment>,
}

struct Segment {
    first: u64,
    file: BufReader<File>,
    /// Where the next line begins, bytes.
    offset: u64,
    lines: u64,
    /// Where the last lines begin, and their hashes.
    recent: VecDeque<(u64, u64)>,
    /// Whether its end was reached.
    resumed: bool,
}

impl Lines {
    /// The next line.
    pub fn next_line(&mut self) -> Result<Option<Line>> {
        loop {
            if let Some(first) = self.next.take() {
                self.open = Some(Segment::open(&self.reading, first)?);
            }
            let Some(open) = &mut self.open else {
                self.next = self.reading.segments()?.first().copied();
                if self.next.is_none() {
                    return Ok(None);
                }
                continue;
            };
            // Asked before the end is looked for: a segment grows until the next is there.
            let first = open.first;
            if let Some(line) = open.next_line()? {
                return Ok(Some(line));
            }
            let after = self.reading.segments()?.into_iter().find(|other| *other > first);
            let Some(after) = after else { return Ok(None) };
            match open.next_line()? {
                Some(line) => return Ok(Some(line)),
                None => self.next = Some(after),
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Result<Line>> {
        self.next_line().transpose()
    }
}

impl Segment {
    fn open(reading: &Reading, first: u64) -> Result<Segment> {
        let file = BufReader::new(open(&reading.segment(first))?);
        let recent = VecDeque::with_capacity(RECENT);
        Ok(Segment { first, file, offset: 0, lines: 0, recent, resumed: false })
    }

    /// The next whole line. One that a killed process left half written is none yet.
    fn next_line(&mut self) -> Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let most = LONGEST_LINE as u64 + 1;
            let read = (&mut self.file).take(most).read_until(b'\n', &mut bytes);
            let read = read.map_err(|error| failed(&self.first, &error))?;
            let whole = bytes.last() == Some(&b'\n');
            let end = !whole && read < LONGEST_LINE + 1;
            // After an end the file may be another one than was read so far.
            if (end || std::mem::take(&mut self.resumed)) && self.back()? {
                continue;
            }
            if end {
                self.resumed = true;
                return self.seek().map(|()| None);
            }
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back((self.offset, hash(&bytes)));
            self.offset += read as u64;
            self.lines += 1;
            if whole {
                bytes.pop();
            }
            return Ok(Some(Line { segment: self.first, number: self.lines, bytes }));
        }
    }

    /// Goes back over lines that are no longer there, and says whether there were any: a writer cuts off
    /// what others appended, and writes where that began.
    fn back(&mut self) -> Result<bool> {
        let end = self.offset;
        while let Some((start, hashed)) = self.recent.back().copied() {
            let mut bytes = vec![0; usize::try_from(self.offset - start).unwrap_or_default()];
            let there = self.file.get_ref().read_exact_at(&mut bytes, start).is_ok();
            if there && hash(&bytes) == hashed {
                break;
            }
            self.recent.pop_back();
            (self.offset, self.lines) = (start, self.lines - 1);
        }
        match self.offset == end {
            true => Ok(false),
            false => self.seek().map(|()| true),
        }
    }

    fn seek(&mut self) -> Result<()> {
        let at = self.file.seek(SeekFrom::Start(self.offset));
        at.map(drop).map_err(|error| failed(&self.first, &error))
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

fn small(path: &Path) -> Result<String> {
    let mut text = String::new();
    let read = open(path)?.take(LONGEST_LINE as u64).read_to_string(&mut text);
    read.map_err(|error| failed(&path.display(), &error))?;
    Ok(text)
}

fn open(path: &Path) -> Result<File> {
    // NONBLOCK: a pipe in a file's place must not hold us up.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags as i32).open(path);
    file.map_err(|error| failed(&path.display(), &error))
}

fn failed(what: &dyn std::fmt::Display, error: &std::io::Error) -> Error {
    tracing::error!("cannot read {what} of the audit log: {error}");
    Error::DeviceError
}

/// So many lines that others append are gone back over when they are cut off.
const RECENT: usize = 1024;
