// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A record: who did what with which key, as one line of JSON. Its type has no place for the bytes of
//! a value, so that none can get into the log. It renders and parses, and touches no file.

use super::chain::MAC;
use super::tree::Frontier;
use crate::error::{Error, Result};

/// What happened. The log adds the number, the time, the store and the process.
#[derive(Clone, Copy, Default)]
pub struct Entry<'a> {
    /// As whom.
    pub who: Who<'a>,
    /// The serial number of the token; empty where none is meant.
    pub token: &'a str,
    /// The session's handle; 0 where there is none.
    pub session: u64,
    /// The name of the C function, or of the command's verb.
    pub op: &'a str,
    /// The key it was about.
    pub key: Option<KeyName<'a>>,
    /// The name of the mechanism; empty where there is none.
    pub mechanism: &'a str,
    /// How it went: the name of a `CKR_*`.
    pub outcome: &'a str,
    /// Further particulars.
    pub details: &'a [Detail<'a>],
}

/// As whom something is done.
#[derive(Clone, Copy, Default)]
pub struct Who<'a> {
    /// The role's name; empty for nobody.
    pub role: &'a str,
    /// The user's name; empty for one without.
    pub user: &'a str,
}

/// Which process does something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// The user it runs as.
    pub uid: u32,
    /// Its number.
    pub pid: u32,
    /// Its program.
    pub program: String,
}

/// A key by its names.
#[derive(Clone, Copy)]
pub struct KeyName<'a> {
    /// `CKA_UNIQUE_ID`.
    pub id: &'a [u8],
    /// `CKA_LABEL`.
    pub label: &'a [u8],
}

