// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every function of the table, called rightly and with each argument wrong, leaves what its row says.

use crate::common::*;
use crate::table::{Arg, NAMES, Row};
use crate::world::{World, Wrong, rows};
use crate::{counted, good, outcomes, records, since};
use std::collections::BTreeSet;
use strongroom::call::Leaves;
use strongroom::session::leaves::FUNCTIONS;

#[test]
fn every_function_has_a_row_and_no_row_is_of_nothing() {
    let exported: BTreeSet<_> = NAMES.iter().copied().collect();
    let rows: BTreeSet<_> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(exported, rows);
    assert_eq!(rows.len(), FUNCTIONS.len(), "one row each");
}

#[test]
fn every_call_leaves_what_its_row_says() {
    let world = World::new();
    let mut succeeded = BTreeSet::new();
    for row in rows() {
        if !LAST.contains(&row.name) && call(&world, row, None).is_ok() {
            succeeded.insert(row.name);
        }
        for (index, arg) in row.args.iter().enumerate() {
            for wrong in wrongs(*arg) {
                call(&world, row, Some((index, wrong))).code();
            }
        }
    }
    drop(world);
    good::all(|name| {
        succeeded.insert(name);
    });
    let silent = |name: &str| leaves(name) == Leaves::Nothing;
    let missing: Vec<_> =
        NAMES.iter().filter(|name| !succeeded.contains(*name) && !silent(name)).collect();
    assert!(missing.is_empty(), "never called well: {missing:?}");
}

fn wrongs(arg: Arg) -> Vec<Wrong> {
    match arg {
        Arg::Session | Arg::Number(_) => Vec::new(),
        Arg::Slot | Arg::EmptySlot | Arg::Handle(_) => vec![Wrong::Value(0x7777_7777)],
        _ => vec![Wrong::Null],
    }
}

fn call(world: &World, row: &Row, wrong: Option<(usize, Wrong)>) -> R<()> {
    let store = world.user.fixture.store_path();
    let before = records(&store).len();
    let rv = world.call(row, wrong);
    let new = since(&store, before);
    let what = format!("{} with {wrong:?} gave {rv:?} and left {new:#?}", row.name);
    let outcomes = outcomes(&new, row.name);
    let told: Vec<String> = rv.err().map(|error| names::of(error.0)).into_iter().collect();
    let untried = [CKR_BUFFER_TOO_SMALL, CKR_SESSION_HANDLE_INVALID];
    let told = if rv.is_err_and(|error| untried.contains(&error.0)) { Vec::new() } else { told };
    match leaves(row.name) {
        Leaves::Nothing | Leaves::Discloses => assert!(outcomes.is_empty(), "{what}"),
        Leaves::Record if rv.is_ok() => assert_eq!(outcomes, ["CKR_OK"], "{what}"),
        Leaves::Record | Leaves::Begins(_) => assert_eq!(outcomes, told, "{what}"),
        Leaves::Counts => {
            let count = USES.iter().find(|(name, _)| *name == row.name);
            // With one argument that says otherwise, some go on.
            if let (Some((_, counts)), true) = (count, rv.is_ok() && wrong.is_none()) {
                assert_eq!(counted(&new, counts), 1, "{what}");
            }
            match wrong {
                // Nor where nothing was begun.
                None if rv == Err(Rv(CKR_OPERATION_NOT_INITIALIZED)) => {
                    assert!(outcomes.is_empty())
                }
                None => assert_eq!(outcomes, told, "{what}"),
                // Where the arguments are no call, no key was used.
                Some(_) => assert!(outcomes.is_empty() || outcomes == told, "{what}"),
            }
        }
    }
    rv
}

fn leaves(name: &str) -> Leaves {
    FUNCTIONS.iter().find(|(row, _)| *row == name).unwrap().1
}

/// What the others could not be called after: they are called well elsewhere.
const LAST: &[&str] = &["C_CloseAllSessions", "C_DestroyObject", "C_Logout", "C_InitToken"];
/// The functions that end a use, or give something out, and what counts it.
const USES: &[(&str, &str)] = &[
    ("C_Encrypt", "C_Encrypt"),
    ("C_EncryptUpdate", "C_Encrypt"),
    ("C_EncryptFinal", "C_Encrypt"),
    ("C_Decrypt", "C_Decrypt"),
    ("C_DecryptUpdate", "C_Decrypt"),
    ("C_DecryptFinal", "C_Decrypt"),
    ("C_DigestKey", "C_DigestKey"),
    ("C_Sign", "C_Sign"),
    ("C_SignFinal", "C_Sign"),
    ("C_Verify", "C_Verify"),
    ("C_VerifyFinal", "C_Verify"),
    ("C_VerifySignature", "C_VerifySignature"),
    ("C_VerifySignatureFinal", "C_VerifySignature"),
    ("C_DigestEncryptUpdate", "C_Encrypt"),
    ("C_SignEncryptUpdate", "C_Encrypt"),
    ("C_DecryptDigestUpdate", "C_Decrypt"),
    ("C_DecryptVerifyUpdate", "C_Decrypt"),
    ("C_EncryptMessage", "C_EncryptMessage"),
    ("C_EncryptMessageNext", "C_EncryptMessage"),
    ("C_DecryptMessage", "C_DecryptMessage"),
    ("C_SignMessage", "C_SignMessage"),
    ("C_SignMessageNext", "C_SignMessage"),
    ("C_VerifyMessage", "C_VerifyMessage"),
];
