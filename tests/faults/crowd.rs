// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Many processes and threads at one store: nobody is told that it is busy, no count is lost, and each
//! change is seen by the others when it has been acknowledged.

use crate::common::*;
use crate::place::cheap_token;
use crate::{check, child_on, join};
use std::io::{BufRead, BufReader};
use std::process::Child;

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
const KEPT: usize = 2;

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
        initialize_child().good();
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
