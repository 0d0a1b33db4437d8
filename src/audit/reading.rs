// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The log as its readers see it: lines in order over all segments, parsed, without a key, a lock or a
//! right to write. It opens files and believes nothing of them: who wants to know whether they are
//! authentic verifies them.

use super::lines;
pub use super::parsed::{Author, Key, Record, micros};
use super::record::LONGEST_LINE;
use super::segments::numbered;
use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{BufReader, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
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

impl Line {
    /// What the line says; none where it is no record.
    pub fn record(&self) -> Option<Record> {
        Record::of(&self.bytes)
    }
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
        let path = reading.segment(first);
        let file = lines::open(&path).map_err(|error| failed(&path.display(), &error))?;
        let file = BufReader::new(file);
        let recent = VecDeque::with_capacity(RECENT);
        Ok(Segment { first, file, offset: 0, lines: 0, recent, resumed: false })
    }

    /// The next whole line. One that a killed process left half written is none yet.
    fn next_line(&mut self) -> Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let read = lines::read_line(&mut self.file, &mut bytes);
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
    let read = lines::small(path, LONGEST_LINE as u64);
    let text = read.and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other));
    text.map_err(|error| failed(&path.display(), &error))
}

fn failed(what: &dyn std::fmt::Display, error: &std::io::Error) -> Error {
    tracing::error!("cannot read {what} of the audit log: {error}");
    Error::DeviceError
}

/// So many lines that others append are gone back over when they are cut off.
const RECENT: usize = 1024;
