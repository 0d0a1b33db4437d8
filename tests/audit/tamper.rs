// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whatever is done to a log behind its back has its own verdict, which names place and kind.

use super::{Ground, key, signing};
use std::fs;
use std::path::{Path, PathBuf};
use strongroom::audit::{Asked, Durability, Fault, Kind, Position, Verdict, verify};
use strongroom::config;

/// A log of two segments and some checkpoints, with an auditor and a store that looks at it.
struct Scene {
    ground: Ground,
    bound: Position,
    /// The first record of the second segment.
    second: u64,
}

impl Scene {
    fn new() -> Scene {
        let ground = Ground::new();
        let log = ground.open_with(config::Audit { segment_mib: 1, ..config::Audit::default() });
        let mut second = 0;
        while second == 0 {
            for _ in 0..500 {
                log.append(&signing(1), Durability::Later).unwrap();
            }
            second = ground.place().segments().unwrap().get(1).copied().unwrap_or(0);
            log.checkpoint().unwrap();
        }
        for _ in 0..20 {
            log.append(&signing(1), Durability::Later).unwrap();
        }
        let bound = log.position().unwrap();
        Scene { ground, bound, second }
    }

    /// A copy of the log as it is, to be put back later.
    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_all(&self.ground.place().directory, copy.path());
        copy
    }

    fn put_back(&self, copy: &Path) {
        fs::remove_dir_all(self.ground.place().directory).unwrap();
        copy_all(copy, &self.ground.place().directory);
    }

    /// Checks with all that there is.
    fn verdict(&self) -> Verdict {
        self.verdict_for(true, Some(self.bound))
    }

    /// Checks what everybody can.
    fn public(&self) -> Verdict {
        self.verdict_for(false, None)
    }

    fn verdict_for(&self, all: bool, bound: Option<Position>) -> Verdict {
        let (place, key) = (self.ground.place(), key());
        let asked = Asked {
            place: &place,
            verifier: None,
            auditor: all.then_some(&self.ground.seed),
            key: all.then_some(&key),
            bound,
            former: &[],
            from: None,
        };
        verify(&asked).unwrap()
    }

    fn segment(&self, first: u64) -> PathBuf {
        self.ground.segment(first)
    }

    /// Edits the lines of a segment.
    fn edit(&self, first: u64, edit: impl FnOnce(&mut Vec<String>)) {
        let text = fs::read_to_string(self.segment(first)).unwrap();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        edit(&mut lines);
        fs::write(self.segment(first), lines.join("\n") + "\n").unwrap();
    }

    /// The first fault, which must be of this kind and here.
    fn expect(&self, verdict: &Verdict, kind: Kind, file: &Path, seq: u64, line: Option<u64>) {
        let first = verdict.faults.first().expect("a fault");
        let wanted = Fault { kind, file: file.to_path_buf(), line, seq: Some(seq), until: None };
        assert_eq!(*first, wanted, "{verdict:?}");
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
    let mode = fs::metadata(from).unwrap().permissions();
    fs::set_permissions(to, mode).unwrap();
}

#[test]
fn a_log_that_nobody_touched_is_good() {
    let scene = Scene::new();
    let verdict = scene.verdict();
    assert_eq!(verdict.faults, []);
    assert_eq!(verdict.records, scene.bound.seq);
    assert_eq!(verdict.chained, verdict.records);
    assert_eq!(verdict.last, Some(scene.bound));
    let latest = scene.ground.place().all_checkpoints().unwrap();
    assert_eq!(verdict.checkpoint, latest.last().copied());
    assert_eq!(verdict.checkpoints, latest.len() as u64);
    let public = scene.public();
    assert_eq!((public.faults, public.chained), (vec![], 0));
    // From the second segment alone.
    let (place, key) = (scene.ground.place(), key());
    fs::remove_file(scene.segment(1)).unwrap();
    let asked = Asked {
        place: &place,
        verifier: None,
        auditor: Some(&scene.ground.seed),
        key: Some(&key),
        bound: Some(scene.bound),
        former: &[],
        from: Some(scene.second),
    };
    let verdict = verify(&asked).unwrap();
    assert_eq!(verdict.faults, []);
    assert_eq!(verdict.chained, scene.bound.seq - scene.second + 1);
    assert_eq!(verdict.records, verdict.chained);
}

