// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Known answers from `tests/vectors/*.txt`: records of `name = value` lines, a blank line
//! between records, `#` before the source. Values are hexadecimal but for names of things.

use super::unhex;
use std::collections::BTreeMap;
use std::path::Path;

/// One known answer.
#[derive(Clone, Debug)]
pub struct Record {
    file: String,
    line: usize,
    fields: BTreeMap<String, String>,
}

impl Record {
    /// A value as text.
    pub fn text(&self, name: &str) -> &str {
        let found = self.fields.get(name);
        found.unwrap_or_else(|| panic!("{}: no {name:?}", self.place()))
    }

    /// A value as bytes; a value left out is empty.
    pub fn hex(&self, name: &str) -> Vec<u8> {
        self.fields.get(name).map(|text| unhex(text)).unwrap_or_default()
    }

    /// Whether the record has the value.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A value as a decimal number.
    pub fn number(&self, name: &str) -> u64 {
        let text = self.text(name);
        text.parse().unwrap_or_else(|_| panic!("{}: {name} = {text:?}", self.place()))
    }

    /// Where the record is, for messages.
    pub fn place(&self) -> String {
        format!("tests/vectors/{} line {}", self.file, self.line)
    }
}

/// The records of a file; an empty file is an error.
pub fn read(file: &str) -> Vec<Record> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut records = Vec::new();
    let mut fields = BTreeMap::new();
    let mut start = 0;
    for (index, line) in text.lines().chain([""]).enumerate() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = line.split_once('=') {
            if fields.is_empty() {
                start = index + 1;
            }
            fields.insert(name.trim().to_owned(), value.trim().to_owned());
        } else if !fields.is_empty() {
            let fields = std::mem::take(&mut fields);
            records.push(Record { file: file.to_owned(), line: start, fields });
        }
    }
    assert!(!records.is_empty(), "{file} holds no record");
    records
}
