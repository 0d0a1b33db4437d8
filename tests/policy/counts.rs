// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Totals and rates: exact to the last permitted use, across processes, restarts and kills.

use crate::common::kept::tell;
use crate::common::*;
use crate::{rule, set_policy, strongroom};
use rusqlite::Connection;
use std::io::{BufRead, BufReader};

const DENIED: CK_RV = CKR_KEY_FUNCTION_NOT_PERMITTED;
/// The most that a process takes at once, and so the most that a killed one loses.
const LEASE: u64 = 64;

fn token_with_key() -> (User, Obj) {
    let user = User::new();
    let key = keys::aes_with(user.session, 32, &template! { CKA_TOKEN => true, CKA_LABEL => "k" });
    (user, key)
}

fn use_once(s: Session, key: Obj) -> R<()> {
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).map(drop)
}

/// Uses a key until it is denied; how often it was not.
fn use_up(s: Session, key: Obj) -> u64 {
    for uses in 0..100_000 {
        match use_once(s, key) {
            Ok(()) => {}
            denied => {
                denied.gives(DENIED);
                return uses;
            }
        }
    }
    panic!("no end of uses");
}

fn join() -> (Session, Obj) {
    let s = crate::common::join();
    (s, s.find(&template! { CKA_LABEL => "k" }).good()[0])
}

#[test]
fn a_total_is_exact_in_one_process() {
    for total in [1_u64, 2, 15, 16, 17, 100, 1500] {
        let (user, key) = token_with_key();
        set_policy(&user.fixture, &rule("r", &format!("total = {total}")));
        assert_eq!(use_up(user.session, key), total);
        use_once(user.session, key).gives(DENIED);
    }
}

#[test]
fn what_was_not_used_is_given_back_at_the_end() {
    let (mut user, key) = token_with_key();
    set_policy(&user.fixture, &rule("r", "total = 1000"));
    for _ in 0..5 {
        use_once(user.session, key).good();
    }
    user.restart();
    let key = user.session.find(&template! { CKA_LABEL => "k" }).good()[0];
    assert_eq!(use_up(user.session, key), 995);
    user.restart();
    let key = user.session.find(&template! { CKA_LABEL => "k" }).good()[0];
    use_once(user.session, key).gives(DENIED);
}

#[test]
fn each_key_and_each_rule_counts_for_itself() {
    let (user, key) = token_with_key();
    let s = user.session;
    let other = keys::aes_with(s, 32, &template! { CKA_TOKEN => true, CKA_LABEL => "other" });
    let in_session = keys::aes(s, 32);
    let total = |name: &str, total: u64| rule(name, &format!("total = {total}"));
    set_policy(&user.fixture, &total("r", 20));
    for key in [key, other, in_session] {
        assert_eq!(use_up(s, key), 20);
    }
    // The counts of a rule that keeps its name are kept; another rule begins anew.
    set_policy(&user.fixture, &total("r", 25));
    for key in [key, other, in_session] {
        assert_eq!(use_up(s, key), 5);
    }
    set_policy(&user.fixture, &total("r", 10));
    use_once(s, key).gives(DENIED);
    set_policy(&user.fixture, &total("another", 7));
    assert_eq!(use_up(s, key), 7);
}

#[test]
fn a_policy_that_changes_gives_back_what_was_taken() {
    let (user, key) = token_with_key();
    let s = user.session;
    set_policy(&user.fixture, &rule("r", "total = 1000"));
    for _ in 0..3 {
        use_once(s, key).good();
    }
    set_policy(&user.fixture, &rule("r", "total = 100"));
    assert_eq!(use_up(s, key), 97);
}

#[test]
fn two_processes_that_race_make_as_many_uses_as_there_are() {
    let test = "counts::two_processes_that_race_make_as_many_uses_as_there_are";
    if child::role().is_some() {
        let (s, key) = join();
        tell(&format!("used {}", use_up(s, key)));
        return;
    }
    for total in [1_u64, 7, 40, 500] {
        let (user, key) = token_with_key();
        set_policy(&user.fixture, &rule("r", &format!("total = {total}")));
        let children: Vec<_> = (0..2)
            .map(|i| child::spawn(child_on(&user.fixture, test, &format!("racer {i}"))))
            .collect();
        let own = use_up(user.session, key);
        let mut all = own;
        for child in children {
            let output = child.wait_with_output().unwrap();
            let text = child::everything(&output);
            assert!(output.status.success(), "{text}");
            let used = text.lines().find_map(|line| line.split_once("used ")).expect("a count").1;
            all += used.trim().parse::<u64>().unwrap();
        }
        assert_eq!(all, total, "this process made {own}");
    }
}

