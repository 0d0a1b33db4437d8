// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One reader of lines: what `audit verify` takes for no record, `audit show` shows as none, and the
//! other way round.

use super::audit::Written;

/// Where a good line is changed, and into what.
const WRONG: &[(&str, &str)] = &[
    ("{\"v\":1,", "{\"v\":2,"),
    ("\"seq\":4,", "\"seq\":04,"),
    ("\"seq\":4,", ""),
    ("{\"v\":1,\"seq\":4,", "{\"seq\":4,\"v\":1,"),
    (",\"op\":\"C_Login\"", ",\"op\":\"C_Login\",\"op\":\"C_Login\""),
    (",\"op\":\"C_Login\"", ""),
    (",\"op\":\"C_Login\"", ",\"pin\":\"1234\",\"op\":\"C_Login\""),
    ("\"who\":{", "\"who\":{\"name\":\"x\","),
    ("\"uid\":", "\"uid\":-"),
    ("\"session\":9,", "\"session\":\"9\","),
    ("\"C_Login\"", "\"C_L\u{f6}gin\""),
    ("\"C_Login\"", "\"C_Login\t\""),
    ("Z\",\"store\"", "\",\"store\""),
    ("\"time\":\"20", "\"time\":\"xx"),
    ("\"store\":\"", "\"store\":\"AB"),
    (",\"mac\":\"", ",\"details\":{\"rule\":\"a\",\"rule\":\"b\"},\"mac\":\""),
    (",\"mac\":\"", ",\"details\":[],\"mac\":\""),
    (",\"mac\":\"", ",\"mac\": \""),
    (",\"mac\":\"", ",\"mac\":\"00"),
];

/// Other lines that are records, of which no code is known here.
const RIGHT: &[(&str, &str)] = &[
    ("\"C_Login\"", "\"C_Logout\""),
    (",\"mac\":\"", ",\"details\":{\"rule\":\"a\",\"later\":[1]},\"mac\":\""),
];

/// What a line is for each of them, once the login's is changed.
fn judged(from: &str, to: &str) -> (bool, bool) {
    let written = Written::new();
    let login = written.lines()[3].clone();
    assert!(login.contains(from), "'{from}' is not in {login}");
    written.edit("00000000000000000001.jsonl", &login, &login.replacen(from, to, 1));
    let shown = written.run("show --json");
    let stray = shown.err.contains("00000000000000000001.jsonl:4 is no record");
    assert_eq!(shown.out.lines().count(), if stray { 5 } else { 6 }, "{to}: {shown:?}");
    let verified = written.run("verify");
    (!stray, !verified.out.contains("00000000000000000001.jsonl, line 4"))
}

#[test]
fn what_is_checked_and_what_is_shown_are_the_same_records() {
    for (from, to) in WRONG {
        assert_eq!(judged(from, to), (false, false), "{from} becomes {to}");
    }
    for (from, to) in RIGHT {
        assert_eq!(judged(from, to), (true, true), "{from} becomes {to}");
    }
}
