// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Hears what must be in no log, in the library's own function list that all tests call through: PINs,
//! values of secret attributes, plaintexts. When the library ends, the log of its store and what it said
//! on the diagnostic channel are searched for all of them; so they are when a test's store goes.
//!
//! A value that is found ends the process: the test that called cannot be told within a C function.

use super::needles::{LONGEST, Needles};
use super::said;
use cryptoki_sys::*;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};
use zeroize::Zeroizing;

static OWN: OnceLock<&'static CK_FUNCTION_LIST_3_2> = OnceLock::new();
static HEARD: Mutex<Heard> = Mutex::new(Heard { needles: Needles::new(), store: None });

struct Heard {
    needles: Needles,
    /// The store of the library that runs in this process.
    store: Option<PathBuf>,
}

/// The list whose functions are heard.
pub fn list(own: &'static CK_FUNCTION_LIST_3_2) -> &'static CK_FUNCTION_LIST_3_2 {
    OWN.get_or_init(|| own);
    Box::leak(Box::new(CK_FUNCTION_LIST_3_2 {
        C_Initialize: Some(initialize),
        C_Finalize: Some(finalize),
        C_InitToken: Some(init_token),
        C_InitPIN: Some(init_pin),
        C_SetPIN: Some(set_pin),
        C_Login: Some(login),
        C_LoginUser: Some(login_user),
        C_CreateObject: Some(create_object),
        C_GetAttributeValue: Some(get_attribute_value),
        C_Encrypt: Some(encrypt),
        C_EncryptUpdate: Some(encrypt_update),
        C_Decrypt: Some(decrypt),
        C_DecryptUpdate: Some(decrypt_update),
        C_EncryptMessage: Some(encrypt_message),
        C_DecryptMessage: Some(decrypt_message),
        ..*own
    }))
}

/// Looks for a value in what is logged from now on.
pub fn secret(value: &[u8]) {
    if let Some(mut heard) = heard() {
        heard.needles.insert(value);
    }
}

/// What of all that was heard is in the log of a store, or was said on the diagnostic channel; and forgets
/// what was heard.
pub fn found(store: &Path) -> Option<String> {
    let mut heard = heard()?;
    let found = heard.search(store);
    heard.needles.clear();
    found
}

/// None where a forked child has the lock of a thread that it does not have.
fn heard() -> Option<MutexGuard<'static, Heard>> {
    for _ in 0..PATIENCE {
        match HEARD.try_lock() {
            Ok(heard) => return Some(heard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
    None
}

impl Heard {
    fn search(&self, store: &Path) -> Option<String> {
        if self.needles.len() == 0 {
            return None;
        }
        if let Some(found) = self.needles.search_logs(store) {
            return Some(found);
        }
        let said = said::take();
        let (spelling, at) = self.needles.search(&said)?;
        let line = String::from_utf8_lossy(&said[at..]);
        let line = line.lines().next().unwrap_or_default();
        Some(format!("a secret, {spelling}, was said on the diagnostic channel: {line}"))
    }
}

/// The beginning of a caller's bytes, whatever their pointer is worth: the kernel looks first.
fn peek(data: *const u8, len: CK_ULONG) -> Zeroizing<Vec<u8>> {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(LONGEST);
    let mut bytes = Zeroizing::new(vec![0; len]);
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors; it reads what is there of the data and else says so.
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

/// Keeps values of a call that the library has taken.
fn keep(rv: CK_RV, values: &[Zeroizing<Vec<u8>>]) -> CK_RV {
    let taken = [CKR_OK, CKR_PIN_INCORRECT, CKR_PIN_LOCKED].contains(&rv);
    if let Some(mut heard) = taken.then(heard).flatten() {
        values.iter().for_each(|value| heard.needles.insert(value));
    }
    rv
}

/// The secret values of a template that the library has taken.
fn keep_template(rv: CK_RV, template: *const CK_ATTRIBUTE, count: CK_ULONG) -> CK_RV {
    let good = [CKR_OK, CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL];
    if !good.contains(&rv) || template.is_null() {
        return rv;
    }
    // SAFETY: the library has read this template and found it well.
    let rows = unsafe { std::slice::from_raw_parts(template, count as usize) };
    for row in rows.iter().filter(|row| SECRET.contains(&row.type_)) {
        if row.ulValueLen != CK_UNAVAILABLE_INFORMATION {
            keep(CKR_OK, &[peek(row.pValue.cast(), row.ulValueLen)]);
        }
    }
    rv
}

/// The attributes that are secrets of keys, or data.
const SECRET: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_VALUE,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
    CKA_SEED,
];

/// Calls a function of the library itself.
macro_rules! own {
    ($function:ident($($argument:expr),*)) => {{
        let own = OWN.get().expect("the library's list");
        let function = own.$function.expect(stringify!($function));
        // SAFETY: the caller's arguments are handed on as they are.
        unsafe { function($($argument),*) }
    }};
}

/// Functions of the list, with what they hear before the library's own and after it.
macro_rules! heard {
    ($($name:ident as $function:ident($($argument:ident: $kind:ty),*)
        before [$($before:expr),*] after |$rv:ident| $after:expr;)*) => { $(
        unsafe extern "C" fn $name($($argument: $kind),*) -> CK_RV {
            // An output may be where the input was.
            let before = [$($before),*];
            let $rv = keep(own!($function($($argument),*)), &before);
            $after
        }
    )* };
}

type Session = CK_SESSION_HANDLE;
type Bytes = *mut CK_BYTE;
type Len = *mut CK_ULONG;
type Any = *mut std::ffi::c_void;

heard! {
    init_token as C_InitToken(slot: CK_SLOT_ID, pin: Bytes, len: CK_ULONG, label: Bytes)
        before [peek(pin, len)] after |rv| rv;
    init_pin as C_InitPIN(session: Session, pin: Bytes, len: CK_ULONG)
        before [peek(pin, len)] after |rv| rv;
    set_pin as C_SetPIN(session: Session, old: Bytes, old_len: CK_ULONG, new: Bytes, new_len: CK_ULONG)
        before [peek(old, old_len), peek(new, new_len)] after |rv| rv;
    login as C_Login(session: Session, user: CK_USER_TYPE, pin: Bytes, len: CK_ULONG)
        before [peek(pin, len)] after |rv| rv;
    login_user as C_LoginUser(session: Session, user: CK_USER_TYPE, pin: Bytes, len: CK_ULONG,
        name: Bytes, name_len: CK_ULONG)
        before [peek(pin, len)] after |rv| rv;
    create_object as C_CreateObject(session: Session, rows: *mut CK_ATTRIBUTE, count: CK_ULONG, new: Len)
        before [] after |rv| keep_template(rv, rows, count);
    get_attribute_value as C_GetAttributeValue(session: Session, object: CK_OBJECT_HANDLE,
        rows: *mut CK_ATTRIBUTE, count: CK_ULONG)
        before [] after |rv| keep_template(rv, rows, count);
    encrypt as C_Encrypt(session: Session, data: Bytes, len: CK_ULONG, out: Bytes, out_len: Len)
        before [peek(data, len)] after |rv| rv;
    encrypt_update as C_EncryptUpdate(session: Session, data: Bytes, len: CK_ULONG, out: Bytes,
        out_len: Len)
        before [peek(data, len)] after |rv| rv;
    decrypt as C_Decrypt(session: Session, data: Bytes, len: CK_ULONG, out: Bytes, out_len: Len)
        before [] after |rv| output(rv, out, out_len);
    decrypt_update as C_DecryptUpdate(session: Session, data: Bytes, len: CK_ULONG, out: Bytes,
        out_len: Len)
        before [] after |rv| output(rv, out, out_len);
    encrypt_message as C_EncryptMessage(session: Session, parameter: Any, parameter_len: CK_ULONG,
        aad: Bytes, aad_len: CK_ULONG, data: Bytes, len: CK_ULONG, out: Bytes, out_len: Len)
        before [peek(data, len)] after |rv| rv;
    decrypt_message as C_DecryptMessage(session: Session, parameter: Any, parameter_len: CK_ULONG,
        aad: Bytes, aad_len: CK_ULONG, data: Bytes, len: CK_ULONG, out: Bytes, out_len: Len)
        before [] after |rv| output(rv, out, out_len);
}

/// What was decrypted.
fn output(rv: CK_RV, out: Bytes, len: Len) -> CK_RV {
    if rv == CKR_OK && !len.is_null() && !out.is_null() {
        // SAFETY: the library has written the length there.
        keep(rv, &[peek(out, unsafe { *len })]);
    }
    rv
}

unsafe extern "C" fn initialize(arguments: Any) -> CK_RV {
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

unsafe extern "C" fn finalize(reserved: Any) -> CK_RV {
    let rv = own!(C_Finalize(reserved));
    let heard = if rv == CKR_OK { heard() } else { None };
    let Some(mut heard) = heard else { return rv };
    let store = heard.store.take();
    if let Some(found) = store.and_then(|store| heard.search(&store)) {
        said::spill(&format!("\n{found}\n"));
        std::process::abort();
    }
    rv
}

const PATIENCE: usize = 200;