#[test]
fn threads_that_race_make_as_many_uses_as_there_are() {
    let (user, key) = token_with_key();
    set_policy(&user.fixture, &rule("r", "total = 3000"));
    let slot = user.token.slot;
    let all: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(move || use_up(Session::read_write(slot).good(), key)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(all, 3000);
}

#[test]
fn a_killed_process_loses_what_it_took_and_nothing_is_won() {
    let test = "counts::a_killed_process_loses_what_it_took_and_nothing_is_won";
    if let Some(role) = child::role() {
        let (s, key) = join();
        for _ in 0..role.parse::<u64>().unwrap() {
            use_once(s, key).good();
        }
        tell("did it");
        loop {
            std::thread::park();
        }
    }
    for (total, used) in [(10_u64, 4_u64), (3000, 70), (3000, 1)] {
        let (user, key) = token_with_key();
        set_policy(&user.fixture, &rule("r", &format!("total = {total}")));
        let mut child = child::spawn(child_on(&user.fixture, test, &used.to_string()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("did it")), "the child ended");
        child.kill().unwrap();
        child.wait().unwrap();
        let left = use_up(user.session, key);
        assert!(left + used <= total, "{left} and {used} are more than {total}");
        assert!(left + used + LEASE > total, "{left} and {used}: more was lost than was taken");
        if total <= 16 {
            assert_eq!(left + used, total, "the last uses are taken one by one");
        }
    }
}

#[test]
fn a_rate_gives_so_many_in_each_window() {
    let (user, key) = token_with_key();
    let s = user.session;
    // A window that does not end during the test.
    set_policy(&user.fixture, &rule("r", "rate = { count = 30, per = \"366d\" }"));
    assert_eq!(use_up(s, key), 30);
    // One that ends soon: there are uses again.
    set_policy(&user.fixture, &rule("short", "rate = { count = 2, per = \"1s\" }"));
    for _ in 0..3 {
        assert!(use_up(s, key) >= 1);
        while use_once(s, key).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    // The total counts what the rate lets by.
    let both = "total = 45\nrate = { count = 40, per = \"366d\" }";
    set_policy(&user.fixture, &rule("r", both));
    assert_eq!(use_up(s, key), 10);
    set_policy(&user.fixture, &rule("r", "total = 45"));
    assert_eq!(use_up(s, key), 5);
}

#[test]
fn a_destroyed_key_leaves_no_count() {
    let (user, key) = token_with_key();
    set_policy(&user.fixture, &rule("r", "total = 10"));
    let database = Connection::open(user.fixture.store_path().join("store.db")).unwrap();
    let length = || -> i64 {
        let sql = "SELECT length(value) FROM value WHERE name = 'ledger 1'";
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    use_once(user.session, key).good();
    let with_one = length();
    let other = keys::aes_with(user.session, 32, &template! { CKA_TOKEN => true });
    assert_eq!(use_up(user.session, other), 10);
    assert!(length() > with_one);
    // To destroy it is a use of it, too.
    user.session.destroy(other).gives(CKR_ACTION_PROHIBITED);
    user.session.destroy(key).good();
    assert_eq!(length(), with_one);
}

#[test]
fn an_older_policy_or_ledger_put_back_is_refused() {
    let (user, key) = token_with_key();
    let s = user.session;
    set_policy(&user.fixture, &rule("r", "total = 10"));
    let database = Connection::open(user.fixture.store_path().join("store.db")).unwrap();
    let value = |name: &str| -> Vec<u8> {
        let sql = "SELECT value FROM value WHERE name = ?1";
        database.query_row(sql, [name], |row| row.get(0)).unwrap()
    };
    let put = |name: &str, value: &[u8]| {
        let sql = "UPDATE value SET value = ?2 WHERE name = ?1";
        assert_eq!(database.execute(sql, rusqlite::params![name, value]).unwrap(), 1);
    };
    let checked = |fault: &str| {
        let check = strongroom(&user.fixture, &["check"]);
        assert_eq!(check.status.code(), Some(1));
        let said = child::everything(&check);
        assert!(said.contains(fault), "{said}");
    };
    use_once(s, key).good();
    let old = value("ledger 1");
    use_once(s, key).good();
    let new = value("ledger 1");
    assert_ne!(old, new);
    put("ledger 1", &old);
    use_once(s, key).gives(DENIED);
    checked("the ledger of token 1 was altered");
    put("ledger 1", &new);
    assert_eq!(use_up(s, key), 8);
    let old = value("policy 1");
    set_policy(&user.fixture, &rule("r", "operations = [\"sign\"]"));
    put("policy 1", &old);
    use_once(s, key).gives(CKR_DEVICE_ERROR);
    checked("the policy of token 1 was altered");
    // Setting it again mends it.
    set_policy(&user.fixture, &rule("other", ""));
    use_once(s, key).good();
    let check = strongroom(&user.fixture, &["check"]);
    assert!(check.status.success(), "{}", child::everything(&check));
}
