// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sessions, and objects of sessions, by the thousand.

use crate::common::*;

#[test]
fn thousands_of_sessions_work_each_for_itself() {
    const SESSIONS: usize = 5000;
    let user = User::new();
    let key = keys::aes_with(user.session, 32, &template! { CKA_TOKEN => true });
    let open: Vec<Session> =
        (0..SESSIONS).map(|_| Session::read_only(user.token.slot).good()).collect();
    let count = || session::token_info(user.token.slot).good().ulSessionCount as usize;
    assert_eq!(count(), SESSIONS + 1);
    let ecb = Mech::plain(CKM_AES_ECB);
    let first = open[0].encrypt(&ecb, key, &[7; 16]).good();
    for session in &open {
        assert_eq!(session.encrypt(&ecb, key, &[7; 16]).good(), first);
    }
    for session in open.iter().step_by(2) {
        session.close().good();
    }
    assert_eq!(count(), SESSIONS / 2 + 1);
    assert_eq!(open[0].info().err(), Some(Rv(CKR_SESSION_HANDLE_INVALID)));
    session::close_all(user.token.slot).good();
    assert_eq!(count(), 0);
    assert_eq!(open[1].info().err(), Some(Rv(CKR_SESSION_HANDLE_INVALID)));
}

#[test]
fn objects_of_sessions_are_found_by_what_they_are_now() {
    const OBJECTS: usize = 3000;
    let user = User::new();
    let s = user.session;
    let labelled =
        |n: usize| template! { CKA_CLASS => CKO_DATA, CKA_LABEL => format!("object {n}").as_str() };
    let made: Vec<Obj> = (0..OBJECTS).map(|n| s.create(&labelled(n)).good()).collect();
    for n in (0..OBJECTS).step_by(97) {
        let template = template! { CKA_LABEL => format!("object {n}").as_str() };
        assert_eq!(s.find(&template).good(), [made[n]]);
        s.set(made[n], &template! { CKA_LABEL => "changed" }).good();
        assert_eq!(s.find(&template).good(), []);
    }
    let changed = s.find(&template! { CKA_LABEL => "changed" }).good();
    assert_eq!(changed.len(), OBJECTS.div_ceil(97));
    for object in &changed {
        s.destroy(*object).good();
    }
    assert_eq!(s.find(&template! { CKA_LABEL => "changed" }).good(), []);
    assert_eq!(s.find(&template! { CKA_CLASS => CKO_DATA }).good().len(), OBJECTS - changed.len());
    s.close().good();
    assert_eq!(user.token.user().find(&Template::default()).good(), []);
}
