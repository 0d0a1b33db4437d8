// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `docs/objects.md`: which objects there are, and the rules of their attributes.

use crate::document;
use cryptoki_sys::*;
use std::path::Path;
use strongroom::mechanism;
use strongroom::object::Shape;
use strongroom::object::attribute::{self, Given, Kind, Rule, Unsaid};

#[test]
fn the_page_of_objects_is_that_of_the_table() {
    let sets = sets();
    let classes: Vec<[String; 3]> = sets.iter().filter_map(class).collect();
    let rules: Vec<[String; 8]> = attribute::all().map(|rule| line(rule, &sets)).collect();
    let text = HEAD.to_owned()
        + &document::table(["objects", "class", "types"], &classes)
        + RULES
        + &document::table(
            [
                "attribute",
                "value",
                "objects",
                "create",
                "generate",
                "unwrap, derive",
                "default",
                "afterwards",
            ],
            &rules,
        );
    document::check("objects.md", &text);
}

#[test]
fn an_attribute_is_written_alike_in_all_its_rows_and_ruled_once_in_each_shape() {
    for rule in attribute::all() {
        for other in attribute::all().filter(|other| other.id == rule.id) {
            assert_eq!(rule.kind, other.kind, "{}", rule.name);
            let same = std::ptr::eq(rule, other);
            assert!(same || rule.shapes & other.shapes == 0, "{} has two rules", rule.name);
        }
    }
}

/// A set of shapes: its bits, and what its documentation says.
struct Set {
    name: String,
    bits: u32,
    said: String,
}

/// The sets of shapes, from their documentation, in the order of the file.
fn sets() -> Vec<Set> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/object/shape.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut sets, mut said): (Vec<Set>, String) = (Vec::new(), String::new());
    let text = text.replace("=\n   ", "=");
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("///") {
            said.push_str(comment);
        } else if let Some(rest) = line.strip_prefix("pub const ") {
            let (name, value) = rest.trim_end_matches(';').split_once(": u32 =").unwrap();
            let bits = |term: &str| match term.trim() {
                "1" => 1,
                term => match term.strip_prefix("1 << ") {
                    Some(place) => 1 << place.parse::<u32>().unwrap(),
                    None => sets.iter().find(|set| set.name == term).expect(term).bits,
                },
            };
            let bits = value.split('|').map(bits).fold(0, |all, bit| all | bit);
            let ends = [". ", ": ", " (", ", "].map(|end| said.find(end).unwrap_or(said.len()));
            let short = said[..*ends.iter().min().unwrap()].trim().trim_end_matches('.').to_owned();
            sets.push(Set { name: name.to_owned(), bits, said: short });
            said.clear();
        } else {
            said.clear();
        }
    }
    sets
}

/// The row of one shape; none for a set of several.
fn class(set: &Set) -> Option<[String; 3]> {
    if set.bits.count_ones() != 1 {
        return None;
    }
    let mut keys: Vec<CK_KEY_TYPE> = mechanism::all().flat_map(|row| row.keys).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let kinds = |class| match class {
        CKO_CERTIFICATE => vec![CKC_X_509, CKC_X_509_ATTR_CERT, CKC_WTLS],
        _ => keys.clone(),
    };
    let fits = |class, kind: Option<CK_ULONG>| {
        Shape::of(class, kind.map(|kind| kind as u64)).is_ok_and(|shape| shape.is(set.bits))
    };
    let made = CLASSES.iter().find(|(class, _)| {
        fits(*class, None) || kinds(*class).iter().any(|kind| fits(*class, Some(*kind)))
    });
    let (class, types) = match made {
        Some((class, name)) if fits(*class, None) => (*name, String::new()),
        Some((class, name)) => {
            let own = kinds(*class).into_iter().filter(|kind| fits(*class, Some(*kind)));
            let names: Vec<String> = own.map(|kind| type_name(*class, kind)).collect();
            (*name, names.join(", "))
        }
        None => (BUILT_IN.iter().find(|(set_name, _)| *set_name == set.name)?.1, String::new()),
    };
    Some([set.said.clone(), format!("`{class}`"), types])
}

fn type_name(class: CK_OBJECT_CLASS, kind: CK_ULONG) -> String {
    let certificate = match kind {
        CKC_X_509 => "CKC_X_509",
        CKC_WTLS => "CKC_WTLS",
        _ => "CKC_X_509_ATTR_CERT",
    };
    if class == CKO_CERTIFICATE {
        certificate.to_owned()
    } else {
        crate::mechanisms::key_type(kind)
    }
}

