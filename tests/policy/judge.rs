// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What rules permit, as a table: one rule, what is asked, and the answer.

use cryptoki_sys::*;
use strongroom::policy::rules::*;

/// A use that the rule `r` of a case permits, unless a case says otherwise.
struct Asked {
    facts: Facts,
    operation: Operation,
    mechanism: Option<u64>,
    roles: Roles,
    user: Option<&'static str>,
    uid: u32,
    moment: Moment,
}

fn asked() -> Asked {
    let facts = Facts {
        label: "web-1".into(),
        id: "0a01".into(),
        class: CKO_PRIVATE_KEY as u64,
        key_type: CKK_EC as u64,
        owner: "web team".into(),
        purpose: "tls".into(),
        labels: vec!["prod".into(), "eu".into()],
        strength: Some(128),
    };
    Asked {
        facts,
        operation: Operation::Sign,
        mechanism: Some(CKM_ECDSA_SHA256 as u64),
        roles: Roles::these(&[Party::Operator]),
        user: None,
        uid: 33,
        moment: Moment { now: WEDNESDAY_NOON, seen: 0 },
    }
}

/// 2026-01-14T12:00:00Z.
const WEDNESDAY_NOON: u64 = 1_768_392_000;
const HOUR: u64 = 3_600;

/// `permits`, the reason, or `free` and `deny` where no rule is about the key.
fn answer(rule: &str, a: &Asked) -> String {
    let text = format!("version = 1\ndefault = \"deny\"\n[[rule]]\nname = \"r\"\n{rule}\n");
    let rules = Rules::parse(&text).unwrap_or_else(|faults| panic!("{rule}: {faults:?}"));
    let matched = Matched::of(&rules, &a.facts);
    let ask = Ask { operation: a.operation, mechanism: a.mechanism };
    let caller = Caller { roles: a.roles, user: a.user, uid: a.uid };
    match strongroom::policy::rules::judge(&matched, &ask, &caller, a.moment) {
        Verdict::Free => "free".into(),
        Verdict::By(_) => "permits".into(),
        Verdict::Denied(None) => "deny".into(),
        Verdict::Denied(Some((_, reason))) => format!("{reason:?}"),
    }
}

#[test]
fn each_dimension_permits_and_denies() {
    for (rule, expected) in [
        ("", "permits"),
        ("match = { label = \"web-*\" }", "permits"),
        ("match = { label = \"db-*\" }", "deny"),
        ("match = { id = \"0A*\" }", "permits"),
        ("match = { id = \"0b*\" }", "deny"),
        ("match = { class = \"private\" }", "permits"),
        ("match = { class = \"public\" }", "deny"),
        ("match = { key-type = \"ec\" }", "permits"),
        ("match = { key-type = \"rsa\" }", "deny"),
        ("match = { owner = \"web ?eam\" }", "permits"),
        ("match = { owner = \"db team\" }", "deny"),
        ("match = { purpose = \"tls\" }", "permits"),
        ("match = { purpose = \"mail\" }", "deny"),
        ("match = { labels = [\"prod\"] }", "permits"),
        ("match = { labels = [\"eu\", \"pr*\"] }", "permits"),
        ("match = { labels = [\"prod\", \"us\"] }", "deny"),
        ("match = { label = \"web-*\", class = \"public\" }", "deny"),
        ("operations = [\"sign\"]", "permits"),
        ("operations = [\"verify\", \"derive\"]", "Operation"),
        ("mechanisms = [\"CKM_ECDSA*\"]", "permits"),
        ("mechanisms = [\"CKM_RSA*\", \"CKM_ECDSA\"]", "Mechanism"),
        ("principals = { roles = [\"operator\"] }", "permits"),
        ("principals = { roles = [\"manager\"] }", "Principal"),
        ("principals = { users = [\"alice\"] }", "Principal"),
        ("principals = { uids = [33] }", "permits"),
        ("principals = { uids = [0] }", "Principal"),
        ("principals = { uids = [0], roles = [\"operator\"] }", "permits"),
        ("min-strength = 128", "permits"),
        ("min-strength = 129", "Strength"),
        ("hours = { days = [\"wed\"] }", "permits"),
        ("hours = { days = [\"thu\"] }", "Hours"),
        ("hours = { from = \"12:00\", to = \"12:01\" }", "permits"),
        ("hours = { from = \"11:00\", to = \"12:00\" }", "Hours"),
        ("hours = { from = \"13:00\", to = \"14:00\" }", "Hours"),
        ("hours = { from = \"13:00\", to = \"14:00\", zone = \"Europe/Berlin\" }", "permits"),
        ("hours = { from = \"12:00\", to = \"13:00\", zone = \"Europe/Berlin\" }", "Hours"),
        ("hours = { from = \"07:00\", to = \"08:00\", zone = \"America/New_York\" }", "permits"),
        ("hours = { days = [\"tue\"], from = \"18:00\", to = \"12:01\" }", "permits"),
        ("hours = { days = [\"tue\"], from = \"18:00\", to = \"12:00\" }", "Hours"),
        ("hours = { days = [\"wed\"], from = \"18:00\", to = \"12:01\" }", "Hours"),
        ("hours = { days = [\"wed\"], from = \"00:00\", to = \"24:00\" }", "permits"),
    ] {
        assert_eq!(answer(rule, &asked()), expected, "{rule}");
    }
}

