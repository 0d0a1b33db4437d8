// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The policy of a token: checked, shown, set, explained.

use super::failure::{Failure, Outcome};
use super::inventory::{Summary, Wanted};
use super::pins::Visit;
use crate::error::Error;
use crate::mechanism;
use crate::policy::rules::{Fault, Operation, Party, Roles, Rules, seconds};
use crate::session::{Approving, Explanation, Question};
use jiff::Timestamp;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A policy that can be set.
pub struct Proposal {
    /// Its text.
    text: String,
    /// How many rules it has.
    rules: usize,
}

impl Proposal {
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// What a check of a file found.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// The file.
    pub file: String,
    /// How many rules it has.
    pub rules: usize,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// A policy that was set.
#[derive(Debug, Serialize)]
pub struct Established {
    /// Counts the policies of the token.
    pub version: u64,
    /// How many rules it has.
    pub rules: usize,
}

/// A policy as it was set.
#[derive(Debug, Serialize)]
pub struct ShownPolicy {
    /// Counts the policies of the token.
    pub version: u64,
    /// The text.
    pub text: String,
}

/// What someone asks of the policy about a key.
pub struct Asked {
    /// What would be done.
    pub operation: Operation,
    /// With which mechanism, by name.
    pub mechanism: Option<String>,
    /// By which named user.
    pub user: Option<String>,
    /// In which role.
    pub role: Option<Party>,
    /// By which user of the operating system.
    pub uid: Option<u32>,
    /// When, as RFC 3339 has it.
    pub at: Option<String>,
}

/// What the policy says about it.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The key.
    pub key: Summary,
    /// What would be done.
    pub operation: Operation,
    /// Whether it would be permitted.
    pub allowed: bool,
    /// The same in words.
    pub verdict: String,
    /// The version of the policy; none where the token has none.
    pub policy: Option<u64>,
    /// What each rule says that is about the key, up to the one that decides.
    pub rules: Vec<RuleSays>,
}

/// What a rule says.
#[derive(Debug, Serialize)]
pub struct RuleSays {
    /// Its name.
    pub name: String,
    /// The line where it begins.
    pub line: usize,
    /// Whether it is the one that decides, and permits it.
    pub permits: bool,
    /// In words.
    pub says: &'static str,
}

/// Reads a policy from a file, and says what is wrong with it.
pub fn check_policy(file: &Path) -> Outcome<(Checked, Option<Proposal>)> {
    let name = file.display().to_string();
    let text = read(file).map_err(|error| {
        Failure::new(
            format!("cannot read {name}: {error}"),
            "name a file of UTF-8 text that exists and that you may read",
        )
    })?;
    Ok(match Rules::parse(&text) {
        Ok(rules) => {
            let rules = rules.rules().len();
            (Checked { file: name, rules, faults: Vec::new() }, Some(Proposal { text, rules }))
        }
        Err(faults) => (Checked { file: name, rules: 0, faults }, None),
    })
}

/// A key as someone names it: by its label, or by `id:` and its id.
pub fn named_key(name: &str) -> Outcome<Wanted> {
    let Some(digits) = name.strip_prefix("id:") else {
        return Ok(Wanted { label: Some(name.to_string()), ..Wanted::default() });
    };
    match hex::decode(digits) {
        Ok(id) if !id.is_empty() => Ok(Wanted { id: Some(id), ..Wanted::default() }),
        _ => Err(Failure::new(
            format!("'{name}' names no key"),
            "behind 'id:' stand pairs of hexadecimal digits, such as id:01",
        )),
    }
}

