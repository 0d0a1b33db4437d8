// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Saved states: a digest that goes on from where it was, in any session like its own.

use crate::common::operation::{Kind, Room};
use crate::common::*;

#[test]
fn a_digest_goes_on_from_where_it_was_saved() {
    let user = User::new();
    let s = user.session;
    let other = user.token.public();
    for mech in digests(user.token.slot) {
        let start = |s: Session| s.start(Kind::Digest, &Mech::plain(mech), None).good();
        start(s);
        s.update(Kind::Digest, b"one").good();
        let state = save(s).good();
        s.update(Kind::Digest, b"gone").good();
        restore(s, &state, 0, 0).good();
        // Another session goes on from the same place, whatever it was doing.
        start(other);
        other.update(Kind::Digest, b"something else").good();
        restore(other, &state, 0, 0).good();
        for (s, rest) in [(s, b"two".as_slice()), (other, b"three"), (s, b"")] {
            restore(s, &state, 0, 0).good();
            s.update(Kind::Digest, rest).good();
            let digest = s.finish(Kind::Digest, Room::Bytes(64));
            digest.rv.good();
            let whole = [b"one", rest].concat();
            assert_eq!(digest.data, s.digest(&Mech::plain(mech), &whole).good(), "{mech:#x}");
        }
    }
}

#[test]
fn a_state_is_told_by_the_rule_of_output() {
    let user = User::new();
    let s = user.session;
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    s.update(Kind::Digest, b"secret-looking input").good();
    let (rv, length, _) = ask(s, Room::Null);
    rv.good();
    assert!((1..=4096).contains(&length));
    let (rv, said, _) = ask(s, Room::Bytes(length as usize - 1));
    rv.gives(CKR_BUFFER_TOO_SMALL);
    assert_eq!(said, length);
    let (rv, said, state) = ask(s, Room::Bytes(length as usize));
    rv.good();
    assert_eq!(said, length);
    assert!(!state.windows(6).any(|window| window == b"secret"), "what was digested is told");
    outcome(p11!(C_GetOperationState(s.0, std::ptr::null_mut(), std::ptr::null_mut())))
        .gives(CKR_ARGUMENTS_BAD);
    // Asking, and asking wrongly, ended nothing.
    s.finish(Kind::Digest, Room::Bytes(32)).rv.good();
}

#[test]
fn a_restored_digest_remembers_that_it_was_fed() {
    let user = User::new();
    let s = user.session;
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    let fresh = save(s).good();
    s.update(Kind::Digest, b"one").good();
    let fed = save(s).good();
    restore(s, &fed, 0, 0).good();
    s.once(Kind::Digest, b"two", Room::Bytes(32)).rv.gives(CKR_OPERATION_ACTIVE);
    restore(s, &fresh, 0, 0).good();
    let digest = s.once(Kind::Digest, b"two", Room::Bytes(32));
    assert_eq!(digest.data, reference::digest(CKM_SHA256, b"two"));
}

#[test]
fn what_has_a_key_is_not_saved() {
    let user = User::compatible();
    let s = user.session;
    save(s).gives(CKR_OPERATION_NOT_INITIALIZED);
    outcome(p11!(C_FindObjectsInit(s.0, std::ptr::null_mut(), 0))).good();
    save(s).gives(CKR_OPERATION_NOT_INITIALIZED);
    for case in crate::cases(s).iter().filter(|case| case.key.is_some()) {
        case.start(s);
        save(s).gives_for(case.name, &[CKR_STATE_UNSAVEABLE]);
        s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
        save(s).gives_for(case.name, &[CKR_STATE_UNSAVEABLE]);
        let got = s.once(case.kind, &case.input, Room::Bytes(512));
        got.rv.good_for("the attempt ended nothing");
        save(s).good_for("the digest is alone");
        s.cancel(CKF_DIGEST).good();
    }
    let open = template! { CKA_SENSITIVE => false, CKA_EXTRACTABLE => true };
    let key = keys::aes_with(s, 32, &open);
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    outcome(p11!(C_DigestKey(s.0, key.0))).good();
    save(s).gives(CKR_STATE_UNSAVEABLE);
    s.finish(Kind::Digest, Room::Bytes(32)).rv.good();
}