#[test]
fn callers_operations_and_keys() {
    let alice = Asked { user: Some("alice"), roles: Roles::NONE, ..asked() };
    assert_eq!(answer("principals = { users = [\"bob\", \"alice\"] }", &alice), "permits");
    assert_eq!(answer("principals = { roles = [\"operator\"] }", &alice), "Principal");
    // What is done without a mechanism is not asked for one.
    let destroy = Asked { operation: Operation::Destroy, mechanism: None, ..asked() };
    assert_eq!(answer("mechanisms = [\"CKM_AES_GCM\"]", &destroy), "permits");
    // A strength that is not known is not enough.
    let unknown = Facts { strength: None, ..asked().facts };
    let unknown = Asked { facts: unknown, ..asked() };
    assert_eq!(answer("min-strength = 1", &unknown), "Strength");
    assert_eq!(answer("", &unknown), "permits");
}

#[test]
fn hours_follow_summer_time() {
    // 06:30 UTC is 07:30 in Berlin's winter and 08:30 in its summer.
    let rule = "hours = { from = \"08:00\", to = \"18:00\", zone = \"Europe/Berlin\" }";
    let at = |now| Asked { moment: Moment { now, seen: 0 }, ..asked() };
    assert_eq!(answer(rule, &at(1_768_372_200)), "Hours");
    assert_eq!(answer(rule, &at(1_784_010_600)), "permits");
}

#[test]
fn a_clock_set_back_gives_no_hours() {
    let rule = "hours = { days = [\"wed\"] }";
    for (behind, expected) in [(0, "permits"), (300, "permits"), (301, "Clock"), (HOUR, "Clock")] {
        let seen = WEDNESDAY_NOON + behind;
        let asked = Asked { moment: Moment { now: WEDNESDAY_NOON, seen }, ..asked() };
        assert_eq!(answer(rule, &asked), expected, "{behind} seconds");
        assert_eq!(answer("", &asked), "permits", "a rule without hours asks no clock");
    }
}

#[test]
fn the_first_rule_that_permits_all_of_it_is_the_one() {
    let text = "version = 1\n\
        [[rule]]\nname = \"verify\"\noperations = [\"verify\"]\n\
        [[rule]]\nname = \"narrow\"\noperations = [\"sign\"]\nmechanisms = [\"CKM_ECDSA\"]\n\
        [[rule]]\nname = \"wide\"\noperations = [\"sign\"]\n";
    let rules = Rules::parse(text).unwrap();
    let a = asked();
    let matched = Matched::of(&rules, &a.facts);
    let caller = Caller { roles: a.roles, user: a.user, uid: a.uid };
    let by = |operation, mechanism: CK_MECHANISM_TYPE| {
        let ask = Ask { operation, mechanism: Some(mechanism as u64) };
        match strongroom::policy::rules::judge(&matched, &ask, &caller, a.moment) {
            Verdict::By(rule) => rule.name.clone(),
            Verdict::Denied(Some((rule, reason))) => format!("{} {reason:?}", rule.name),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(by(Operation::Sign, CKM_ECDSA), "narrow");
    assert_eq!(by(Operation::Sign, CKM_ECDSA_SHA256), "wide");
    assert_eq!(by(Operation::Verify, CKM_ECDSA), "verify");
    assert_eq!(by(Operation::Derive, CKM_ECDH1_DERIVE), "verify Operation");
}

#[test]
fn keys_that_no_rule_is_about() {
    for (default, expected) in
        [("", true), ("default = \"allow\"", true), ("default = \"deny\"", false)]
    {
        let text = format!(
            "version = 1\n{default}\n[[rule]]\nname = \"r\"\nmatch = {{ label = \"x\" }}\n"
        );
        let rules = Rules::parse(&text).unwrap();
        assert_eq!(Matched::of(&rules, &asked().facts).is_free(), expected, "{default}");
    }
}
