// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The lines of a log, one after the other over its segments, read without any lock: a writer never
//! waits for a reader.

use super::facts::Facts;
use super::record::LONGEST_LINE;
use super::segments::Place;
use rustix::fs::{Mode, OFlags};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// One line.
#[derive(Clone)]
pub(super) struct Line {
    /// The segment it is in.
    pub(super) segment: u64,
    /// Which of its lines, from 1.
    pub(super) number: u64,
    /// Without its newline.
    pub(super) bytes: Vec<u8>,
    /// Whether it ends with one.
    pub(super) whole: bool,
}

/// A file that cannot be read.
pub(super) struct Unreadable(pub(super) PathBuf);

/// Reads the segments that are named, in this order.
pub(super) struct Lines<'a> {
    place: &'a Place,
    segments: VecDeque<u64>,
    open: Option<(u64, BufReader<File>, u64)>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(place: &'a Place, segments: &[u64]) -> Lines<'a> {
        Lines { place, segments: segments.iter().copied().collect(), open: None }
    }

    fn step(&mut self) -> Result<Option<Line>, Unreadable> {
        loop {
            let Some((segment, file, number)) = &mut self.open else {
                let Some(segment) = self.segments.pop_front() else { return Ok(None) };
                let path = self.place.segment(segment);
                let file = open(&path).map_err(|_| Unreadable(path))?;
                self.open = Some((segment, BufReader::with_capacity(1 << 16, file), 0));
                continue;
            };
            let mut bytes = Vec::with_capacity(512);
            let read = read_line(file, &mut bytes);
            if read.map_err(|_| Unreadable(self.place.segment(*segment)))? == 0 {
                self.open = None;
                continue;
            }
            *number += 1;
            let whole = bytes.last() == Some(&b'\n');
            if whole {
                bytes.pop();
            }
            return Ok(Some(Line { segment: *segment, number: *number, bytes, whole }));
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl Line {
    /// What it says of itself.
    pub(super) fn facts(&self) -> Option<Facts> {
        if self.whole { Facts::of(&self.bytes) } else { None }
    }
}

/// Reads a line with its newline, and says how many bytes that were. What is longer than any line is none,
/// and is not read into memory whole.
pub(super) fn read_line(file: &mut BufReader<File>, line: &mut Vec<u8>) -> std::io::Result<usize> {
    file.take(LONGEST_LINE as u64 + 1).read_until(b'\n', line)
}

/// Opens a file to read, whoever owns it: an auditor may have a copy.
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::RDONLY;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Reads a small file whole; at most `longest` bytes.
pub(super) fn small(path: &Path, longest: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(longest).read_to_end(&mut bytes)?;
    Ok(bytes)
}
