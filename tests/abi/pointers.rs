// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every pointer NULL, every length too long, every handle wrong, one at a time.

use crate::common::*;
use crate::table::{Arg, Row};
use crate::world::{World, Wrong, rows};

#[test]
fn every_null_pointer_is_refused() {
    let world = World::new();
    for row in rows() {
        for (index, arg) in row.args.iter().enumerate() {
            let want: &[CK_RV] = match arg {
                Arg::Ret | Arg::Out | Arg::In | Arg::Pin | Arg::Name | Arg::Name0 | Arg::Label => {
                    BAD
                }
                Arg::Mech | Arg::MechOfMessage | Arg::Template | Arg::Fill | Arg::InOrNone => BAD,
                Arg::Envelope => &[CKR_MECHANISM_PARAM_INVALID],
                // The signature of the table is none.
                Arg::OutOrMore | Arg::InOrMore | Arg::Parameter => {
                    &[CKR_OK, CKR_SIGNATURE_LEN_RANGE]
                }
                Arg::Init => BAD,
                Arg::Slot | Arg::EmptySlot | Arg::Session | Arg::Handle(_) | Arg::Number(_) => {
                    continue;
                }
            };
            check(&world, row, index, Wrong::Null, want);
        }
    }
    still_sound(&world);
}

#[test]
fn every_length_that_no_memory_has_is_refused() {
    let world = World::new();
    let beyond = isize::MAX as CK_ULONG + 1;
    let attributes = isize::MAX as CK_ULONG / size_of::<CK_ATTRIBUTE>() as CK_ULONG + 1;
    for row in rows() {
        for (index, arg) in row.args.iter().enumerate() {
            let lengths: &[CK_ULONG] = match arg {
                Arg::In | Arg::InOrNone | Arg::Pin | Arg::Name | Arg::Fill => &[HUGE, beyond],
                Arg::Envelope => &[0, 1, 47, 49, HUGE],
                Arg::Parameter => &[1, HUGE],
                Arg::Template => &[HUGE, beyond, attributes, HUGE / 24 + 2],
                _ => continue,
            };
            for length in lengths {
                let mut want = BAD.to_vec();
                match arg {
                    Arg::Parameter | Arg::Envelope => want = vec![CKR_MECHANISM_PARAM_INVALID],
                    // A PIN of such a length is wrong as a PIN, too.
                    Arg::Pin => want.extend([CKR_PIN_LEN_RANGE, CKR_PIN_INCORRECT]),
                    // More room than there are handles is room enough.
                    Arg::Fill => want.push(CKR_OK),
                    _ => {}
                }
                check(&world, row, index, Wrong::Length(*length, true), &want);
                let parameter = matches!(arg, Arg::Parameter | Arg::Envelope);
                let none = if parameter { &want[..] } else { BAD };
                check(&world, row, index, Wrong::Length(*length, false), none);
            }
        }
    }
    still_sound(&world);
}

#[test]
fn no_bytes_at_no_address_are_no_bytes() {
    let world = World::new();
    for name in ["C_DigestUpdate", "C_SignUpdate", "C_VerifyUpdate", "C_Digest", "C_Sign"] {
        let row = rows().find(|row| row.name == name).unwrap();
        let at = row.args.iter().position(|arg| *arg == Arg::In).unwrap();
        check(&world, row, at, Wrong::Length(0, false), &[CKR_OK]);
    }
}

#[test]
fn every_session_handle_is_checked() {
    let world = World::new();
    for row in rows() {
        for (index, arg) in row.args.iter().enumerate() {
            if *arg != Arg::Session {
                continue;
            }
            for session in [0, world.closed, 0x7777_7777, 1 << 63, HUGE] {
                let mut want = vec![CKR_SESSION_HANDLE_INVALID];
                if ["C_GetFunctionStatus", "C_CancelFunction"].contains(&row.name) {
                    want.push(CKR_FUNCTION_NOT_PARALLEL);
                }
                check(&world, row, index, Wrong::Value(session), &want);
            }
        }
    }
    still_sound(&world);
}

#[test]
fn every_object_handle_is_checked() {
    let world = World::new();
    let s = world.user.session;
    let stale = keys::aes(s, 32);
    s.destroy(stale).good();
    for row in rows() {
        for (index, arg) in row.args.iter().enumerate() {
            let Arg::Handle(want) = arg else { continue };
            for handle in [0, stale.0, 0x7777_7777, 1 << 63, HUGE] {
                check(&world, row, index, Wrong::Value(handle), &[*want]);
            }
        }
    }
    still_sound(&world);
}

#[test]
fn every_slot_is_checked() {
    let world = World::new();
    for row in rows() {
        for (index, arg) in row.args.iter().enumerate() {
            if matches!(arg, Arg::Slot | Arg::EmptySlot) {
                for slot in [0x7777_7777, 1 << 63, HUGE] {
                    check(&world, row, index, Wrong::Value(slot), &[CKR_SLOT_ID_INVALID]);
                }
            }
        }
    }
    still_sound(&world);
}

#[test]
fn an_invalid_session_outranks_other_errors() {
    let world = World::new();
    let null = std::ptr::null_mut();
    let (closed, want) = (world.closed, CKR_SESSION_HANDLE_INVALID);
    outcome(p11!(C_GetSessionInfo(closed, std::ptr::null_mut())))
        .gives_one_of(&[want, CKR_ARGUMENTS_BAD]);
    outcome(p11!(C_Encrypt(closed, null, 5, null, &mut 0)))
        .gives_one_of(&[want, CKR_ARGUMENTS_BAD]);
    outcome(p11!(C_DestroyObject(closed, 0))).gives(want);
}

fn check(world: &World, row: &Row, index: usize, wrong: Wrong, want: &[CK_RV]) {
    let mut want = want.to_vec();
    if row.optional {
        want.push(CKR_FUNCTION_NOT_SUPPORTED);
        // Those that are there may first miss the operation that the table does not start.
        want.extend([CKR_OPERATION_NOT_INITIALIZED, CKR_SAVED_STATE_INVALID]);
    }
    want.extend(others(row.name));
    let what = format!("{} argument {index} ({:?}) {wrong:x?}", row.name, row.args[index]);
    world.call(row, Some((index, wrong))).gives_for(&what, &want);
}

/// What else is wrong with a call that the table makes, and may be told first.
fn others(name: &str) -> &'static [CK_RV] {
    match name {
        // The table's session is the user's, not the SO's.
        "C_InitPIN" => &[CKR_USER_NOT_LOGGED_IN],
        "C_Login" => &[CKR_USER_ALREADY_LOGGED_IN],
        // The table's user name is nobody's.
        "C_LoginUser" => &[CKR_USER_ALREADY_LOGGED_IN],
        // The table's state was not saved by anyone.
        "C_SetOperationState" => &[CKR_SAVED_STATE_INVALID],
        // No session here runs anything asynchronously.
        "C_AsyncComplete" | "C_AsyncGetID" => &[CKR_OPERATION_NOT_INITIALIZED],
        "C_AsyncJoin" => &[CKR_SAVED_STATE_INVALID],
        _ => &[],
    }
}

fn still_sound(world: &World) {
    let s = world.user.session;
    s.random(8).good_for("the library works on");
    keys::aes(s, 16);
}

const BAD: &[CK_RV] = &[CKR_ARGUMENTS_BAD];
