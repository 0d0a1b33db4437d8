// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arithmetic of counts, and of approvals: pure functions.

use std::sync::Arc;
use strongroom::policy::counts::{Taken, approve, give_back, is_current, is_of, take};
use strongroom::policy::rules::{Operation, Reason, Rule, Rules};
use strongroom::store::{Approval, Count};

fn rule(lines: &str) -> Arc<Rule> {
    let text = format!("version = 1\n[[rule]]\nname = \"r\"\n{lines}\n");
    Rules::parse(&text).unwrap().rules()[0].clone()
}

#[test]
fn a_sixteenth_is_taken_at_a_time_and_the_last_one_by_one() {
    let rule = rule("total = 2000");
    let mut count = Count::default();
    let mut sizes = Vec::new();
    while let Ok(taken) = take(&mut count, &rule, 0) {
        sizes.push(taken.uses);
    }
    assert_eq!(sizes.iter().sum::<u64>(), 2000);
    assert_eq!(sizes[0], 64);
    assert!(sizes.iter().all(|size| (1..=64).contains(size)));
    assert!(sizes.iter().rev().take(16).all(|size| *size == 1));
    assert_eq!(take(&mut count, &rule, 0), Err(Reason::Total));
    give_back(&mut count, Taken { uses: 3, window: 0 });
    assert_eq!(take(&mut count, &rule, 0), Ok(Taken { uses: 1, window: 0 }));
}

#[test]
fn windows_only_move_forward() {
    let rule = rule("rate = { count = 2, per = \"1m\" }");
    let mut count = Count::default();
    let one = |window| Ok(Taken { uses: 1, window });
    assert_eq!(take(&mut count, &rule, 125), one(120));
    assert_eq!(take(&mut count, &rule, 179), one(120));
    assert_eq!(take(&mut count, &rule, 179), Err(Reason::Rate));
    // The clock goes back: the window does not, and its uses stay used.
    assert_eq!(take(&mut count, &rule, 60), Err(Reason::Rate));
    assert_eq!(take(&mut count, &rule, 0), Err(Reason::Rate));
    assert_eq!(take(&mut count, &rule, 180), one(180));
    assert_eq!(take(&mut count, &rule, 120), one(180));
    assert_eq!(take(&mut count, &rule, 239), Err(Reason::Rate));
    assert_eq!(count, Count { total: 4, window: 180, used: 2 });
}

#[test]
fn what_was_taken_for_a_window_is_good_for_it_alone() {
    let rule = rule("rate = { count = 1000, per = \"1m\" }");
    assert!(is_current(&rule, 120, 179));
    assert!(!is_current(&rule, 120, 180));
    assert!(is_current(&rule, 120, 0), "a clock set back ends no window");
    // What is left of an old window goes back to the total, not to the new window.
    let mut count = Count::default();
    let old = take(&mut count, &rule, 0).unwrap();
    let new = take(&mut count, &rule, 60).unwrap();
    give_back(&mut count, old);
    assert_eq!(count, Count { total: new.uses, window: 60, used: new.uses });
}

#[test]
fn approvals_are_of_different_custodians_and_are_used_up() {
    let of = |custodian: &str, uses| Approval {
        key: b"key".to_vec(),
        operation: "export".to_string(),
        custodian: custodian.to_string(),
        uses,
        until: 100,
    };
    let good = |approval: &Approval| is_of(approval, b"key", Operation::Export, 50);
    let mut approvals = vec![of("carol", 5), of("carol", 1)];
    assert!(!approve(&mut approvals, 2, good), "one custodian is one");
    assert_eq!(approvals.len(), 2, "nothing is used where there are too few");
    approvals.push(of("dave", 1));
    assert!(approve(&mut approvals, 2, good));
    assert_eq!(approvals, [of("carol", 4), of("carol", 1)]);
    assert!(!approve(&mut approvals, 2, good));
    assert!(approve(&mut approvals, 1, good));
    for (approval, now, stands) in [
        (of("carol", 1), 99, true),
        (of("carol", 1), 100, false),
        (Approval { operation: "wrap".to_string(), ..of("carol", 1) }, 50, false),
        (Approval { key: b"other".to_vec(), ..of("carol", 1) }, 50, false),
    ] {
        assert_eq!(is_of(&approval, b"key", Operation::Export, now), stands);
    }
}
