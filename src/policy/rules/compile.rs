// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From the text of a policy to its rules, or to everything that is wrong with it. It imports nothing
//! of the crate.

use super::alarm::{self, Alarm};
use super::cover::shadows;
use super::fault::{Fault, Faults};
use super::key::Facts;
use super::rule::Rule;
use super::text::{Page, Text, read};
use std::collections::HashMap;
use std::sync::Arc;
use toml::Spanned;

/// A policy, ready to be asked.
#[derive(Debug)]
pub struct Rules {
    /// What holds for keys that no rule is about.
    pub otherwise: Otherwise,
    rules: Vec<Arc<Rule>>,
    alarms: Vec<Arc<Alarm>>,
}

/// What holds for keys that no rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// The policy leaves them alone.
    Allow,
    /// They are not used.
    Deny,
}

impl Rules {
    /// The rules of a text, or what is wrong with it.
    pub fn parse(text: &str) -> Result<Rules, Vec<Fault>> {
        let page = read(text)?;
        let mut faults = Faults::of(text);
        if *page.version.get_ref() != VERSION {
            faults.add(
                &page.version.span(),
                format!("version {} is not one that is known here", page.version.get_ref()),
                format!("write version = {VERSION}, in the format that docs/policy.md describes"),
            );
        }
        if page.rule.len() > MOST {
            faults.add(
                &page.rule.get(MOST).map_or(0..0, Spanned::span),
                format!("the policy has {} rules; at most {MOST} are taken", page.rule.len()),
                "join rules that differ in their match alone by a wider pattern",
            );
            return Err(faults.all());
        }
        let otherwise = otherwise(page.default.as_ref(), &mut faults);
        distinct(&page, &mut faults);
        alarm::distinct(&page.alarm, &mut faults);
        let alarms: Vec<_> =
            page.alarm.iter().filter_map(|raw| Alarm::compile(text, raw, &mut faults)).collect();
        let compiled: Vec<_> =
            page.rule.iter().map(|raw| (raw, Rule::compile(text, raw, &mut faults))).collect();
        faults.end()?;
        let mut faults = Faults::of(text);
        for (number, (raw, rule)) in compiled.iter().enumerate() {
            let earlier = compiled.iter().take(number).map(|(_, earlier)| earlier);
            if let Some(wider) = earlier.into_iter().find(|earlier| shadows(earlier, rule)) {
                faults.add(
                    &raw.get_ref().name.span(),
                    format!(
                        "rule '{}' never applies: rule '{}' (line {}) comes first and permits all of it",
                        rule.name, wider.name, wider.line
                    ),
                    format!(
                        "move it before '{}', narrow that rule, or take this one out",
                        wider.name
                    ),
                );
            }
        }
        faults.end()?;
        let rules = compiled.into_iter().map(|(_, rule)| Arc::new(rule)).collect();
        let alarms = alarms.into_iter().map(Arc::new).collect();
        Ok(Rules { otherwise, rules, alarms })
    }

    /// The rules, in the order of the text.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The alarms, in the order of the text.
    pub fn alarms(&self) -> &[Arc<Alarm>] {
        &self.alarms
    }

    /// The rules that are about a key, in the order of the text.
    pub fn about<'a>(&'a self, key: &'a Facts) -> impl Iterator<Item = &'a Arc<Rule>> {
        self.rules.iter().filter(|rule| rule.is_about(key))
    }
}

fn otherwise(given: Option<&Text>, faults: &mut Faults<'_>) -> Otherwise {
    match given.map(|text| (text.get_ref().as_str(), text.span())) {
        None | Some(("allow", _)) => Otherwise::Allow,
        Some(("deny", _)) => Otherwise::Deny,
        Some((other, span)) => {
            let next = "write \"allow\" or \"deny\": what holds for keys that no rule is about";
            faults.add(&span, format!("'{other}' is no default"), next);
            Otherwise::Deny
        }
    }
}

/// Denials and counts go by the names of rules.
fn distinct(page: &Page, faults: &mut Faults<'_>) {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (number, rule) in page.rule.iter().enumerate() {
        let name = &rule.get_ref().name;
        if let Some(first) = names.insert(name.get_ref(), number + 1) {
            faults.add(
                &name.span(),
                format!("rule {first} is called '{}' already", name.get_ref()),
                "give each rule a name of its own",
            );
        }
    }
}

/// The version of the format.
const VERSION: i64 = 1;
/// The most rules.
const MOST: usize = 4096;
