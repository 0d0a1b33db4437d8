// SPDX-License-Identifier: Apache-2.0 OR MIT
//! C_GetFunctionList, C_GetInterfaceList, C_GetInterface.

use crate::common::*;
use std::ffi::CStr;
use std::ptr;

const VERSIONS: [(u8, u8); 3] = [(2, 40), (3, 0), (3, 2)];

#[test]
fn the_old_list_has_every_function_of_2_40() {
    let list = function_list();
    // SAFETY: the list is constant data of the library.
    let version = unsafe { (*list).version };
    assert_eq!((version.major, version.minor), (2, 40));
    let entries = module::entries(list.cast(), size_of::<CK_FUNCTION_LIST>());
    assert_eq!(entries.len(), 68);
    assert!(entries.iter().all(|entry| *entry != 0));
    assert_eq!(entries, &module().entries()[..68], "the same functions");
}

#[test]
fn the_interface_list_has_all_three_versions() {
    let list = interfaces();
    let mut versions = Vec::new();
    for interface in &list {
        assert_eq!(name(interface), "PKCS 11");
        let version = version(interface);
        versions.push(version);
        let size = match version {
            (2, 40) => size_of::<CK_FUNCTION_LIST>(),
            (3, 0) => size_of::<CK_FUNCTION_LIST_3_0>(),
            (3, 2) => size_of::<CK_FUNCTION_LIST_3_2>(),
            other => panic!("interface {other:?}"),
        };
        let entries = module::entries(interface.pFunctionList.cast(), size);
        assert!(entries.iter().all(|entry| *entry != 0), "{version:?} has a hole");
        assert_eq!(entries, &module().entries()[..entries.len()], "{version:?}");
    }
    versions.sort_unstable();
    assert_eq!(versions, VERSIONS);
}

#[test]
fn the_interface_list_takes_the_output_rule() {
    let mut count = 0;
    outcome(p11!(C_GetInterfaceList(ptr::null_mut(), &mut count))).good();
    assert_eq!(count, 3);
    let mut list = [CK_INTERFACE::default(); 4];
    count = 2;
    let short = outcome(p11!(C_GetInterfaceList(list.as_mut_ptr(), &mut count)));
    short.gives(CKR_BUFFER_TOO_SMALL);
    assert_eq!(count, 3);
    assert!(list[0].pFunctionList.is_null(), "nothing is written");
    count = 4;
    outcome(p11!(C_GetInterfaceList(list.as_mut_ptr(), &mut count))).good();
    assert_eq!(count, 3);
    assert!(list[3].pFunctionList.is_null());
    let none = ptr::null_mut();
    outcome(p11!(C_GetInterfaceList(none, ptr::null_mut()))).gives(CKR_ARGUMENTS_BAD);
}

#[test]
fn an_interface_is_found_by_name_and_version() {
    for wanted in VERSIONS {
        let found = get(Some("PKCS 11"), Some(wanted), 0).good();
        assert_eq!((name(&found), version(&found)), ("PKCS 11", wanted));
        let found = get(None, Some(wanted), 0).good();
        assert_eq!(version(&found), wanted, "without a name");
    }
    let default = get(None, None, 0).good();
    assert_eq!(name(&default), "PKCS 11");
    let named = get(Some("PKCS 11"), None, 0).good();
    assert_eq!(version(&named), version(&default));
}

#[test]
fn what_is_not_there_is_not_found() {
    let none = [CKR_FUNCTION_FAILED, CKR_ARGUMENTS_BAD];
    for wanted in [(2, 20), (3, 1), (3, 3), (0, 0), (255, 255)] {
        get(Some("PKCS 11"), Some(wanted), 0).map(drop).gives_one_of(&none);
        get(None, Some(wanted), 0).map(drop).gives_one_of(&none);
    }
    for other in ["", "PKCS", "PKCS 1", "PKCS 11 ", "pkcs 11", "Vendor Strongroom", "PKCS 11\u{0}x"]
    {
        if other.starts_with("PKCS 11\u{0}") {
            get(Some(other), None, 0).map(drop).good_for("the name ends at its NUL");
            continue;
        }
        get(Some(other), None, 0).map(drop).gives_for(other, &none);
    }
}

#[test]
fn flags_are_told_as_they_are() {
    // Clients ask for the fork-safe interface and give up where it is refused. Here the functions are
    // safe to call in a child (tests/abi/fork.rs), which initialises the library for itself.
    for interface in interfaces() {
        assert_eq!(interface.flags, CKF_INTERFACE_FORK_SAFE);
    }
    get(None, None, CKF_INTERFACE_FORK_SAFE).map(drop).good();
    get(Some("PKCS 11"), Some((3, 2)), CKF_INTERFACE_FORK_SAFE).map(drop).good();
    let none = [CKR_FUNCTION_FAILED, CKR_ARGUMENTS_BAD];
    for flags in [2, CKF_INTERFACE_FORK_SAFE | (1 << 20), HUGE] {
        get(None, None, flags).map(drop).gives_one_of(&none);
        get(Some("PKCS 11"), Some((3, 2)), flags).map(drop).gives_one_of(&none);
    }
}

#[test]
fn nowhere_to_put_it() {
    let name = c"PKCS 11".as_ptr().cast_mut().cast();
    let nowhere = ptr::null_mut();
    outcome(p11!(C_GetInterface(name, ptr::null_mut(), nowhere, 0))).gives(CKR_ARGUMENTS_BAD);
    outcome(p11!(C_GetFunctionList(ptr::null_mut()))).gives(CKR_ARGUMENTS_BAD);
}

fn function_list() -> *const CK_FUNCTION_LIST {
    let mut list = ptr::null_mut();
    let get = module().symbol::<CK_C_GetFunctionList>("C_GetFunctionList").unwrap().unwrap();
    // SAFETY: the symbol has the C type of the specification; the pointer lives through the call.
    outcome(unsafe { get(&mut list) }).good();
    list
}

fn interfaces() -> Vec<CK_INTERFACE> {
    let (mut list, mut count) = ([CK_INTERFACE::default(); 16], 16);
    outcome(p11!(C_GetInterfaceList(list.as_mut_ptr(), &mut count))).good();
    list[..count as usize].to_vec()
}

fn get(name: Option<&str>, version: Option<(u8, u8)>, flags: CK_FLAGS) -> R<CK_INTERFACE> {
    let name = name.map(|name| format!("{name}\0"));
    let name = name.as_ref().map_or(ptr::null_mut(), |name| name.as_ptr().cast_mut());
    let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
    let version = version.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    let mut found = ptr::null_mut();
    outcome(p11!(C_GetInterface(name, version, &mut found, flags)))?;
    // SAFETY: on CKR_OK the pointer is to an interface of the library.
    Ok(unsafe { *found })
}

fn name(interface: &CK_INTERFACE) -> &'static str {
    // SAFETY: the name is a C string of the library.
    let name = unsafe { CStr::from_ptr(interface.pInterfaceName.cast()) };
    name.to_str().expect("ASCII")
}

fn version(interface: &CK_INTERFACE) -> (u8, u8) {
    // SAFETY: every function list begins with its version.
    let version = unsafe { *interface.pFunctionList.cast::<CK_VERSION>() };
    (version.major, version.minor)
}
