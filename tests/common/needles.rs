// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What must be in no log: values, looked for as they are and in each spelling that a log could give
//! them. They are kept masked, so that who searches a process's memory for them does not find these.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// So much of the beginning of a value is looked for, bytes: whole groups of base64.
pub const LONGEST: usize = 24;
/// Shorter ones are found by chance.
pub const SHORTEST: usize = 8;

/// Values to look for.
pub struct Needles {
    masked: BTreeSet<Vec<u8>>,
}

impl Needles {
    pub const fn new() -> Needles {
        Needles { masked: BTreeSet::new() }
    }

    /// Looks for a value as well, by its beginning. What is short or of a few bytes only is no secret that
    /// could be told from other text.
    pub fn insert(&mut self, value: &[u8]) {
        self.insert_within(value, MOST);
    }

    /// The same where no more than so many are kept.
    pub fn insert_within(&mut self, value: &[u8], most: usize) {
        if self.masked.len() >= most || value.len() < SHORTEST {
            return;
        }
        let value = &value[..value.len().min(LONGEST)];
        if value.iter().collect::<BTreeSet<_>>().len() >= 4 {
            self.masked.insert(masked(value));
        }
    }

    pub fn clear(&mut self) {
        self.masked.clear();
    }

    pub fn len(&self) -> usize {
        self.masked.len()
    }

    /// The spelling of a value that is in a text, and where; none where there is none.
    pub fn search(&self, text: &[u8]) -> Option<(&'static str, usize)> {
        if text.is_empty() || self.masked.is_empty() { None } else { self.patterns().search(text) }
    }

    /// What is in the log of a store.
    pub fn search_logs(&self, store: &Path) -> Option<String> {
        if self.masked.is_empty() { None } else { self.patterns().search_logs(store) }
    }

    /// All values in all spellings, to search several texts for.
    pub fn patterns(&self) -> Patterns {
        let mut patterns = Patterns { begins: vec![0; 1 << 18], all: HashMap::new() };
        for (name, pattern) in self.masked.iter().flat_map(|value| spellings(&masked(value))) {
            let begin = [pattern[0], pattern[1], pattern[2]];
            let bit = bit(&begin);
            patterns.begins[bit >> 6] |= 1 << (bit & 63);
            patterns.all.entry(begin).or_default().push((name, pattern));
        }
        patterns
    }
}

/// Values in every spelling, by how they begin.
pub struct Patterns {
    /// A bit for each beginning that there is.
    begins: Vec<u64>,
    all: HashMap<[u8; 3], Vec<(&'static str, Vec<u8>)>>,
}

impl Patterns {
    pub fn search(&self, text: &[u8]) -> Option<(&'static str, usize)> {
        let text = masked(text);
        for (at, begin) in text.windows(3).enumerate() {
            let bit = bit(begin);
            if self.begins[bit >> 6] & (1 << (bit & 63)) == 0 {
                continue;
            }
            let all = &self.all[&[begin[0], begin[1], begin[2]]];
            if let Some((name, _)) = all.iter().find(|(_, one)| text[at..].starts_with(one)) {
                return Some((name, at));
            }
        }
        None
    }

    pub fn search_logs(&self, store: &Path) -> Option<String> {
        self.search_new(store, &mut HashMap::new())
    }

    /// The same of what was not searched yet, and notes how far that is: logs only grow.
    pub fn search_new(&self, store: &Path, seen: &mut HashMap<PathBuf, usize>) -> Option<String> {
        logs(store).into_iter().find_map(|path| {
            let text = std::fs::read(&path).unwrap_or_default();
            let before = seen.insert(path.clone(), text.len()).unwrap_or_default();
            if before == text.len() {
                return None;
            }
            // From before the end then, where a line may have been half written; one that was cut or written
            // anew from its beginning.
            let new = text.get(before.saturating_sub(LINE)..).unwrap_or(&text);
            let (spelling, at) = self.search(new)?;
            let at = text.len() - new.len() + at;
            Some(format!("a secret, {spelling}, is in {} at {at}", path.display()))
        })
    }
}

/// No line is longer, bytes.
const LINE: usize = 16 << 10;

fn bit(begin: &[u8]) -> usize {
    (usize::from(begin[0]) << 16) | (usize::from(begin[1]) << 8) | usize::from(begin[2])
}

/// A value in every spelling, each masked.
fn spellings(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let value = Zeroizing::new(value.to_vec());
    let mut all = Vec::new();
    // Hexadecimal digits alone are in codes by chance.
    if value.len() >= 12 || !value.iter().all(u8::is_ascii_hexdigit) {
        all.push(("as it is", masked(&value)));
    }
    all.push(("hexadecimal", masked(hex::encode(&*value).as_bytes())));
    all.push(("HEXADECIMAL", masked(hex::encode_upper(&*value).as_bytes())));
    let mut numbers = |name, text: String| {
        all.push((name, masked(Zeroizing::new(text).trim_matches(['[', ']']).as_bytes())));
    };
    numbers("numbers", format!("{:?}", &*value));
    numbers("hexadecimal numbers", format!("{:02x?}", &*value));
    let escaped = Zeroizing::new(value.escape_ascii().to_string());
    if escaped.as_bytes() != &**value {
        all.push(("escaped", masked(escaped.as_bytes())));
    }
    for shift in 0..3 {
        let shifted = Zeroizing::new([&[0; 3][..shift], &value].concat());
        let text = openssl::base64::encode_block(&shifted);
        // Of the characters that the value alone decides.
        let (from, to) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
        all.push(("base64", masked(&text.as_bytes()[from..to])));
    }
    all
}

fn masked(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0xa5).collect()
}

/// The files of a log that are text, and what a watch keeps of it.
fn logs(store: &Path) -> Vec<PathBuf> {
    let directories = ["audit", "audit/checkpoints", "watch"].map(|name| store.join(name));
    let entries = directories.iter().filter_map(|path| std::fs::read_dir(path).ok()).flatten();
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.is_file() && !path.file_name().is_some_and(is_binary));
    files
}

/// The head, counts, the seed of checkpoints and the reserve are no text: what is in them is sealed, or
/// gets into the lines.
fn is_binary(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    ["head", "signer", "reserve", "counts-", "new-"].iter().any(|begin| name.starts_with(begin))
}

/// More than these are let go: they are of loops over vectors.
pub const MOST: usize = 20_000;
