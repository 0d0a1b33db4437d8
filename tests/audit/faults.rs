// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Kills, restarts, clocks, full disks, lost rights: nothing that was recorded is gone unsaid, and what
//! cannot be recorded is refused.

use super::page::{self, Page};
use super::{Ground, STORE, child, key, signing};
use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use strongroom::audit::{Asked, Auditor, Durability, Log, Place, Verdict, verify};
use strongroom::config;
use strongroom::error::Error;
use strongroom::files::Access;
use strongroom::mechanism::kem;
use strongroom::secret::Secret;

fn verdict_by(ground: &Ground, seed: &Secret) -> Verdict {
    let (place, key) = (ground.place(), key());
    let asked = Asked {
        place: &place,
        verifier: None,
        auditor: Some(seed),
        key: Some(&key),
        bound: None,
        former: &[],
        from: None,
    };
    verify(&asked).unwrap()
}

fn assert_good(ground: &Ground) -> Verdict {
    let verdict = verdict_by(ground, &ground.seed);
    assert_eq!(verdict.faults, []);
    assert_eq!(verdict.chained, verdict.records);
    verdict
}

#[test]
fn a_segment_of_age_is_ended() {
    let ground = Ground::new();
    let log = ground.open_with(config::Audit { segment_days: 2, ..config::Audit::default() });
    log.append(&signing(1), Durability::Now).unwrap();
    let mut page = Page::of(&ground);
    for (days, segments) in [(1, 1), (2, 2)] {
        page.set_number(page::BEGUN, page.number(page::BEGUN) - 86_400_000_000);
        page.put(&ground);
        log.append(&signing(1), Durability::Now).unwrap();
        assert_eq!(ground.place().segments().unwrap().len(), segments, "after {days} days");
        page = Page::of(&ground);
    }
    assert_good(&ground);
}

#[test]
fn what_a_loss_of_power_took_is_said_and_no_fault() {
    let ground = Ground::new();
    let log = ground.open();
    for session in 1..6 {
        log.append(&signing(session), Durability::Later).unwrap();
    }
    let length = fs::metadata(ground.segment(1)).unwrap().len();
    let file = OpenOptions::new().write(true).open(ground.segment(1)).unwrap();
    file.set_len(length - 700).unwrap();
    let mut page = Page::of(&ground);
    page.set_bytes(page::BOOT, &[0; 16]);
    page.put(&ground);
    log.append(&signing(9), Durability::Now).unwrap();
    let read = ground.read();
    let lost = read.of("audit.lost");
    assert_eq!((lost.len(), &lost[0]["outcome"]), (1, &serde_json::json!("CKR_OK")));
    let verdict = assert_good(&ground);
    assert_eq!(Some(verdict.lost), lost[0]["details"]["lost"].as_u64());
    assert!(verdict.lost >= 1, "{verdict:?}");
}

#[test]
fn a_clock_that_was_set_back_is_said() {
    let ground = Ground::new();
    let log = ground.open();
    log.append(&signing(1), Durability::Now).unwrap();
    let mut page = Page::of(&ground);
    page.set_number(page::TIME, page.number(page::TIME) + 3_600_000_000);
    page.put(&ground);
    log.append(&signing(2), Durability::Now).unwrap();
    let back = ground.read().records.last().unwrap()["details"]["back"].as_u64().unwrap();
    assert!((3_500_000_000..=3_600_000_000).contains(&back), "{back}");
    log.append(&signing(3), Durability::Now).unwrap();
    assert!(ground.read().records.last().unwrap()["details"].is_null());
    assert_good(&ground);
}

