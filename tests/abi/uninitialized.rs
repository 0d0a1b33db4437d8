// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Before C_Initialize and after C_Finalize.

use crate::common::*;
use crate::world::{blind, rows};

#[test]
fn every_function_waits_for_initialisation() {
    let fixture = Fixture::prepared("");
    all_wait("before C_Initialize");
    fixture.initialize().good();
    session::finalize().good();
    all_wait("after C_Finalize");
    session::finalize().gives(CKR_CRYPTOKI_NOT_INITIALIZED);
    let mut reserved = 1_u8;
    let finalized = outcome(p11!(C_Finalize(std::ptr::from_mut(&mut reserved).cast())));
    finalized.gives_one_of(&[CKR_ARGUMENTS_BAD, CKR_CRYPTOKI_NOT_INITIALIZED]);
}

#[test]
fn legacy_parallel_functions_do_nothing() {
    let user = User::new();
    let s = user.session.0;
    outcome(p11!(C_GetFunctionStatus(s))).gives(CKR_FUNCTION_NOT_PARALLEL);
    outcome(p11!(C_CancelFunction(s))).gives(CKR_FUNCTION_NOT_PARALLEL);
}

/// Every function of the table answers that the library is not initialised.
pub fn all_wait(when: &str) {
    for row in rows() {
        let mut want = vec![CKR_CRYPTOKI_NOT_INITIALIZED];
        if row.optional {
            want.push(CKR_FUNCTION_NOT_SUPPORTED);
        }
        if ["C_GetFunctionStatus", "C_CancelFunction"].contains(&row.name) {
            want.push(CKR_FUNCTION_NOT_PARALLEL);
        }
        blind(row).gives_for(&format!("{} {when}", row.name), &want);
    }
}
