// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Hears what must be in no log, in the library's own function list that all tests call through: PINs and
//! passwords, values of secret attributes, plaintexts, states and random bytes, as the rows of `hearing`
//! name them. When the library ends, the log of its store and what it said on the diagnostic channel are
//! searched for all of them; so they are when a test's store goes.
//!
//! A key that a call makes inside the library is read when the test's store goes, where its value may be
//! read and it is still there: a read is in the log, and the test is to see its own alone. What cannot be
//! heard: keys that were never readable and whose value nobody gave in, those that went before or were made
//! in a child, the second and further keys of one derivation, what is short (`needles`), and calls that do
//! not go through the list. Where a test knows such a value, it says so ([`secret`]).
//!
//! A value that is found ends the process: the test that called cannot be told within a C function.

use super::hearing::own;
use super::needles::{LONGEST, MOST, Needles, Patterns};
use super::said;
use cryptoki_sys::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, TryLockError};
use zeroize::Zeroizing;

static HEARD: Mutex<Heard> =
    Mutex::new(Heard { needles: Needles::new(), made: Vec::new(), store: None, seen: None });

/// The forked child that waited in vain, which it does once: nobody gives that lock back.
static GIVEN_UP: AtomicU32 = AtomicU32::new(0);

struct Heard {
    needles: Needles,
    /// Keys that calls made, with the session of the call.
    made: Vec<(CK_SESSION_HANDLE, CK_OBJECT_HANDLE)>,
    /// The store of the library that runs in this process.
    store: Option<PathBuf>,
    /// How far its log was searched when the library ended.
    seen: Option<HashMap<PathBuf, usize>>,
}

/// What is to be in no log, and how many such are kept.
pub struct Value {
    bytes: Zeroizing<Vec<u8>>,
    most: usize,
}

/// The values of one argument.
pub type Values = Vec<Value>;

impl Value {
    /// A PIN, or what is secret of a key: data never takes its place.
    fn secret(bytes: Zeroizing<Vec<u8>>) -> Value {
        Value { bytes, most: MOST * 2 }
    }

    /// One of many.
    fn data(bytes: Zeroizing<Vec<u8>>) -> Value {
        Value { bytes, most: MOST }
    }
}

/// Looks for a value in what is logged from now on.
pub fn secret(value: &[u8]) {
    if let Some(mut heard) = heard() {
        heard.needles.insert(value);
    }
}

/// Reads the keys that calls made, to look for their values as well.
pub fn read_made() {
    let made = heard().map(|mut heard| std::mem::take(&mut heard.made)).unwrap_or_default();
    made.into_iter().for_each(|(session, key)| read(session, key));
}

fn read(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) {
    let mut rooms = SECRET.map(|_| Zeroizing::new(vec![0_u8; ROOM]));
    let rows = rooms.iter_mut().zip(SECRET).map(|(room, type_)| CK_ATTRIBUTE {
        type_,
        pValue: room.as_mut_ptr().cast(),
        ulValueLen: ROOM as CK_ULONG,
    });
    let mut rows: Vec<CK_ATTRIBUTE> = rows.collect();
    let (rows, count) = (rows.as_mut_ptr(), rows.len() as CK_ULONG);
    let rv = own!(C_GetAttributeValue(session, key, rows, count));
    after::template(rv, rows, count);
}

/// What of all that was heard is in the log of a store, or was said on the diagnostic channel; and forgets
/// what was heard.
pub fn found(store: &Path) -> Option<String> {
    let mut heard = heard()?;
    let found = heard.search(|patterns, _| patterns.search_logs(store));
    heard.seen = None;
    heard.needles.clear();
    heard.made.clear();
    found
}

/// No output of a program has what was heard.
#[track_caller]
pub fn assert_silent(output: &Output) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let found = heard().and_then(|heard| heard.needles.search(&said));
    assert_eq!(found, None, "a secret is in the output: {}", String::from_utf8_lossy(&said));
}