/// Killed between the head and the first line; and between that and the second.
#[test]
fn a_log_that_was_killed_while_it_was_made_begins_as_it_should() {
    let ground = Ground::new();
    let whole = fs::read_to_string(ground.segment(1)).unwrap();
    let first = super::reader::first_key(&ground.place().directory, &ground.seed);
    for kept in [0, 1] {
        let mut page = Page::of(&ground);
        page.empty(&first);
        page.put(&ground);
        let lines: String = whole.split_inclusive('\n').take(kept).collect();
        fs::write(ground.segment(1), lines).unwrap();
        let log = ground.open();
        log.append(&signing(1), Durability::Now).unwrap();
        let read = ground.read();
        let ops: Vec<_> =
            read.records.iter().map(|record| record["op"].as_str().unwrap()).collect();
        assert_eq!(ops, ["audit.segment", "audit.begin", "C_Sign"]);
        assert_good(&ground);
    }
}

#[test]
fn another_auditor_checks_what_comes_after() {
    let ground = Ground::new();
    let log = ground.open();
    log.append(&signing(1), Durability::Now).unwrap();
    let (public, seed) = kem::generate().unwrap();
    let renewed = log.renew(&[Auditor { name: "otto".to_owned(), public }]).unwrap();
    log.append(&signing(2), Durability::Now).unwrap();
    let position = log.append(&signing(3), Durability::Now).unwrap();
    let old = verdict_by(&ground, &ground.seed);
    let new = verdict_by(&ground, &seed);
    assert_eq!((&old.faults, &new.faults), (&vec![], &vec![]));
    assert_eq!((old.chained, &old.unopened), (renewed.seq, &vec![renewed.seq + 1]));
    assert_eq!((new.chained, &new.unopened), (position.seq - renewed.seq, &vec![1]));
    // Each sees an edit of what is theirs.
    let text = fs::read_to_string(ground.segment(1)).unwrap();
    fs::write(ground.segment(1), text.replace("\"session\":3", "\"session\":4")).unwrap();
    assert_eq!(verdict_by(&ground, &seed).faults[0].seq, Some(position.seq));
    fs::write(ground.segment(1), text.replace("\"session\":1", "\"session\":4")).unwrap();
    assert_eq!(verdict_by(&ground, &ground.seed).faults[0].seq, Some(renewed.seq - 1));
}

#[test]
fn an_interrupted_renewal_is_done_or_not() {
    let ground = Ground::new();
    let log = ground.open();
    log.append(&signing(1), Durability::Now).unwrap();
    let before = Page::of(&ground);
    let lines = fs::read_to_string(ground.segment(1)).unwrap();
    let (public, seed) = kem::generate().unwrap();
    let renewed = log.renew(&[Auditor { name: "otto".to_owned(), public }]).unwrap();
    let after = Page::of(&ground);
    // Between the record and the head.
    let mut between = before.clone();
    between.set_bytes(page::PENDING, &after.bytes(page::KEY));
    between.put(&ground);
    log.append(&signing(2), Durability::Now).unwrap();
    let verdict = verdict_by(&ground, &seed);
    assert_eq!((verdict.faults, verdict.chained), (vec![], 1));
    assert_eq!(verdict_by(&ground, &ground.seed).chained, renewed.seq);
    // Before the record: the old chain goes on.
    fs::write(ground.segment(1), lines).unwrap();
    between.put(&ground);
    log.append(&signing(2), Durability::Now).unwrap();
    let verdict = verdict_by(&ground, &ground.seed);
    assert_eq!((verdict.faults, verdict.chained), (vec![], verdict.records));
}

#[test]
fn a_group_shares_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let group = fs::metadata(directory.path()).unwrap().gid().to_string();
    let access = Access::for_group(&group).unwrap();
    let place = Place { directory: directory.path().join("audit"), access, store: STORE };
    Log::create(&place, &key(), &[]).unwrap();
    let log = Log::open(place.clone(), &key(), config::Audit::default()).unwrap();
    let counter = log.counter(&signing(1)).unwrap();
    log.checkpoint().unwrap();
    for entry in walk(&place.directory) {
        let mode = fs::metadata(&entry).unwrap().permissions().mode() & 0o7777;
        let wanted = if entry.is_dir() { 0o2770 } else { 0o660 };
        assert_eq!(mode, wanted, "{}", entry.display());
    }
    drop(counter);
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_path_buf()];
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { found.extend(walk(&entry)) } else { found.push(entry) }
    }
    found
}

