// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `--json`: what is written parses, and holds what a program needs.

use super::desk::Desk;
use serde_json::Value;

fn json(desk: &Desk, arguments: &str) -> Value {
    let arguments: Vec<&str> = arguments.split(' ').chain(["--json"]).collect();
    desk.run(&arguments).good().json()
}

#[test]
fn tokens() {
    let desk = Desk::new();
    let made = json(&desk, "init --label web --so-pin-file $D/so --pin-file $D/pin");
    assert_eq!(made["label"], "web");
    assert_eq!(made["slot"], 0);
    assert_eq!(made["user_pin"]["state"], "good");
    assert_eq!(made["user_pin"]["attempts_left"], 3);
    assert_eq!(made["serial"].as_str().unwrap().len(), 16);
    assert_eq!(made["max_failures"], 3);
    let created = made["created"].as_str().unwrap();
    assert!(created.starts_with("20") && created.ends_with('Z'), "{created}");
    assert_eq!(json(&desk, "token info"), made);
    assert_eq!(json(&desk, "token list"), Value::Array(vec![made.clone()]));
    desk.run(&["key", "list", "--pin-file", "$D/wrong"]).bad("2 attempts are left");
    let token = json(&desk, "token info");
    assert_eq!(token["user_pin"]["state"], "low");
    assert_eq!(token["user_pin"]["attempts_left"], 2);
    let changed = json(&desk, "pin unblock --so-pin-file $D/so --new-pin-file $D/new");
    assert_eq!(changed, made);
}

#[test]
fn keys() {
    let desk = Desk::with_token();
    assert_eq!(json(&desk, "key list --pin-file $D/pin"), Value::Array(Vec::new()));
    let made = json(
        &desk,
        "key generate --type ec:p256 --label server --id 0a0b --usage sign --pin-file $D/pin",
    );
    let pair = made.as_array().unwrap();
    assert_eq!(pair.len(), 2);
    let (private, public) = (&pair[0], &pair[1]);
    assert_eq!(private["class"], "private");
    assert_eq!(public["class"], "public");
    for half in pair {
        assert_eq!(half["id"], "0a0b");
        assert_eq!(half["label"], "server");
        assert_eq!(half["type"], "ec:p256");
        assert_eq!(half["unique_id"].as_str().unwrap().len(), 36);
        assert_eq!((&half["state"], &half["owner"]), (&"active".into(), &Value::Null));
        assert!(half["made"].as_str().unwrap().ends_with('Z'), "{half}");
    }
    assert_eq!(private["usages"], serde_json::json!(["sign"]));
    assert_eq!(public["usages"], serde_json::json!(["verify"]));
    assert_eq!((&private["private"], &public["private"]), (&true.into(), &false.into()));
    assert_eq!((&private["sensitive"], &public["sensitive"]), (&true.into(), &Value::Null));
    assert_eq!((&private["extractable"], &public["extractable"]), (&false.into(), &Value::Null));
    assert_eq!(json(&desk, "key list --pin-file $D/pin").as_array().unwrap().len(), 2);
    assert_eq!(json(&desk, "key list --public").as_array().unwrap(), std::slice::from_ref(public));

    let shown = json(&desk, "key show --id 0a0b --class private --pin-file $D/pin");
    let shown = &shown.as_array().unwrap()[0];
    assert_eq!(shown["label"], "server");
    let attributes = shown["attributes"].as_array().unwrap();
    let attribute = |name: &str| attributes.iter().find(|a| a["name"] == name).unwrap();
    assert_eq!(attribute("CKA_VALUE")["hidden"], true);
    assert_eq!(attribute("CKA_VALUE")["value"], Value::Null);
    assert_eq!(attribute("CKA_SIGN")["value"], true);
    assert_eq!(attribute("CKA_ID")["value"], "0a0b");
    assert_eq!(attribute("CKA_KEY_GEN_MECHANISM")["value"], "CKM_EC_KEY_PAIR_GEN");

    let written = json(&desk, "key export-public --id 0a0b --public --out $D/key.pem");
    assert_eq!(written, *public);
    life(&desk);
    let destroyed =
        json(&desk, "key destroy --id 0a0b --all --yes --reason test --pin-file $D/pin");
    assert_eq!(destroyed.as_array().unwrap().len(), 2);
}

