// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The beginning and the end of operations.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{Case, cases, checks, idle};

#[test]
fn nothing_works_before_it_is_initialised() {
    let user = User::new();
    let s = user.session;
    let none = CKR_OPERATION_NOT_INITIALIZED;
    for kind in [Kind::Encrypt, Kind::Decrypt, Kind::Digest, Kind::Sign] {
        s.once(kind, b"data", Room::Bytes(512)).rv.gives(none);
        s.once(kind, b"data", Room::Null).rv.gives(none);
        s.finish(kind, Room::Bytes(512)).rv.gives(none);
        s.finish(kind, Room::Null).rv.gives(none);
        match kind {
            Kind::Encrypt | Kind::Decrypt => {
                s.update_out(kind, b"data", Room::Bytes(64)).rv.gives(none)
            }
            _ => s.update(kind, b"data").gives(none),
        }
    }
    s.update(Kind::Verify, b"data").gives(none);
    s.verify_once(b"data", b"signature").gives(none);
    s.verify_finish(b"signature").gives(none);
    outcome(p11!(C_DigestKey(s.0, 1))).gives_one_of(&[none, CKR_KEY_HANDLE_INVALID]);
}

#[test]
fn a_second_initialisation_is_refused_and_does_not_disturb_the_first() {
    let user = User::compatible();
    let s = user.session;
    for case in cases(s) {
        case.start(s);
        let second = s.start(case.kind, &case.mech, case.key);
        second.gives_for(case.name, &[CKR_OPERATION_ACTIVE]);
        let got = s.once(case.kind, &case.input, Room::Bytes(512));
        got.rv.good_for(case.name);
        case.check(&got.data);
    }
    for check in checks(s) {
        s.start(Kind::Verify, &check.mech, Some(check.key)).good();
        let second = s.start(Kind::Verify, &check.mech, Some(check.key));
        second.gives_for(check.name, &[CKR_OPERATION_ACTIVE]);
        s.verify_once(&check.input, &check.signature).good_for(check.name);
    }
}

#[test]
fn a_null_mechanism_ends_the_operation() {
    let user = User::compatible();
    let s = user.session;
    for case in cases(s) {
        case.start(s);
        s.start_null(case.kind).good_for(case.name);
        idle(s, case.kind, case.name);
        if case.parts {
            case.start(s);
            begin(s, &case);
            s.start_null(case.kind).good_for(case.name);
            idle(s, case.kind, case.name);
        }
        case.start(s);
        let got = s.once(case.kind, &case.input, Room::Bytes(512));
        case.check(&got.data);
    }
    for check in checks(s) {
        s.start(Kind::Verify, &check.mech, Some(check.key)).good();
        s.start_null(Kind::Verify).good_for(check.name);
        idle(s, Kind::Verify, check.name);
    }
}

#[test]
fn a_null_mechanism_without_operation_starts_none() {
    let user = User::new();
    let s = user.session;
    for kind in [Kind::Encrypt, Kind::Decrypt, Kind::Digest, Kind::Sign, Kind::Verify] {
        s.start_null(kind).gives(CKR_ARGUMENTS_BAD);
        idle(s, kind, "NULL mechanism");
    }
}

#[test]
fn session_cancel_ends_what_it_names() {
    let user = User::compatible();
    let s = user.session;
    let everything = CKF_ENCRYPT | CKF_DECRYPT | CKF_DIGEST | CKF_SIGN | CKF_VERIFY;
    for case in cases(s) {
        for flags in [flag(case.kind), everything] {
            case.start(s);
            s.cancel(0).good_for(case.name);
            s.cancel(everything & !flag(case.kind)).good_for(case.name);
            let asked = s.once(case.kind, &case.input, Room::Null);
            asked.rv.good_for("another operation's flag leaves this one");
            s.cancel(flags).good_for(case.name);
            idle(s, case.kind, case.name);
        }
    }
    for check in checks(s) {
        s.start(Kind::Verify, &check.mech, Some(check.key)).good();
        s.cancel(CKF_VERIFY).good_for(check.name);
        idle(s, Kind::Verify, check.name);
    }
    s.cancel(everything).good_for("nothing to cancel");
}