#[test]
fn a_log_that_others_may_write_is_refused() {
    let ground = Ground::new();
    let place = ground.place();
    for (path, mode) in [(place.directory.clone(), 0o777), (place.head(), 0o666)] {
        let was = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert!(Log::open(ground.place(), &key(), config::Audit::default()).is_err());
        fs::set_permissions(&path, was).unwrap();
    }
    fs::set_permissions(ground.segment(1), Permissions::from_mode(0o666)).unwrap();
    assert!(Log::open(ground.place(), &key(), config::Audit::default()).is_err());
    fs::set_permissions(ground.segment(1), Permissions::from_mode(0o600)).unwrap();
    ground.open().append(&signing(1), Durability::Now).unwrap();
    assert_good(&ground);
}

/// A file of counts with nonsense in it costs its own counts at most.
#[test]
fn counts_that_were_touched_do_no_harm() {
    let ground = Ground::new();
    let log = ground.open();
    let counter = log.counter(&signing(1)).unwrap();
    counter.add();
    let counts = walk(&ground.place().directory);
    let counts = counts.iter().find(|path| path.to_str().unwrap().contains("counts-")).unwrap();
    let file = OpenOptions::new().write(true).open(counts).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 400], 512 + 24).unwrap();
    log.flush().unwrap();
    fs::write(ground.place().directory.join("counts-00"), b"short").unwrap();
    log.sweep().unwrap();
    log.append(&signing(2), Durability::Now).unwrap();
    assert_good(&ground);
}

