// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files of a store: opened without following links, owner and mode checked on the descriptor.
//! It imports `error` alone.

use crate::error::{Error, Result};
use rustix::fs::{Gid, Mode, OFlags};
use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Who may touch the store: the owner alone, or a group beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    group: Option<u32>,
}

impl Access {
    /// The owner alone (0700, 0600), or with the named group (0770, 0660).
    pub fn for_group(name: &str) -> Result<Access> {
        if name.is_empty() {
            return Ok(Access { group: None });
        }
        match group_id(name) {
            Some(id) => Ok(Access { group: Some(id) }),
            None => {
                tracing::error!("store.group: there is no group '{name}'; make it or name another");
                Err(Error::ArgumentsBad)
            }
        }
    }

    fn directory_mode(self) -> u32 {
        // Set-group-ID: what SQLite makes beside the database belongs to the group as well.
        if self.group.is_some() { 0o2770 } else { 0o700 }
    }

    fn file_mode(self) -> u32 {
        if self.group.is_some() { 0o660 } else { 0o600 }
    }
}

/// Makes the directory of a store, with the directories above it, and gives it its mode.
pub fn make_directory(path: &Path, access: Access) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| complain("make", parent, &error))?;
    }
    match rustix::fs::mkdir(path, Mode::from_raw_mode(access.directory_mode())) {
        Ok(()) => settle(&directory(path)?, access, access.directory_mode()),
        Err(rustix::io::Errno::EXIST) => check_directory(path, access),
        Err(error) => Err(complain("make", path, &error.into())),
    }
}

/// Checks the directory of a store: its owner is this user or root, and nobody else may write.
pub fn check_directory(path: &Path, access: Access) -> Result<()> {
    check(&directory(path)?, path, access, access.directory_mode())
}

/// Whether something has this name, be it a link to nowhere.
pub fn is_there(path: &Path) -> std::io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a file of the store, to write where the file system allows it.
pub fn open(path: &Path, access: Access) -> Result<(File, bool)> {
    // NONBLOCK: a pipe in a file's place must not hold us up.
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let (descriptor, writable) = match rustix::fs::open(path, flags | OFlags::RDWR, Mode::empty()) {
        Ok(descriptor) => (descriptor, true),
        Err(_) => {
            let descriptor = rustix::fs::open(path, flags | OFlags::RDONLY, Mode::empty())
                .map_err(|error| complain("open", path, &error.into()))?;
            (descriptor, false)
        }
    };
    let file = File::from(descriptor);
    is_file(&file, path)?;
    check(&file, path, access, access.file_mode())?;
    Ok((file, writable))
}

/// Checks a file of the store that this library does not open itself, where it is there. By a descriptor
/// that can do nothing else: closing another would drop the locks that the process has on the file.
pub fn check_file(path: &Path, access: Access) -> Result<()> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::PATH;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(error) => return Err(complain("open", path, &error.into())),
    };
    is_file(&file, path)?;
    check(&file, path, access, access.file_mode())
}

fn is_file(file: &File, path: &Path) -> Result<()> {
    if file.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    tracing::error!("{} is not a file: move it away", path.display());
    Err(Error::DeviceError)
}

/// Makes a file of the store that must not exist yet, with this content, durably.
pub fn create(path: &Path, access: Access, content: &[u8]) -> Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
    let descriptor = rustix::fs::open(path, flags, Mode::from_raw_mode(access.file_mode()))
        .map_err(|error| complain("make", path, &error.into()))?;
    let mut file = File::from(descriptor);
    settle(&file, access, access.file_mode())?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(|error| complain("write", path, &error))?;
    Ok(file)
}

/// Reads a small file of the store, at most `out.len()` bytes; returns how many there were.
pub fn read(path: &Path, access: Access, out: &mut [u8]) -> Result<usize> {
    let (mut file, _) = open(path, access)?;
    let mut read = 0;
    while let Some(rest) = out.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(|error| complain("read", path, &error))? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

/// Removes a file, which need not be there.
pub fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(complain("remove", path, &error))
        }
        _ => Ok(()),
    }
}

/// Makes the names in a directory durable: what was created in it, or removed from it.
pub fn sync_directory(path: &Path) -> Result<()> {
    directory(path)?.sync_all().map_err(|error| complain("sync", path, &error))
}

/// Holds off other processes that make a store in this directory, until the file is dropped.
pub fn lock_directory(path: &Path) -> Result<File> {
    locked(directory(path)?, path)
}

/// Holds off all others, threads and processes, that lock this file, until it is dropped; a killed
/// process holds nothing.
pub fn lock(path: &Path) -> Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let descriptor = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|error| complain("open", path, &error.into()))?;
    locked(File::from(descriptor), path)
}