#[test]
fn a_state_that_was_not_saved_here_is_refused() {
    let user = User::new();
    let s = user.session;
    let public = user.fixture.token("another token").user();
    let read_only = Session::read_only(user.token.slot).good();
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    let state = save(s).good();
    s.update(Kind::Digest, b"one").good();
    for at in 0..state.len() {
        let mut forged = state.clone();
        forged[at] ^= 1;
        restore(s, &forged, 0, 0).gives(CKR_SAVED_STATE_INVALID);
    }
    for wrong in [&state[1..], &state[..state.len() - 1], &[&state[..], b"!"].concat()] {
        restore(s, wrong, 0, 0).gives(CKR_SAVED_STATE_INVALID);
    }
    outcome(p11!(C_SetOperationState(s.0, std::ptr::null_mut(), 5, 0, 0))).gives(CKR_ARGUMENTS_BAD);
    restore(public, &state, 0, 0).gives(CKR_SAVED_STATE_INVALID);
    restore(read_only, &state, 0, 0).gives(CKR_SAVED_STATE_INVALID);
    restore(s, &state, 77, 0).gives(CKR_KEY_NOT_NEEDED);
    restore(s, &state, 0, 77).gives(CKR_KEY_NOT_NEEDED);
    // None of it disturbed what was in progress.
    let digest = s.finish(Kind::Digest, Room::Bytes(32));
    assert_eq!(digest.data, reference::digest(CKM_SHA256, b"one"));
    s.logout().good();
    restore(s, &state, 0, 0).gives(CKR_SAVED_STATE_INVALID);
}

#[test]
fn restoring_ends_what_was_in_progress() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    let state = save(s).good();
    s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(aes)).good();
    outcome(p11!(C_FindObjectsInit(s.0, std::ptr::null_mut(), 0))).good();
    restore(s, &state, 0, 0).good();
    crate::idle(s, Kind::Encrypt, "encryption");
    outcome(p11!(C_FindObjectsFinal(s.0))).gives(CKR_OPERATION_NOT_INITIALIZED);
    s.finish(Kind::Digest, Room::Bytes(32)).rv.good();
}

#[test]
fn the_oldest_of_many_states_go_first() {
    let user = User::new();
    let s = user.session;
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    let states: Vec<_> = (0..5000).map(|_| save(s).good()).collect();
    restore(s, &states[0], 0, 0).gives(CKR_SAVED_STATE_INVALID);
    restore(s, &states[4999], 0, 0).good();
    restore(s, &states[4000], 0, 0).good();
}

fn digests(slot: CK_SLOT_ID) -> Vec<CK_MECHANISM_TYPE> {
    let all = session::mechanisms(slot).good().into_iter();
    let digests = |mech: &CK_MECHANISM_TYPE| {
        session::mechanism_info(slot, *mech).good().flags & CKF_DIGEST != 0
    };
    all.filter(digests).collect()
}

fn ask(s: Session, room: Room) -> (R<()>, CK_ULONG, Vec<u8>) {
    let mut buffer = match room {
        Room::Null => Vec::new(),
        Room::Bytes(count) => vec![0; count],
    };
    let mut length = len(&buffer);
    let out = if matches!(room, Room::Null) { std::ptr::null_mut() } else { buffer.as_mut_ptr() };
    (outcome(p11!(C_GetOperationState(s.0, out, &mut length))), length, buffer)
}

fn save(s: Session) -> R<Vec<u8>> {
    let (rv, length, mut state) = ask(s, Room::Bytes(4096));
    rv?;
    state.truncate(length as usize);
    Ok(state)
}

fn restore(s: Session, state: &[u8], cipher: CK_ULONG, mac: CK_ULONG) -> R<()> {
    outcome(p11!(C_SetOperationState(s.0, bytes(state), len(state), cipher, mac)))
}
