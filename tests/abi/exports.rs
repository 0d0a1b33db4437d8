// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the shared library shows to the process that loads it.

use crate::common::*;
use crate::elf;
use crate::table::NAMES;

#[test]
fn only_the_functions_of_the_interface_are_exported() {
    let mut exported = elf::defined_symbols(&std::fs::read(module::path()).unwrap());
    exported.sort();
    let mut wanted: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    wanted.sort();
    assert_eq!(exported, wanted);
}

#[test]
fn no_other_cryptography_is_needed() {
    let needed = elf::needed(&std::fs::read(module::path()).unwrap());
    assert!(!needed.is_empty(), "at least the C library");
    for library in needed {
        let own = ["libcrypto", "libssl", "libsqlite"].iter().any(|name| library.starts_with(name));
        assert!(!own, "{library} is the host's to choose: ours is inside");
    }
}

#[test]
fn exported_functions_are_those_of_the_list() {
    let entries = module().entries();
    assert_eq!(entries.len(), NAMES.len());
    for (name, entry) in NAMES.iter().zip(entries) {
        assert_ne!(*entry, 0, "{name} is in the list");
        let symbol = module().symbol::<unsafe extern "C" fn()>(name);
        let symbol = symbol.unwrap_or_else(|| panic!("{name} is not exported"));
        assert_eq!(*symbol as usize, *entry, "{name}");
    }
}
