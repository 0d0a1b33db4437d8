// SPDX-License-Identifier: Apache-2.0 OR MIT
//! After a compromise the log comes under another key: whoever is interrupted, whoever counts meanwhile;
//! and who has the key of before makes nothing that is believed.

use super::page::Page;
use super::{Ground, key, signing};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use strongroom::audit::{Asked, Durability, KeyHolder, Keys, Kind, Log, verifier, verify};
use strongroom::config;
use strongroom::error::{Error, Result};
use strongroom::secret::Secret;

fn new_key() -> Secret {
    Secret::copy_of(&[9; 32]).unwrap()
}

/// A store, as the log asks it: how far the key was renewed.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Before,
    Renewed,
    Ended,
}

struct Store(Mutex<Stage>);

impl Store {
    fn new() -> Arc<Store> {
        Arc::new(Store(Mutex::new(Stage::Before)))
    }

    fn set(&self, stage: Stage) {
        *self.0.lock().unwrap() = stage;
    }

    fn open(self: &Arc<Store>, ground: &Ground) -> Log {
        let key = self.keys().unwrap().key;
        let known: (&Secret, Option<Arc<dyn KeyHolder>>) = (&key, Some(self.clone()));
        Log::open_with(ground.place(), known, config::Audit::default()).unwrap()
    }

    /// As the command does it.
    fn renew(self: &Arc<Store>, ground: &Ground) {
        self.set(Stage::Renewed);
        self.open(ground).bring(&[ground.auditor()]).unwrap();
        self.set(Stage::Ended);
    }
}

impl KeyHolder for Store {
    fn generation(&self) -> Result<u32> {
        Ok(if *self.0.lock().unwrap() == Stage::Before { 1 } else { 2 })
    }

    fn keys(&self) -> Result<Keys> {
        Ok(match *self.0.lock().unwrap() {
            Stage::Before => Keys { key: key(), former: vec![] },
            Stage::Renewed => Keys { key: new_key(), former: vec![key()] },
            Stage::Ended => Keys { key: new_key(), former: vec![] },
        })
    }
}

impl Ground {
    /// How many uses were counted.
    fn counted(&self) -> u64 {
        let text = fs::read_to_string(self.segment(1)).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter_map(|record| record["details"]["count"].as_u64()).sum()
    }

    fn files_of_counts(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(self.place().directory).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.to_string_lossy().contains("/counts-")).collect()
    }

    fn faults(&self, former: &[Secret]) -> Vec<Kind> {
        let (place, new) = (self.place(), new_key());
        let asked = Asked {
            place: &place,
            verifier: None,
            auditor: Some(&self.seed),
            key: Some(&new),
            former,
            bound: None,
            from: None,
        };
        verify(&asked).unwrap().faults.iter().map(|fault| fault.kind).collect()
    }

    fn assert_renewed(&self) {
        assert_eq!(self.faults(&[]), []);
        assert!(verifier(&self.place(), &new_key()).is_ok());
        assert!(verifier(&self.place(), &key()).is_err(), "the former key opens the signer");
        let opened = Log::open(self.place(), &key(), config::Audit::default());
        assert_eq!(opened.err(), Some(Error::Altered), "the former key opens the head");
    }
}

/// At any of the places where it can be interrupted: before the first, behind the signer, behind the
/// head, in the middle of a file of counts.
#[test]
fn what_was_interrupted_is_done_again() {
    for step in 0..4 {
        let (ground, store) = (Ground::new(), Store::new());
        let log = store.open(&ground);
        let counter = log.counter(&signing(1)).unwrap();
        (0..5).for_each(|_| counter.add());
        let signer = fs::read(ground.place().signer()).unwrap();
        store.set(Stage::Renewed);
        if step > 0 {
            drop(store.open(&ground));
            assert_ne!(fs::read(ground.place().signer()).unwrap(), signer);
        }
        match step {
            1 => Page::under(&ground, &new_key()).put_under(&ground, &key()),
            3 => {
                let file = fs::OpenOptions::new().write(true).open(&ground.files_of_counts()[0]);
                file.unwrap().write_all_at(&[0; 8], NAME).unwrap();
            }
            _ => {}
        }
        assert_eq!(ground.faults(&[key()]), [], "step {step}: of what is interrupted");
        store.renew(&ground);
        ground.assert_renewed();
        counter.add();
        log.flush().unwrap();
        assert_eq!(ground.counted(), 6, "step {step}");
    }
}

