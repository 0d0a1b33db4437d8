// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The generation before is gone from the files when a rotation is through.

use crate::common::*;
use crate::reader::Files;
use crate::*;
use std::collections::HashSet;

#[test]
fn nothing_of_the_generation_before_is_left_in_the_files() {
    for how in [PLAIN, WHOLE] {
        let (fixture, token) = people("");
        let user = token.user();
        for n in 0..300 {
            aes(user, &format!("key {n}"));
        }
        session::finalize().good();
        let needles = needles(&fixture, how == WHOLE);
        assert_eq!(held(&fixture, &needles), needles.len(), "they are there before");
        rotate(&fixture, how);
        assert!(!Files::open(&fixture.store_path()).token().rotating);
        assert_eq!(held(&fixture, &needles), 0, "of {} pieces, after {how:?}", needles.len());
    }
}

/// Pieces of what rests under the keys of now: wraps of objects and keys sealed to holders, and with
/// `whole` bodies as well.
fn needles(fixture: &Fixture, whole: bool) -> Vec<Vec<u8>> {
    let files = Files::open(&fixture.store_path());
    let mut query =
        files.database.prepare("SELECT wrap, body FROM object WHERE private = 1").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows: Vec<(Vec<u8>, Vec<u8>)> = rows.map(Result::unwrap).collect();
    assert_eq!(rows.len(), 300);
    let mut needles: Vec<_> = rows.iter().map(|(wrap, _)| wrap.clone()).collect();
    if whole {
        // Wherever the body is cut into pages, its first bytes stand together.
        needles.extend(rows.iter().map(|(_, body)| body[..START].to_vec()));
    }
    let token = files.token();
    let sealed = token.user.unwrap().shares.unwrap().keys;
    needles.extend(sealed.into_iter().take(if whole { 2 } else { 1 }).map(|share| share.sealed));
    drop(query);
    // The log is folded in when the last connection closes; the needles are in the database itself.
    files.database.close().unwrap();
    needles
}

/// How many of these pieces, by their first bytes, the files of the store hold.
fn held(fixture: &Fixture, needles: &[Vec<u8>]) -> usize {
    let starts: HashSet<&[u8]> = needles.iter().map(|needle| &needle[..START]).collect();
    let mut found = HashSet::new();
    for entry in std::fs::read_dir(fixture.store_path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        let windows = bytes.windows(START).filter(|window| starts.contains(window));
        found.extend(windows.map(<[u8]>::to_vec));
    }
    found.len()
}

const START: usize = 24;
