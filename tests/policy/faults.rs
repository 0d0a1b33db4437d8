// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bad policies are refused whole, with the place of what is wrong. Each case is a policy and the
//! places (line:column) and words of its faults.

use strongroom::policy::rules::Rules;

/// `version = 1` on line 1, a rule that begins on line 2, its name on line 3, `rest` from line 4.
fn rule(rest: &str) -> String {
    format!("version = 1\n[[rule]]\nname = \"r\"\n{rest}\n")
}

#[test]
fn faults_have_places() {
    let cases: Vec<(String, &[&str])> = vec![
        ("version = 2\n".into(), &["1:11 version 2"]),
        ("version = \n".into(), &["1:11 "]),
        ("default = \"deny\"\n".into(), &["1:1 missing field `version`"]),
        ("version = 1\ndefualt = \"deny\"\n".into(), &["2:1 unknown field `defualt`"]),
        ("version = 1\ndefault = \"maybe\"\n".into(), &["2:11 'maybe' is no default"]),
        (rule("operation = []"), &["4:1 unknown field `operation`"]),
        (rule("match = { lable = \"x\" }"), &["4:11 unknown field `lable`"]),
        (rule("operations = []"), &["4:14 an empty list"]),
        (rule("operations = [\"sing\"]"), &["4:15 'sing' is no operation"]),
        (
            rule("operations = [\"sing\",\n  \"sign\", \"vérify\"]"),
            &["4:15 'sing'", "5:11 'vérify' is no operation"],
        ),
        (rule("mechanisms = []"), &["4:14 an empty list"]),
        (rule("mechanisms = [\"CKM_ECDSA*\", \"ECDSA\"]"), &["4:29 no mechanism"]),
        (rule("principals = {}"), &["4:14 these principals are nobody"]),
        (rule("principals = { roles = [\"opreator\"] }"), &["4:25 'opreator' is no role"]),
        (rule("principals = { users = [] }"), &["4:24 an empty list"]),
        (rule("principals = { uids = [-1] }"), &["4:24 -1 is no uid"]),
        (rule("hours = {}"), &["4:9 these hours are every hour"]),
        (rule("hours = { days = [\"moon\"] }"), &["4:19 'moon' is no day"]),
        (rule("hours = { from = \"8:00\", to = \"25:00\" }"), &["4:18 '8:00'", "4:31 '25:00'"]),
        (rule("hours = { from = \"08:00\" }"), &["4:18 'from' and 'to' go together"]),
        (
            rule("hours = { from = \"08:00\", to = \"08:00\" }"),
            &["4:32 from 08:00 to 08:00 is no time"],
        ),
        (
            rule("hours = { days = [\"mon\"], zone = \"Europe/Berlen\" }"),
            &["4:34 there is no time zone 'Europe/Berlen'"],
        ),
        (rule("total = 0"), &["4:9 total is 0"]),
        (rule("total = \"many\""), &["4:9 invalid type"]),
        (rule("rate = { count = 0, per = \"1m\" }"), &["4:18 rate.count is 0"]),
        (rule("rate = { count = 1, per = \"1w\" }"), &["4:27 '1w' is no window"]),
        (rule("rate = { count = 1, per = \"0s\" }"), &["4:27 '0s' is no window"]),
        (rule("rate = { count = 1 }"), &["4:8 missing field `per`"]),
        (rule("min-strength = 4096"), &["4:16 min-strength is 4096"]),
        (rule("match = { class = \"secrets\" }"), &["4:19 'secrets' is no class"]),
        (rule("match = { key-type = \"ecc\" }"), &["4:22 'ecc' is no key type"]),
        (rule("match = { id = \"xyz\" }"), &["4:16 'xyz' is no id"]),
        (rule("match = { labels = [] }"), &["4:20 an empty list"]),
        (rule("operations = [\"generate\"]\ntotal = 5"), &["5:9 the uses of each key are counted"]),
        (rule("\n[[rule]]\nname = \"r\""), &["6:8 rule 1 is called 'r' already"]),
        (rule("\n[[rule]]\nname = \"\""), &["6:8 that is no name of a rule"]),
    ];
    for (text, expected) in cases {
        same(&text, expected);
    }
}

