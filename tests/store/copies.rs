// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Two copies of the library in one process: POSIX locks are the process's, so that two copies of
//! SQLite with one file would not exclude each other.

use crate::common::*;
use crate::{check, child_on, try_read_of, try_use};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW, Symbol};
use std::ptr;

#[test]
fn a_second_copy_of_the_library_is_refused_and_nothing_is_lost() {
    let test = "copies::a_second_copy_of_the_library_is_refused_and_nothing_is_lost";
    if child::role().is_some() {
        return both();
    }
    let user = User::new();
    let s = user.session;
    s.create(&data("before")).good();
    session::finalize().good();
    std::fs::copy(module::path(), user.fixture.directory().join("second.so")).unwrap();
    child::succeeds(child_on(&user.fixture, test, "both"));
    let content = try_use(&user.fixture).good();
    let labels: Vec<String> =
        content.into_iter().map(|(label, _)| String::from_utf8(label).unwrap()).collect();
    assert_eq!(labels, ["before", "during", "first"]);
    check(&user.fixture).unwrap();
}

/// The child: the first copy holds the store, the second tries to.
fn both() {
    let s = crate::join();
    s.create(&data("first")).good();
    let conf = std::env::var("CHILD_CONF").unwrap();
    let second = Second::load(&conf);
    second.refused(&conf);
    s.create(&data("during")).good();
    second.refused(&conf);
    assert_eq!(try_read_of(s).len(), 3, "the first goes on");
    session::finalize().good();
}

/// The second copy, by its list of functions.
struct Second {
    _library: Library,
    list: &'static CK_FUNCTION_LIST,
}

impl Second {
    fn load(conf: &str) -> Second {
        let path = std::path::Path::new(conf).with_file_name("second.so");
        let mut list = ptr::null_mut();
        // SAFETY: loading runs the library's initialisers; the symbol has the C type of the
        // specification, and the list is constant data of a library that is never unloaded.
        unsafe {
            let library = Library::open(Some(path), RTLD_NOW | RTLD_LOCAL).unwrap();
            let get: Symbol<CK_C_GetFunctionList> = library.get(b"C_GetFunctionList").unwrap();
            assert_eq!(get.unwrap()(&mut list), CKR_OK);
            let first: &CK_FUNCTION_LIST_3_2 = module().list;
            assert_ne!((*list).C_Login.unwrap() as usize, first.C_Login.unwrap() as usize);
            Second { _library: library, list: &*list }
        }
    }

    /// Everything that would open the store answers an error; the last call lets go of all.
    fn refused(&self, conf: &str) {
        let reserved = std::ffi::CString::new(format!("conf={conf}")).unwrap();
        let mut args = CK_C_INITIALIZE_ARGS {
            flags: CKF_OS_LOCKING_OK,
            pReserved: reserved.as_ptr().cast_mut().cast(),
            ..CK_C_INITIALIZE_ARGS::default()
        };
        let list = self.list;
        let args = ptr::from_mut(&mut args).cast();
        // Its PIN is the one that is heard of the first; what it says is searched as that is.
        // SAFETY: the function is the list's own, the pointer lives through the call.
        if said::asking(|| unsafe { list.C_Initialize.unwrap()(args) }) != CKR_OK {
            return;
        }
        // SAFETY: the functions are the list's own, the pointers live through the calls.
        unsafe {
            let (mut handle, flags) = (0, CKF_SERIAL_SESSION | CKF_RW_SESSION);
            let open = list.C_OpenSession.unwrap();
            let opened = open(0, flags, ptr::null_mut(), None, &mut handle);
            outcome(opened).gives_for("C_OpenSession of the second copy", REFUSED);
            let mut info = CK_TOKEN_INFO::default();
            let told = list.C_GetTokenInfo.unwrap()(0, &mut info);
            outcome(told).gives_for("C_GetTokenInfo of the second copy", REFUSED);
            let label = session::padded("second");
            let pin = SO_PIN.as_bytes();
            let made = list.C_InitToken.unwrap()(0, bytes(pin), len(pin), bytes(&label));
            outcome(made).gives_for("C_InitToken of the second copy", REFUSED);
            assert_eq!(list.C_Finalize.unwrap()(ptr::null_mut()), CKR_OK);
        }
    }
}

fn data(label: &str) -> Template {
    template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => label }
}

const REFUSED: &[CK_RV] =
    &[CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_TOKEN_NOT_PRESENT];
