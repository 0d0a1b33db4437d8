// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rooms import downwards only, and no file imports itself by way of others. Reads the `use` lines
//! and paths of every source file.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, its layer, and the rooms of its own layer that its first lines say it may use.
const ROOMS: &[(&str, u8, &[&str])] = &[
    ("cli", 7, &[]),
    ("admin", 6, &[]),
    ("abi", 5, &[]),
    ("session", 4, &[]),
    ("policy", 3, &[]),
    ("object", 2, &[]),
    ("mechanism", 1, &[]),
    ("store", 1, &["mechanism"]),
    ("seal", 1, &["mechanism"]),
    ("audit", 1, &["mechanism"]),
    ("secret", 0, &["error"]),
    ("codec", 0, &["error"]),
    ("config", 0, &["error", "safety"]),
    ("safety", 0, &["error", "call"]),
    ("call", 0, &["error"]),
    ("files", 0, &["error"]),
    ("types", 0, &["error"]),
    ("vendor", 0, &[]),
    ("error", 0, &[]),
];

#[test]
fn imports_go_down() {
    let mut wrong = Vec::new();
    for (file, room) in sources() {
        for target in imports(&file) {
            if target != room && !may(&room, &target) {
                wrong.push(format!("{} ({room}) imports {target}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that go up or sideways:\n{}", wrong.join("\n"));
}

#[test]
fn rooms_make_no_cycle() {
    let mut edges = Edges::new();
    for (file, room) in sources() {
        let targets = imports(&file).into_iter().filter(|target| *target != room);
        edges.entry(room.clone()).or_default().extend(targets);
    }
    no_cycle(&edges);
}

/// Inside a room: what a file takes from its neighbours by `super::`. (`mod.rs` is the room's face,
/// which all its files may look at.)
#[test]
fn files_of_a_room_make_no_cycle() {
    let mut edges = Edges::new();
    for (file, _) in sources() {
        let name = file.with_extension("").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code: String = code.collect::<Vec<_>>().join("\n");
        for (at, _) in code.match_indices("super::") {
            let rest = &code[at + "super::".len()..];
            let end = rest.find(['}', ';']).unwrap_or(0);
            let names = match rest.strip_prefix('{') {
                Some(list) => list[..end - 1].split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            for neighbour in names {
                let word = |c: char| c.is_alphanumeric() || c == '_';
                let neighbour: String = neighbour.chars().take_while(|c| word(*c)).collect();
                let target = file.with_file_name(format!("{neighbour}.rs"));
                if target.exists() && target != file {
                    let target = target.with_extension("").to_string_lossy().into_owned();
                    edges.entry(name.clone()).or_default().insert(target);
                }
            }
        }
    }
    assert!(edges.len() > 20, "the imports are not written as this test reads them");
    no_cycle(&edges);
}

type Edges = BTreeMap<String, BTreeSet<String>>;

fn no_cycle(edges: &Edges) {
    for start in edges.keys() {
        let mut reached = BTreeSet::new();
        let mut next: Vec<_> = edges[start].iter().cloned().collect();
        while let Some(room) = next.pop() {
            assert_ne!(&room, start, "a cycle of imports through {start}");
            if reached.insert(room.clone()) {
                next.extend(edges.get(&room).into_iter().flatten().cloned());
            }
        }
    }
}

#[test]
fn every_room_is_known() {
    for (file, room) in sources() {
        assert!(
            matches!(room.as_str(), "lib" | "main") || ROOMS.iter().any(|(name, ..)| *name == room),
            "{} is in no room of this test's table",
            file.display()
        );
    }
}

#[test]
fn unsafe_stays_in_its_three_places() {
    let allowed = ["src/abi/", "src/secret/", "src/mechanism/ossl"];
    for (file, _) in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.to_string_lossy().replace('\\', "/");
        if allowed.iter().any(|place| name.starts_with(place)) {
            continue;
        }
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let found =
            code.filter(|line| line.contains("unsafe ") || line.contains("allow(unsafe_code"));
        let found: Vec<_> = found.collect();
        assert!(found.is_empty(), "{name} holds unsafe code: {found:?}");
    }
}

fn may(room: &str, target: &str) -> bool {
    let find = |name: &str| ROOMS.iter().find(|(room, ..)| *room == name);
    match (find(room), find(target)) {
        // The crate root only names the rooms; the command starts the topmost.
        (None, _) => matches!(room, "lib" | "main"),
        (Some((_, from, beside)), Some((_, to, _))) => to < from || beside.contains(&target),
        (Some(_), None) => false,
    }
}

/// Every source file with its room.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    walk(Path::new("src"), &mut files);
    assert!(files.len() > 20, "the sources are not where this test looks for them");
    files
        .into_iter()
        .map(|file| {
            let inner = file.strip_prefix("src").unwrap();
            let room = inner.components().next().unwrap().as_os_str().to_string_lossy();
            let room = room.trim_end_matches(".rs").to_string();
            (file, room)
        })
        .collect()
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The rooms that a file names after `crate::` (or, in the command, after `strongroom::`).
fn imports(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap();
    let mut found = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for root in ["crate::", "strongroom::"] {
            for (at, _) in line.match_indices(root) {
                let rest = &line[at + root.len()..];
                let names = match rest.strip_prefix('{') {
                    Some(list) => list.split(',').map(str::trim).collect(),
                    None => vec![rest],
                };
                for name in names {
                    let name: String =
                        name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    if ROOMS.iter().any(|(room, ..)| *room == name) {
                        found.insert(name);
                    }
                }
            }
        }
    }
    found
}
