// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Several processes on one store.

use crate::common::operation::Kind;
use crate::common::*;
use crate::{check, child_on, join, until_told};
use std::io::{BufRead, BufReader, Write};
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_key_destroyed_elsewhere_is_refused_at_its_next_use() {
    let test = "processes::a_key_destroyed_elsewhere_is_refused_at_its_next_use";
    if child::role().is_some() {
        let s = join();
        for object in s.find(&template! { CKA_LABEL => "doomed" }).good() {
            s.destroy(object).good();
        }
        return;
    }
    let user = User::new();
    let s = user.session;
    let label = template! { CKA_TOKEN => true, CKA_LABEL => "doomed" };
    let (public, private) = keys::pair_with(s, &ec::P256, &label, &label);
    let aes = keys::aes_with(s, 32, &label);
    let mech = Mech::plain(CKM_ECDSA_SHA256);
    let signature = s.sign(&mech, private, b"message").good();
    s.encrypt(&Mech::plain(CKM_AES_ECB), aes, &[0; 16]).good();
    child::succeeds(child_on(&user.fixture, test, "destroyer"));
    s.start(Kind::Sign, &mech, Some(private)).gives(CKR_KEY_HANDLE_INVALID);
    s.start(Kind::Verify, &mech, Some(public)).gives(CKR_KEY_HANDLE_INVALID);
    s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(aes)).gives(CKR_KEY_HANDLE_INVALID);
    s.get(aes, CKA_LABEL).gives(CKR_OBJECT_HANDLE_INVALID);
    assert_eq!(s.find(&label).good(), []);
    let _ = signature;
}

#[test]
fn a_change_made_elsewhere_holds_here() {
    let test = "processes::a_change_made_elsewhere_holds_here";
    if child::role().is_some() {
        let s = join();
        let key = s.find(&template! { CKA_LABEL => "before" }).good()[0];
        s.set(key, &template! { CKA_ENCRYPT => false, CKA_LABEL => "after" }).good();
        keys::aes_with(s, 16, &template! { CKA_TOKEN => true, CKA_LABEL => "new" });
        return;
    }
    let user = User::new();
    let s = user.session;
    let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true, CKA_LABEL => "before" });
    let ecb = Mech::plain(CKM_AES_ECB);
    s.encrypt(&ecb, key, &[0; 16]).good();
    assert_eq!(s.find(&template! { CKA_LABEL => "new" }).good(), []);
    child::succeeds(child_on(&user.fixture, test, "changer"));
    s.start(Kind::Encrypt, &ecb, Some(key)).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    s.decrypt(&ecb, key, &[0; 16]).good();
    assert_eq!(s.get(key, CKA_LABEL).good(), b"after");
    assert_eq!(s.find(&template! { CKA_LABEL => "before" }).good(), []);
    assert_eq!(s.find(&template! { CKA_LABEL => "after" }).good(), [key]);
    let new = s.find(&template! { CKA_LABEL => "new" }).good();
    s.encrypt(&ecb, new[0], &[0; 16]).good();
}

#[test]
fn many_processes_create_at_once() {
    let test = "processes::many_processes_create_at_once";
    if let Some(role) = child::role() {
        let s = join();
        for i in 0..50 {
            let label = format!("{role} {i}");
            let place = template! { CKA_TOKEN => true, CKA_LABEL => label.as_str() };
            let key = keys::aes_with(s, 32, &place);
            if i % 5 == 0 {
                s.destroy(key).good();
            }
        }
        return;
    }
    let user = User::new();
    let s = user.session;
    let children: Vec<_> = (0..4)
        .map(|i| child::spawn(child_on(&user.fixture, test, &format!("child {i}"))))
        .collect();
    for i in 0..50 {
        let place = template! { CKA_TOKEN => true, CKA_LABEL => format!("parent {i}").as_str() };
        let key = keys::aes_with(s, 32, &place);
        s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good_for("work goes on");
    }
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", child::everything(&output));
    }
    let found = s.find(&template! { CKA_CLASS => CKO_SECRET_KEY }).good();
    assert_eq!(found.len(), 50 + 4 * 40);
    for key in found {
        s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    }
    session::finalize().good();
    if let Err(said) = check(&user.fixture) {
        panic!("{said}");
    }
}

/// What is told to have been changed is found, though a third process is in the middle of a change nearly
/// all the time, and threads here keep asking.
#[test]
fn a_change_that_was_told_is_seen_at_once_beside_a_writer() {
    let test = "processes::a_change_that_was_told_is_seen_at_once_beside_a_writer";
    match child::role().as_deref() {
        Some("writer") => return write_until_told(),
        Some(_) => return tell_of_changes(),
        None => {}
    }
    let user = User::new();
    let s = user.session;
    let key = keys::aes_with(s, 32, &named("name 0"));
    let mut writer = child::spawn(child_on(&user.fixture, test, "writer"));
    let mut teller = child::spawn(child_on(&user.fixture, test, "teller"));
    let mut told = BufReader::new(teller.stdout.take().unwrap()).lines();
    let mut seen = teller.stdin.take().unwrap();
    let over = AtomicBool::new(false);
    let asking = user.token.public();
    std::thread::scope(|scope| {
        let _over = Over(&over);
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                asking.find(&named("name 0")).good();
            }
        });
        for round in 1..=ROUNDS {
            let name = format!("name {round}");
            assert!(told.any(|line| line.unwrap().contains(&name)), "{name} was told");
            assert_eq!(s.find(&named(&name)).good(), [key], "{name}");
            assert_eq!(s.get(key, CKA_LABEL).good(), name.as_bytes());
            writeln!(seen, "seen").unwrap();
        }
    });
    drop(writer.stdin.take());
    for child in [writer, teller] {
        let rest = child.wait_with_output().unwrap();
        assert!(rest.status.success(), "{}", child::everything(&rest));
    }
}

