// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files beside the database.

use crate::common::*;
use crate::probe;
use crate::world::{World, copy};
use std::fs;

#[test]
fn the_counter_of_changes_decides_nothing() {
    let world = World::new();
    for content in [vec![0; 4096], vec![0xFF; 4096], vec![1; 9000]] {
        world.reset();
        fs::write(world.file("changes"), content).unwrap();
        assert_eq!(world.check(&[]).code, 0);
        let seen = probe::look(&world.fixture).unwrap();
        seen.is_part_of(&world.seen, "changes");
        assert_eq!(seen.counts(), world.seen.counts());
    }
    // One that was cut short tells nothing, and everybody asks the database.
    for length in [0, 8, 15, 4095] {
        world.reset();
        fs::write(world.file("changes"), vec![0; length]).unwrap();
        assert_eq!(world.check(&[]).code, 0, "{length}");
        assert_eq!(probe::look(&world.fixture).unwrap().counts(), world.seen.counts());
    }
    world.reset();
    fs::remove_file(world.file("changes")).unwrap();
    let checked = world.check(&[]);
    assert_eq!(checked.code, 2, "{}", checked.said);
    assert!(checked.said.contains("changes"), "{}", checked.said);
    world.nothing_else_is_seen("changes gone");
    let repaired = world.check(&["--repair"]);
    assert_eq!(repaired.code, 0, "{}", repaired.said);
    assert_eq!(probe::look(&world.fixture).unwrap().counts(), world.seen.counts());
}

#[test]
fn an_altered_seal_file_opens_nothing() {
    let world = World::new();
    let right = fs::read(world.file("seal-1.key")).unwrap();
    let third = fs::read(world.file("seal-3.key")).unwrap();
    let other = fs::read(world.kept("other").join("seal-1.key")).unwrap();
    let mut flipped = right.clone();
    flipped[31] ^= 1;
    for (what, wrong) in [
        ("a bit", flipped),
        ("cut", right[..31].to_vec()),
        ("extended", [&right[..], &[0]].concat()),
        ("empty", Vec::new()),
        ("another slot's", third),
        ("another store's", other),
    ] {
        world.reset();
        fs::write(world.file("seal-1.key"), &wrong).unwrap();
        // The other slot opens the store, and the bad one is named.
        let checked = world.check(&[]);
        assert_eq!(checked.code, 0, "{what}: {}", checked.said);
        assert!(checked.said.contains("seal slot 1"), "{what}: {}", checked.said);
        fs::write(world.file("seal-3.key"), &wrong[..wrong.len().min(30)]).unwrap();
        let checked = world.check(&[]);
        assert_eq!(checked.code, 2, "{what}: {}", checked.said);
        assert!(checked.said.contains("seal slot 3"), "{what}: {}", checked.said);
        world.nothing_else_is_seen(what);
    }
}

/// A log that is cut is an earlier moment of the whole store, or nothing; never a mixture.
#[test]
fn a_log_that_is_cut_swapped_or_altered_gives_nothing_else() {
    let world = World::new();
    world.fixture.initialize().good();
    let s = Token { slot: session::slots(false).good()[0] }.user();
    for round in 0..3 {
        let template = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false };
        s.create(&template.with(CKA_LABEL, "more").with(CKA_VALUE, vec![round; 100])).good();
        copy(&world.fixture.store_path(), &world.kept(&format!("live {round}")));
    }
    session::finalize().good();
    let all = probe::look(&world.fixture).unwrap();
    let live = world.kept("live 2");
    let log = fs::read(live.join("store.db-wal")).unwrap();
    let older = fs::read(world.kept("live 0").join("store.db-wal")).unwrap();
    let table = fs::read(live.join("store.db-shm")).unwrap();
    let frames = (log.len() - 32) / 4120;
    assert!(frames > 10, "{frames} frames");
    let mut logs: Vec<(String, Vec<u8>)> = vec![
        ("an older log".to_string(), older),
        ("no log".to_string(), Vec::new()),
        ("noise".to_string(), vec![0x5A; log.len()]),
    ];
    for frame in (0..frames).step_by(3) {
        let end = 32 + frame * 4120;
        logs.push((format!("cut at {frame}"), log[..end].to_vec()));
        logs.push((format!("cut in {frame}"), log[..end + 2000].to_vec()));
        let mut flipped = log.clone();
        flipped[end + 3000] ^= 1;
        logs.push((format!("a bit in {frame}"), flipped));
    }
    for (what, log) in logs {
        for shared in [None, Some(table.clone()), Some(vec![0xA5; 32768])] {
            fs::remove_dir_all(world.fixture.store_path()).unwrap();
            copy(&live, &world.fixture.store_path());
            fs::write(world.file("store.db-wal"), &log).unwrap();
            match &shared {
                None => fs::remove_file(world.file("store.db-shm")).unwrap(),
                Some(bytes) => fs::write(world.file("store.db-shm"), bytes).unwrap(),
            }
            let checked = world.check(&[]);
            assert!((0..=2).contains(&checked.code), "{what}: {}", checked.said);
            match probe::look(&world.fixture) {
                Ok(seen) => seen.without_flags().is_part_of(&all, &what),
                Err(error) => Err::<(), _>(error).gives_for(&what, probe::UNUSABLE),
            }
        }
    }
}
