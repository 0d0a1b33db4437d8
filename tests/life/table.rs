// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The table of states, as a table.

use strongroom::object::{Life, State, State::*};
use strongroom::policy::Use;
use strongroom::policy::life::{self, STAGES};

#[test]
fn every_state_has_one_row_and_the_order_of_uses_is_that_of_their_numbers() {
    let states: Vec<State> = STAGES.iter().map(|stage| stage.state).collect();
    assert_eq!(states, State::ALL);
    for (number, usage) in Use::ALL.into_iter().enumerate() {
        assert_eq!(usage as usize, number);
    }
    for state in State::ALL {
        assert_eq!(State::from_number(state.number() as u64), Some(*state));
    }
    assert_eq!(State::from_number(0), None);
    assert_eq!(State::from_number(7), None);
}

/// From (rows) to (columns), in the order of a life.
#[test]
fn the_transitions_are_those_of_the_publication() {
    let table = [
        (PreActive, "-X--XX"),
        (Active, "--XXXX"),
        (Suspended, "-X-XXX"),
        (Deactivated, "----XX"),
        (Compromised, "-----X"),
        (Destroyed, "------"),
    ];
    for (from, row) in table {
        for (to, mark) in State::ALL.iter().zip(row.chars()) {
            assert_eq!(life::may_follow(from, *to), mark == 'X', "{from:?} to {to:?}");
        }
    }
}

#[test]
fn what_a_state_permits() {
    let all = |state, reasoned| -> String {
        let mark = |usage| if life::permits(state, usage, reasoned) { 'X' } else { '-' };
        Use::ALL.into_iter().map(mark).collect()
    };
    // Encrypt, decrypt, sign, verify, sign-recover, verify-recover, wrap, unwrap, derive, encapsulate,
    // decapsulate.
    for (state, bare, reasoned) in [
        (PreActive, "-----------", "-----------"),
        (Active, "XXXXXXXXXXX", "XXXXXXXXXXX"),
        (Suspended, "---X-X-----", "---X-X-----"),
        (Deactivated, "-X-X-X-X--X", "-X-X-X-X--X"),
        (Compromised, "-----------", "-X-X-X-X--X"),
        (Destroyed, "-----------", "-----------"),
    ] {
        assert_eq!(all(state, false), bare, "{state:?}");
        assert_eq!(all(state, true), reasoned, "{state:?} with a reason");
    }
}

#[test]
fn the_last_day_is_one_of_a_keys_days() {
    let life = Life { state: Active, reasoned: false, from: Some(100), until: Some(200) };
    for (day, state) in [
        (i64::MIN, PreActive),
        (99, PreActive),
        (100, Active),
        (200, Active),
        (201, Deactivated),
        (i64::MAX, Deactivated),
    ] {
        assert_eq!(life.on(day), state, "day {day}");
        assert_eq!(life::allows(&life, Use::Sign, day), state == Active, "day {day}");
        assert_eq!(life::allows(&life, Use::Verify, day), state != PreActive, "day {day}");
    }
    assert_eq!(life::ends(&life, Use::Sign), Some(201 * 86_400));
    assert_eq!(life::ends(&life, Use::Verify), None);
    let suspended = Life { state: Suspended, ..life };
    assert_eq!(suspended.on(150), Suspended);
    assert!(!life::allows(&suspended, Use::Verify, 99));
}

/// Days of dates are those of OpenSSL's calendar.
#[test]
fn days_are_counted_as_openssl_counts_them() {
    use openssl::asn1::Asn1Time;
    let epoch = Asn1Time::from_str("19700101000000Z").unwrap();
    for year in [1900, 1969, 1970, 1999, 2000, 2026, 2028, 2100, 2399, 2400, 9999] {
        for month in 1..=12 {
            for day in 1..=32 {
                let text = format!("{year:04}{month:02}{day:02}");
                let there = Asn1Time::from_str(&format!("{text}000000Z")).ok();
                let want = there.map(|there| i64::from(epoch.diff(&there).unwrap().days));
                assert_eq!(strongroom::codec::day_of_date(text.as_bytes()), want, "{text}");
            }
        }
    }
}