/// What is said of a pair, and its state.
fn life(desk: &Desk) {
    let set = "key set --id 0a0b --owner it --rotate-every 1d --label-set a=b --pin-file $D/pin";
    let set = json(desk, set);
    assert_eq!((&set[0]["owner"], &set[0]["labels"]), (&"it".into(), &serde_json::json!(["a=b"])));
    assert_eq!(set[0]["rotation_period"], 86_400);
    assert!(set[0]["rotation_due"].as_str().unwrap() > set[0]["made"].as_str().unwrap());
    let changed = json(desk, "key suspend --id 0a0b --reason pause --pin-file $D/pin");
    assert_eq!(changed.as_array().unwrap().len(), 2);
    for half in changed.as_array().unwrap() {
        assert_eq!((&half["state"], &half["state_reason"]), (&"suspended".into(), &"pause".into()));
        let may: &[&str] = if half["class"] == "public" { &["verify"] } else { &[] };
        assert_eq!(half["may"], serde_json::json!(may));
    }
}

#[test]
fn the_rest() {
    let desk = Desk::with_token();
    let slots = json(&desk, "seal list");
    let slot = serde_json::json!({
        "slot": 1, "kind": "file", "label": "file", "generation": 1
    });
    assert_eq!(slots, Value::Array(vec![slot]));
    let rotated = json(&desk, "rotate master-key --compromised");
    assert_eq!((&rotated["generation"], &rotated["store_keys"]), (&2.into(), &2.into()));
    assert_eq!(rotated["exposed"], serde_json::json!(["web"]));
    assert_eq!(rotated["slots"][0]["generation"], 2);
    let renewed = json(&desk, "seal rotate 1");
    assert_eq!((&renewed["slot"], &renewed["kind"]), (&1.into(), &"file".into()));
    let added = json(&desk, "seal add --kind passphrase --new-passphrase-file $D/passphrase");
    assert_eq!(added["slot"], 2);
    let removed = json(&desk, "seal remove --slot 1 --passphrase-file $D/passphrase");
    assert_eq!(removed["kind"], "file");
    let report = json(&desk, "check --passphrase-file $D/passphrase");
    assert_eq!((&report["tokens"], &report["objects"]), (&1.into(), &0.into()));
    assert_eq!(report["faults"], Value::Array(Vec::new()));
    let findings = json(&desk, "doctor --passphrase-file $D/passphrase");
    for finding in findings.as_array().unwrap() {
        let state = finding["state"].as_str().unwrap();
        assert!(["ok", "warn"].contains(&state), "{finding}");
        assert_eq!(finding["mend"] == "", state == "ok", "{finding}");
        assert!(!finding["topic"].as_str().unwrap().is_empty());
        assert!(!finding["what"].as_str().unwrap().is_empty());
    }
    let settings = json(&desk, "config show");
    let setting = |key: &str| {
        settings.as_array().unwrap().iter().find(|setting| setting["key"] == key).unwrap().clone()
    };
    assert_eq!(setting("pin.max_failures")["value"], 3);
    assert_eq!(setting("pin.max_failures")["from"], desk.expand("$D/strongroom.toml"));
    assert_eq!(setting("pin.min_length")["from"], "default");
    assert_eq!(setting("store.path")["from"], "STRONGROOM_STORE");
    assert_eq!(setting("store.path")["value"], desk.expand("$D/store"));
}

#[test]
fn failures_leave_standard_output_empty() {
    let desk = Desk::with_token();
    let ended =
        desk.run(&["key", "list", "--json", "--pin-file", "$D/wrong"]).bad("attempts are left");
    assert_eq!(ended.out, "");
}
