// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What children tell of their writes before they are killed, and what the store holds of it.

use super::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::Child;

/// Labels by identity.
pub type Kept = BTreeMap<String, String>;

/// In a child: tells the parent a line.
pub fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("the parent listens");
}

/// Enters what a child acknowledged, to its end; `then` is called after each change with their number.
/// The number of changes.
pub fn enter_all(
    child: &mut Child,
    kept: &mut Kept,
    mut then: impl FnMut(&mut Child, usize),
) -> usize {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut changes = 0;
    for line in lines.map_while(Result::ok) {
        // The harness's own words may stand before the first.
        let Some((_, text)) = line.split_once("did ") else { continue };
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["keep", id, label] => drop(kept.insert(id.to_owned(), label.to_owned())),
            ["drop", id] => drop(kept.remove(id)),
            _ => panic!("{line}"),
        }
        changes += 1;
        then(child, changes);
    }
    changes
}

/// What a store holds, each object whole.
pub fn there(s: Session) -> Kept {
    let objects = s.find(&template! { CKA_CLASS => CKO_SECRET_KEY }).good();
    let whole = objects.into_iter().map(|object| {
        let id = hex::encode(s.get(object, CKA_UNIQUE_ID).good());
        let label = String::from_utf8(s.get(object, CKA_LABEL).good()).unwrap();
        assert_eq!(s.get(object, CKA_VALUE).good().len(), 32, "every object is whole");
        s.encrypt(&Mech::plain(CKM_AES_ECB), object, &[0; 16]).good();
        (id, label)
    });
    whole.collect()
}

/// Numbers below a limit, by chance; the same for the same seed.
pub fn seeded(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |limit| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % limit
    }
}