/// A disk of its own, where this process may mount one.
#[test]
fn a_full_disk_is_recorded_and_passes() {
    let disk = tempfile::tempdir().unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs"]).arg(disk.path());
    if !mount.output().is_ok_and(|output| output.status.success()) {
        return println!("nothing can be mounted here");
    }
    let _mounted = Mounted(disk.path().to_path_buf());
    let ground = Ground::at(disk.path().to_path_buf());
    let log = ground.open();
    log.append(&signing(1), Durability::Now).unwrap();
    let filler = disk.path().join("filler");
    let _ = fs::write(&filler, vec![0; 2 << 20]);
    let refused = (0..100).find_map(|_| log.append(&signing(2), Durability::Now).err());
    assert_eq!(refused, Some(Error::DeviceMemory));
    let count = ground.read().records.len();
    let last = ground.read().records.last().unwrap().clone();
    assert_eq!(
        (&last["op"], &last["outcome"]),
        (&"audit.full".into(), &"CKR_DEVICE_MEMORY".into())
    );
    // Refused as long as it is full, without a word more.
    assert_eq!(log.append(&signing(3), Durability::Now).err(), Some(Error::DeviceMemory));
    let more: Vec<_> = ground.read().records.drain(count..).collect();
    assert_eq!(more, Vec::<serde_json::Value>::new());
    fs::remove_file(&filler).unwrap();
    log.append(&signing(4), Durability::Now).unwrap();
    assert!(ground.place().reserve().exists());
    assert_good(&ground);
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// A limit on the length of files lets the line through and not the head: the caller hears that nothing
/// was recorded, and so it is.
#[test]
fn a_line_whose_head_cannot_be_written_is_taken_back() {
    let test = "faults::a_line_whose_head_cannot_be_written_is_taken_back";
    if let Some(directory) = child::role() {
        let place = place_in(Path::new(&directory));
        let log = Log::open(place, &key(), config::Audit::default()).unwrap();
        // Of this process alone.
        let limit = rustix::process::Rlimit { current: Some(3000), maximum: None };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
        assert!(log.append(&signing(2), Durability::Now).is_err());
        return;
    }
    let ground = Ground::new();
    ground.open().append(&signing(1), Durability::Now).unwrap();
    let before = fs::read(ground.segment(1)).unwrap();
    assert!(before.len() < 2200, "the next line is below the limit");
    child::succeeds(child::command(test, ground.path().to_str().unwrap()));
    assert_eq!(fs::read(ground.segment(1)).unwrap(), before);
    ground.open().append(&signing(3), Durability::Now).unwrap();
    let sessions: Vec<_> =
        ground.read().of("C_Sign").iter().map(|record| record["session"].clone()).collect();
    assert_eq!(sessions, [1, 3]);
    assert_good(&ground);
}

fn place_in(directory: &Path) -> Place {
    let access = Access::for_group("").unwrap();
    Place { directory: directory.join("audit"), access, store: STORE }
}

/// Processes that are killed while they write, at the same moment, many times.
#[test]
fn writers_that_are_killed_lose_no_record_that_they_were_told_of() {
    let test = "faults::writers_that_are_killed_lose_no_record_that_they_were_told_of";
    if let Some(directory) = child::role() {
        return write_until_killed(Path::new(&directory));
    }
    let ground = Ground::new();
    let told = ground.path().join("told");
    fs::create_dir(&told).unwrap();
    for round in 0..8 {
        let mut writers: Vec<_> = (0..2)
            .map(|_| child::spawn(child::command(test, ground.path().to_str().unwrap())))
            .collect();
        // Both have written something in this round, and go on.
        let many = |at: u64| writers_told(&told).iter().filter(|count| **count >= at).count();
        while many(3) < 2 * (round + 1) {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        writers.iter_mut().for_each(|writer| writer.kill().unwrap());
        writers.iter_mut().for_each(|writer| assert!(!writer.wait().unwrap().success()));
        let verdict = assert_good(&ground);
        assert!(verdict.unfinished == 0 || verdict.ahead <= 1, "{verdict:?}");
    }
    ground.open().append(&signing(1), Durability::Now).unwrap();
    assert_good(&ground);
    let read = ground.read();
    for entry in fs::read_dir(&told).unwrap().map(|entry| entry.unwrap()) {
        let pid: u32 = entry.file_name().to_str().unwrap().parse().unwrap();
        let told = fs::metadata(entry.path()).unwrap().len();
        let theirs = read.of("C_Sign");
        let theirs = theirs.iter().filter(|record| record["who"]["pid"] == pid).count() as u64;
        // The last one may be there before its writer could say so.
        assert!((told..=told + 1).contains(&theirs), "{pid}: told of {told}, {theirs} are there");
    }
    assert!(read.of("audit.lost").is_empty());
}

fn writers_told(told: &Path) -> Vec<u64> {
    fs::read_dir(told).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).collect()
}

fn write_until_killed(directory: &Path) {
    use std::io::Write;
    let log = Log::open(place_in(directory), &key(), config::Audit::default()).unwrap();
    let told = directory.join("told").join(std::process::id().to_string());
    let mut told = fs::File::create(told).unwrap();
    loop {
        log.append(&signing(7), Durability::Later).unwrap();
        // One byte a record.
        told.write_all(b".").unwrap();
    }
}

/// Readers block no writer, and see no fault in what is just being written.
#[test]
fn a_log_that_grows_while_it_is_checked_is_good() {
    let ground = Ground::new();
    let log = ground.open();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (public, _) = kem::generate().unwrap();
            for round in 0..300 {
                log.append(&signing(1), Durability::Later).unwrap();
                if round % 5 == 0 {
                    log.checkpoint().unwrap();
                }
                if round == 150 {
                    let name = "anna".to_owned();
                    log.renew(&[Auditor { name, public: public.clone() }]).unwrap();
                }
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        let mut checks = 0;
        while !done.load(std::sync::atomic::Ordering::Acquire) || checks < 3 {
            assert_eq!(verdict_by(&ground, &ground.seed).faults, []);
            let place = ground.place();
            let asked = Asked {
                place: &place,
                verifier: None,
                auditor: None,
                key: None,
                bound: None,
                former: &[],
                from: None,
            };
            assert_eq!(verify(&asked).unwrap().faults, []);
            checks += 1;
        }
    });
}
