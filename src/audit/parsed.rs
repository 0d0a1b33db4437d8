// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a line says, read strictly, for whoever reads the log: what checks it and what shows it take the
//! same lines for records. It touches no file.

use super::record;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// What a line says.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The version of its format.
    pub v: u64,
    /// Its number.
    pub seq: u64,
    /// When it was written: RFC 3339, UTC.
    pub time: String,
    /// The store.
    pub store: String,
    /// Who did it.
    pub who: Author,
    /// The token's serial number.
    #[serde(default)]
    pub token: Option<String>,
    /// The session's handle.
    #[serde(default)]
    pub session: Option<u64>,
    /// What was done.
    pub op: String,
    /// With which key.
    #[serde(default)]
    pub key: Option<Key>,
    /// By which mechanism.
    #[serde(default)]
    pub mechanism: Option<String>,
    /// How it went.
    pub outcome: String,
    /// Further particulars.
    #[serde(default, deserialize_with = "no_name_twice")]
    pub details: Map<String, Value>,
    /// Its code.
    pub mac: String,
}

/// Who did something.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// The user of the operating system.
    pub uid: u32,
    /// The process.
    pub pid: u32,
    /// Its program.
    pub program: String,
    /// The role.
    #[serde(default)]
    pub role: Option<String>,
    /// The user's name.
    #[serde(default)]
    pub user: Option<String>,
}

/// A key by its names.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// `CKA_UNIQUE_ID`.
    pub id: String,
    /// `CKA_LABEL`.
    pub label: String,
}

impl Record {
    /// Of a line without its newline; none where it is no record by the letter of the format.
    pub fn of(line: &[u8]) -> Option<Record> {
        if line.len() >= record::LONGEST_LINE || !line.iter().all(|byte| matches!(byte, 32..=126)) {
            return None;
        }
        let (text, mac) = record::split(line)?;
        // The number is read as the chain reads it: at its place.
        let seq = record::seq(text).ok()?;
        let said: Record = serde_json::from_slice(line).ok()?;
        let same = said.v == 1 && said.seq == seq && said.mac == hex::encode(mac);
        let store = bytes::<16>(&said.store).is_some();
        let time = said.time.len() == TIME && said.time.ends_with('Z');
        Some(said).filter(|said| same && store && time && micros(&said.time).is_some())
    }

    /// When it was written, microseconds since 1970; 0 where it does not say.
    pub fn written(&self) -> i64 {
        micros(&self.time).unwrap_or(0)
    }

    /// When what it is of may have begun: a record of counts is of a span.
    pub fn since(&self) -> i64 {
        let first = self.details.get("first").and_then(|first| first.as_str());
        first.and_then(micros).unwrap_or_else(|| self.written())
    }
}

/// A time of RFC 3339, microseconds since 1970.
pub fn micros(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().map(|time| time.as_microsecond())
}

/// Particulars, of which none is there twice: the set of names may grow.
fn no_name_twice<'de, D: Deserializer<'de>>(source: D) -> Result<Map<String, Value>, D::Error> {
    struct Particulars;

    impl<'de> Visitor<'de> for Particulars {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object without a name that is there twice")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
            let mut map = Map::new();
            while let Some((name, value)) = source.next_entry()? {
                if map.insert(name, value).is_some() {
                    return Err(A::Error::custom("a name is there twice"));
                }
            }
            Ok(map)
        }
    }

    source.deserialize_map(Particulars)
}

/// Bytes of hexadecimal digits in their one spelling.
pub(super) fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    hex::decode_to_slice(digits, &mut out).ok()?;
    (hex::encode(out) == digits).then_some(out)
}

/// The length of a time, characters.
const TIME: usize = "1970-01-01T00:00:00.000000Z".len();
