// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a rule says of keys, and whether a key is one of them. It imports nothing of the crate.

use super::fault::Faults;
use super::glob::Glob;
use super::names::{CLASSES, KEY_TYPES};
use super::text::{RawMatch, Text};
use toml::Spanned;

/// What rules look at in a key.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `CKA_LABEL`.
    pub label: String,
    /// `CKA_ID`, hexadecimal in small letters.
    pub id: String,
    /// `CKA_CLASS`.
    pub class: u64,
    /// `CKA_KEY_TYPE`.
    pub key_type: u64,
    /// Whose it is.
    pub owner: String,
    /// What it is for.
    pub purpose: String,
    /// Its free labels.
    pub labels: Vec<String>,
    /// Its security strength, bits; none where the tables of SP 800-57 do not say it.
    pub strength: Option<u32>,
}

/// The keys that a rule is about: what is given must fit.
#[derive(Debug, Default)]
pub(super) struct Match {
    texts: [Option<Glob>; 4],
    class: Option<u64>,
    key_type: Option<u64>,
    labels: Vec<Glob>,
}

impl Match {
    pub(super) fn compile(raw: &Spanned<RawMatch>, faults: &mut Faults<'_>) -> Match {
        let RawMatch { label, id, class, key_type, owner, purpose, labels } = raw.get_ref();
        let mut text = |text: &Option<Text>| text.as_ref().map(|text| pattern(text, faults));
        let (label, owner, purpose) = (text(label), text(owner), text(purpose));
        let id = id.as_ref().map(|id| {
            let small = id.get_ref().to_lowercase();
            if !small.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '*' | '?')) {
                faults.add(
                    &id.span(),
                    format!("'{}' is no id", id.get_ref()),
                    "write it in hexadecimal digits, with * and ? where any will do",
                );
            }
            Glob::new(&small)
        });
        let mut named = |what, table, name: &Option<Text>| number(what, table, name, faults);
        let class = named("class", CLASSES, class);
        let key_type = named("key type", KEY_TYPES, key_type);
        let empty = labels.as_ref().filter(|labels| labels.get_ref().is_empty());
        if let Some(labels) = empty {
            faults.add(
                &labels.span(),
                "an empty list of labels says nothing of keys",
                "name the labels that a key must have, or leave 'labels' away",
            );
        }
        let labels = labels.iter().flat_map(|labels| labels.get_ref());
        let labels = labels.map(|label| pattern(label, faults)).collect();
        Match { texts: [label, id, owner, purpose], class, key_type, labels }
    }

    /// Whether a key is one of them.
    pub(super) fn fits(&self, key: &Facts) -> bool {
        let texts = [&key.label, &key.id, &key.owner, &key.purpose];
        self.class.is_none_or(|class| class == key.class)
            && self.key_type.is_none_or(|key_type| key_type == key.key_type)
            && self
                .texts
                .iter()
                .zip(texts)
                .all(|(pattern, text)| pattern.as_ref().is_none_or(|pattern| pattern.fits(text)))
            && self.labels.iter().all(|label| key.labels.iter().any(|has| label.fits(has)))
    }

    /// Whether every key of `other` is one of these.
    pub(super) fn covers(&self, other: &Match) -> bool {
        let same = |wide: Option<u64>, narrow| wide.is_none() || wide == narrow;
        same(self.class, other.class)
            && same(self.key_type, other.key_type)
            && self.texts.iter().zip(&other.texts).all(|pair| match pair {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(wide), Some(narrow)) => wide.covers(narrow),
            })
            && self.labels.iter().all(|wide| other.labels.iter().any(|label| wide.covers(label)))
    }
}

fn pattern(text: &Text, faults: &mut Faults<'_>) -> Glob {
    if text.get_ref().chars().count() > LONGEST {
        faults.add(
            &text.span(),
            format!("a pattern has at most {LONGEST} characters"),
            "shorten it with *",
        );
    }
    Glob::new(text.get_ref())
}

fn number(
    what: &str,
    table: &[(&str, cryptoki_sys::CK_ULONG)],
    name: &Option<Text>,
    faults: &mut Faults<'_>,
) -> Option<u64> {
    let name = name.as_ref()?;
    let known = table.iter().find(|(known, _)| known == name.get_ref());
    if known.is_none() {
        let names: Vec<_> = table.iter().map(|(name, _)| *name).collect();
        faults.add(
            &name.span(),
            format!("'{}' is no {what}", name.get_ref()),
            format!("write one of: {}", names.join(", ")),
        );
    }
    known.map(|(_, number)| *number as u64)
}

/// The longest pattern, characters.
const LONGEST: usize = 256;
