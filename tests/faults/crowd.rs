// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Many processes and threads at one store: nobody is told that it is busy, no count is lost, and each
//! change is seen by the others when it has been acknowledged.

use crate::common::operation::Kind;
use crate::common::*;
use crate::place::cheap_token;
use crate::{check, child_on, join};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command};

const CROWD: usize = 8;

#[test]
fn nobody_in_a_crowd_hears_that_the_store_is_busy() {
    let test = "crowd::nobody_in_a_crowd_hears_that_the_store_is_busy";
    match child::role().as_deref() {
        Some("reader") => return read_until_told(),
        Some("writer") => return write_in_two_threads(),
        _ => {}
    }
    let fixture = Fixture::prepared("");
    cheap_token(&fixture.store_path());
    fixture.initialize().good();
    let s = Token { slot: 0 }.user();
    let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true, CKA_LABEL => "shared" });
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    let start = |role: &'static str| {
        (0..CROWD).map(|_| child::spawn(child_on(&fixture, test, role))).collect::<Vec<_>>()
    };
    let readers = start("reader");
    for writer in start("writer") {
        ended(writer);
    }
    for mut reader in readers {
        drop(reader.stdin.take());
        ended(reader);
    }
    assert_eq!(s.find(&template! { CKA_CLASS => CKO_DATA }).good().len(), CROWD * 2 * KEPT);
    let log =
        std::fs::metadata(fixture.store_path().join("store.db-wal")).map_or(0, |log| log.len());
    println!("the write-ahead log has {log} bytes");
    session::finalize().good();
    check(&fixture, "after the crowd");
}

/// Objects that each thread of a writer leaves.
const KEPT: usize = 5;

fn write_in_two_threads() {
    let s = join();
    let work = move || {
        for count in 0..3 * KEPT {
            let label = format!("{count}");
            let data = template! {
                CKA_CLASS => CKO_DATA,
                CKA_TOKEN => true,
                CKA_VALUE => vec![5; 3000],
                CKA_LABEL => label.as_str(),
            };
            let object = s.create(&data).good();
            s.set(object, &template! { CKA_LABEL => "changed" }).good();
            if count % 3 > 0 {
                s.destroy(object).good();
            }
        }
    };
    let second = std::thread::spawn(work);
    work();
    second.join().unwrap();
}

/// Reads until the parent closes its standard input.
fn read_until_told() {
    let s = join();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let told = done.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        told.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    while !done.load(std::sync::atomic::Ordering::Relaxed) {
        let key = s.find(&template! { CKA_LABEL => "shared" }).good()[0];
        s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
        for object in s.find(&template! { CKA_LABEL => "changed" }).good() {
            // It may be gone by now.
            s.get(object, CKA_VALUE).map(drop).gives_one_of(&[CKR_OK, CKR_OBJECT_HANDLE_INVALID]);
        }
    }
}

fn ended(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", child::everything(&output));
}

/// After a kill, whoever comes first puts the log's index in order, and the others wait for it.
#[test]
fn many_come_at_once_after_a_kill() {
    let test = "crowd::many_come_at_once_after_a_kill";
    match child::role().as_deref() {
        Some("writer") => {
            let s = join();
            let data = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true };
            for count in 0.. {
                s.create(&data).good();
                println!("did {count}");
            }
        }
        Some(_) => {
            let found = join().find(&template! { CKA_CLASS => CKO_DATA }).good().len();
            return println!("found {found}");
        }
        None => {}
    }
    let fixture = Fixture::prepared("");
    cheap_token(&fixture.store_path());
    for round in 1..=5 {
        let mut writer = child::spawn(child_on(&fixture, test, "writer"));
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let acknowledged = lines.map_while(Result::ok).filter(|line| line.contains("did "));
        assert_eq!(acknowledged.take(10).count(), 10);
        writer.kill().unwrap();
        writer.wait().unwrap();
        let all: Vec<_> =
            (0..CROWD).map(|_| child::spawn(child_on(&fixture, test, "comer"))).collect();
        for one in all {
            let output = one.wait_with_output().unwrap();
            let said = child::everything(&output);
            assert!(output.status.success(), "{said}");
            let found = said.split("found ").nth(1).and_then(|rest| rest.split('\n').next());
            assert!(found.unwrap().parse::<usize>().unwrap() >= 10 * round, "{said}");
        }
        check(&fixture, "after a kill");
    }
}

