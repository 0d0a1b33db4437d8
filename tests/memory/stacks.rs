// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Hosts that cannot do with stacks of the library's own can have it work on theirs.

use crate::common::*;

#[test]
fn a_host_may_keep_the_library_on_its_own_stacks() {
    let test = "stacks::a_host_may_keep_the_library_on_its_own_stacks";
    if child::role().is_some() {
        let s = fixture::join();
        let (_, key) = keys::pair(s, &ec::P256);
        s.sign(&Mech::plain(CKM_ECDSA), key, &[7; 32]).good();
        return println!("counted {}", stacks());
    }
    for (setting, own) in [("", true), ("[memory]\nown_stacks = false\n", false)] {
        let fixture = Fixture::with_settings(setting);
        fixture.token("stacks");
        session::finalize().good();
        let said = child::succeeds(fixture::child_on(&fixture, test, "signer"));
        let found = said.split("counted ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let found: usize = found.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
        assert_eq!(found > 0, own, "{said}");
    }
}

/// The mappings of this process that are as large as a stack and that no core dump has.
fn stacks() -> usize {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let sized = maps.split("\nSize:").skip(1).filter(|one| one.trim_start().starts_with("128 kB"));
    sized.filter(|one| one.contains(" wr ") && one.contains(" dd")).count()
}