/// Ends the thread that asks, also where the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn named(name: &str) -> Template {
    template! { CKA_TOKEN => true, CKA_LABEL => name }
}

/// A child: changes the name of a key, says so, and waits until the parent has looked.
fn tell_of_changes() {
    let s = join();
    let key = s.find(&named("name 0")).good()[0];
    let mut looked = std::io::stdin().lines();
    for round in 1..=ROUNDS {
        let name = format!("name {round}");
        s.set(key, &template! { CKA_LABEL => name.as_str() }).good();
        println!("{name}");
        looked.next().unwrap().unwrap();
    }
}

/// A child: makes keys and destroys them until its input ends.
fn write_until_told() {
    let s = join();
    until_told(|_| s.destroy(keys::aes_with(s, 32, &template! { CKA_TOKEN => true })).good());
}

const ROUNDS: usize = 300;

#[test]
fn a_pin_changed_elsewhere_is_the_pin() {
    let test = "processes::a_pin_changed_elsewhere_is_the_pin";
    if child::role().is_some() {
        let s = join();
        s.set_pin(USER_PIN, "changed elsewhere").good();
        return;
    }
    let user = User::new();
    let s = user.session;
    let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    child::succeeds(child_on(&user.fixture, test, "changer"));
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good_for("a login lasts");
    s.logout().good();
    s.login(CKU_USER, USER_PIN).gives(CKR_PIN_INCORRECT);
    s.login(CKU_USER, "changed elsewhere").good();
}

#[test]
fn failed_logins_of_all_processes_count_together() {
    let test = "processes::failed_logins_of_all_processes_count_together";
    if child::role().is_some() {
        let s = joined().public();
        s.login(CKU_USER, "not the PIN").gives_one_of(&[CKR_PIN_INCORRECT, CKR_PIN_LOCKED]);
        return;
    }
    let fixture = Fixture::with_settings("[pin]\nmax_failures = 4\n");
    let s = fixture.token("token").public();
    for _ in 0..2 {
        s.login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT);
        child::succeeds(child_on(&fixture, test, "guesser"));
    }
    s.login(CKU_USER, USER_PIN).gives(CKR_PIN_LOCKED);
}

#[test]
fn a_token_made_again_elsewhere_is_not_the_token_it_was() {
    let test = "processes::a_token_made_again_elsewhere_is_not_the_token_it_was";
    if child::role().is_some() {
        initialize_child().good();
        let slot = session::slots(false).good()[0];
        let made = session::init_token(slot, SO_PIN, "again");
        // A token that knows of the other process's session may refuse.
        made.gives_one_of(&[CKR_OK, CKR_SESSION_EXISTS]);
        println!("made again: {}", made.is_ok());
        return;
    }
    let user = User::new();
    let s = user.session;
    let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    let said = child::succeeds(child_on(&user.fixture, test, "maker"));
    let used = s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(key));
    if said.contains("made again: true") {
        assert!(used.is_err(), "a key of a token that is gone");
        assert!(s.find(&Template::default()).unwrap_or_default().is_empty());
    } else {
        used.good();
    }
}

#[test]
fn tokens_made_at_once_are_all_there() {
    let test = "processes::tokens_made_at_once_are_all_there";
    if let Some(role) = child::role() {
        initialize_child().good();
        let made = (0..50).any(|_| {
            let slot = *session::slots(false).good().last().unwrap();
            // Another process may be faster with a slot; then the PIN is that of its token.
            session::init_token(slot, &format!("SO PIN of {role}"), &role).is_ok()
        });
        assert!(made, "{role} got no token");
        return;
    }
    let fixture = Fixture::prepared("[pin]\nmax_failures = 100\n");
    let children: Vec<_> =
        (0..3).map(|i| child::spawn(child_on(&fixture, test, &format!("maker {i}")))).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", child::everything(&output));
    }
    fixture.initialize().good();
    let mut labels: Vec<String> = session::slots(false)
        .good()
        .iter()
        .map(|slot| session::token_info(*slot).good())
        .filter(|info| info.flags & CKF_TOKEN_INITIALIZED != 0)
        .map(|info| String::from_utf8(info.label.to_vec()).unwrap().trim().to_owned())
        .collect();
    labels.sort();
    assert_eq!(labels, ["maker 0", "maker 1", "maker 2"]);
}
