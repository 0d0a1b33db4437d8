// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The table of roles knows every function, and agrees with what the matrix here was written for.

use std::collections::BTreeSet;
use strongroom::policy::roles::{CALLERS, Caller, GROUPS, Reach};

#[test]
fn every_function_of_the_interface_is_in_one_group() {
    let source = include_str!("../../src/abi/functions.rs");
    let rows = source.lines().filter_map(|line| line.trim().strip_prefix("fn C_"));
    let rows: BTreeSet<String> =
        rows.map(|rest| format!("C_{}", rest.split('(').next().unwrap())).collect();
    assert!(rows.len() > 90, "the rows are not written as this test reads them");
    let mut listed = BTreeSet::new();
    for group in GROUPS {
        for function in group.row().functions {
            assert!(listed.insert(function.to_string()), "{function} is in two groups");
        }
    }
    let missing: Vec<_> = rows.symmetric_difference(&listed).collect();
    assert!(missing.is_empty(), "in one of table and interface alone: {missing:?}");
}

#[test]
fn who_uses_keys_does_not_manage_them() {
    use strongroom::policy::Group::*;
    let manages = [Create, Copy, Change, Destroy, Generate];
    let uses = [Encrypt, Decrypt, Sign, Verify, DigestKey, Wrap, Unwrap, Derive, Decapsulate];
    for group in manages {
        assert_eq!(group.reach(Caller::Operator), Reach::Session, "{group:?}");
        assert_eq!(group.reach(Caller::Manager), Reach::All, "{group:?}");
    }
    for group in uses {
        assert_eq!(group.reach(Caller::Manager), Reach::Nothing, "{group:?}");
        assert_ne!(group.reach(Caller::Operator), Reach::Nothing, "{group:?}");
    }
    for group in manages.into_iter().chain(uses) {
        assert_eq!(group.reach(Caller::Auditor), Reach::Nothing, "{group:?}");
        assert_eq!(group.reach(Caller::Custodian), Reach::Nothing, "{group:?}");
    }
    assert_eq!(CALLERS.len(), 8);
}
