// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom metrics`: sums of a log, what the store is, and that a strict reader takes the text.

use crate::desk::Desk;
use crate::openmetrics::{Samples, read};
use serde_json::{Value, json};
use std::fs;

/// A line of a log; what is not said is a signature.
pub fn line(seq: u64, other: &Value) -> String {
    let mut record = json!({
        "v": 1, "seq": seq, "time": "2026-03-02T12:00:00.000000Z", "store": "00".repeat(16), "token": "T",
        "op": "C_Sign", "who": { "uid": 1, "pid": 7, "program": "p" }, "key": { "id": "k", "label": "l" },
        "mechanism": "CKM_ECDSA", "outcome": "CKR_OK", "mac": format!("{seq:064x}"),
    });
    for (name, value) in other.as_object().unwrap() {
        record[name] = value.clone();
    }
    let fields = ORDER.iter().filter(|name| !record[**name].is_null());
    let fields: Vec<_> = fields.map(|name| format!("\"{name}\":{}", record[*name])).collect();
    let escaped = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}"));
            units.collect::<Vec<_>>().concat()
        }
    };
    format!("{{{}}}\n", fields.join(",")).chars().map(escaped).collect()
}

const ORDER: [&str; 12] = [
    "v",
    "seq",
    "time",
    "store",
    "who",
    "token",
    "op",
    "key",
    "mechanism",
    "outcome",
    "details",
    "mac",
];

/// Puts a segment of the log in its place; `metrics --log-only` takes no store.
pub fn segment(desk: &Desk, first: u64, lines: &[String]) {
    let audit = desk.store().join("audit");
    fs::create_dir_all(&audit).unwrap();
    for directory in [desk.store(), audit.clone()] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(directory, mode).unwrap();
    }
    fs::write(audit.join(format!("{first:020}.jsonl")), lines.concat()).unwrap();
}

