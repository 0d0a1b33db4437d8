// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The token that the calls work on.

use super::keys;
use cryptoki_sys::*;
use std::ffi::CString;
use std::ptr;
use tempfile::TempDir;

/// An initialised library with one token, its user logged in, and keys of every type.
pub struct World {
    directory: TempDir,
    reserved: CString,
    pub list: &'static CK_FUNCTION_LIST_3_2,
    pub slot: CK_SLOT_ID,
    /// Keeps the login; no generated call works in it.
    anchor: CK_SESSION_HANDLE,
    /// The sessions of one run.
    pub sessions: Vec<CK_SESSION_HANDLE>,
    /// The keys that every run finds.
    pub keys: Vec<CK_OBJECT_HANDLE>,
    /// What one run made.
    pub objects: Vec<CK_OBJECT_HANDLE>,
    pub mechanisms: Vec<CK_MECHANISM_TYPE>,
    /// Operation states that a run saved.
    pub states: Vec<Vec<u8>>,
}

impl World {
    pub fn new() -> World {
        let place = if std::path::Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
        let directory = tempfile::Builder::new().prefix("strongroom-fuzz-").tempdir_in(place);
        let directory = directory.expect("temporary directory");
        let conf = directory.path().join("strongroom.toml");
        let store = directory.path().join("store");
        let text = format!(
            "[store]\npath = {store:?}\n[pin]\nmin_length = 1\nmax_failures = 100\n{LIFTED}"
        );
        std::fs::write(&conf, text).expect("configuration");
        // SAFETY: no other thread of this process reads the environment meanwhile.
        unsafe { std::env::set_var("STRONGROOM_CONF", &conf) };
        let reserved = CString::new(format!("conf={}", conf.display())).expect("path");
        let mut world = World {
            directory,
            reserved,
            list: list(),
            slot: 0,
            anchor: 0,
            sessions: Vec::new(),
            keys: Vec::new(),
            objects: Vec::new(),
            mechanisms: Vec::new(),
            states: Vec::new(),
        };
        world.rebuild();
        world
    }

    /// Two sessions for a run: one read/write, one read-only.
    pub fn begin(&mut self) {
        for flags in [CKF_SERIAL_SESSION | CKF_RW_SESSION, CKF_SERIAL_SESSION] {
            let mut handle = 0;
            let open = self.list.C_OpenSession.expect("C_OpenSession");
            // SAFETY: the pointers are NULL or to locals.
            let rv = unsafe { open(self.slot, flags, ptr::null_mut(), None, &mut handle) };
            assert_eq!(rv, CKR_OK, "C_OpenSession between runs");
            self.sessions.push(handle);
        }
    }

    /// Destroys what a run made, and makes anew what it destroyed.
    pub fn end(&mut self) {
        self.states.clear();
        let (destroy, close) = (self.list.C_DestroyObject, self.list.C_CloseSession);
        for object in self.objects.drain(..) {
            // SAFETY: no pointers.
            unsafe { destroy.expect("C_DestroyObject")(self.anchor, object) };
        }
        for session in self.sessions.drain(..) {
            // SAFETY: no pointers.
            unsafe { close.expect("C_CloseSession")(session) };
        }
        if !self.is_whole() && !self.is_repaired() {
            self.rebuild();
        }
    }

    /// Arguments of `C_Initialize` that name this store.
    pub fn reserved(&self) -> *mut std::ffi::c_void {
        self.reserved.as_ptr().cast_mut().cast()
    }

    fn is_whole(&self) -> bool {
        let mut info = CK_SESSION_INFO::default();
        let ask = self.list.C_GetSessionInfo.expect("C_GetSessionInfo");
        // SAFETY: the pointer is to a local.
        let rv = unsafe { ask(self.anchor, &mut info) };
        let size = self.list.C_GetObjectSize.expect("C_GetObjectSize");
        let alive = |key: &CK_OBJECT_HANDLE| {
            let mut bytes = 0;
            // SAFETY: the pointer is to a local.
            unsafe { size(self.anchor, *key, &mut bytes) == CKR_OK }
        };
        rv == CKR_OK && info.state == CKS_RW_USER_FUNCTIONS && self.keys.iter().all(alive)
    }

