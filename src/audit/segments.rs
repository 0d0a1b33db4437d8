// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files of a log: their names, opened as the store's files are.

use super::chain::MAC;
use super::record::{self, LONGEST_LINE};
use crate::error::{Error, Result};
use crate::files::{self, Access};
use std::cmp::Ordering::{Equal, Greater, Less};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where a log is and who may touch it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory of the log.
    pub directory: PathBuf,
    /// Who may touch it.
    pub access: Access,
    /// The store that it is the log of.
    pub store: [u8; 16],
}

impl Place {
    /// The head, which is also what writers lock.
    pub fn head(&self) -> PathBuf {
        self.directory.join("head")
    }

    /// A segment, by the number of its first record.
    pub fn segment(&self, first: u64) -> PathBuf {
        self.directory.join(format!("{first:020}.jsonl"))
    }

    /// The first key of a chain, for the auditors; by the number of the first record with it.
    pub fn chain(&self, first: u64) -> PathBuf {
        self.directory.join(format!("{first:020}.keys"))
    }

    /// The same of a chain that begins behind lines whose head was lost.
    pub fn broken(&self, first: u64) -> PathBuf {
        self.directory.join(format!("{first:020}.broken"))
    }

    /// What is given up so that a full disk can be recorded.
    pub fn reserve(&self) -> PathBuf {
        self.directory.join("reserve")
    }

    /// The key that signs checkpoints, sealed.
    pub fn signer(&self) -> PathBuf {
        self.directory.join("signer")
    }

    /// Whose signatures to believe.
    pub fn verifier(&self) -> PathBuf {
        self.directory.join("verifier")
    }

    /// The directory of the checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.directory.join("checkpoints")
    }

    /// A checkpoint, by the number of records it is over.
    pub fn checkpoint(&self, size: u64) -> PathBuf {
        self.checkpoints().join(format!("{size:020}"))
    }

    /// The first records of the segments, ascending.
    pub fn segments(&self) -> Result<Vec<u64>> {
        numbered(&self.directory, ".jsonl")
    }

    /// The first records of the chains, ascending.
    pub fn chains(&self) -> Result<Vec<u64>> {
        numbered(&self.directory, ".keys")
    }

    /// The first records of the chains that begin behind a lost head, ascending.
    pub fn breaks(&self) -> Result<Vec<u64>> {
        numbered(&self.directory, ".broken")
    }

    /// The sizes of the checkpoints, ascending.
    pub fn all_checkpoints(&self) -> Result<Vec<u64>> {
        numbered(&self.checkpoints(), "")
    }

    /// Checks owner and mode of all that is there to stay.
    pub fn check(&self) -> Result<()> {
        files::check_directory(&self.checkpoints(), self.access)?;
        let entries = std::fs::read_dir(&self.directory).map_err(|_| Error::Unread)?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // What other processes make and remove may be gone by now.
            let passing = ["counts-", "new-"].iter().any(|made| name.starts_with(made));
            if !passing && path != self.checkpoints() {
                files::open(&path, self.access)?;
            }
        }
        Ok(())
    }

    /// Opens a segment, to write.
    pub fn open_segment(&self, first: u64) -> Result<File> {
        let (file, writable) = files::open(&self.segment(first), self.access)?;
        if writable { Ok(file) } else { Err(Error::TokenWriteProtected) }
    }

    /// Opens a segment that is being begun: what a killed process left of it is used.
    pub fn begin_segment(&self, first: u64) -> Result<File> {
        let path = self.segment(first);
        if path.try_exists().unwrap_or(true) {
            return self.open_segment(first);
        }
        let file = files::create(&path, self.access, b"")?;
        files::sync_directory(&self.directory)?;
        Ok(file)
    }

    /// Puts the reserve (back) in its place, its blocks taken from the disk.
    pub fn fill_reserve(&self) -> Result<()> {
        let path = self.reserve();
        if path.try_exists().unwrap_or(true) {
            return Ok(());
        }
        let made = files::create(&path, self.access, &[0; RESERVE]).map(drop);
        if made.is_err() {
            // Half a reserve would look like one.
            files::remove_if_there(&path)?;
        }
        made
    }
}

pub(super) fn numbered(directory: &Path, ending: &str) -> Result<Vec<u64>> {
    let entries = std::fs::read_dir(directory).map_err(|error| {
        tracing::error!("cannot list {}: {error}", directory.display());
        Error::Unread
    })?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let number = |name: String| {
        let digits = name.strip_suffix(ending).filter(|digits| digits.len() == 20)?;
        digits.parse().ok()
    };
    let mut numbers: Vec<u64> = names.filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes a file in the place of what a killed process left there.
pub(super) fn put_anew(place: &Place, path: &Path, content: &[u8]) -> Result<()> {
    files::remove_if_there(path)?;
    files::create(path, place.access, content).map(drop)
}

/// The lines of a file from an offset on, without their newlines, up to the first that is not whole or
/// longer than any record. A file may say that it is as long as it likes: a line is in memory at a time.
pub(super) fn lines(file: &File, offset: u64) -> impl Iterator<Item = Result<Vec<u8>>> {
    let mut rest = BufReader::with_capacity(AT_ONCE, From { file, at: offset });
    std::iter::from_fn(move || {
        let mut line = Vec::with_capacity(512);
        match (&mut rest).take(LONGEST_LINE as u64).read_until(b'\n', &mut line) {
            Err(error) => Some(Err(unread(&error))),
            Ok(_) => (line.pop() == Some(b'\n')).then_some(Ok(line)),
        }
    })
}

/// A file from an offset on.
struct From<'a> {
    file: &'a File,
    at: u64,
}

impl Read for From<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(out, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The code of a record of a segment; none where there is no such record. Looked for from the end, where
/// it mostly is.
pub(super) fn mac_of(file: &File, seq: u64) -> Result<Option<[u8; MAC]>> {
    let (end, mut back) = (length(file)?, AT_ONCE as u64);
    loop {
        let start = end.saturating_sub(back);
        // The first line may begin before.
        let mut known = start == 0;
        for line in lines(file, start).skip(usize::from(start > 0)) {
            let line = line?;
            let Some((text, mac)) = record::split(&line) else { continue };
            match record::seq(text).unwrap_or_default().cmp(&seq) {
                Less => known = true,
                Equal => return Ok(Some(mac)),
                Greater if known => return Ok(None),
                Greater => break,
            }
        }
        if start == 0 {
            return Ok(None);
        }
        back = back.saturating_mul(8);
    }
}

/// Why a file was not read as far as it should reach.
pub(super) fn unread(error: &std::io::Error) -> Error {
    // One that ends early was cut.
    let cut = error.kind() == std::io::ErrorKind::UnexpectedEof;
    if cut { Error::DeviceError } else { Error::Unread }
}

/// Whether an open file still has a name.
pub(super) fn named(file: &File) -> bool {
    file.metadata().is_ok_and(|found| found.nlink() > 0)
}

/// The length of a file, bytes.
pub(super) fn length(file: &File) -> Result<u64> {
    file.metadata().map(|found| found.len()).map_err(|_| Error::Unread)
}

/// How much of a segment is read at once, bytes.
const AT_ONCE: usize = 16 * 1024;
/// How much of the disk is kept back, bytes: some hundred records.
const RESERVE: usize = 64 * 1024;
