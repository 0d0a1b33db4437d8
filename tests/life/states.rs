// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Each state and each use, by the C functions.

use crate::common::*;
use crate::uses::{GIVE_OUT, PROTECT, WAYS};
use crate::{in_state, put};
use strongroom::vendor::*;

/// What a state permits, written out.
enum Permits {
    Nothing,
    Everything,
    Verifying,
    Processing,
}

impl Permits {
    fn way(&self, number: usize) -> bool {
        match self {
            Permits::Nothing => false,
            Permits::Everything => true,
            Permits::Verifying => number >= GIVE_OUT,
            Permits::Processing => number >= PROTECT,
        }
    }
}

fn each_way(s: Session, permits: &Permits, more: &Template, bring: impl Fn(Obj)) {
    for (number, way) in WAYS.iter().enumerate() {
        let key = (way.key)(s, more);
        bring(key);
        let want = if permits.way(number) { CKR_OK } else { CKR_KEY_FUNCTION_NOT_PERMITTED };
        (way.begin)(s, key).gives_for(way.name, &[want]);
    }
}

#[test]
fn an_active_key_does_everything() {
    let user = User::new();
    each_way(user.session, &Permits::Everything, &Template::default(), |_| {});
    let named = in_state(STRONGROOM_STATE_ACTIVE);
    each_way(user.session, &Permits::Everything, &named, |_| {});
}

#[test]
fn a_pre_active_key_does_nothing_until_it_is_activated() {
    let user = User::new();
    let s = user.session;
    let pre_active = in_state(STRONGROOM_STATE_PRE_ACTIVE);
    each_way(s, &Permits::Nothing, &pre_active, |_| {});
    each_way(s, &Permits::Everything, &pre_active, |key| {
        s.set(key, &in_state(STRONGROOM_STATE_ACTIVE)).good();
    });
}

#[test]
fn a_suspended_key_verifies_until_it_is_resumed() {
    let user = User::new();
    let s = user.session;
    let suspend = |key| put(s, key, STRONGROOM_STATE_SUSPENDED, "on leave").good();
    each_way(s, &Permits::Verifying, &Template::default(), suspend);
    each_way(s, &Permits::Everything, &Template::default(), |key| {
        suspend(key);
        s.set(key, &in_state(STRONGROOM_STATE_ACTIVE)).good();
    });
}

#[test]
fn a_deactivated_key_processes() {
    let user = User::new();
    let s = user.session;
    each_way(s, &Permits::Processing, &Template::default(), |key| {
        put(s, key, STRONGROOM_STATE_DEACTIVATED, "").good();
    });
}

#[test]
fn a_compromised_key_processes_if_the_reason_is_on_record() {
    let user = User::new();
    let s = user.session;
    each_way(s, &Permits::Processing, &Template::default(), |key| {
        put(s, key, STRONGROOM_STATE_COMPROMISED, "found in a backup").good();
    });
    each_way(s, &Permits::Nothing, &Template::default(), |key| {
        s.set(key, &in_state(STRONGROOM_STATE_COMPROMISED)).good();
    });
}

#[test]
fn what_is_not_active_does_not_leave_wrapped_or_digested() {
    let user = User::new();
    let s = user.session;
    let (kwp, sha) = (Mech::plain(CKM_AES_KEY_WRAP_KWP), Mech::plain(CKM_SHA256));
    let digest = |key: Obj| {
        s.start(operation::Kind::Digest, &sha, None).good();
        let answer = outcome(p11!(C_DigestKey(s.0, key.0)));
        s.cancel(CKF_DIGEST).good();
        answer
    };
    for state in
        [STRONGROOM_STATE_SUSPENDED, STRONGROOM_STATE_DEACTIVATED, STRONGROOM_STATE_COMPROMISED]
    {
        let (by, key) = (keys::aes(s, 32), keys::aes(s, 16));
        s.wrap(&kwp, by, key).good();
        digest(key).good();
        put(s, key, state, "why").good();
        s.wrap(&kwp, by, key).gives(CKR_KEY_NOT_WRAPPABLE);
        digest(key).gives(CKR_KEY_INDIGESTIBLE);
    }
}

#[test]
fn a_copy_is_in_the_state_of_its_original() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    put(s, key, STRONGROOM_STATE_DEACTIVATED, "replaced").good();
    let copy = s.copy(key, &Template::default()).good();
    assert_eq!(s.number(copy, CKA_STRONGROOM_STATE), Ok(STRONGROOM_STATE_DEACTIVATED));
    assert_eq!(s.get(copy, CKA_STRONGROOM_STATE_REASON).good(), b"replaced");
    let active = in_state(STRONGROOM_STATE_ACTIVE);
    s.copy(key, &active).gives(CKR_ATTRIBUTE_READ_ONLY);
    let ecb = Mech::plain(CKM_AES_ECB);
    s.encrypt(&ecb, copy, &[0; 16]).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    s.decrypt(&ecb, copy, &[0; 16]).good();
}
