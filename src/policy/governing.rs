// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a token's policy says of an object: what rules look at in a key, the rules that are about it,
//! and the codes of denials. It may import `object`, `mechanism` and layer 0.

use super::Use;
use super::rules::{Facts, Fault, Operation, Party, Reason, Roles, Rule, Rules};
use super::strength::strength;
use crate::call;
use crate::config::Separation;
use crate::error::Error;
use crate::object::{Attributes, Object, Value};
use crate::types::Role;
use crate::vendor::*;
use cryptoki_sys::*;
use std::sync::Arc;

/// A policy that was set.
#[derive(Debug)]
pub struct Policy {
    /// Counts the policies that the token has had.
    pub version: u64,
    /// What it says.
    pub rules: Rules,
}

impl Policy {
    /// Reads a policy that was checked when it was set.
    pub fn of(version: u64, text: &str) -> Result<Policy, Vec<Fault>> {
        Rules::parse(text).map(|rules| Policy { version, rules })
    }
}

impl Use {
    /// What a policy calls it.
    pub fn operation(self) -> Operation {
        match self {
            Use::Encrypt => Operation::Encrypt,
            Use::Decrypt => Operation::Decrypt,
            Use::Sign | Use::SignRecover => Operation::Sign,
            Use::Verify | Use::VerifyRecover => Operation::Verify,
            Use::Wrap => Operation::Wrap,
            Use::Unwrap => Operation::Unwrap,
            Use::Derive => Operation::Derive,
            Use::Encapsulate => Operation::Encapsulate,
            Use::Decapsulate => Operation::Decapsulate,
        }
    }
}

/// What rules look at in a key.
pub fn facts(key: &Object) -> Facts {
    let attributes = key.attributes();
    Facts {
        label: text(attributes, CKA_LABEL),
        id: hex::encode(attributes.bytes(CKA_ID).unwrap_or_default()),
        class: key.class() as u64,
        key_type: key.key_type().unwrap_or(u64::MAX),
        owner: text(attributes, CKA_STRONGROOM_OWNER),
        purpose: text(attributes, CKA_STRONGROOM_PURPOSE),
        labels: labels(attributes.get(CKA_STRONGROOM_LABELS)),
        strength: strength(key).ok().filter(|bits| *bits > 0).map(|bits| bits as u32),
    }
}

fn text(attributes: &Attributes, id: CK_ATTRIBUTE_TYPE) -> String {
    String::from_utf8_lossy(attributes.bytes(id).unwrap_or_default()).into_owned()
}

/// Labels stand on lines of their own.
fn labels(value: Option<&Value>) -> Vec<String> {
    let bytes = value.and_then(Value::octets).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes);
    text.lines().filter(|line| !line.is_empty()).map(str::to_string).collect()
}

/// In what parts someone uses a token.
pub fn parties(role: Option<Role>, separation: Separation) -> Roles {
    Roles::these(match (role, separation) {
        (None, _) => &[Party::Public],
        (Some(Role::So), _) => &[Party::So],
        (Some(Role::User), Separation::Standard) => &[Party::User, Party::Operator, Party::Manager],
        (Some(Role::User), Separation::Strict) => &[Party::User, Party::Operator],
        (Some(Role::Operator), _) => &[Party::Operator],
        (Some(Role::Manager), _) => &[Party::Manager],
        (Some(Role::Auditor), _) => &[Party::Auditor],
        (Some(Role::Custodian), _) => &[Party::Custodian],
    })
}

/// The error of a denial, with its line on the diagnostic channel.
pub fn denied(
    key: &Object,
    operation: Operation,
    mechanism: Option<&str>,
    why: Option<(&Arc<Rule>, Reason)>,
) -> Error {
    let (rule, reason) = match why {
        Some((rule, reason)) => (rule.name.as_str(), reason.words()),
        None => ("default", "denies keys that no rule is about"),
    };
    tracing::warn!(
        key = %text(key.attributes(), CKA_UNIQUE_ID),
        label = %text(key.attributes(), CKA_LABEL).escape_debug(),
        mechanism = mechanism.unwrap_or("none"),
        "the policy of the token denies '{}': rule '{rule}' {reason}",
        operation.name()
    );
    call::denied(rule);
    refusal(operation)
}

/// What a call is told that policy denies: a code that the specification has for it.
pub fn refusal(operation: Operation) -> Error {
    match operation {
        Operation::Generate | Operation::Import => Error::TemplateInconsistent,
        Operation::Copy | Operation::Change | Operation::Destroy => Error::ActionProhibited,
        Operation::Export => Error::KeyNotWrappable,
        Operation::Digest => Error::KeyIndigestible,
        _ => Error::KeyFunctionNotPermitted,
    }
}