    /// Logs in again and makes the keys again, where a run ended no more than that.
    fn is_repaired(&mut self) -> bool {
        let list = self.list;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let (pin, len) = (PIN.as_ptr().cast_mut(), PIN.len() as CK_ULONG);
        // SAFETY: every pointer is NULL or to what is as long as the length beside it says.
        let ready = unsafe {
            // The same session may go on; where it is gone, closing it does nothing.
            list.C_CloseSession.expect("close")(self.anchor);
            let open = list.C_OpenSession.expect("open");
            open(self.slot, flags, ptr::null_mut(), None, &mut self.anchor) == CKR_OK && {
                let rv = list.C_Login.expect("login")(self.anchor, CKU_USER, pin, len);
                rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN
            }
        };
        if ready {
            self.keys = keys::make(list, self.anchor);
        }
        ready && self.is_whole()
    }

    /// A new store with a new token: whatever a run did to the last one.
    fn rebuild(&mut self) {
        let list = self.list;
        let _ = std::fs::remove_dir_all(self.directory.path().join("store"));
        // SAFETY: every pointer is NULL or to a local that lives through the call.
        unsafe {
            list.C_Finalize.expect("C_Finalize")(ptr::null_mut());
            let mut args = CK_C_INITIALIZE_ARGS {
                flags: CKF_OS_LOCKING_OK,
                pReserved: self.reserved(),
                ..CK_C_INITIALIZE_ARGS::default()
            };
            ok(list.C_Initialize.expect("C_Initialize")(ptr::from_mut(&mut args).cast()));
        }
        // The library keeps panics off its host's stderr; here each one is a finding.
        std::panic::set_hook(Box::new(|panic| {
            eprintln!("{panic}\n{}", std::backtrace::Backtrace::force_capture());
            std::process::abort();
        }));
        self.make_token();
        self.keys = keys::make(self.list, self.anchor);
    }

    fn make_token(&mut self) {
        let list = self.list;
        let pin = PIN.as_ptr().cast_mut();
        let len = PIN.len() as CK_ULONG;
        let mut label = [b' '; 32];
        // SAFETY: every pointer is to a local that is as long as the length beside it says.
        unsafe {
            let (mut slots, mut count) = ([0; 8], 8);
            ok(list.C_GetSlotList.expect("list")(CK_FALSE, slots.as_mut_ptr(), &mut count));
            self.slot = *slots[..count as usize].last().expect("a slot");
            ok(list.C_InitToken.expect("init")(self.slot, pin, len, label.as_mut_ptr()));
            let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
            let open = list.C_OpenSession.expect("open");
            ok(open(self.slot, flags, ptr::null_mut(), None, &mut self.anchor));
            ok(list.C_Login.expect("login")(self.anchor, CKU_SO, pin, len));
            ok(list.C_InitPIN.expect("init PIN")(self.anchor, pin, len));
            ok(list.C_Logout.expect("logout")(self.anchor));
            ok(list.C_Login.expect("login")(self.anchor, CKU_USER, pin, len));
            let (mut found, mut count) = (vec![0; 1024], 1024);
            let ask = list.C_GetMechanismList.expect("mechanisms");
            ok(ask(self.slot, found.as_mut_ptr(), &mut count));
            found.truncate(count as usize);
            self.mechanisms = found;
        }
    }
}

/// The 3.2 functions.
fn list() -> &'static CK_FUNCTION_LIST_3_2 {
    let (mut version, mut interface) = (CK_VERSION { major: 3, minor: 2 }, ptr::null_mut());
    let name = c"PKCS 11".as_ptr().cast_mut().cast();
    // SAFETY: the pointers are to locals, the name ends in zero, and the list that comes back is
    // constant data of this program.
    unsafe {
        ok(strongroom::abi::C_GetInterface(name, &mut version, &mut interface, 0));
        &*(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>()
    }
}

fn ok(rv: CK_RV) {
    assert_eq!(rv, CKR_OK, "setting up");
}

/// Both PINs of the token.
pub const PIN: &[u8] = b"1";

/// What would keep most calls from getting far.
const LIFTED: &str = "[token]\nmode = \"compatible\"\nlift = [\"pin-length\", \"rsa-length\"]\n";
