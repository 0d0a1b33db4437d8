// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A slot for each token, and one that waits for the next.

use crate::common::session::{init_token, mechanisms, slots, token_info};
use crate::common::*;
use std::ptr;

#[test]
fn a_fresh_store_has_one_slot_without_token() {
    let fixture = Fixture::new();
    let all = slots(false).good();
    assert_eq!(all.len(), 1);
    let flags = token_info(all[0]).good().flags;
    assert_eq!(flags & CKF_TOKEN_INITIALIZED, 0);
    assert_eq!(fixture.empty_slot(), all[0]);
}

#[test]
fn each_token_brings_the_next_empty_slot() {
    let fixture = Fixture::new();
    let mut tokens: Vec<CK_SLOT_ID> = Vec::new();
    for count in 0..4 {
        let all = slots(false).good();
        assert_eq!(all.len(), count + 1);
        assert_eq!(all[..count], tokens, "the tokens keep their slots, in order");
        tokens.push(fixture.token(&format!("token {count}")).slot);
        assert_eq!(tokens.last(), all.last(), "the token is in the slot it was made in");
    }
    for (index, slot) in tokens.iter().enumerate() {
        let info = token_info(*slot).good();
        assert_eq!(info.label, session::padded(&format!("token {index}")));
    }
}

#[test]
fn slots_keep_their_tokens_across_restarts() {
    let fixture = Fixture::new();
    let made: Vec<Token> = (0..3).map(|i| fixture.token(&format!("token {i}"))).collect();
    let serials = || -> Vec<_> {
        made.iter().map(|token| token_info(token.slot).good().serialNumber).collect()
    };
    let (before, slots_before) = (serials(), slots(false).good());
    for _ in 0..3 {
        fixture.restart();
        assert_eq!(slots(false).good(), slots_before);
        assert_eq!(serials(), before);
    }
    assert_ne!(before[0], before[1], "serial numbers differ");
    assert_ne!(before[1], before[2], "serial numbers differ");
}

#[test]
fn the_list_takes_the_output_rule() {
    let fixture = Fixture::new();
    fixture.token("one");
    fixture.token("two");
    let mut count = 77;
    outcome(p11!(C_GetSlotList(CK_FALSE, ptr::null_mut(), &mut count))).good();
    assert_eq!(count, 3, "what was in the count before does not matter");
    let mut list = [999; 8];
    count = 2;
    let short = outcome(p11!(C_GetSlotList(CK_FALSE, list.as_mut_ptr(), &mut count)));
    short.gives(CKR_BUFFER_TOO_SMALL);
    assert_eq!((count, list), (3, [999; 8]));
    count = 8;
    outcome(p11!(C_GetSlotList(CK_FALSE, list.as_mut_ptr(), &mut count))).good();
    assert_eq!(count, 3);
    assert_eq!(list[3..], [999; 5]);
}

#[test]
fn slots_with_a_token_present_are_among_all_slots() {
    let fixture = Fixture::new();
    let token = fixture.token("one");
    let (all, present) = (slots(false).good(), slots(true).good());
    assert!(present.contains(&token.slot));
    assert!(present.iter().all(|slot| all.contains(slot)));
    for slot in &all {
        let mut info = CK_SLOT_INFO::default();
        outcome(p11!(C_GetSlotInfo(*slot, &mut info))).good();
        let there = info.flags & CKF_TOKEN_PRESENT != 0;
        assert_eq!(there, present.contains(slot), "the flag agrees with the list");
        assert_eq!(info.flags & CKF_REMOVABLE_DEVICE, 0);
        assert_eq!(info.flags & CKF_HW_SLOT, 0, "this is software");
        text(&info.slotDescription);
        text(&info.manufacturerID);
    }
}

#[test]
fn slots_that_are_not_there() {
    let fixture = Fixture::new();
    let token = fixture.token("one");
    for slot in [token.slot + 1000, HUGE] {
        let bad = CKR_SLOT_ID_INVALID;
        token_info(slot).map(drop).gives(bad);
        let mut info = CK_SLOT_INFO::default();
        outcome(p11!(C_GetSlotInfo(slot, &mut info))).gives(bad);
        mechanisms(slot).gives(bad);
        session::mechanism_info(slot, CKM_SHA256).map(drop).gives(bad);
        init_token(slot, SO_PIN, "label").gives(bad);
        Session::read_write(slot).gives(bad);
        session::close_all(slot).gives(bad);
    }
}

#[test]
fn an_uninitialised_token_opens_no_session() {
    let fixture = Fixture::new();
    let slot = fixture.empty_slot();
    let want = [CKR_TOKEN_NOT_INITIALIZED, CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_NOT_PRESENT];
    Session::read_write(slot).gives_one_of(&want);
    Session::read_only(slot).gives_one_of(&want);
    session::close_all(slot).good_for("there are none");
}

#[test]
fn no_slot_event_ever_comes() {
    let _fixture = Fixture::new();
    let mut slot = 0;
    let waited = outcome(p11!(C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, ptr::null_mut())));
    waited.gives_one_of(&[CKR_NO_EVENT, CKR_FUNCTION_NOT_SUPPORTED]);
}

#[test]
fn the_mechanism_list_takes_the_output_rule() {
    let user = User::new();
    let mut count = 3;
    let slot = user.token.slot;
    outcome(p11!(C_GetMechanismList(slot, ptr::null_mut(), &mut count))).good();
    let whole = count;
    assert!(whole > 50, "{whole} mechanisms");
    let mut list = vec![HUGE; whole as usize];
    count = whole - 1;
    let short = outcome(p11!(C_GetMechanismList(slot, list.as_mut_ptr(), &mut count)));
    short.gives(CKR_BUFFER_TOO_SMALL);
    assert_eq!(count, whole);
    assert!(list.iter().all(|kind| *kind == HUGE), "nothing is written");
    outcome(p11!(C_GetMechanismList(slot, list.as_mut_ptr(), &mut count))).good();
    assert_eq!(count, whole);
}

/// Text of the interface: UTF-8, blank-padded, no NUL.
fn text(field: &[u8]) {
    let text = std::str::from_utf8(field).expect("UTF-8");
    assert!(!text.contains('\0'), "{text:?} is padded with blanks");
}
