// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What SQLite says when it cannot, and how long it waits for other connections before it says so. It
//! may use layer 0.

use crate::error::Error;
use crate::files;
use rusqlite::ErrorCode;
use std::time::Duration;

/// How long to wait before the lock of another connection is tried again: for everybody alike, however
/// long they have waited, so that who came first is not the one who tries least often.
pub(super) fn wait(tries: i32) -> bool {
    again(tries, MOST_TRIES)
}

/// The same for what can as well be done later.
pub(super) fn wait_briefly(tries: i32) -> bool {
    again(tries, FEW_TRIES)
}

fn again(tries: i32, most: i32) -> bool {
    if tries >= most {
        return false;
    }
    std::thread::sleep(if tries < SOON { SHORTEST } else { SHORT });
    true
}

/// What SQLite says, as PKCS #11 says it, with a line on the diagnostic channel of what to do.
pub(super) fn fault(error: rusqlite::Error) -> Error {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    let (code, advice) = match error.sqlite_error_code() {
        None if matches!(
            error,
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)
        ) =>
        {
            (Error::Altered, "a row was altered: run 'strongroom check'")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            (Error::TokenWriteProtected, "the store cannot be written: mount it for writing")
        }
        Some(ErrorCode::DiskFull) => (Error::DeviceMemory, "the disk is full: make room"),
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed,
        ) => (Error::FunctionFailed, "another process holds the store, and may hang: end it"),
        Some(_) if is_damage(&error) => (
            Error::TokenNotRecognized,
            "the database is damaged: keep a copy, then run 'strongroom check'",
        ),
        Some(ErrorCode::CannotOpen) if out_of_descriptors() => {
            (Error::FunctionFailed, "the program has no file descriptor left: let it have more")
        }
        Some(ErrorCode::CannotOpen) => {
            (Error::Unread, "the database cannot be opened: see that it is there and readable")
        }
        Some(ErrorCode::OutOfMemory) => (Error::HostMemory, "memory ran out"),
        Some(ErrorCode::SystemIoFailure) => (Error::Unread, UNREAD),
        _ => (Error::DeviceError, "run 'strongroom doctor'"),
    };
    tracing::error!("store: {error}; {advice}");
    code
}

/// Whether SQLite could read a database, and it is none, or one that was cut or contradicts itself.
fn is_damage(error: &rusqlite::Error) -> bool {
    let cut = error.sqlite_error().map(|error| error.extended_code) == Some(SHORT_READ);
    let code = error.sqlite_error_code();
    cut || matches!(code, Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// Whether a part of the database could not be read, whatever is in it.
pub(super) fn is_unread(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)) && !is_damage(error)
}

/// Asked of the system, because SQLite does not pass on what it was told.
fn out_of_descriptors() -> bool {
    std::fs::File::open("/").is_err_and(|error| files::is_out_of_descriptors(&error))
}

/// What to do where the system does not read or write what it should.
pub(super) const UNREAD: &str = "the disk failed, or a limit of the program stopped it (ulimit -f): the \
                                 system's own log says which; try again when that is mended";
/// What SQLite calls a file that ends too early.
const SHORT_READ: i32 = rusqlite::ffi::SQLITE_IOERR_SHORT_READ;
/// A lock is held for a fraction of a millisecond beside the disk's own time.
const SHORTEST: Duration = Duration::from_micros(200);
const SHORT: Duration = Duration::from_millis(2);
const SOON: i32 = 10;
/// A minute: whoever holds a lock for longer hangs.
const MOST_TRIES: i32 = 30_000;
const FEW_TRIES: i32 = 50;
