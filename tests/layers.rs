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

/// Inside a room, at every depth: what a file or a room of the room takes from those beside it. (The face
/// of a room, its `mod.rs`, is open to all that is in it.)
#[test]
fn files_of_a_room_make_no_cycle() {
    let known: BTreeSet<Vec<String>> = sources().iter().map(|(file, _)| module(file)).collect();
    let mut edges = Edges::new();
    for (file, _) in sources() {
        let own = module(&file);
        for target in named(&file, &own) {
            // The deepest module that there is; what follows is an item of it.
            let depth = (1..=target.len()).rev().find(|depth| known.contains(&target[..*depth]));
            let target = &target[..depth.unwrap_or(0)];
            let common = own.iter().zip(target).take_while(|(one, other)| one == other).count();
            if common > 0 && common < own.len() && common < target.len() {
                let (from, to) = (own[..=common].join("::"), target[..=common].join("::"));
                edges.entry(from).or_default().insert(to);
            }
        }
    }
    assert!(edges.len() > 100, "the imports are not written as this test reads them");
    no_cycle(&edges);
}

/// The module that a file is, as a path from the crate's root.
fn module(file: &Path) -> Vec<String> {
    let inner = file.strip_prefix("src").unwrap().with_extension("");
    let mut path: Vec<_> =
        inner.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

/// What a file names by `super::` or `crate::`, as paths from the crate's root.
fn named(file: &Path, own: &[String]) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).unwrap();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("super::").chain(code.match_indices("crate::")) {
        // The rest of a path that was met at its beginning, or of another word.
        if code[..at].ends_with([':', '_']) || code[..at].ends_with(char::is_alphanumeric) {
            continue;
        }
        let mut rest = &code[at..];
        let mut base = if rest.starts_with("crate::") { Vec::new() } else { own.to_vec() };
        rest = rest.strip_prefix("crate::").unwrap_or(rest);
        while let Some(inner) = rest.strip_prefix("super::") {
            base.pop();
            rest = inner;
        }
        tree(rest, &base, &mut found);
    }
    found
}

/// The paths of a use tree, or the one path, that a text begins with.
fn tree(text: &str, base: &[String], found: &mut Vec<Vec<String>>) {
    if let Some(list) = text.strip_prefix('{') {
        let mut depth = 0;
        let mut from = 0;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    tree(list[from..at].trim(), base, found);
                    from = at + 1;
                    if c == '}' {
                        return;
                    }
                }
                _ => {}
            }
        }
        return;
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let path = [base, &[text[..end].to_string()]].concat();
    match text[end..].strip_prefix("::") {
        Some(rest) => tree(rest, &path, found),
        None => found.push(path),
    }
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