impl Visit<'_> {
    /// The policy of the token.
    pub fn policy(&self) -> Outcome<ShownPolicy> {
        let found = self.library().policy(self.session);
        let found = found.map_err(|error| Failure::of("cannot read the policy", error))?;
        let (version, text) = found.ok_or_else(|| {
            let label = &self.token().label;
            Failure::new(
                format!("token '{label}' has no policy"),
                "'strongroom policy set FILE' gives it one; conf/policy.toml is an example",
            )
        })?;
        Ok(ShownPolicy { version, text })
    }

    /// The security officer sets the policy.
    pub fn set_policy(&self, proposal: &Proposal) -> Outcome<Established> {
        let version = self.library().set_policy(self.session, &proposal.text);
        let version = version.map_err(|error| Failure::of("cannot set the policy", error))?;
        Ok(Established { version, rules: proposal.rules })
    }

    /// A custodian approves of so many uses of a key, for so long: `90s`, `15m`, `1h`, `2d`.
    pub fn approve(&self, key: &str, operation: Operation, uses: u32, long: &str) -> Outcome<()> {
        let seconds = seconds(long).ok_or_else(|| {
            Failure::new(
                format!("'{long}' is no length of time"),
                "write a number and one of s, m, h, d, such as 1h; at most 366d",
            )
        })?;
        let what = Approving { key: key.as_bytes(), operation, uses, seconds };
        self.library().approve(self.session, &what).map_err(|error| match error {
            Error::UserNotLoggedIn => Failure::new(
                "only custodians approve",
                "name one with --user; 'strongroom user list' shows who is one",
            ),
            other => Failure::of("cannot approve", other),
        })
    }

    /// Whether the policy would permit something with the key that fits, and why.
    pub fn explain(&self, wanted: &Wanted, asked: &Asked) -> Outcome<Explained> {
        let question = question(asked)?;
        let key = self.one_object(wanted)?;
        let told = self.library().explain(self.session, key.handle, &question);
        let told = told.map_err(|error| match error {
            Error::KeyHandleInvalid => Failure::new(
                format!("the {} is no key", key.words()),
                "a policy is about private, public and secret keys",
            ),
            other => Failure::of("cannot ask the policy", other),
        })?;
        Ok(Explained {
            operation: asked.operation,
            allowed: told.allowed,
            verdict: verdict(&told, asked, &key),
            policy: told.version,
            rules: told
                .rules
                .iter()
                .map(|(name, line, lacks)| RuleSays {
                    name: name.clone(),
                    line: *line,
                    permits: lacks.is_none(),
                    says: lacks.map_or("permits it", |reason| reason.words()),
                })
                .collect(),
            key,
        })
    }
}

fn question(asked: &Asked) -> Outcome<Question> {
    let unknown = |name: &str| {
        Failure::new(
            format!("there is no mechanism '{name}'"),
            "docs/mechanisms.md has their names, such as CKM_ECDSA_SHA256",
        )
    };
    let mechanism = asked.mechanism.as_deref().map(|name| {
        let row = mechanism::all().find(|row| row.name == name);
        row.map(|row| row.id as u64).ok_or_else(|| unknown(name))
    });
    let at = asked.at.as_deref().map(|text| {
        let time = text.parse::<Timestamp>().ok();
        time.and_then(|time| u64::try_from(time.as_second()).ok()).ok_or_else(|| {
            Failure::new(
                format!("'{text}' is no time"),
                "write date, time and offset, such as 2026-03-01T12:00:00Z",
            )
        })
    });
    // Who asks about a user or a uid means them, and not whoever is logged in besides.
    let someone = asked.user.is_some() || asked.uid.is_some();
    let nobody = someone.then_some(Roles::NONE);
    Ok(Question {
        operation: asked.operation,
        mechanism: mechanism.transpose()?,
        roles: asked.role.map(|role| Roles::these(&[role])).or(nobody),
        user: asked.user.clone(),
        uid: asked.uid,
        at: at.transpose()?,
    })
}

fn verdict(told: &Explanation, asked: &Asked, key: &Summary) -> String {
    let (operation, words) = (asked.operation.name(), key.words());
    let permitted = if told.allowed { "permitted" } else { "denied" };
    let why = match (told.version, told.governed) {
        (None, _) => "the token has no policy".to_string(),
        (Some(version), false) => {
            format!("by the default of policy {version}: no rule is about it")
        }
        (Some(version), true) => match told.rules.last().filter(|_| told.allowed) {
            Some((rule, ..)) => format!("by rule '{rule}' of policy {version}"),
            None => format!("by policy {version}: no rule that is about it permits it"),
        },
    };
    format!("{operation} is {permitted} with the {words}, {why}")
}

/// A file, or so much of it as shows that it is too long.
fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

/// More than the longest policy, bytes.
const MOST: u64 = 2 << 20;
