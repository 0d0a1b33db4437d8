// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The library under test, loaded once a process by its C symbols.

use super::hearing;
use cryptoki_sys::*;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW, Symbol};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The loaded library.
pub struct Module {
    library: Library,
    /// The 3.2 function list, in which what must be in no log is heard.
    pub list: &'static CK_FUNCTION_LIST_3_2,
    /// The list as `C_GetInterface` gives it.
    own: &'static CK_FUNCTION_LIST_3_2,
}

// SAFETY: the function list is constant data of a library that is never unloaded, and a
// PKCS #11 library takes calls from any thread.
unsafe impl Sync for Module {}
// SAFETY: as for Sync.
unsafe impl Send for Module {}

/// Calls one function of the library: `p11!(C_GetInfo(&mut info))`.
macro_rules! p11 {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        let function = $crate::common::module().list.$function.expect(stringify!($function));
        // SAFETY: the function comes from the library's own list, with its C type; the
        // arguments are the test's, whose pointers are NULL or live through the call.
        unsafe { function($($argument),*) }
    }};
}
pub(crate) use p11;

/// The library, loaded at the first use.
pub fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(Module::load)
}

/// PKCS #11 state belongs to the process: tests take turns.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Module {
    fn load() -> Self {
        let path = path();
        // SAFETY: loading runs the library's initialisers, which is what every application does.
        let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) };
        let library = library.unwrap_or_else(|e| panic!("cannot load {}: {e}", path.display()));
        let own = interface_3_2(&library);
        Module { library, list: hearing::list(own), own }
    }

    /// An exported function by name, or None.
    pub fn symbol<T>(&self, name: &str) -> Option<Symbol<T>> {
        // SAFETY: the caller names the C type that the specification gives the symbol.
        unsafe { self.library.get(name.as_bytes()) }.ok()
    }

    /// The library's functions in the order of the 3.2 list, as addresses.
    pub fn entries(&self) -> &'static [usize] {
        entries(ptr::from_ref(self.own).cast(), size_of::<CK_FUNCTION_LIST_3_2>())
    }
}

/// Where the library is: beside the test, one directory up, or where the environment says.
pub fn path() -> PathBuf {
    if let Some(named) = std::env::var_os("STRONGROOM_TEST_MODULE") {
        return PathBuf::from(named);
    }
    let test = std::env::current_exe().expect("path of the test");
    let beside = test.parent().expect("directory of the test").join(NAME);
    if beside.exists() {
        return beside;
    }
    let up = test.parent().and_then(Path::parent).expect("parent directory").join(NAME);
    assert!(up.exists(), "no {NAME} in {} or above it", beside.display());
    up
}

/// A function list of any version as the addresses that follow its version.
pub fn entries(list: *const u8, size: usize) -> &'static [usize] {
    let first = std::mem::offset_of!(CK_FUNCTION_LIST_3_2, C_Initialize);
    let count = (size - first) / size_of::<usize>();
    // SAFETY: a function list is a version, padded to a pointer, and then pointers only; it is
    // constant data of a library that is never unloaded.
    unsafe { std::slice::from_raw_parts(list.add(first).cast(), count) }
}

fn interface_3_2(library: &Library) -> &'static CK_FUNCTION_LIST_3_2 {
    let mut version = CK_VERSION { major: 3, minor: 2 };
    let mut interface: *mut CK_INTERFACE = ptr::null_mut();
    let name = c"PKCS 11".as_ptr().cast_mut().cast();
    // SAFETY: the symbol has the C type of the specification; the pointers live through the call.
    let rv = unsafe {
        let get: Symbol<CK_C_GetInterface> =
            library.get(b"C_GetInterface").expect("C_GetInterface");
        get.expect("C_GetInterface")(name, &mut version, &mut interface, 0)
    };
    assert_eq!(rv, CKR_OK, "C_GetInterface(\"PKCS 11\", 3.2)");
    // SAFETY: on CKR_OK the interface points to a list of the version that was asked for, in
    // memory of the library, which is never unloaded.
    unsafe { &*(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>() }
}

const NAME: &str = "libstrongroom.so";