#[test]
fn session_cancel_ends_a_search() {
    let user = User::new();
    let s = user.session;
    outcome(p11!(C_FindObjectsInit(s.0, std::ptr::null_mut(), 0))).good();
    s.cancel(CKF_FIND_OBJECTS).good();
    let (mut handle, mut count) = (0, 0);
    let found = outcome(p11!(C_FindObjects(s.0, &mut handle, 1, &mut count)));
    found.gives(CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn an_error_ends_the_operation() {
    let user = User::compatible();
    let s = user.session;
    let null = std::ptr::null_mut();
    for case in cases(s) {
        case.start(s);
        let (mut room, mut length) = ([0_u8; 512], 512);
        let (out, list) = (room.as_mut_ptr(), module().list);
        let call = match case.kind {
            Kind::Encrypt => list.C_Encrypt,
            Kind::Decrypt => list.C_Decrypt,
            Kind::Digest => list.C_Digest,
            _ => list.C_Sign,
        };
        // SAFETY: a NULL input with a length is what is tested; the output is as long as it says.
        let rv = unsafe { call.unwrap()(s.0, null, 5, out, &mut length) };
        outcome(rv).gives_for(case.name, &[CKR_ARGUMENTS_BAD]);
        idle(s, case.kind, case.name);
    }
}

#[test]
fn a_verification_ends_with_its_verdict() {
    let user = User::new();
    let s = user.session;
    for check in checks(s) {
        for (signature, want) in &check.signatures() {
            s.start(Kind::Verify, &check.mech, Some(check.key)).good();
            s.verify_once(&check.input, signature).gives_for(check.name, &[*want]);
            idle(s, Kind::Verify, check.name);
            if check.parts {
                s.start(Kind::Verify, &check.mech, Some(check.key)).good();
                s.update(Kind::Verify, &check.input).good();
                s.verify_finish(signature).gives_for(check.name, &[*want]);
                idle(s, Kind::Verify, check.name);
            }
        }
    }
}

#[test]
fn the_single_part_call_cannot_end_several_parts() {
    let user = User::compatible();
    let s = user.session;
    let refused = [CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED, CKR_FUNCTION_FAILED];
    for case in cases(s).iter().filter(|case| case.parts) {
        case.start(s);
        begin(s, case);
        let once = s.once(case.kind, &case.input, Room::Bytes(512));
        once.rv.gives_for(case.name, &refused);
        s.cancel(flag(case.kind)).good_for(case.name);
    }
    for check in checks(s).iter().filter(|check| check.parts) {
        s.start(Kind::Verify, &check.mech, Some(check.key)).good();
        s.update(Kind::Verify, &check.input).good();
        s.verify_once(&check.input, &check.signature).gives_for(check.name, &refused);
        s.cancel(CKF_VERIFY).good();
    }
}

#[test]
fn no_data_is_data_too() {
    let user = User::compatible();
    let s = user.session;
    for case in cases(s).iter().filter(|case| case.parts && case.kind != Kind::Decrypt) {
        let once = s.whole(case.kind, &case.mech, case.key, b"").good_for(case.name);
        let parts = s.parts(case.kind, &case.mech, case.key, &[]).good_for(case.name);
        let empty = s.parts(case.kind, &case.mech, case.key, &[b"", b""]).good_for(case.name);
        if case.repeats() {
            assert_eq!(once, parts, "{}", case.name);
            assert_eq!(once, empty, "{}", case.name);
        }
    }
}

#[test]
fn a_mebibyte_in_parts() {
    let user = User::compatible();
    let s = user.session;
    let data: Vec<u8> = (0..1 << 20).map(|i: u32| (i >> 3) as u8).collect();
    for case in cases(s).iter().filter(|case| case.parts && case.kind != Kind::Decrypt) {
        let parts: Vec<&[u8]> = data.chunks(65_537).collect();
        let output = s.parts(case.kind, &case.mech, case.key, &parts).good_for(case.name);
        let once = s.whole(case.kind, &case.mech, case.key, &data).good_for(case.name);
        assert_eq!(output.len(), once.len(), "{}", case.name);
        assert!(!case.repeats() || output == once, "{}", case.name);
    }
}

/// Feeds the first part.
fn begin(s: Session, case: &Case) {
    match case.kind {
        Kind::Encrypt | Kind::Decrypt => {
            let out = s.update_out(case.kind, &case.input[..16], Room::Bytes(512));
            out.rv.good_for(case.name);
        }
        _ => s.update(case.kind, &case.input[..16]).good_for(case.name),
    }
}

fn flag(kind: Kind) -> CK_FLAGS {
    match kind {
        Kind::Encrypt => CKF_ENCRYPT,
        Kind::Decrypt => CKF_DECRYPT,
        Kind::Digest => CKF_DIGEST,
        Kind::Sign => CKF_SIGN,
        Kind::Verify => CKF_VERIFY,
    }
}