/// Wrong PINs of many processes at once are counted to the last.
#[test]
fn no_wrong_pin_goes_uncounted() {
    let test = "crowd::no_wrong_pin_goes_uncounted";
    if child::role().is_some() {
        let conf = std::env::var("CHILD_CONF").unwrap();
        session::initialize(Some(&format!("conf={conf}"))).good();
        let s = Session::read_write(0).good();
        for _ in 0..5 {
            s.login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT);
        }
        return;
    }
    let fixture = Fixture::prepared("");
    cheap_token(&fixture.store_path());
    for _ in 0..2 {
        let all: Vec<_> =
            (0..CROWD).map(|_| child::spawn(child_on(&fixture, test, "guesser"))).collect();
        all.into_iter().for_each(ended);
    }
    // A hundred may fail.
    fixture.initialize().good();
    let s = Session::read_write(0).good();
    (0..18).for_each(|_| s.login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT));
    let last = || session::token_info(0).good().flags & CKF_USER_PIN_FINAL_TRY != 0;
    assert!(!last(), "80 by others and 18 of its own: two are left");
    s.login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT);
    assert!(last(), "one is left");
    s.login(CKU_USER, USER_PIN).good();
}

/// What another process does, by the command; and what the next call gives here.
type Seen = (&'static str, &'static [&'static str], fn(Session) -> CK_RV, CK_RV);

fn starts(s: Session, label: &str, kind: Kind) -> CK_RV {
    match s.find(&template! { CKA_LABEL => label }).good().first() {
        None => CKR_OBJECT_HANDLE_INVALID,
        Some(key) => {
            let code = s.start(kind, &Mech::plain(CKM_AES_CMAC), Some(*key)).code();
            let _ = s.cancel(CKF_SIGN | CKF_VERIFY);
            code
        }
    }
}

const PIN: [&str; 2] = ["--pin-file", "$D/pin"];

const SEEN: &[Seen] = &[
    ("nothing", &["check"], |s| starts(s, "box", Kind::Sign), CKR_OK),
    (
        "suspend",
        &["key", "suspend", "--label", "box", "--reason", "test", PIN[0], PIN[1]],
        |s| starts(s, "box", Kind::Sign),
        CKR_KEY_FUNCTION_NOT_PERMITTED,
    ),
    (
        "resume",
        &["key", "resume", "--label", "box", "--reason", "test", PIN[0], PIN[1]],
        |s| starts(s, "box", Kind::Sign),
        CKR_OK,
    ),
    (
        "dates",
        &["key", "set", "--label", "box", "--end-date", "2020-01-01", PIN[0], PIN[1]],
        |s| starts(s, "box", Kind::Sign),
        CKR_KEY_FUNCTION_NOT_PERMITTED,
    ),
    (
        "no dates",
        &["key", "set", "--label", "box", "--end-date", "none", PIN[0], PIN[1]],
        |s| starts(s, "box", Kind::Sign),
        CKR_OK,
    ),
    (
        "generate",
        &[
            "key",
            "generate",
            "--type",
            "aes",
            "--label",
            "new",
            "--usage",
            "sign,verify",
            PIN[0],
            PIN[1],
        ],
        |s| starts(s, "new", Kind::Sign),
        CKR_OK,
    ),
    (
        "destroy",
        &["key", "destroy", "--label", "new", "--yes", "--reason", "test", PIN[0], PIN[1]],
        |s| starts(s, "new", Kind::Sign),
        CKR_OBJECT_HANDLE_INVALID,
    ),
    (
        "policy",
        &["policy", "set", "$D/policy.toml", "--so-pin-file", "$D/so"],
        |s| starts(s, "box", Kind::Sign),
        CKR_KEY_FUNCTION_NOT_PERMITTED,
    ),
    ("policy, of another use", &["check"], |s| starts(s, "box", Kind::Verify), CKR_OK),
    (
        "the user's PIN",
        &["pin", "change", "--pin-file", "$D/pin", "--new-pin-file", "$D/other"],
        |s| {
            s.logout().good();
            s.login(CKU_USER, USER_PIN).code()
        },
        CKR_PIN_INCORRECT,
    ),
];

#[test]
fn what_another_process_did_holds_at_the_next_call() {
    let fixture = Fixture::prepared("");
    cheap_token(&fixture.store_path());
    let policy = "version = 1\n[[rule]]\nname = \"verify\"\noperations = [\"verify\"]\n";
    let content =
        [("so", SO_PIN), ("pin", USER_PIN), ("other", "another-pin"), ("policy.toml", policy)];
    for (name, text) in content {
        std::fs::write(fixture.directory().join(name), text).unwrap();
    }
    fixture.initialize().good();
    let s = Token { slot: 0 }.user();
    let usages =
        template! { CKA_TOKEN => true, CKA_LABEL => "box", CKA_SIGN => true, CKA_VERIFY => true };
    keys::aes_with(s, 32, &usages);
    for (what, arguments, look, expected) in SEEN {
        look(s);
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        let directory = fixture.directory().to_str().unwrap();
        command.args(arguments.iter().map(|argument| argument.replace("$D", directory)));
        let output = command.env("STRONGROOM_CONF", fixture.config_path()).output().unwrap();
        assert!(output.status.success(), "{what}: {}", child::everything(&output));
        assert_eq!(names::of(look(s)), names::of(*expected), "{what}");
    }
}