/// What is done to a segment's lines; the line (from 1) that is the first bad one; how.
type Tampering = (&'static str, fn(&mut Vec<String>), u64, Kind);

const TAMPERINGS: &[Tampering] = &[
    ("removed", |lines| drop(lines.remove(9)), 10, Kind::Removed),
    ("several removed", |lines| drop(lines.drain(9..30)), 10, Kind::Removed),
    ("swapped", |lines| lines.swap(9, 10), 10, Kind::Reordered),
    (
        "moved",
        |lines| {
            let line = lines.remove(9);
            lines.insert(40, line);
        },
        10,
        Kind::Reordered,
    ),
    ("twice in a row", |lines| lines.insert(10, lines[9].clone()), 11, Kind::Duplicated),
    ("twice", |lines| lines.insert(30, lines[9].clone()), 31, Kind::Duplicated),
    ("outcome", |lines| lines[9] = lines[9].replace("CKR_OK", "CKR_NO"), 10, Kind::Edited),
    ("key", |lines| lines[9] = lines[9].replace("5f3a", "5f3b"), 10, Kind::Edited),
    (
        "code",
        |lines| {
            let at = lines[9].len() - 3;
            let digit = if &lines[9][at..=at] == "0" { "1" } else { "0" };
            lines[9].replace_range(at..=at, digit);
        },
        10,
        Kind::Edited,
    ),
    ("a blank", |lines| lines[9] = lines[9].replace("\"op\":", "\"op\": "), 10, Kind::Edited),
    (
        "upper case",
        |lines| {
            let at = lines[9].rfind(":\"").unwrap();
            let upper = lines[9][at..].to_uppercase();
            lines[9].replace_range(at.., &upper);
        },
        10,
        Kind::Edited,
    ),
    ("no record", |lines| lines[9] = "what".to_owned(), 10, Kind::Edited),
    ("an empty line", |lines| lines.insert(9, String::new()), 10, Kind::Edited),
    (
        "another store's",
        |lines| {
            lines[9] = lines[9].replace(&hex::encode(super::STORE), &hex::encode([1; 16]));
        },
        10,
        Kind::OtherStore,
    ),
    ("longer than any", |lines| lines[9] = "x".repeat(100_000), 10, Kind::Edited),
];

#[test]
fn lines_that_were_touched_are_named() {
    let scene = Scene::new();
    let copy = scene.copy();
    for (what, edit, line, kind) in TAMPERINGS {
        scene.edit(1, edit);
        let verdict = scene.verdict();
        println!("{what}");
        scene.expect(&verdict, *kind, &scene.segment(1), *line, Some(*line));
        assert_eq!(verdict.records, line - 1);
        // Of the second segment, in the midst of the log.
        scene.put_back(copy.path());
        scene.edit(scene.second, edit);
        let seq = scene.second + line - 1;
        scene.expect(&scene.verdict(), *kind, &scene.segment(scene.second), seq, Some(*line));
        scene.put_back(copy.path());
    }
    assert_eq!(scene.verdict().faults, []);
}

/// Without the auditor's key what is no edit of a single record has the same verdict, and an edit is
/// narrowed down to the records between two checkpoints.
#[test]
fn checkpoints_tell_everybody() {
    let scene = Scene::new();
    let copy = scene.copy();
    for (what, edit, line, kind) in TAMPERINGS {
        scene.edit(1, edit);
        let verdict = scene.public();
        let first = verdict.faults.first().unwrap();
        let place = scene.ground.place().all_checkpoints().unwrap()[0];
        println!("{what}: {first:?}");
        assert_eq!(first.kind, *kind);
        assert!(first.line == Some(*line) || (first.seq, first.until) == (Some(1), Some(place)));
        assert_eq!(verdict.checkpoint, None);
        scene.put_back(copy.path());
    }
    // Beyond the last checkpoint it takes the auditor's key.
    let length = fs::read_to_string(scene.segment(scene.second)).unwrap().lines().count();
    scene.edit(scene.second, |lines| {
        lines[length - 3] = lines[length - 3].replace("CKR_OK", "CKR_NO");
    });
    assert_eq!(scene.public().faults, []);
    assert_eq!(scene.verdict().faults[0].kind, Kind::Edited);
}

#[test]
fn a_cut_off_end_is_noticed() {
    let scene = Scene::new();
    let copy = scene.copy();
    let file = scene.segment(scene.second);
    for cut in [1, 5, 15] {
        scene.edit(scene.second, |lines| lines.truncate(lines.len() - cut));
        let next = scene.bound.seq + 1 - cut as u64;
        // By head and store; by the store alone; and by nobody who has neither.
        scene.expect(&scene.verdict(), Kind::Truncated, &file, next, None);
        let bound = scene.verdict_for(false, Some(scene.bound));
        scene.expect(&bound, Kind::Truncated, &file, next, None);
        assert_eq!(scene.public().faults, []);
        scene.put_back(copy.path());
    }
    // To before the last checkpoint: by everybody.
    scene.edit(scene.second, |lines| lines.truncate(2));
    scene.expect(&scene.public(), Kind::Truncated, &file, scene.second + 2, None);
    scene.put_back(copy.path());
    // In the midst of a line.
    let length = fs::metadata(&file).unwrap().len();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(length - 10).unwrap();
    scene.expect(&scene.public(), Kind::Truncated, &file, scene.bound.seq, None);
    scene.expect(&scene.verdict(), Kind::Truncated, &file, scene.bound.seq, None);
}

/// The next writer would go on as if nothing were missing, but for what it records.
#[test]
fn a_cut_off_end_stays_noticed_when_the_log_goes_on() {
    let scene = Scene::new();
    scene.edit(scene.second, |lines| lines.truncate(lines.len() - 5));
    let log = scene.ground.open();
    for _ in 0..30 {
        log.append(&signing(1), Durability::Now).unwrap();
    }
    let verdict = scene.verdict_for(true, None);
    let gone = scene.bound.seq - 4;
    assert_eq!(verdict.faults.len(), 1, "{verdict:?}");
    assert_eq!((verdict.faults[0].kind, verdict.faults[0].seq), (Kind::Removed, Some(gone)));
    assert_eq!(verdict.lost, 5);
    // The store was bound to a record that is another one now.
    let bound = scene.verdict();
    assert_eq!(
        (bound.faults[0].kind, bound.faults[0].seq),
        (Kind::OlderCopy, Some(scene.bound.seq + 1))
    );
}

#[test]
fn what_others_appended_is_foreign() {
    let scene = Scene::new();
    let copy = scene.copy();
    let next = scene.bound.seq + 1;
    let last = fs::read_to_string(scene.segment(scene.second)).unwrap();
    let line = last.lines().count() as u64 + 1;
    let last = last.lines().last().unwrap().to_owned();
    let forged = last.replace(&format!("\"seq\":{}", next - 1), &format!("\"seq\":{next}"));
    for stray in [forged.as_str(), &forged.replace("5f3a", "ffff"), "{}", "what"] {
        scene.edit(scene.second, |lines| lines.push(stray.to_owned()));
        let verdict = scene.verdict();
        scene.expect(&verdict, Kind::Foreign, &scene.segment(scene.second), next, Some(line));
        scene.put_back(copy.path());
    }
    scene.edit(scene.second, |lines| lines.push(last));
    let verdict = scene.verdict();
    scene.expect(&verdict, Kind::Duplicated, &scene.segment(scene.second), next, Some(line));
}

#[test]
fn an_older_copy_is_noticed_by_the_store() {
    let mut scene = Scene::new();
    let older = scene.copy();
    let was = scene.bound;
    let log = scene.ground.open();
    log.append(&signing(2), Durability::Now).unwrap();
    log.checkpoint().unwrap();
    scene.bound = log.position().unwrap();
    drop(log);
    scene.put_back(older.path());
    let verdict = scene.verdict();
    let file = scene.segment(scene.second);
    scene.expect(&verdict, Kind::OlderCopy, &file, was.seq + 1, None);
    assert_eq!(verdict.last, Some(was));
    // It was written on until it was as long.
    let log = scene.ground.open();
    for _ in 0..5 {
        log.append(&signing(3), Durability::Now).unwrap();
    }
    let verdict = scene.verdict();
    assert_eq!(verdict.faults[0].kind, Kind::OlderCopy);
    assert_eq!(verdict.faults[0].seq, Some(scene.bound.seq + 1));
}

#[test]
fn the_log_of_another_store_is_noticed() {
    let scene = Scene::new();
    let other = Ground::new();
    let directory = scene.ground.place().directory;
    fs::remove_dir_all(&directory).unwrap();
    copy_all(&other.place().directory, &directory);
    // One of the same identity, which is to be thought impossible, is of another key.
    let verdict = scene.verdict();
    assert!(
        verdict
            .faults
            .iter()
            .any(|fault| fault.kind == Kind::KeysAltered || !verdict.unopened.is_empty())
    );
    // One of another identity.
    let text = fs::read_to_string(other.segment(1)).unwrap();
    let text = text.replace(&hex::encode(super::STORE), &hex::encode([9; 16]));
    fs::write(scene.segment(1), text).unwrap();
    let verdict = scene.verdict();
    scene.expect(&verdict, Kind::OtherStore, &scene.segment(1), 1, Some(1));
}

#[test]
fn segments_that_are_missing_or_have_other_names_are_named() {
    let scene = Scene::new();
    let copy = scene.copy();
    let (first, second) = (scene.segment(1), scene.segment(scene.second));
    fs::remove_file(&first).unwrap();
    scene.expect(&scene.verdict(), Kind::SegmentMissing, &first, 1, None);
    scene.put_back(copy.path());
    fs::remove_file(&second).unwrap();
    scene.expect(&scene.verdict(), Kind::SegmentMissing, &second, scene.second, None);
    scene.put_back(copy.path());
    let renamed = scene.segment(scene.second + 5);
    fs::rename(&second, &renamed).unwrap();
    scene.expect(&scene.verdict(), Kind::SegmentRenamed, &renamed, scene.second, None);
    fs::rename(&renamed, scene.segment(scene.second - 5)).unwrap();
    let renamed = scene.segment(scene.second - 5);
    scene.expect(&scene.verdict(), Kind::SegmentRenamed, &renamed, scene.second, None);
    scene.put_back(copy.path());
    let aside = scene.ground.path().join("aside");
    fs::rename(&first, &aside).unwrap();
    fs::rename(&second, &first).unwrap();
    fs::rename(&aside, &second).unwrap();
    scene.expect(&scene.verdict(), Kind::SegmentRenamed, &first, 1, None);
    scene.put_back(copy.path());
    // Three, and the middle one is gone.
    let log = scene.ground.open_with(config::Audit { segment_mib: 1, ..config::Audit::default() });
    for _ in 0..4000 {
        log.append(&signing(1), Durability::Later).unwrap();
    }
    fs::remove_file(&second).unwrap();
    scene.expect(&scene.verdict(), Kind::SegmentMissing, &second, scene.second, None);
}

#[test]
fn checkpoints_that_were_touched_are_named() {
    let scene = Scene::new();
    let copy = scene.copy();
    let place = scene.ground.place();
    let sizes = place.all_checkpoints().unwrap();
    let [.., older, latest] = sizes[..] else { panic!("two checkpoints") };
    let path = place.checkpoint(latest);
    fs::remove_file(&path).unwrap();
    scene.expect(&scene.public(), Kind::CheckpointMissing, &path, latest, None);
    assert_eq!(scene.public().checkpoint, Some(older));
    // An older one in its place.
    fs::copy(place.checkpoint(older), &path).unwrap();
    scene.expect(&scene.public(), Kind::CheckpointAltered, &path, latest, None);
    scene.put_back(copy.path());
    let note = fs::read_to_string(&path).unwrap();
    for (at, _) in note.char_indices().step_by(7) {
        let mut altered = note.clone().into_bytes();
        altered[at] ^= 1;
        fs::write(&path, altered).unwrap();
        scene.expect(&scene.public(), Kind::CheckpointAltered, &path, latest, None);
    }
    scene.put_back(copy.path());
    // All of them, with the key to check them.
    let other = Scene::new();
    let theirs = other.ground.place();
    fs::remove_dir_all(place.checkpoints()).unwrap();
    copy_all(&theirs.checkpoints(), &place.checkpoints());
    fs::copy(theirs.verifier(), place.verifier()).unwrap();
    assert_eq!(scene.verdict().faults[0].kind, Kind::VerifierAltered);
    fs::remove_dir_all(place.checkpoints()).unwrap();
    scene.put_back(copy.path());
    fs::remove_file(place.verifier()).unwrap();
    assert_eq!(scene.verdict().faults[0].kind, Kind::VerifierAltered);
    assert_eq!(scene.public().faults[0].kind, Kind::VerifierAltered);
}

#[test]
fn a_head_that_was_touched_is_named() {
    let scene = Scene::new();
    let copy = scene.copy();
    let path = scene.ground.place().head();
    let head = fs::read(&path).unwrap();
    for at in [0, 1, 20, 100] {
        let mut altered = head.clone();
        altered[at] ^= 1;
        fs::write(&path, altered).unwrap();
        let verdict = scene.verdict();
        assert_eq!(verdict.faults.len(), 1, "{verdict:?}");
        assert_eq!((verdict.faults[0].kind, &verdict.faults[0].file), (Kind::HeadAltered, &path));
        assert!(
            strongroom::audit::Log::open(scene.ground.place(), &key(), config::Audit::default())
                .is_err()
        );
        scene.put_back(copy.path());
    }
    fs::remove_file(&path).unwrap();
    let verdict = scene.verdict();
    assert_eq!((verdict.faults[0].kind, &verdict.faults[0].file), (Kind::HeadMissing, &path));
    // An older one: the lines beyond it are authentic, and the next writer counts them.
    scene.put_back(copy.path());
    let log = scene.ground.open();
    log.append(&signing(1), Durability::Now).unwrap();
    log.append(&signing(1), Durability::Now).unwrap();
    fs::write(&path, head).unwrap();
    let verdict = scene.verdict();
    assert_eq!((verdict.faults, verdict.ahead), (vec![], 2));
    log.append(&signing(1), Durability::Now).unwrap();
    let verdict = scene.verdict();
    assert_eq!((verdict.faults, verdict.ahead), (vec![], 0));
    assert_eq!(verdict.records, scene.bound.seq + 3);
}

#[test]
fn keys_that_were_touched_are_named() {
    let scene = Scene::new();
    let path = scene.ground.place().chain(1);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("anna", "otto")).unwrap();
    let verdict = scene.public();
    assert_eq!((verdict.faults[0].kind, &verdict.faults[0].file), (Kind::KeysAltered, &path));
    fs::remove_file(&path).unwrap();
    let verdict = scene.public();
    assert_eq!((verdict.faults[0].kind, &verdict.faults[0].file), (Kind::KeysAltered, &path));
}

#[test]
fn a_log_that_is_gone_is_named() {
    let scene = Scene::new();
    let directory = scene.ground.place().directory;
    fs::remove_dir_all(&directory).unwrap();
    let verdict = scene.verdict();
    assert_eq!((verdict.faults[0].kind, &verdict.faults[0].file), (Kind::LogMissing, &directory));
}