/// A particular of a record, of a closed set.
#[derive(Clone, Copy)]
pub enum Detail<'a> {
    /// `count`: how often, where one record is of many uses.
    Count(u64),
    /// `first`: when the first of them may have been, microseconds since 1970.
    First(u64),
    /// `last`: when the last of them may have been, microseconds since 1970.
    Last(u64),
    /// `rule`: the rule of the policy that decided.
    Rule(&'a str),
    /// `revision`: of the store, or version of a policy.
    Revision(u64),
    /// `subject`: whom or what it was done to: a user's name, a token's label, a slot of a seal.
    Subject(&'a str),
    /// `object`: the `CKA_UNIQUE_ID` of what was made, beside the key that it was made with.
    Object(&'a [u8]),
    /// `attribute`: the name of one that was read or changed, never its value.
    Attribute(&'a str),
    /// `size`: of the tree, leaves.
    Size(u64),
    /// `root`: of the tree.
    Root(&'a [u8; 32]),
    /// `tree`: the roots of its complete subtrees.
    Tree(&'a [[u8; 32]]),
    /// `previous`: the code of the record before.
    Previous(&'a [u8; MAC]),
    /// `keys`: the SHA-256 of the file that keeps the chain's first key for the auditors.
    Keys(&'a [u8; 32]),
    /// `lost`: how many records were written and are gone.
    Lost(u64),
    /// `cut`: how many bytes without a whole record were cut off.
    Cut(u64),
    /// `back`: by how much the clock stands behind the record before, microseconds.
    Back(u64),
}

/// What the log adds to an entry.
pub struct Stamp<'a> {
    /// The number of the record.
    pub seq: u64,
    /// When it was written, microseconds since 1970.
    pub time: u64,
    /// The store.
    pub store: &'a [u8; 16],
    /// The process.
    pub process: &'a Process,
    /// By how much the clock stands behind the record before, microseconds.
    pub back: u64,
}

/// Renders a record without its code to the end of `line`.
pub fn render(stamp: &Stamp<'_>, entry: &Entry<'_>, line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"v":1,"seq":"#);
    number(stamp.seq, line);
    line.extend_from_slice(br#","time":""#);
    time(stamp.time, line);
    line.extend_from_slice(br#"","store":""#);
    digits(stamp.store, line);
    line.extend_from_slice(br#"","who":{"uid":"#);
    number(stamp.process.uid.into(), line);
    line.extend_from_slice(br#","pid":"#);
    number(stamp.process.pid.into(), line);
    field("program", stamp.process.program.as_bytes(), line);
    named("role", entry.who.role, line);
    named("user", entry.who.user, line);
    line.push(b'}');
    named("token", entry.token, line);
    if entry.session != 0 {
        line.extend_from_slice(br#","session":"#);
        number(entry.session, line);
    }
    field("op", entry.op.as_bytes(), line);
    if let Some(key) = &entry.key {
        line.extend_from_slice(br#","key":{"id":""#);
        text(key.id, line);
        line.push(b'"');
        field("label", key.label, line);
        line.push(b'}');
    }
    named("mechanism", entry.mechanism, line);
    field("outcome", entry.outcome.as_bytes(), line);
    particulars(entry.details, stamp.back, line);
}

fn particulars(details: &[Detail<'_>], back: u64, line: &mut Vec<u8>) {
    let back = (back > 0).then_some(Detail::Back(back));
    let mut before: &[u8] = br#","details":{"#;
    for detail in details.iter().chain(&back) {
        line.extend_from_slice(before);
        detail.render(line);
        before = b",";
    }
    if before == b"," {
        line.push(b'}');
    }
}

/// Ends a line with its code and a newline.
pub fn close(mac: &[u8; MAC], line: &mut Vec<u8>) {
    line.extend_from_slice(BEFORE_MAC);
    digits(mac, line);
    line.extend_from_slice(b"\"}\n");
}

/// A line without its newline: the part that the code is over, and the code.
pub fn split(line: &[u8]) -> Option<(&[u8], [u8; MAC])> {
    let text = line.strip_suffix(b"\"}")?;
    let (text, mac) = text.split_at_checked(text.len().checked_sub(2 * MAC)?)?;
    let mut code = [0; MAC];
    hex::decode_to_slice(mac, &mut code).ok()?;
    // One spelling of a code: no second line with the same meaning.
    let lower = mac.iter().all(|digit| !digit.is_ascii_uppercase());
    Some((text.strip_suffix(BEFORE_MAC)?, code)).filter(|_| lower)
}

impl Detail<'_> {
    fn render(&self, line: &mut Vec<u8>) {
        let (name, value) = self.parts();
        line.push(b'"');
        line.extend_from_slice(name.as_bytes());
        line.extend_from_slice(b"\":");
        if let Value::Number(value) = value {
            return number(value, line);
        }
        if let Value::Nodes(nodes) = value {
            return list(nodes, line);
        }
        line.push(b'"');
        match value {
            Value::Time(value) => time(value, line),
            Value::Text(value) => text(value, line),
            Value::Hash(value) => digits(value, line),
            Value::Number(_) | Value::Nodes(_) => {}
        }
        line.push(b'"');
    }

    fn parts(&self) -> (&'static str, Value<'_>) {
        use Value::{Hash, Nodes, Number, Text, Time};
        match self {
            Detail::Count(count) => ("count", Number(*count)),
            Detail::First(time) => ("first", Time(*time)),
            Detail::Last(time) => ("last", Time(*time)),
            Detail::Rule(name) => ("rule", Text(name.as_bytes())),
            Detail::Revision(revision) => ("revision", Number(*revision)),
            Detail::Subject(name) => ("subject", Text(name.as_bytes())),
            Detail::Object(id) => ("object", Text(id)),
            Detail::Attribute(name) => ("attribute", Text(name.as_bytes())),
            Detail::Size(size) => ("size", Number(*size)),
            Detail::Root(root) => ("root", Hash(root)),
            Detail::Tree(nodes) => ("tree", Nodes(nodes)),
            Detail::Previous(mac) => ("previous", Hash(mac)),
            Detail::Keys(hash) => ("keys", Hash(hash)),
            Detail::Lost(records) => ("lost", Number(*records)),
            Detail::Cut(bytes) => ("cut", Number(*bytes)),
            Detail::Back(time) => ("back", Number(*time)),
        }
    }
}

enum Value<'a> {
    Number(u64),
    Time(u64),
    Text(&'a [u8]),
    Hash(&'a [u8; 32]),
    Nodes(&'a [[u8; 32]]),
}

fn named(name: &str, value: &str, line: &mut Vec<u8>) {
    if !value.is_empty() {
        field(name, value.as_bytes(), line);
    }
}

fn field(name: &str, value: &[u8], line: &mut Vec<u8>) {
    line.extend_from_slice(b",\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":\"");
    text(value, line);
    line.push(b'"');
}

/// A string in ASCII: what is not a printable character of it is escaped as JSON escapes UTF-16. What
/// is longer than a name should be ends in three dots.
fn text(value: &[u8], line: &mut Vec<u8>) {
    let lossy = String::from_utf8_lossy(value);
    for (at, character) in lossy.chars().enumerate() {
        if at == LONGEST_TEXT {
            line.extend_from_slice(b"...");
            return;
        }
        match character {
            '"' | '\\' => line.extend_from_slice(&[b'\\', character as u8]),
            ' '..='~' => line.push(character as u8),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    line.extend_from_slice(b"\\u");
                    digits(&unit.to_be_bytes(), line);
                }
            }
        }
    }
}

fn list(nodes: &[[u8; 32]], line: &mut Vec<u8>) {
    line.push(b'[');
    for (at, node) in nodes.iter().enumerate() {
        line.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
        digits(node, line);
        line.push(b'"');
    }
    line.push(b']');
}

fn digits(bytes: &[u8], line: &mut Vec<u8>) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            line.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
        }
    }
}

fn number(value: u64, line: &mut Vec<u8>) {
    let start = line.len();
    let mut rest = value;
    loop {
        line.push(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if let Some(digits) = line.get_mut(start..) {
        digits.reverse();
    }
}

/// RFC 3339, UTC, with microseconds.
fn time(micros: u64, line: &mut Vec<u8>) {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (year, month, day) = civil(seconds / 86_400);
    let second = seconds % 86_400;
    let parts = [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (second / 3600, 2, b':'),
        (second / 60 % 60, 2, b':'),
        (second % 60, 2, b'.'),
        (fraction, 6, b'Z'),
    ];
    for (value, width, after) in parts {
        for place in (0..width).rev() {
            line.push(b'0' + (value / 10u64.pow(place) % 10) as u8);
        }
        line.push(after);
    }
}

/// The date of a day since 1970, by the eras of 400 years of the Gregorian calendar.
fn civil(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The number of a record.
pub fn seq(text: &[u8]) -> Result<u64> {
    parse(text).map(|(seq, _)| seq)
}

/// The name of what a record is of.
pub fn op(text: &[u8]) -> Option<&[u8]> {
    // A quotation mark inside a text is escaped: this one is a name's.
    let rest = after(text, b",\"op\":\"")?;
    rest.split(|byte| *byte == b'"').next()
}

/// What the first record of a segment says of those before: the tree over them, and the last's code.
pub fn opening(line: &[u8]) -> Option<(Frontier, [u8; MAC])> {
    let (text, _) = split(line)?;
    let text = std::str::from_utf8(text).ok()?;
    let line: serde_json::Value = serde_json::from_str(&format!("{text}}}")).ok()?;
    let details = line.get("details")?;
    let node = |value: &serde_json::Value| {
        let mut node = [0; 32];
        hex::decode_to_slice(value.as_str()?, &mut node).ok()?;
        Some(node)
    };
    let roots = details.get("tree")?.as_array()?.iter().map(node).collect::<Option<Vec<_>>>()?;
    let tree = Frontier::of(details.get("size")?.as_u64()?, roots).ok()?;
    Some((tree, node(details.get("previous")?)?))
}

fn parse(text: &[u8]) -> Result<(u64, &[u8])> {
    let rest = text.strip_prefix(br#"{"v":1,"seq":"#).ok_or(Error::DataInvalid)?;
    let end = rest.iter().position(|byte| *byte == b',').ok_or(Error::DataInvalid)?;
    let (number, rest) = rest.split_at_checked(end).ok_or(Error::DataInvalid)?;
    let number = std::str::from_utf8(number).map_err(|_| Error::DataInvalid)?;
    Ok((number.parse().map_err(|_| Error::DataInvalid)?, rest))
}

fn after<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    text.get(at + mark.len()..)
}

const BEFORE_MAC: &[u8] = b",\"mac\":\"";
/// How much of a text a record has, characters: labels may be of any length.
const LONGEST_TEXT: usize = 96;
/// The longest line, bytes, with its newline: ten texts escaped in full, a tree of 64 roots.
pub const LONGEST_LINE: usize = 16 * 1024;
