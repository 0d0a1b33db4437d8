// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logins at the same time as other things.

use crate::common::*;
use std::io::{BufRead, BufReader, Read};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

#[test]
fn a_login_does_not_outlive_sessions_closed_meanwhile() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    for round in 0..40 {
        let (one, two) = (token.public(), token.public());
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                let gone = [CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED];
                let login = one.login(CKU_USER, USER_PIN);
                assert!(login.is_ok() || gone.contains(&login.code()), "{login:?}");
            });
            start.wait();
            // Sometimes before the PIN is tested, sometimes while, sometimes after.
            thread::sleep(Duration::from_millis(round * 2));
            session::close_all(token.slot).good();
        });
        for session in [one, two] {
            session.info().map(drop).gives(CKR_SESSION_HANDLE_INVALID);
        }
        let next = token.public();
        assert_eq!(next.state(), CKS_RW_PUBLIC_SESSION, "round {round}");
        next.close().good();
    }
}

#[test]
fn of_so_and_user_at_once_one_logs_in() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let (one, two) = (token.public(), token.public());
    for round in 0..20 {
        let start = Barrier::new(2);
        let login = |session: Session, user, pin| {
            start.wait();
            session.login(user, pin)
        };
        let (so, user) = thread::scope(|scope| {
            let so = scope.spawn(|| login(one, CKU_SO, SO_PIN));
            let user = scope.spawn(|| login(two, CKU_USER, USER_PIN));
            (so.join().unwrap(), user.join().unwrap())
        });
        let (state, other) = match (so.is_ok(), user.is_ok()) {
            (true, false) => (CKS_RW_SO_FUNCTIONS, user),
            (false, true) => (CKS_RW_USER_FUNCTIONS, so),
            _ => panic!("round {round}: SO {so:?}, user {user:?}"),
        };
        other.gives(CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
        assert_eq!((one.state(), two.state()), (state, state), "round {round}");
        one.logout().good();
    }
    assert_eq!(token.flags() & (CKF_USER_PIN_COUNT_LOW | CKF_SO_PIN_COUNT_LOW), 0);
}

#[test]
fn right_pins_of_many_threads_at_once_are_right() {
    let fixture = Fixture::with_settings("[pin]\nmax_failures = 3\n");
    let token = fixture.token("token");
    let sessions: Vec<Session> = (0..MANY).map(|_| token.public()).collect();
    let start = Barrier::new(MANY);
    let login = |session: Session| {
        start.wait();
        session.login(CKU_USER, USER_PIN)
    };
    let logins: Vec<R<()>> = thread::scope(|scope| {
        let threads: Vec<_> =
            sessions.iter().map(|session| scope.spawn(|| login(*session))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(logins.iter().filter(|login| login.is_ok()).count(), 1, "{logins:?}");
    for login in logins {
        login.gives_one_of(&[CKR_OK, CKR_USER_ALREADY_LOGGED_IN]);
    }
    assert_eq!(token.flags() & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED), 0);
}

#[test]
fn right_pins_of_many_processes_at_once_are_right() {
    let test = "races::right_pins_of_many_processes_at_once_are_right";
    if child::role().is_some() {
        let s = joined().public();
        println!("ready");
        // Until the parent has seen all.
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        for _ in 0..3 {
            s.login(CKU_USER, USER_PIN).good();
            s.logout().good();
        }
        return;
    }
    let fixture = Fixture::with_settings("[pin]\nmax_failures = 3\n");
    let token = fixture.token("token");
    let mut children: Vec<_> =
        (0..MANY).map(|_| child::spawn(child_on(&fixture, test, "user"))).collect();
    let mut outputs = Vec::new();
    for child in &mut children {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("ready")));
        outputs.push(lines);
    }
    for child in &mut children {
        drop(child.stdin.take());
    }
    for (child, output) in children.into_iter().zip(outputs) {
        let said: Vec<String> = output.map_while(Result::ok).collect();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}{}", said.join("\n"), child::everything(&ended));
    }
    assert_eq!(token.flags() & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED), 0);
    token.user();
}

const MANY: usize = 16;