fn locked(file: File, path: &Path) -> Result<File> {
    let begun = Instant::now();
    loop {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(complain("lock", path, &error.into())),
        }
        if waited_enough(begun, file.metadata()) {
            tracing::error!(
                "{} is held by another process, which may hang: end it",
                path.display()
            );
            return Err(Error::FunctionFailed);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a lock was waited for since `begun` for long enough: a minute, and another while others get
/// on, who write the file that these data are of. A queue on a slow disk is no process that hangs.
pub fn waited_enough(begun: Instant, file: std::io::Result<Metadata>) -> bool {
    let waited = begun.elapsed();
    if waited <= LONGEST_WAIT {
        return false;
    }
    let written = file.and_then(|file| file.modified()).ok();
    let moves = written.and_then(|when| when.elapsed().ok()).is_some_and(|age| age < LONGEST_WAIT);
    waited > LONGEST_QUEUE || !moves
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Of the file of a name; none where there is none.
    pub fn of(path: &Path) -> Option<Identity> {
        std::fs::symlink_metadata(path).ok().map(|found| Identity::from(&found))
    }

    /// Of an open file.
    pub fn of_open(file: &File) -> Option<Identity> {
        file.metadata().ok().map(|found| Identity::from(&found))
    }

    fn from(found: &std::fs::Metadata) -> Identity {
        Identity { device: found.dev(), inode: found.ino() }
    }
}

/// Whether this process has the file open, by whatever descriptor.
pub fn is_open_here(path: &Path) -> bool {
    let Ok(wanted) = std::fs::metadata(path) else { return false };
    let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else { return false };
    descriptors.flatten().any(|descriptor| {
        // Followed to the open file, whatever name it had.
        std::fs::metadata(descriptor.path())
            .is_ok_and(|open| (open.dev(), open.ino()) == (wanted.dev(), wanted.ino()))
    })
}

fn directory(path: &Path) -> Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::RDONLY;
    rustix::fs::open(path, flags, Mode::empty())
        .map(File::from)
        .map_err(|error| complain("open", path, &error.into()))
}

/// The mode whatever the umask was, and the group.
fn settle(file: &File, access: Access, mode: u32) -> Result<()> {
    if let Some(group) = access.group {
        rustix::fs::fchown(file, None, Some(Gid::from_raw(group))).map_err(|error| {
            tracing::error!("cannot give the store to its group: {error}; make it as root");
            Error::DeviceError
        })?;
    }
    rustix::fs::fchmod(file, Mode::from_raw_mode(mode)).map_err(|_| Error::DeviceError)
}

fn check(file: &File, path: &Path, access: Access, mode: u32) -> Result<()> {
    let found = file.metadata().map_err(|error| complain("look at", path, &error))?;
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    // A member of the store's group is not the owner: the group's right is what lets it in.
    let shared = access.group.is_some_and(|wanted| found.gid() == wanted);
    if found.uid() != user && found.uid() != 0 && !shared && user != 0 {
        tracing::error!(
            "{} belongs to user {}, not to this one ({user}, group {group}): chown it",
            path.display(),
            found.uid()
        );
        return Err(Error::DeviceError);
    }
    let allowed = if shared { mode & 0o777 } else { mode & 0o700 };
    let loose = found.mode() & 0o777 & !allowed;
    if loose != 0 {
        tracing::error!(
            "{} has mode {:04o}, which lets others in: chmod {:04o} it, or name the group that \
             shares it in store.group",
            path.display(),
            found.mode() & 0o7777,
            allowed
        );
        return Err(Error::DeviceError);
    }
    Ok(())
}

/// What the system says, as PKCS #11 says it, with a line on the diagnostic channel.
pub fn complain(verb: &str, path: &Path, error: &std::io::Error) -> Error {
    use std::io::ErrorKind::*;
    let advice = match error.kind() {
        ReadOnlyFilesystem => "; mount it for writing",
        PermissionDenied => "; give this user the right to",
        StorageFull | QuotaExceeded => "; make room",
        _ if is_out_of_descriptors(error) => "; let the program have more (ulimit -n)",
        FileTooLarge => "; let the program write longer files (ulimit -f)",
        _ => "",
    };
    tracing::error!("cannot {verb} {}: {error}{advice}", path.display());
    match error.kind() {
        _ if is_out_of_descriptors(error) => Error::FunctionFailed,
        ReadOnlyFilesystem => Error::TokenWriteProtected,
        PermissionDenied if verb != "open" && verb != "read" => Error::TokenWriteProtected,
        StorageFull | QuotaExceeded | FileTooLarge => Error::DeviceMemory,
        OutOfMemory => Error::HostMemory,
        // What is gone is another matter than what cannot be read.
        NotFound | NotADirectory => Error::DeviceError,
        _ => Error::Unread,
    }
}

/// Whether the disk gives all of a file, if it is there. The descriptor stays open until the process
/// ends: to close one of the database's would drop SQLite's locks on it.
pub fn can_be_read(path: &Path) -> bool {
    let mut file = match File::open(path) {
        Ok(file) => std::mem::ManuallyDrop::new(file),
        Err(error) => return error.kind() == std::io::ErrorKind::NotFound,
    };
    std::io::copy(&mut *file, &mut std::io::sink()).is_ok()
}

/// Whether the process, or the machine, has no file descriptor left.
pub fn is_out_of_descriptors(error: &std::io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    errno.is_some_and(|errno| matches!(errno, rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
}

/// The number of a group, from /etc/group: a static library must not load name services into a
/// process that is not its own.
fn group_id(name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

/// How long another process may hold a lock: as long as SQLite waits.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long a queue is waited in that moves.
const LONGEST_QUEUE: Duration = Duration::from_secs(600);

/// The files of a store.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The directory.
    pub directory: PathBuf,
}

impl Paths {
    /// The database.
    pub fn database(&self) -> PathBuf {
        self.directory.join("store.db")
    }

    /// The write-ahead log beside it.
    pub fn log(&self) -> PathBuf {
        self.directory.join("store.db-wal")
    }

    /// What SQLite keeps beside the database, or might.
    pub fn companions(&self) -> [PathBuf; 3] {
        ["store.db-wal", "store.db-shm", "store.db-journal"].map(|name| self.directory.join(name))
    }

    /// The counter of changes that all processes read.
    pub fn changes(&self) -> PathBuf {
        self.directory.join("changes")
    }

    /// A secret of a `file` seal slot: its first, or another by its number.
    pub fn seal(&self, slot: u32, number: u32) -> PathBuf {
        self.directory.join(match number {
            0 | 1 => format!("seal-{slot}.key"),
            _ => format!("seal-{slot}-{number}.key"),
        })
    }
}