/// None where a forked child has the lock of a thread that it does not have.
fn heard() -> Option<MutexGuard<'static, Heard>> {
    for attempt in 0..PATIENCE {
        match HEARD.try_lock() {
            Ok(heard) => return Some(heard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if GIVEN_UP.load(Relaxed) == std::process::id() => break,
            Err(TryLockError::WouldBlock) if attempt < PATIENCE / 2 => std::thread::yield_now(),
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
    if !said::is_reader() {
        GIVEN_UP.store(std::process::id(), Relaxed);
    }
    None
}

impl Heard {
    fn search(
        &mut self,
        logs: impl FnOnce(&Patterns, &mut HashMap<PathBuf, usize>) -> Option<String>,
    ) -> Option<String> {
        if self.needles.len() == 0 {
            return None;
        }
        let patterns = self.needles.patterns();
        if let Some(found) = logs(&patterns, self.seen.get_or_insert_default()) {
            return Some(found);
        }
        let said = said::take();
        let (spelling, at) = patterns.search(&said)?;
        let line = String::from_utf8_lossy(&said[at..]);
        let line = line.lines().next().unwrap_or_default();
        Some(format!("a secret, {spelling}, was said on the diagnostic channel: {line}"))
    }
}

/// The beginning of a caller's bytes, whatever their pointer is worth: the kernel looks first.
fn peek(data: *const u8, len: CK_ULONG, most: usize) -> Zeroizing<Vec<u8>> {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(most);
    let mut bytes = Zeroizing::new(vec![0; len]);
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors; it reads what is there of the data and else says so. What
    // is looked at is less than what a pipe holds.
    let read = unsafe {
        if data.is_null() || len == 0 || libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Zeroizing::default();
        }
        let written = libc::write(ends[1], data.cast(), len);
        let read = match written {
            1.. => libc::read(ends[0], bytes.as_mut_ptr().cast(), written as usize),
            _ => 0,
        };
        libc::close(ends[0]);
        libc::close(ends[1]);
        read
    };
    bytes.truncate(usize::try_from(read).unwrap_or(0));
    bytes
}

/// Plain structures of a caller, as many as are there.
fn peek_all<T: Copy>(at: *const T, count: CK_ULONG) -> Vec<T> {
    let size = size_of::<T>();
    let bytes = peek(at.cast(), count.saturating_mul(size as CK_ULONG), size * ROWS);
    let one = |bytes: &[u8]| {
        // SAFETY: so many bytes are there; the structures of the interface are numbers and pointers.
        unsafe { bytes.as_ptr().cast::<T>().read_unaligned() }
    };
    bytes.chunks_exact(size).map(one).collect()
}

/// Keeps the values of a call, unless the code says that the arguments may be anything.
pub fn keep(rv: CK_RV, values: &[Values]) -> CK_RV {
    if UNSEEN.contains(&rv) || values.is_empty() {
        return rv;
    }
    if let Some(mut heard) = heard() {
        for value in values.iter().flatten() {
            heard.needles.insert_within(&value.bytes, value.most);
        }
    }
    rv
}

/// Kinds of arguments that are secrets before the call.
pub mod before {
    use super::*;

    pub fn pin(pin: *const u8, len: CK_ULONG) -> Values {
        vec![Value::secret(peek(pin, len, LONGEST))]
    }

    pub fn bytes(data: *const u8, len: CK_ULONG) -> Values {
        vec![Value::data(peek(data, len, LONGEST))]
    }

    /// The secret values of a template.
    pub fn template(rows: *const CK_ATTRIBUTE, count: CK_ULONG) -> Values {
        let rows = peek_all(rows, count).into_iter();
        let secret = rows.filter(|row| {
            SECRET.contains(&row.type_) && row.ulValueLen != CK_UNAVAILABLE_INFORMATION
        });
        let value = |row: CK_ATTRIBUTE| peek(row.pValue.cast(), row.ulValueLen, LONGEST);
        secret.map(|row| Value::secret(value(row))).collect()
    }

    /// What is secret of a mechanism's parameter.
    pub fn mechanism(mechanism: *const CK_MECHANISM) -> Values {
        let known = peek_all(mechanism, 1).into_iter().next();
        let secret = known.and_then(|known| {
            let parameter = known.pParameter;
            match known.mechanism {
                CKM_PKCS5_PBKD2 => {
                    let by = peek_all(parameter.cast::<CK_PKCS5_PBKD2_PARAMS2>(), 1).pop()?;
                    Some(peek(by.pPassword, by.ulPasswordLen, LONGEST))
                }
                CKM_CONCATENATE_BASE_AND_DATA
                | CKM_CONCATENATE_DATA_AND_BASE
                | CKM_XOR_BASE_AND_DATA => {
                    let by =
                        peek_all(parameter.cast::<CK_KEY_DERIVATION_STRING_DATA>(), 1).pop()?;
                    Some(peek(by.pData, by.ulLen, LONGEST))
                }
                _ => None,
            }
        });
        secret.into_iter().map(Value::secret).collect()
    }
}

/// Kinds of arguments that are secrets after the call.
pub mod after {
    use super::*;

    /// An output whose length is beside it.
    pub fn bytes(rv: CK_RV, out: *const u8, len: *const CK_ULONG) {
        if rv == CKR_OK && !len.is_null() && !out.is_null() {
            // SAFETY: the library has written the length there.
            all_bytes(rv, out, unsafe { *len });
        }
    }

    /// An output as long as the caller said.
    pub fn all_bytes(rv: CK_RV, out: *const u8, len: CK_ULONG) {
        if rv == CKR_OK {
            keep(rv, &[before::bytes(out, len)]);
        }
    }

    /// Values that were read.
    pub fn template(rv: CK_RV, rows: *const CK_ATTRIBUTE, count: CK_ULONG) {
        let some = [CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL];
        if rv == CKR_OK || some.contains(&rv) {
            keep(CKR_OK, &[before::template(rows, count)]);
        }
    }

    /// A key that was made: the newest are kept.
    pub fn key(rv: CK_RV, session: CK_SESSION_HANDLE, key: *const CK_OBJECT_HANDLE) {
        let made = if rv == CKR_OK { peek_all(key, 1).pop() } else { None };
        if let (Some(key), Some(mut heard)) = (made, heard()) {
            if heard.made.len() >= MADE {
                heard.made.remove(0);
            }
            heard.made.push((session, key));
        }
    }

    /// One that was made, unless it was the length that was asked for.
    pub fn encapsulated(
        rv: CK_RV,
        session: CK_SESSION_HANDLE,
        out: *const u8,
        made: *const CK_OBJECT_HANDLE,
    ) {
        if !out.is_null() {
            key(rv, session, made);
        }
    }
}

/// The attributes that are secrets of keys, or data.
pub const SECRET: [CK_ATTRIBUTE_TYPE; 8] = [
    CKA_VALUE,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
    CKA_SEED,
];

/// Codes of calls whose arguments nobody looked at.
const UNSEEN: [CK_RV; 5] = [
    CKR_ARGUMENTS_BAD,
    CKR_CRYPTOKI_NOT_INITIALIZED,
    CKR_SESSION_HANDLE_INVALID,
    CKR_SLOT_ID_INVALID,
    CKR_FUNCTION_NOT_SUPPORTED,
];

/// `C_Initialize`: notes the store, and has the library say all.
pub unsafe extern "C" fn initialize(arguments: *mut std::ffi::c_void) -> CK_RV {
    let rv = said::while_asked(|| own!(C_Initialize(arguments)));
    if rv != CKR_OK {
        return rv;
    }
    // SAFETY: the library has read these and found them well.
    let named = unsafe {
        let arguments = arguments.cast::<CK_C_INITIALIZE_ARGS>().as_ref();
        arguments
            .map(|known| known.pReserved)
            .filter(|text| !text.is_null())
            .map(|text| std::ffi::CStr::from_ptr(text.cast()).to_string_lossy().into_owned())
    };
    let named = named.as_deref().and_then(|text| text.strip_prefix("conf=")).map(Path::new);
    let config = strongroom::config::Config::load(named);
    if let Some(mut heard) = heard() {
        heard.store = config.ok().map(|config| config.store.path);
    }
    rv
}

/// `C_Finalize`: searches what the library leaves that was not searched before. (What was logged before it
/// was heard is found when the test's store goes, which searches everything.)
pub unsafe extern "C" fn finalize(reserved: *mut std::ffi::c_void) -> CK_RV {
    let rv = own!(C_Finalize(reserved));
    let heard = if rv == CKR_OK { heard() } else { None };
    let Some(mut heard) = heard else { return rv };
    heard.made.clear();
    let store = heard.store.take();
    let search = |store: PathBuf| heard.search(|patterns, seen| patterns.search_new(&store, seen));
    if let Some(found) = store.and_then(search) {
        said::spill(&format!("\n{found}\n"));
        std::process::abort();
    }
    rv
}

/// Half of them wait for a thread, half for a millisecond.
const PATIENCE: usize = 400;
/// More rows of a template are not looked at.
const ROWS: usize = 64;
/// More keys that were made are not read.
const MADE: usize = 32;
/// Bytes: more than the largest value of a key.
const ROOM: usize = 8 << 10;