fn measured(desk: &Desk) -> Samples {
    let text = desk.run(&["metrics", "--log-only"]).good().out;
    read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The sum of all series of a name that have these labels.
fn sum(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |of: &std::collections::BTreeMap<String, String>| {
        labels.iter().all(|(name, value)| of.get(*name).map(String::as_str) == Some(value))
    };
    let all = samples.iter().filter(|((of, with), _)| of == name && fits(with));
    all.map(|(_, value)| value).sum()
}

fn counters(samples: &Samples) -> Samples {
    let all = samples.clone().into_iter();
    all.filter(|((name, _), _)| name.ends_with("_total")).collect()
}

#[test]
fn sums() {
    let desk = Desk::new();
    let odd = "web \"1\" \\ \u{e9}";
    segment(
        &desk,
        1,
        &[
            line(1, &json!({ "details": { "count": 41 } })),
            line(2, &json!({ "key": { "id": "k", "label": odd } })),
            line(3, &json!({ "op": "C_Decrypt", "outcome": "CKR_ENCRYPTED_DATA_INVALID" })),
            line(
                4,
                &json!({ "op": "C_SignInit", "outcome": "CKR_KEY_FUNCTION_NOT_PERMITTED", "details": { "rule": "tls" } }),
            ),
            line(5, &json!({ "op": "C_WrapKey" })),
            line(6, &json!({ "op": "C_UnwrapKey", "outcome": "CKR_WRAPPED_KEY_INVALID" })),
            line(
                7,
                &json!({ "op": "C_Login", "outcome": "CKR_PIN_INCORRECT", "details": { "subject": "so" } }),
            ),
            line(
                8,
                &json!({ "op": "watch.alarm", "details": { "rule": "alarm:guessing", "subject": "7" } }),
            ),
            line(9, &json!({ "op": "audit.checkpoint", "details": { "size": 8 } })),
            "not a record\n".to_string(),
        ],
    );
    let all = measured(&desk);
    let is = |name: &str, labels: &[(&str, &str)]| sum(&all, name, labels) as u64;
    let ops = "strongroom_operations_total";
    assert_eq!(
        is(ops, &[("operation", "C_Sign"), ("key_id", "k"), ("mechanism", "CKM_ECDSA")]),
        42
    );
    assert_eq!(is(ops, &[("key_label", odd)]), 1);
    assert_eq!(
        is("strongroom_decrypt_failures_total", &[("outcome", "CKR_ENCRYPTED_DATA_INVALID")]),
        1
    );
    assert_eq!(is("strongroom_denials_total", &[("rule", "tls"), ("operation", "C_SignInit")]), 1);
    assert_eq!(is("strongroom_keys_wrapped_total", &[("outcome", "CKR_OK")]), 1);
    assert_eq!(is("strongroom_keys_unwrapped_total", &[("outcome", "CKR_WRAPPED_KEY_INVALID")]), 1);
    assert_eq!(
        is("strongroom_logins_total", &[("subject", "so"), ("outcome", "CKR_PIN_INCORRECT")]),
        1
    );
    assert_eq!(is("strongroom_wrong_pins_total", &[("operation", "C_Login")]), 1);
    assert_eq!(is("strongroom_alarms_total", &[("alarm", "guessing"), ("token", "T")]), 1);
    assert_eq!(is(ops, &[("operation", "watch.alarm")]), 0);
    assert_eq!(is("strongroom_log_last_record", &[]), 9);
    assert_eq!(is("strongroom_log_segments", &[]), 1);
    assert_eq!(is("strongroom_log_strays", &[]), 1);
    assert_eq!(is("strongroom_checkpoint_records", &[]), 8);
    assert_eq!(is("strongroom_store_opened", &[]), 0);
    assert_eq!(is("strongroom_log_last_record_timestamp_seconds", &[]), 1_772_452_800);
}

/// Sums go on over segments, whether what was summed is there, was moved away, or is forgotten.
#[test]
fn they_go_on() {
    let desk = Desk::new();
    let signed =
        |from: u64, to: u64| (from..to).map(|seq| line(seq, &json!({}))).collect::<Vec<_>>();
    segment(&desk, 1, &signed(1, 11));
    assert_eq!(sum(&measured(&desk), "strongroom_operations_total", &[]), 10.0);
    segment(&desk, 11, &signed(11, 21));
    let both = measured(&desk);
    assert_eq!(sum(&both, "strongroom_operations_total", &[]), 20.0);
    let kept = desk.store().join("watch/sums");
    fs::remove_file(&kept).unwrap();
    assert_eq!(counters(&measured(&desk)), counters(&both));
    fs::write(&kept, "{").unwrap();
    assert_eq!(counters(&measured(&desk)), counters(&both));
    // A segment that is archived stays summed; what comes later is added.
    fs::remove_file(desk.store().join(format!("audit/{:020}.jsonl", 1))).unwrap();
    assert_eq!(counters(&measured(&desk)), counters(&both));
    fs::remove_file(desk.store().join(format!("audit/{:020}.jsonl", 11))).unwrap();
    segment(&desk, 21, &signed(21, 26));
    assert_eq!(sum(&measured(&desk), "strongroom_operations_total", &[]), 25.0);
    // Another log in its place is another log: the same numbers, other codes.
    let other = |seq| line(seq, &json!({ "mac": "f".repeat(64) }));
    segment(&desk, 21, &(21..26).map(other).collect::<Vec<_>>());
    assert_eq!(sum(&measured(&desk), "strongroom_operations_total", &[]), 5.0);
    let store = |seq| line(seq, &json!({ "store": "11".repeat(16) }));
    segment(&desk, 21, &(40..42).map(store).collect::<Vec<_>>());
    assert_eq!(sum(&measured(&desk), "strongroom_operations_total", &[]), 2.0);
}

#[test]
fn series_are_bounded() {
    let desk = Desk::new();
    desk.write("strongroom.toml", b"[metrics]\nmost_series = 100\n");
    let key = |seq: u64| line(seq, &json!({ "key": { "id": format!("k{seq}"), "label": "l" } }));
    segment(&desk, 1, &(1..=100).map(key).collect::<Vec<_>>());
    assert_eq!(sum(&measured(&desk), "strongroom_series_folded", &[]), 1.0);
    let mut lines: Vec<_> = (1..=300).map(key).collect();
    lines.push(line(301, &json!({ "key": { "id": "k1", "label": "l" } })));
    segment(&desk, 1, &lines);
    let all = measured(&desk);
    assert_eq!(sum(&all, "strongroom_operations_total", &[]), 301.0);
    assert_eq!(sum(&all, "strongroom_operations_total", &[("key_id", "other")]), 200.0);
    assert_eq!(sum(&all, "strongroom_operations_total", &[("key_id", "k1")]), 2.0);
    let series = all.keys().filter(|(name, _)| name == "strongroom_operations_total").count();
    assert_eq!(series, 101);
    desk.write("strongroom.toml", b"[metrics]\nmost_series = 99\n");
    desk.run(&["metrics", "--log-only"]).bad("metrics.most_series must be 100 to 100000");
}

#[test]
fn what_the_store_is() {
    let desk = Desk::with_token();
    let generate = |more: &[&str]| {
        let own = ["key", "generate", "--type", "ec:p256", "--pin-file", "$D/pin"];
        desk.run(&[&own, more].concat()).good();
    };
    generate(&["--label", "a", "--id", "01"]);
    generate(&["--label", "b", "--id", "02", "--rotate-every", "90d"]);
    generate(&[
        "--label",
        "c",
        "--id",
        "03",
        "--start-date",
        "2020-01-01",
        "--end-date",
        "2020-01-31",
    ]);
    desk.run(&["key", "list", "--pin-file", "$D/wrong"]).bad("is wrong");
    let public = read(&desk.run(&["metrics"]).good().out).unwrap();
    let all = read(&desk.run(&["metrics", "--pin-file", "$D/pin"]).good().out).unwrap();
    let is =
        |samples: &Samples, name: &str, labels: &[(&str, &str)]| sum(samples, name, labels) as u64;
    assert_eq!(is(&public, "strongroom_keys", &[("class", "public"), ("visible", "public")]), 3);
    assert_eq!(is(&public, "strongroom_keys", &[("class", "private")]), 0);
    assert_eq!(is(&all, "strongroom_keys", &[("class", "private"), ("visible", "all")]), 3);
    assert_eq!(is(&all, "strongroom_keys", &[("class", "private"), ("state", "active")]), 2);
    assert_eq!(is(&all, "strongroom_keys", &[("class", "private"), ("state", "deactivated")]), 1);
    assert_eq!(is(&all, "strongroom_keys_older_than", &[("days", "0")]), 6);
    assert_eq!(is(&all, "strongroom_keys_older_than", &[("days", "7")]), 0);
    assert_eq!(is(&all, "strongroom_keys_past_end", &[]), 2);
    assert_eq!(is(&all, "strongroom_keys_active", &[]), 4);
    assert_eq!(is(&all, "strongroom_keys_rotation_covered", &[]), 2);
    assert_eq!(is(&all, "strongroom_seal_slots", &[("kind", "file")]), 1);
    assert_eq!(is(&all, "strongroom_seal_generation", &[]), 1);
    assert_eq!(is(&all, "strongroom_store_generation", &[]), 1);
    assert_eq!(is(&all, "strongroom_token_generation", &[("key", "token")]), 1);
    assert_eq!(is(&all, "strongroom_token", &[("label", "web")]), 1);
    assert!(is(&all, "strongroom_store_revision", &[]) > 3);
    assert_eq!(is(&all, "strongroom_wrong_pins_total", &[]), 1);
    assert_eq!(
        is(
            &all,
            "strongroom_logins_total",
            &[("subject", "user"), ("outcome", "CKR_PIN_INCORRECT")]
        ),
        1
    );
    assert!(is(&all, "strongroom_operations_total", &[("operation", "key generate")]) >= 3);
    desk.run(&["metrics", "--pin-file", "$D/wrong"]).bad("is wrong");
}

/// By renaming: nobody reads half of it, and what cannot be written leaves nothing behind.
#[test]
fn to_a_file() {
    let desk = Desk::new();
    segment(&desk, 1, &[line(1, &json!({}))]);
    fs::create_dir(desk.path("textfile")).unwrap();
    let file = desk.path("textfile/strongroom.prom");
    fs::write(&file, "old").unwrap();
    desk.run(&["metrics", "--log-only", "--output", "$D/textfile/strongroom.prom"]).good();
    assert_eq!(
        sum(&read(&fs::read_to_string(&file).unwrap()).unwrap(), "strongroom_log_last_record", &[]),
        1.0
    );
    assert_eq!(fs::read_dir(desk.path("textfile")).unwrap().count(), 1);
    desk.run(&["metrics", "--log-only", "--output", "$D/none/strongroom.prom"]).bad("cannot write");
    // A directory in its place: nothing is left beside it.
    fs::create_dir(desk.path("textfile/taken")).unwrap();
    desk.run(&["metrics", "--log-only", "--output", "$D/textfile/taken"]).bad("cannot write");
    assert_eq!(fs::read_dir(desk.path("textfile")).unwrap().count(), 2);
}
