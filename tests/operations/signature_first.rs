// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Verifications whose signature comes first: `C_VerifySignatureInit` and its functions.

use crate::common::operation::Kind;
use crate::common::*;
use crate::{checks, idle};

#[test]
fn the_verdict_is_that_of_an_ordinary_verification() {
    let user = User::new();
    let s = user.session;
    for check in checks(s) {
        for (signature, want) in &check.signatures() {
            s.verify_signature_init(&check.mech, check.key, signature).good_for(check.name);
            whole(s, &check.input).gives_for(check.name, &[*want]);
            whole(s, &check.input).gives_for(check.name, &[CKR_OPERATION_NOT_INITIALIZED]);
            if check.parts {
                s.verify_signature_init(&check.mech, check.key, signature).good_for(check.name);
                for part in check.input.chunks(7) {
                    update(s, part).good_for(check.name);
                }
                last(s).gives_for(check.name, &[*want]);
                last(s).gives_for(check.name, &[CKR_OPERATION_NOT_INITIALIZED]);
            }
        }
    }
}

#[test]
fn each_kind_answers_to_its_own_functions() {
    let user = User::new();
    let s = user.session;
    let none = CKR_OPERATION_NOT_INITIALIZED;
    for check in checks(s).iter().filter(|check| check.parts) {
        s.verify_signature_init(&check.mech, check.key, &check.signature).good();
        s.update(Kind::Verify, b"data").gives(none);
        s.verify_once(b"data", &check.signature).gives(none);
        s.verify_finish(&check.signature).gives(none);
        s.start(Kind::Verify, &check.mech, Some(check.key)).gives(CKR_OPERATION_ACTIVE);
        s.verify_signature_init(&check.mech, check.key, b"").gives(CKR_OPERATION_ACTIVE);
        whole(s, &check.input).good_for("nothing disturbed it");
        s.start(Kind::Verify, &check.mech, Some(check.key)).good();
        update(s, b"data").gives(none);
        whole(s, b"data").gives(none);
        last(s).gives(none);
        s.verify_once(&check.input, &check.signature).good_for("nothing disturbed it");
    }
}

#[test]
fn it_ends_as_a_verification_does() {
    let user = User::new();
    let s = user.session;
    let check = checks(s).swap_remove(0);
    let start =
        || s.verify_signature_init(&check.mech, check.key, &check.signature).good_for("start");
    let gone = || whole(s, &check.input).gives(CKR_OPERATION_NOT_INITIALIZED);
    start();
    update(s, b"part").good();
    whole(s, b"").gives(CKR_OPERATION_ACTIVE);
    gone();
    start();
    s.cancel(CKF_SIGN).good();
    s.cancel(CKF_VERIFY).good();
    gone();
    start();
    let null = std::ptr::null_mut();
    outcome(p11!(C_VerifySignatureInit(s.0, null, 0, std::ptr::null_mut(), 0))).good();
    gone();
    start();
    let null = std::ptr::null_mut();
    outcome(p11!(C_VerifySignatureUpdate(s.0, null, 5))).gives(CKR_ARGUMENTS_BAD);
    gone();
    let mut mech = check.mech.raw();
    let null = std::ptr::null_mut();
    outcome(p11!(C_VerifySignatureInit(s.0, &mut mech, check.key.0, null, 5)))
        .gives(CKR_ARGUMENTS_BAD);
    s.verify_signature_init(&check.mech, Obj(0), b"12").gives(CKR_KEY_HANDLE_INVALID);
    idle(s, Kind::Verify, "nothing began");
}

fn whole(s: Session, data: &[u8]) -> R<()> {
    outcome(p11!(C_VerifySignature(s.0, bytes(data), len(data))))
}

fn update(s: Session, part: &[u8]) -> R<()> {
    outcome(p11!(C_VerifySignatureUpdate(s.0, bytes(part), len(part))))
}

fn last(s: Session) -> R<()> {
    outcome(p11!(C_VerifySignatureFinal(s.0)))
}
