// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `CKA_START_DATE` and `CKA_END_DATE`. All dates are days away from now, so that midnight is no matter.

use crate::common::operation::Kind;
use crate::common::*;
use crate::uses::{PROTECT, WAYS};
use crate::{days_from_now, in_state, put};
use strongroom::vendor::*;

fn dated(start: Option<i64>, end: Option<i64>) -> Template {
    let day = |days: Option<i64>| days.map(days_from_now).unwrap_or_default();
    template! { CKA_START_DATE => day(start), CKA_END_DATE => day(end) }
}

#[test]
fn a_key_is_for_its_days() {
    let user = User::new();
    let s = user.session;
    let (nothing, everything, processing) = (WAYS.len(), 0, PROTECT);
    for (start, end, from, state) in [
        (Some(3), None, nothing, STRONGROOM_STATE_PRE_ACTIVE),
        (Some(3), Some(9), nothing, STRONGROOM_STATE_PRE_ACTIVE),
        (Some(-3), None, everything, STRONGROOM_STATE_ACTIVE),
        (Some(-3), Some(3), everything, STRONGROOM_STATE_ACTIVE),
        (None, Some(3), everything, STRONGROOM_STATE_ACTIVE),
        (None, Some(-3), processing, STRONGROOM_STATE_DEACTIVATED),
        (Some(-9), Some(-3), processing, STRONGROOM_STATE_DEACTIVATED),
    ] {
        for (number, way) in WAYS.iter().enumerate() {
            let key = (way.key)(s, &dated(start, end));
            let want = if number >= from { CKR_OK } else { CKR_KEY_FUNCTION_NOT_PERMITTED };
            let what = format!("{} from {start:?} until {end:?}", way.name);
            (way.begin)(s, key).gives_for(&what, &[want]);
            assert_eq!(s.number(key, CKA_STRONGROOM_STATE), Ok(state), "{what}");
        }
    }
}

#[test]
fn the_state_and_the_days_must_both_permit() {
    let user = User::new();
    let s = user.session;
    let (cmac, ecb) = (Mech::plain(CKM_AES_CMAC), Mech::plain(CKM_AES_ECB));
    let refused = CKR_KEY_FUNCTION_NOT_PERMITTED;
    let begin = |kind, mech: &Mech, key, want| {
        s.start(kind, mech, Some(key)).gives(want);
        s.cancel(CKF_SIGN | CKF_VERIFY | CKF_DECRYPT).good();
    };
    // Past its days, and suspended.
    let key = keys::aes_with(s, 32, &dated(None, Some(-3)));
    put(s, key, STRONGROOM_STATE_SUSPENDED, "").good();
    begin(Kind::Verify, &cmac, key, CKR_OK);
    begin(Kind::Decrypt, &ecb, key, refused);
    // Before its days, and deactivated.
    let key = keys::aes_with(s, 32, &dated(Some(3), None));
    put(s, key, STRONGROOM_STATE_DEACTIVATED, "").good();
    begin(Kind::Verify, &cmac, key, refused);
    // In its days, and pre-active.
    let key = keys::aes_with(
        s,
        32,
        &dated(Some(-3), Some(3)).and(&in_state(STRONGROOM_STATE_PRE_ACTIVE)),
    );
    begin(Kind::Sign, &cmac, key, refused);
    s.set(key, &in_state(STRONGROOM_STATE_ACTIVE)).good();
    begin(Kind::Sign, &cmac, key, CKR_OK);
}

#[test]
fn dates_that_change_are_kept_at_once() {
    let user = User::new();
    let s = user.session;
    let cmac = Mech::plain(CKM_AES_CMAC);
    let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    s.sign(&cmac, key, b"data").good();
    s.set(key, &dated(None, Some(-2))).good();
    s.start(Kind::Sign, &cmac, Some(key)).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    s.set(key, &dated(None, Some(2))).good();
    s.sign(&cmac, key, b"data").good();
    s.set(key, &dated(None, None)).good();
    s.sign(&cmac, key, b"data").good();
}

#[test]
fn a_running_operation_ends_with_the_days() {
    let user = User::new();
    let (s, other) = (user.session, user.token.public());
    let cmac = Mech::plain(CKM_AES_CMAC);
    let key = keys::aes_with(s, 32, &dated(None, Some(5)));
    s.start(Kind::Sign, &cmac, Some(key)).good();
    s.update(Kind::Sign, b"data").good();
    other.set(key, &dated(None, Some(-5))).good();
    s.update(Kind::Sign, b"data").gives(CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn a_search_finds_the_state_that_the_days_make() {
    let user = User::new();
    let s = user.session;
    let ahead = keys::aes_with(s, 32, &dated(Some(3), None).with(CKA_TOKEN, true));
    let over = keys::aes_with(s, 32, &dated(None, Some(-3)).with(CKA_TOKEN, true));
    let now = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    for (state, key) in [
        (STRONGROOM_STATE_PRE_ACTIVE, ahead),
        (STRONGROOM_STATE_DEACTIVATED, over),
        (STRONGROOM_STATE_ACTIVE, now),
    ] {
        assert_eq!(s.find(&in_state(state)), Ok(vec![key]));
    }
}

#[test]
fn days_that_no_calendar_has_are_refused() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_AES_KEY_GEN);
    let template = |date: &[u8]| {
        template! { CKA_VALUE_LEN => 32 as CK_ULONG, CKA_END_DATE => date }
    };
    for wrong in [&b"20260229"[..], b"20260431", b"20261301", b"20260100", b"2026010", b"2026 101"]
    {
        s.generate(&mech, &template(wrong)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    for right in [&b"20280229"[..], b"20000229", b"20261231", b""] {
        s.generate(&mech, &template(right)).good();
    }
    s.generate(&mech, &template(b"21000229")).gives(CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn the_dates_of_certificates_are_not_judged() {
    let user = User::new();
    let s = user.session;
    let certificate = template! {
        CKA_CLASS => CKO_CERTIFICATE,
        CKA_CERTIFICATE_TYPE => CKC_X_509,
        CKA_SUBJECT => b"somebody",
        CKA_VALUE => b"whatever",
    };
    let old = s.create(&certificate.and(&dated(Some(-9), Some(-3)))).good();
    s.get(old, CKA_VALUE).good();
    s.set(old, &template! { CKA_LABEL => "old" }).good();
    s.get(old, CKA_STRONGROOM_STATE).gives(CKR_ATTRIBUTE_TYPE_INVALID);
    s.set(old, &in_state(STRONGROOM_STATE_SUSPENDED)).gives(CKR_ATTRIBUTE_TYPE_INVALID);
}
