// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files of others, read so that nothing about them changes: no lock, no time of access, and twice
//! if they changed meanwhile. It imports `failure`.

use crate::admin::failure::{Failure, Outcome};
use rustix::fs::{Dir, FileType, Mode, OFlags, Stat, fstat, open};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use zeroize::Zeroizing;

/// A whole file of at most `most` bytes; none where there is none.
pub(super) fn whole(path: &Path, most: u64) -> Outcome<Option<Zeroizing<Vec<u8>>>> {
    for _ in 0..TRIES {
        let file = match untouched(path, OFlags::NONBLOCK | OFlags::NOCTTY) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(cannot(path, &error)),
        };
        let before = fstat(&file).map_err(|error| cannot(path, &error))?;
        if !FileType::from_raw_mode(before.st_mode).is_file() {
            return Err(cannot(path, &"it is no file"));
        }
        if size(&before) > most {
            return Err(cannot(path, &format!("it is longer than {most} bytes")));
        }
        // All at once: a vector that grows leaves copies of what it held.
        let room = usize::try_from(size(&before)).map_err(|error| cannot(path, &error))?;
        let mut bytes = Zeroizing::new(Vec::new());
        bytes.try_reserve_exact(room).map_err(|error| cannot(path, &error))?;
        let mut file = File::from(file);
        Read::by_ref(&mut file)
            .take(size(&before))
            .read_to_end(&mut bytes)
            .map_err(|error| cannot(path, &error))?;
        let after = fstat(&file).map_err(|error| cannot(path, &error))?;
        if same(&before, &after) && bytes.len() == room {
            return Ok(Some(bytes));
        }
    }
    Err(Failure::new(
        format!("{} changes while it is read", path.display()),
        "end the applications that use the SoftHSM2 token, and try again",
    ))
}

/// The names in a directory, in order.
pub(super) fn names(path: &Path) -> Outcome<Vec<OsString>> {
    let directory = untouched(path, OFlags::DIRECTORY).map_err(|error| cannot(path, &error))?;
    let mut names = Vec::new();
    for entry in Dir::new(directory).map_err(|error| cannot(path, &error))? {
        let entry = entry.map_err(|error| cannot(path, &error))?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(std::ffi::OsStr::from_bytes(name).to_os_string());
        }
    }
    names.sort();
    Ok(names)
}

/// Opens it to be read; where the file is another's, the system notes the time of access.
fn untouched(path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | flags;
    match open(path, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => open(path, flags, Mode::empty()),
        other => other,
    }
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(u64::MAX)
}

fn same(before: &Stat, after: &Stat) -> bool {
    let of = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec, stat.st_ino);
    of(before) == of(after)
}

fn cannot(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        format!("cannot read {}: {why}", path.display()),
        "run this as the user who owns the SoftHSM2 tokens, or on a copy of their directory",
    )
}

const TRIES: usize = 3;