#[test]
fn faults_of_approvals_have_places() {
    let cases: [(String, &[&str]); 3] = [
        (rule("approvals = { count = 99 }"), &["4:23 approvals.count is 99"]),
        (
            rule("operations = [\"sign\"]\napprovals = { count = 2, operations = [\"export\"] }"),
            &["5:39 approval is asked for an operation"],
        ),
        (
            rule("approvals = { count = 2, operations = [\"import\"] }"),
            &["4:39 a key that is yet to be made"],
        ),
    ];
    for (text, expected) in cases {
        same(&text, expected);
    }
}

#[test]
fn rules_that_never_apply() {
    let after = |first: &str, second: &str| {
        format!("version = 1\n[[rule]]\nname = \"a\"\n{first}\n[[rule]]\nname = \"b\"\n{second}\n")
    };
    let never: &[&str] = &["6:8 rule 'b' never applies: rule 'a' (line 2)"];
    let cases: [(&str, &str, bool); 20] = [
        ("", "total = 5", true),
        ("match = { label = \"web-*\" }", "match = { label = \"web-1?\" }", true),
        ("match = { label = \"web-1\" }", "match = { label = \"web-*\" }", false),
        ("match = { label = \"web-*\" }", "match = { id = \"01\" }", false),
        ("match = { id = \"0A\" }", "match = { id = \"0a\", class = \"private\" }", true),
        ("match = { labels = [\"p*\"] }", "match = { labels = [\"x\", \"prod\"] }", true),
        ("match = { labels = [\"p\", \"q\"] }", "match = { labels = [\"p\"] }", false),
        ("operations = [\"sign\"]", "operations = [\"sign\", \"verify\"]", false),
        ("operations = [\"sign\", \"verify\"]", "operations = [\"verify\"]", true),
        ("mechanisms = [\"CKM_ECDSA*\"]", "mechanisms = [\"CKM_ECDSA_SHA256\"]", true),
        ("mechanisms = [\"CKM_ECDSA_SHA256\"]", "mechanisms = [\"CKM_ECDSA*\"]", false),
        ("mechanisms = [\"CKM_ECDSA\"]", "", false),
        ("principals = { uids = [1, 2] }", "principals = { uids = [2] }", true),
        ("principals = { uids = [1] }", "principals = { roles = [\"so\"] }", false),
        ("principals = { roles = [\"so\"] }", "", false),
        ("min-strength = 112", "min-strength = 128", true),
        ("min-strength = 128", "min-strength = 112", false),
        (
            "hours = { from = \"08:00\", to = \"18:00\" }",
            "hours = { from = \"09:00\", to = \"17:00\" }",
            true,
        ),
        (
            "hours = { from = \"08:00\", to = \"18:00\" }",
            "hours = { from = \"22:00\", to = \"06:00\" }",
            false,
        ),
        (
            "hours = { from = \"08:00\", to = \"18:00\" }",
            "hours = { from = \"09:00\", to = \"17:00\", zone = \"Europe/Rome\" }",
            false,
        ),
    ];
    for (first, second, shadowed) in cases {
        same(&after(first, second), if shadowed { never } else { &[] });
    }
}

#[test]
fn limits_of_size() {
    let rules = |count: usize| {
        let one = |n: usize| format!("[[rule]]\nname = \"r{n}\"\nmatch = {{ label = \"k{n}\" }}\n");
        format!("version = 1\n{}", (0..count).map(one).collect::<String>())
    };
    same(&rules(4096), &[]);
    same(&rules(4097), &["12290:1 the policy has 4097 rules"]);
    let long = format!("version = 1\n#{}\n", "x".repeat(1 << 20));
    same(&long, &["1:1 the policy has 1048590 bytes"]);
}

#[test]
fn the_example_is_a_policy() {
    let text = std::fs::read_to_string("conf/policy.toml").unwrap();
    same(&text, &[]);
    assert_eq!(Rules::parse(&text).unwrap().rules().len(), 5);
}

#[track_caller]
fn same(text: &str, expected: &[&str]) {
    let found = Rules::parse(text).err().unwrap_or_default();
    let said: Vec<_> =
        found.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.what)).collect();
    let head = &text[..text.len().min(300)];
    assert_eq!(said.len(), expected.len(), "{head}\n{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(expected), "{head}\n{said} is not {expected}");
    }
    assert!(found.iter().all(|fault| !fault.next.is_empty()));
}