fn line(rule: &Rule, sets: &[Set]) -> [String; 8] {
    [
        format!("`{}` ({:#x})", rule.name, rule.id),
        kind(rule.kind),
        objects(rule.shapes, sets),
        given(rule.create).to_owned(),
        given(rule.generate).to_owned(),
        given(rule.unwrap).to_owned(),
        default(rule),
        afterwards(rule),
    ]
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Bool => "boolean".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Choice(0) => "0".to_owned(),
        Kind::Choice(last) => format!("0 to {last}"),
        Kind::Bytes => "bytes".to_owned(),
        Kind::Integer => "big integer".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Text => "UTF-8".to_owned(),
        Kind::Mechanisms => "mechanisms".to_owned(),
        Kind::Template => "template".to_owned(),
        Kind::Labels => "lines of key=value".to_owned(),
    }
}

/// In words: the largest sets first.
fn objects(mut bits: u32, sets: &[Set]) -> String {
    let mut largest: Vec<&Set> = sets.iter().collect();
    largest.sort_by_key(|set| std::cmp::Reverse(set.bits.count_ones()));
    let mut names = Vec::new();
    for set in largest {
        if set.bits & bits == set.bits {
            names.push(within_a_sentence(&set.said));
            bits &= !set.bits;
        }
    }
    assert_eq!(bits, 0, "src/object/shape.rs names every shape");
    names.join(", ")
}

/// With a small letter at the beginning, but for a name in capitals.
fn within_a_sentence(said: &str) -> String {
    match said.split_at(1) {
        (first, rest) if rest.starts_with(char::is_lowercase) => first.to_lowercase() + rest,
        _ => said.to_owned(),
    }
}

fn given(given: Given) -> &'static str {
    match given {
        Given::Must => "must",
        Given::May => "may",
        Given::Never => "",
    }
}

fn default(rule: &Rule) -> String {
    match rule.unsaid {
        Unsaid::Number(number) if rule.id == CKA_NAME_HASH_ALGORITHM => {
            mechanism::find(number as CK_MECHANISM_TYPE).unwrap().name.to_owned()
        }
        Unsaid::Absent => String::new(),
        Unsaid::Bool(value) => value.to_string(),
        Unsaid::Number(u64::MAX) => "unavailable".to_owned(),
        Unsaid::Number(value) => value.to_string(),
        Unsaid::Empty => "empty".to_owned(),
        Unsaid::Guarded => "true for private and secret keys".to_owned(),
        Unsaid::Usage => "what keys of the type serve".to_owned(),
    }
}

fn afterwards(rule: &Rule) -> String {
    let notes = TRAITS.iter().filter(|(mark, _)| rule.has(*mark)).map(|(_, words)| *words);
    notes.collect::<Vec<_>>().join("; ")
}

const TRAITS: &[(u16, &str)] = &[
    (attribute::MODIFIABLE, "may change"),
    (attribute::ON_COPY, "may change in a copy"),
    (attribute::ONLY_UP, "to true only"),
    (attribute::ONLY_DOWN, "to false only"),
    (attribute::SO_ONLY, "true by the security officer only"),
    (attribute::HIDDEN, "hidden in a sensitive or unextractable key"),
    (attribute::BY_STATES, "changes by the [states](lifecycle.md)"),
    (attribute::SEARCHED, "has a search tag"),
];

const CLASSES: &[(CK_OBJECT_CLASS, &str)] = &[
    (CKO_DATA, "CKO_DATA"),
    (CKO_CERTIFICATE, "CKO_CERTIFICATE"),
    (CKO_TRUST, "CKO_TRUST"),
    (CKO_PUBLIC_KEY, "CKO_PUBLIC_KEY"),
    (CKO_PRIVATE_KEY, "CKO_PRIVATE_KEY"),
    (CKO_SECRET_KEY, "CKO_SECRET_KEY"),
    (CKO_DOMAIN_PARAMETERS, "CKO_DOMAIN_PARAMETERS"),
];

const BUILT_IN: &[(&str, &str)] = &[
    ("PROFILE", "CKO_PROFILE"),
    ("MECHANISM", "CKO_MECHANISM"),
    ("CLOCK", "CKO_HW_FEATURE"),
    ("VALIDATION", "CKO_VALIDATION"),
    ("TOMBSTONE", "CKO_STRONGROOM_DESTROYED"),
];

const HEAD: &str = "\
# Objects

Which objects there are and which attributes they have, from the library's own table. Profile objects,
mechanism objects and the clock are the token's own: nobody makes, changes, copies or destroys them, and a
search finds them that asks for their class. There is no validation object: nobody has validated the
library.

This page is made by `UPDATE_DOCS=1 cargo test --test documents`; the test fails when it is out of date.

";

const RULES: &str = "
## Attributes

A template *must* or *may* name an attribute when an object is made, or else must not
(`CKR_ATTRIBUTE_READ_ONLY`): the token says it. What a function contributes itself need not be said. What
is not said has its default, or the object does not have the attribute. An attribute without a note
stays as it was made.

";
