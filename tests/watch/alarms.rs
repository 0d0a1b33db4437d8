// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Alarms as a table: a policy, records, and the records that raise.

use serde_json::{Value, json};
use strongroom::audit::Record;
use strongroom::policy::alarms::Engine;
use strongroom::policy::rules::Rules;

/// A record at so many seconds after noon; what is not said is a signature of alice's.
fn record(seq: u64, seconds: i64, other: Value) -> Record {
    let time = format!(
        "2026-03-02T{:02}:{:02}:{:02}.000000Z",
        12 + seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    let mut record = json!({
        "v": 1, "seq": seq, "time": time, "store": "00", "token": "T", "op": "C_Sign",
        "who": { "uid": 1000, "pid": 7, "program": "signer", "role": "operator", "user": "alice" },
        "key": { "id": "k1", "label": "web-1" }, "outcome": "CKR_OK", "mac": "00",
    });
    for (name, value) in other.as_object().unwrap() {
        match value {
            Value::Null => drop(record.as_object_mut().unwrap().remove(name)),
            value => record[name] = value.clone(),
        }
    }
    serde_json::from_value(record).unwrap()
}

/// The numbers of the records that raise the only alarm of a policy.
fn raised(alarm: &str, records: &[(i64, Value)]) -> Vec<u64> {
    let text = format!("version = 1\n[[alarm]]\nname = \"a\"\n{alarm}");
    let rules = Rules::parse(&text).unwrap();
    let mut engine = Engine::new("T", rules.alarms());
    let mut raised = Vec::new();
    for (at, (seconds, other)) in records.iter().enumerate() {
        let all = engine.see(&record(at as u64 + 1, *seconds, other.clone()));
        raised.extend(all.iter().map(|one| one.seq));
    }
    raised
}

fn wrap() -> Value {
    json!({ "op": "C_WrapKey" })
}

fn wrong() -> Value {
    json!({ "op": "C_Login", "outcome": "CKR_PIN_INCORRECT", "key": null })
}

#[test]
fn failed_logins() {
    let policy = "when = \"failed-logins\"\nwindow = \"1m\"\nthreshold = 3\n";
    let at = |times: &[i64]| times.iter().map(|time| (*time, wrong())).collect::<Vec<_>>();
    assert_eq!(raised(policy, &at(&[0, 10, 20])), [3]);
    // Too slow; exactly a window apart is out of it.
    assert_eq!(raised(policy, &at(&[0, 30, 60, 90, 120])), [0; 0]);
    // Once a window, and again after it.
    assert_eq!(raised(policy, &at(&[0, 1, 2, 3, 4, 5, 6, 70, 71, 72])), [3, 10]);
    // Other failures and other tokens are others.
    let other = json!({ "op": "C_Login", "outcome": "CKR_USER_ALREADY_LOGGED_IN" });
    assert_eq!(raised(policy, &[(0, other.clone()), (1, other.clone()), (2, other)]), [0; 0]);
    let foreign = json!({ "op": "C_Login", "outcome": "CKR_PIN_LOCKED", "token": "U" });
    assert_eq!(raised(policy, &[(0, foreign.clone()), (1, foreign.clone()), (2, foreign)]), [0; 0]);
    // A clock that is set back does not hide them.
    assert_eq!(raised(policy, &at(&[50, 45, 40])), [3]);
}

#[test]
fn volumes() {
    let policy = "when = \"wrap-volume\"\nwindow = \"1m\"\nthreshold = 2\n";
    // One a window, then three: more than twice one. It is said once a window.
    let mut records: Vec<_> = (0..5).map(|at| (at * 60, wrap())).collect();
    records.extend((300..304).map(|at| (at, wrap())));
    assert_eq!(raised(policy, &records), [8]);
    // Twice as many is not more than twice as many.
    records.truncate(7);
    assert_eq!(raised(policy, &records), [0; 0]);
    // The first window has nothing to compare with.
    let first: Vec<_> = (0..50).map(|at| (at, wrap())).collect();
    assert_eq!(raised(policy, &first), [0; 0]);
    // Windows in which nothing happened count too, from the first record of any kind.
    let mut quiet = vec![(0, json!({}))];
    quiet.extend((600..604).map(|at| (at, wrap())));
    assert_eq!(raised(policy, &quiet), [4]);
    // A record of counts is of many.
    let many = json!({ "op": "C_WrapKey", "details": { "count": 3 } });
    assert_eq!(raised(policy, &[(0, json!({})), (600, many)]), [2]);
    let unwrap = policy.replace("wrap-", "unwrap-");
    assert_eq!(raised(&unwrap, &quiet), [0; 0]);
}

#[test]
fn firsts() {
    let policy = "when = \"new-principal\"\nwindow = \"1m\"\n";
    let by = |user: &str| json!({ "who": { "uid": 1, "pid": 7, "program": "p", "role": "operator", "user": user } });
    let records =
        [(0, by("alice")), (30, by("bob")), (90, by("carol")), (95, by("carol")), (99, by("bob"))];
    assert_eq!(raised(policy, &records), [3]);
    let uid = json!({ "who": { "uid": 2, "pid": 7, "program": "p", "role": "operator", "user": "alice" } });
    assert_eq!(raised(policy, &[(0, by("alice")), (90, uid)]), [2]);
    let policy = "when = \"new-program\"\nwindow = \"1m\"\n";
    let program = |name: &str| json!({ "who": { "uid": 1, "pid": 7, "program": name } });
    assert_eq!(raised(policy, &[(0, program("a")), (90, program("b")), (91, program("b"))]), [2]);
    // The log's own records are written by whoever comes.
    let own = json!({ "op": "audit.checkpoint", "token": null, "who": { "uid": 1, "pid": 7, "program": "b" } });
    assert_eq!(raised(policy, &[(0, program("a")), (90, own)]), [0; 0]);
}

#[test]
fn keys_and_hours() {
    let refused = |key: &str, rule: &str| {
        json!({ "op": "C_SignInit", "outcome": "CKR_KEY_FUNCTION_NOT_PERMITTED",
                "key": { "id": key, "label": "" }, "details": { "rule": rule } })
    };
    let (one, two) = (refused("k1", "state:deactivated"), refused("k2", "state:compromised"));
    let records =
        [(0, one.clone()), (10, one.clone()), (20, two), (25, refused("k3", "web")), (3700, one)];
    assert_eq!(raised("when = \"deactivated-key\"\n", &records), [1, 3, 5]);
    // 2 March 2026 is a Monday; noon in UTC is 13:00 in Berlin.
    let hours = |to: &str| {
        format!(
            "when = \"outside-hours\"\nhours = {{ days = [\"mon\"], from = \"08:00\", to = \"{to}\", zone = \"Europe/Berlin\" }}\n"
        )
    };
    assert_eq!(
        raised(
            &hours("13:01"),
            &[(0, json!({})), (59, json!({})), (60, json!({})), (70, json!({}))]
        ),
        [3]
    );
    assert_eq!(raised(&hours("14:00"), &[(0, json!({})), (3599, json!({}))]), [0; 0]);
}

#[test]
fn policy_and_log() {
    let set = |outcome: &str| json!({ "op": "policy set", "outcome": outcome, "key": null });
    let records = [(0, set("CKR_PIN_INCORRECT")), (1, set("CKR_OK"))];
    assert_eq!(raised("when = \"policy-changed\"\n", &records), [2]);
    let own = |op: &str, outcome: &str| json!({ "op": op, "outcome": outcome, "token": null, "key": null });
    let records = [
        (0, own("audit.checkpoint", "CKR_OK")),
        (1, own("audit.cut", "CKR_OK")),
        // A loss of power is named by the log itself, and nobody's deed.
        (2, own("audit.lost", "CKR_OK")),
        (3, own("audit.lost", "CKR_DEVICE_ERROR")),
        (4, own("audit.older", "CKR_DEVICE_ERROR")),
        (5, own("store.older", "CKR_DEVICE_ERROR")),
        (6, own("audit.full", "CKR_DEVICE_MEMORY")),
        (7, own("audit.broken", "CKR_DEVICE_ERROR")),
    ];
    assert_eq!(raised("when = \"log-failed\"\n", &records), [2, 4, 5, 6, 7, 8]);
}

#[test]
fn rates_and_filters() {
    let rate = |more: &str| format!("when = \"rate\"\nwindow = \"1m\"\nthreshold = 10\n{more}");
    let counted = |count: u64| json!({ "details": { "count": count } });
    assert_eq!(raised(&rate(""), &[(0, counted(4)), (5, counted(5)), (6, counted(1))]), [3]);
    let ten = [(0, counted(10))];
    for (filter, fits) in [
        ("operations = [\"C_S*\"]\n", true),
        ("operations = [\"C_D*\", \"C_Wrap*\"]\n", false),
        ("outcomes = [\"ok\"]\n", true),
        ("outcomes = [\"failed\"]\n", false),
        ("keys = [\"web-*\"]\n", true),
        ("keys = [\"k1\"]\n", true),
        ("keys = [\"k2\"]\n", false),
        ("users = [\"alice\"]\n", true),
        ("users = [\"uid:0\"]\n", false),
        ("programs = [\"sign*\"]\n", true),
        ("programs = [\"other\"]\n", false),
    ] {
        assert_eq!(!raised(&rate(filter), &ten).is_empty(), fits, "{filter}");
    }
    // What the watch records raises nothing.
    let own = json!({ "op": "watch.alarm", "details": { "count": 10 } });
    assert_eq!(raised(&rate(""), &[(0, own)]), [0; 0]);
}

/// A past log says again what it said then.
#[test]
fn the_same_again() {
    let rules = Rules::parse(&std::fs::read_to_string("conf/policy.toml").unwrap()).unwrap();
    let run = || {
        let mut engine = Engine::new("T", rules.alarms());
        let records = (0..2000).map(|at| {
            let other = if at % 3 == 0 { wrong() } else { wrap() };
            record(at as u64 + 1, at * 7 % 36_000, other)
        });
        let all: Vec<_> = records.flat_map(|record| engine.see(&record)).collect();
        serde_json::to_string(&all).unwrap()
    };
    let first = run();
    assert!(first.len() > 100, "{first}");
    assert_eq!(first, run());
}

#[test]
fn bad_alarms() {
    for (alarm, place, what) in [
        ("when = \"never\"\n", "4:8", "'never' is no condition"),
        ("when = \"rate\"\nwindow = \"1m\"\n", "4:8", "'rate' takes a threshold"),
        ("when = \"rate\"\nwindow = \"1x\"\nthreshold = 1\n", "5:10", "'1x' is no window"),
        ("when = \"rate\"\nwindow = \"1m\"\nthreshold = 0\n", "6:13", "threshold is 0"),
        ("when = \"log-failed\"\nthreshold = 2\n", "5:13", "'log-failed' takes no threshold"),
        ("when = \"outside-hours\"\n", "4:8", "do not go together"),
        ("when = \"log-failed\"\nhours = { days = [\"mon\"] }\n", "4:8", "do not go together"),
        ("when = \"log-failed\"\nnotify = []\n", "5:10", "this list names nothing"),
        ("when = \"log-failed\"\nnotfy = []\n", "5:1", "unknown field"),
        (
            "when = \"log-failed\"\n[[alarm]]\nname = \"a\"\nwhen = \"log-failed\"\n",
            "6:8",
            "alarm 1 is called 'a' already",
        ),
    ] {
        let text = format!("version = 1\n[[alarm]]\nname = \"a\"\n{alarm}");
        let faults = Rules::parse(&text).unwrap_err();
        let found = faults.iter().any(|fault| {
            format!("{}:{}", fault.line, fault.column) == place && fault.what.contains(what)
        });
        assert!(found, "{alarm}: {faults:?}");
    }
}