/// Who counts goes on, and each use is recorded once: by who knows of the new key, and by who does not
/// yet.
#[test]
fn uses_are_counted_through_it() {
    let (ground, store) = (Ground::new(), Store::new());
    let log = store.open(&ground);
    let first = log.counter(&signing(1)).unwrap();
    (0..5).for_each(|_| first.add());
    store.renew(&ground);
    assert_eq!(ground.counted(), 5);
    (0..3).for_each(|_| first.add());
    // Begun before this process has had a turn.
    let second = log.counter(&signing(2)).unwrap();
    (0..2).for_each(|_| second.add());
    store.open(&ground).sweep().unwrap();
    assert_eq!(ground.counted(), 10);
    first.add();
    log.settle(&[&first]).unwrap();
    assert_eq!(ground.counted(), 11);
    second.add();
    log.close().unwrap();
    assert_eq!(ground.counted(), 12);
    ground.assert_renewed();
}

/// The first to write counts already, and nobody has brought its file over.
#[test]
fn who_counts_brings_its_own_counts_over() {
    let (ground, store) = (Ground::new(), Store::new());
    let log = store.open(&ground);
    let counter = log.counter(&signing(1)).unwrap();
    (0..5).for_each(|_| counter.add());
    store.set(Stage::Renewed);
    log.settle(&[&counter]).unwrap();
    (0..2).for_each(|_| counter.add());
    let other = log.counter(&signing(2)).unwrap();
    other.add();
    store.renew(&ground);
    log.close().unwrap();
    assert_eq!(ground.counted(), 8);
    ground.assert_renewed();
}

/// A process that is gone had counted under the former key, of this version or the one before it,
/// whose files do not name their key.
#[test]
fn what_the_dead_counted_is_recorded() {
    for named in [true, false] {
        let (ground, store) = (Ground::new(), Store::new());
        let log = store.open(&ground);
        let counter = log.counter(&signing(1)).unwrap();
        (0..5).for_each(|_| counter.add());
        drop((counter, log));
        if !named {
            let file = fs::OpenOptions::new().write(true).open(&ground.files_of_counts()[0]);
            file.unwrap().write_all_at(&[0; 8], NAME).unwrap();
        }
        store.renew(&ground);
        assert_eq!(ground.counted(), 5);
        assert_eq!(ground.files_of_counts(), [] as [PathBuf; 0]);
        ground.assert_renewed();
    }
}

/// What somebody makes with the former key is refused: by who has learnt of the new one, by who comes
/// anew, and by a process that was idle meanwhile and still has the former key alone.
#[test]
fn nothing_under_the_former_key_is_believed_again() {
    let (ground, store) = (Ground::new(), Store::new());
    let idle = store.open(&ground);
    store.renew(&ground);
    let awake = store.open(&ground);
    awake.append(&signing(1), Durability::Now).unwrap();
    // All of it is right, but for the key.
    let page = Page::under(&ground, &new_key());
    page.put_under(&ground, &key());
    for log in [&idle, &awake, &idle] {
        assert_eq!(log.append(&signing(2), Durability::Now).err(), Some(Error::Altered));
    }
    assert!(ground.faults(&[]).contains(&Kind::HeadAltered));
    page.put_under(&ground, &new_key());
    for log in [&idle, &awake] {
        log.append(&signing(2), Durability::Now).unwrap();
    }
    ground.assert_renewed();
}

/// A file of counts from before, put back: nobody is said to have used a key by it.
#[test]
fn counts_under_the_former_key_are_not_recorded() {
    let (ground, store) = (Ground::new(), Store::new());
    let log = store.open(&ground);
    let counter = log.counter(&signing(1)).unwrap();
    (0..5).for_each(|_| counter.add());
    let path = ground.files_of_counts().remove(0);
    let before = fs::read(&path).unwrap();
    store.renew(&ground);
    log.close().unwrap();
    assert_eq!(ground.counted(), 5);
    fs::write(&path, before).unwrap();
    store.open(&ground).sweep().unwrap();
    assert_eq!(ground.counted(), 5);
}

/// Where the name of the key of a file of counts stands, bytes.
const NAME: u64 = 8;
