// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine: memory that may be locked, room on the disk, the clock.

use super::Finding;
use rustix::process::{Resource, getrlimit};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Memory for secrets is locked, so that it never reaches swap space.
pub(super) fn memory() -> Finding {
    let limit = getrlimit(Resource::Memlock).current;
    let kib = |bytes: u64| format!("{} KiB", bytes / 1024);
    match limit {
        _ if rustix::process::geteuid().is_root() => {
            Finding::ok("locked memory", "root may lock what it needs")
        }
        None => Finding::ok("locked memory", "without limit"),
        Some(bytes) if bytes >= LOCKED => Finding::ok("locked memory", kib(bytes)),
        Some(bytes) => Finding::warn(
            "locked memory",
            format!(
                "this user may lock {}, and a process with many keys locks {} or more: what it cannot \
                 lock may reach swap space",
                kib(bytes),
                kib(LOCKED)
            ),
            "raise RLIMIT_MEMLOCK: 'memlock' in /etc/security/limits.conf, LimitMEMLOCK= in a service",
        ),
    }
}

/// Room on the disk of the store, or of the nearest directory above that exists.
pub(super) fn disk(store: &Path) -> Finding {
    let place = store.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let topic = "disk";
    let found = match rustix::fs::statvfs(place) {
        Ok(found) => found,
        Err(error) => {
            let what = format!("{}: {error}", place.display());
            return Finding::fail(topic, what, "look at it with 'df'");
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let what = format!("{} MiB free for {}", free >> 20, place.display());
    let mend = "make room: a store whose changes cannot be written refuses them, logins included";
    if found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        let what = format!("{} is on a file system that is mounted read-only", place.display());
        return Finding::fail(topic, what, "mount it to be written: a login counts its attempts");
    }
    match free {
        _ if found.f_files > 0 && found.f_favail == 0 => {
            Finding::fail(topic, format!("no more files can be made in {}", place.display()), mend)
        }
        0..LEAST => Finding::fail(topic, what, mend),
        LEAST..AMPLE => Finding::warn(topic, what, mend),
        _ => Finding::ok(topic, what),
    }
}

/// A clock that is years behind makes certificates and dates of keys wrong.
pub(super) fn clock() -> Finding {
    let now = now();
    if now < RELEASED {
        return Finding::warn(
            "clock",
            "it is years behind",
            "set it, and keep it right: 'timedatectl set-ntp true'",
        );
    }
    Finding::ok("clock", "plausible")
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What the allocator of secret memory takes when every size of block is in use, bytes.
const LOCKED: u64 = 4 << 20;
const LEAST: u64 = 4 << 20;
const AMPLE: u64 = 64 << 20;
/// 1 January 2025: before this program was.
const RELEASED: u64 = 1_735_689_600;
