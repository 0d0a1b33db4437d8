// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the store rests on changes under a running process: files, disk, limits, clock. Each call is
//! answered, nothing is lost, and when the cause is gone the next call works.

use crate::common::operation::Kind;
use crate::common::*;
use crate::{check, child_on, join, library};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What is done to a store, and undone.
type Change = fn(&Path, &Path);

const REPLACED: &[(&str, Change, Change)] = &[
    (
        "removed",
        |store, aside| move_database(store, aside),
        |store, aside| move_database(aside, store),
    ),
    (
        "replaced by another store's",
        |store, aside| {
            move_database(store, aside);
            fs::copy(aside.join("other.db"), store.join("store.db")).unwrap();
        },
        |store, aside| move_database(aside, store),
    ),
    (
        "replaced by an older copy",
        |store, aside| {
            move_database(store, aside);
            fs::copy(aside.join("older.db"), store.join("store.db")).unwrap();
        },
        |store, aside| move_database(aside, store),
    ),
    (
        "in a directory that was renamed",
        |store, aside| fs::rename(store, aside.join("moved")).unwrap(),
        |store, aside| fs::rename(aside.join("moved"), store).unwrap(),
    ),
];

fn move_database(from: &Path, to: &Path) {
    fs::rename(from.join("store.db"), to.join("store.db")).unwrap();
}

#[test]
fn nothing_is_written_into_a_store_that_lost_its_name() {
    let other = {
        let user = User::new();
        session::finalize().good();
        fs::read(user.fixture.store_path().join("store.db")).unwrap()
    };
    let mut user = User::new();
    let aside = user.fixture.directory().join("aside");
    fs::create_dir(&aside).unwrap();
    fs::write(aside.join("other.db"), other).unwrap();
    session::finalize().good();
    let store = user.fixture.store_path();
    fs::copy(store.join("store.db"), aside.join("older.db")).unwrap();
    user.fixture.initialize().good();
    user.session = user.token.user();
    let s = user.session;
    let new = || template! { CKA_TOKEN => true, CKA_LABEL => "kept" };
    for (what, away, back) in REPLACED {
        let key = keys::aes_with(s, 32, &new());
        away(&store, &aside);
        let there = fs::read(store.join("store.db")).ok();
        let aes = Mech::plain(CKM_AES_KEY_GEN);
        let made = s.generate(&aes, &template! { CKA_VALUE_LEN => 32 as CK_ULONG }.and(&new()));
        made.map(drop).gives_for(what, &[CKR_DEVICE_REMOVED]);
        s.set(key, &template! { CKA_LABEL => "lost" }).gives_for(what, &[CKR_DEVICE_REMOVED]);
        s.destroy(key).gives_for(what, &[CKR_DEVICE_REMOVED]);
        s.find(&new()).map(drop).gives_for(what, &[CKR_DEVICE_REMOVED]);
        assert_eq!(fs::read(store.join("store.db")).ok(), there, "{what}: it was written into");
        back(&store, &aside);
        s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good_for(what);
        keys::aes_with(s, 32, &new());
    }
    user.restart();
    assert_eq!(user.session.find(&new()).good().len(), 2 * REPLACED.len());
    session::finalize().good();
    check(&user.fixture, "at the end");
}

/// A store that was not there when the library began, nor its token: who is told of an empty slot does
/// not erase what has come into it.
#[test]
fn a_token_that_comes_to_light_late_is_not_erased() {
    let user = User::new();
    let kept = template! { CKA_TOKEN => true, CKA_LABEL => "kept" };
    keys::aes_with(user.session, 32, &kept);
    session::finalize().good();
    let (store, aside) = (user.fixture.store_path(), user.fixture.directory().join("aside"));
    let calls: &[Asking] = &[
        ("C_InitToken", |slot| session::init_token(slot, SO_PIN, "anew"), CKR_DEVICE_ERROR),
        ("C_OpenSession", |slot| Session::read_write(slot).and_then(Session::close), CKR_OK),
        ("C_GetTokenInfo", |slot| session::token_info(slot).map(drop), CKR_OK),
    ];
    for (what, call, expected) in calls {
        fs::rename(&store, &aside).unwrap();
        user.fixture.initialize().good();
        assert_eq!(session::slots(false).good(), [0], "{what}: one slot, which is empty");
        fs::rename(&aside, &store).unwrap();
        call(0).gives_for(what, &[*expected]);
        assert!(user.token.flags() & CKF_TOKEN_INITIALIZED != 0, "{what}");
        assert_eq!(user.token.user().find(&kept).good().len(), 1, "{what}");
        session::finalize().good();
    }
    check(&user.fixture, "at the end");
}

/// What is called, how, and what it answers.
type Asking = (&'static str, fn(CK_SLOT_ID) -> R<()>, CK_RV);
/// What becomes of a file, and how.
type Becoming = (&'static str, fn(&Path));

const COUNTERS: &[Becoming] = &[
    ("emptied", |path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap()),
    ("cut short", |path| {
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(9).unwrap()
    }),
    ("filled with others' bytes", |path| fs::write(path, [0x5A; 4096]).unwrap()),
    ("replaced", |path| {
        fs::write(path.with_extension("new"), [0; 4096]).unwrap();
        fs::set_permissions(path.with_extension("new"), fs::metadata(path).unwrap().permissions())
            .unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    }),
];

/// Changes of others are seen whatever is done to the file that tells of them, and no process dies.
#[test]
fn changes_are_seen_whatever_becomes_of_their_counter() {
    let test = "surroundings::changes_are_seen_whatever_becomes_of_their_counter";
    if child::role().is_some() {
        let s = join();
        let key = s.find(&template! { CKA_LABEL => "doomed" }).good()[0];
        return s.destroy(key).good();
    }
    let user = User::new();
    let s = user.session;
    let ecb = Mech::plain(CKM_AES_ECB);
    let kept = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    for (what, spoil) in COUNTERS {
        let doomed = template! { CKA_TOKEN => true, CKA_LABEL => "doomed" };
        let key = keys::aes_with(s, 32, &doomed);
        s.encrypt(&ecb, key, &[0; 16]).good();
        spoil(&user.fixture.store_path().join("changes"));
        s.encrypt(&ecb, kept, &[0; 16]).good_for(what);
        child::succeeds(child_on(&user.fixture, test, "destroyer"));
        s.start(Kind::Encrypt, &ecb, Some(key)).gives_for(what, &[CKR_KEY_HANDLE_INVALID]);
        s.encrypt(&ecb, kept, &[0; 16]).good_for(what);
        keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    }
    let changes = user.fixture.store_path().join("changes");
    fs::rename(&changes, user.fixture.directory().join("changes")).unwrap();
    let data = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true };
    s.create(&data).map(drop).gives(CKR_DEVICE_ERROR);
    fs::rename(user.fixture.directory().join("changes"), &changes).unwrap();
    s.create(&data).good();
    session::finalize().good();
    check(&user.fixture, "at the end");
}

/// The limits that a process may be under, and what a call answers that meets one.
#[test]
fn limits_of_the_process_are_answered() {
    let test = "surroundings::limits_of_the_process_are_answered";
    match child::role().as_deref() {
        Some("files") => return meet_the_longest_file(),
        Some("descriptors") => return meet_the_last_descriptor(),
        Some("memory") => return meet_the_end_of_memory(),
        _ => {}
    }
    // More than the allocator keeps of what was freed.
    let user = User::with_settings("[kdf]\nmemory_kib = 65536\n");
    let key = template! { CKA_TOKEN => true, CKA_LABEL => "box" };
    let key = keys::aes_with(user.session, 32, &key);
    // The first use of a key is a change: it decides what the key is for.
    user.session.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    session::finalize().good();
    for (role, line) in [("files", "ulimit -f"), ("descriptors", "ulimit -n"), ("memory", "")] {
        let mut command = child_on(&user.fixture, test, role);
        command.env("STRONGROOM_LOG", "error");
        let said = child::succeeds(command);
        assert!(said.contains(line), "{role}: the diagnostic line names {line}:\n{said}");
        check(&user.fixture, role);
    }
}

fn limit(resource: libc::__rlimit_resource_t, soft: u64) -> libc::rlimit {
    let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: reads and sets a limit of this process, from and into locals.
    unsafe {
        assert_eq!(libc::getrlimit(resource, &mut before), 0);
        let now = libc::rlimit { rlim_cur: soft, rlim_max: before.rlim_max };
        assert_eq!(libc::setrlimit(resource, &now), 0);
    }
    before
}

/// A limit on the length of files is an error, and no signal.
fn meet_the_longest_file() {
    let s = join();
    let data = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_VALUE => &[5; 20_000] };
    s.create(&data).good();
    let before = limit(libc::RLIMIT_FSIZE, 200_000);
    let mut made = 1;
    let refused = loop {
        match s.create(&data) {
            Ok(_) => made += 1,
            Err(refused) => break refused,
        }
        assert!(made < 100, "the limit was not met");
    };
    Err::<(), _>(refused).gives_one_of(&[CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY]);
    let key = s.find(&template! { CKA_LABEL => "box" }).good()[0];
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    limit(libc::RLIMIT_FSIZE, before.rlim_cur);
    s.create(&data).good();
    assert_eq!(s.find(&template! { CKA_CLASS => CKO_DATA }).good().len(), made + 1);
}

fn meet_the_last_descriptor() {
    let all = || -> Vec<fs::File> {
        std::iter::from_fn(|| fs::File::open("/dev/null").ok()).take(5000).collect()
    };
    module();
    limit(libc::RLIMIT_NOFILE, 256);
    // One that begins without any, and one that loses them while it works.
    let taken = all();
    initialize_child().gives_one_of(&[CKR_OK, CKR_FUNCTION_FAILED, CKR_ARGUMENTS_BAD]);
    drop(taken);
    let _ = session::finalize();
    let s = join();
    let key = s.find(&template! { CKA_LABEL => "box" }).good()[0];
    let data = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true };
    let taken = all();
    // A use that cannot be counted, for want of a file, is refused.
    let used = s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).map(drop);
    used.gives_one_of(&[CKR_OK, CKR_DEVICE_ERROR]);
    s.create(&data).map(drop).gives_one_of(&[CKR_OK, CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR]);
    s.logout().gives_one_of(&[CKR_OK, CKR_DEVICE_ERROR]);
    s.login(CKU_USER, USER_PIN).gives_one_of(&[CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR]);
    drop(taken);
    s.login(CKU_USER, USER_PIN).good();
    s.create(&data).good();
}

/// There is no memory to test a PIN with.
fn meet_the_end_of_memory() {
    let s = join();
    s.logout().good();
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    let before = limit(libc::RLIMIT_AS, pages * 4096 + (6 << 20));
    s.login(CKU_USER, USER_PIN).gives(CKR_HOST_MEMORY);
    limit(libc::RLIMIT_AS, before.rlim_cur);
    s.login(CKU_USER, USER_PIN).good();
    let found = s.find(&template! { CKA_LABEL => "box" }).good();
    s.encrypt(&Mech::plain(CKM_AES_ECB), found[0], &[0; 16]).good();
}

/// Years.
const CLOCKS: &[i64] = &[-200, -60, -10, -1, 1, 10, 80, 500];

#[test]
fn the_clock_moves_by_years() {
    let test = "surroundings::the_clock_moves_by_years";
    if child::role().is_some() {
        return live_through_the_years();
    }
    let user = User::new();
    let dated = template! {
        CKA_TOKEN => true,
        CKA_LABEL => "dated",
        CKA_START_DATE => b"20200101",
        CKA_END_DATE => b"20991231",
    };
    keys::aes_with(user.session, 32, &dated);
    session::finalize().good();
    child::succeeds(library::before(child_on(&user.fixture, test, "child")));
    check(&user.fixture, "after all");
}

fn live_through_the_years() {
    let s = join();
    let ecb = Mech::plain(CKM_AES_ECB);
    for years in CLOCKS {
        let what = format!("{years} years");
        let dated = s.find(&template! { CKA_LABEL => "dated" }).good()[0];
        library::clock(years * 31_557_600);
        let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
        s.encrypt(&ecb, key, &[0; 16]).good_for(&what);
        // From 2020 to 2099.
        let started = s.encrypt(&ecb, dated, &[0; 16]).map(drop);
        match (-6..=72).contains(years) {
            true => started.good_for(&what),
            false => started.gives_for(&what, &[CKR_KEY_FUNCTION_NOT_PERMITTED]),
        }
        s.destroy(key).good_for(&what);
        s.logout().good();
        s.login(CKU_USER, "not the PIN").gives_for(&what, &[CKR_PIN_INCORRECT]);
        s.login(CKU_USER, USER_PIN).good_for(&what);
    }
    library::clock(0);
    let dated = s.find(&template! { CKA_LABEL => "dated" }).good()[0];
    s.encrypt(&ecb, dated, &[0; 16]).good();
}

/// A disk of its own, where this process may mount one: else the full disk of `steps` has to do.
#[test]
fn a_full_disk_is_said_and_passes() {
    let fixture = Fixture::prepared("");
    let disk = fixture.store_path();
    fs::create_dir(&disk).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs"]).arg(&disk);
    if !mount.output().is_ok_and(|output| output.status.success()) {
        return println!("nothing can be mounted here: only `steps` fills disks");
    }
    let _mounted = Mounted(&disk);
    fixture.initialize().good();
    let token = fixture.token("token");
    let s = token.user();
    let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    // The first use of a key is a change: it decides what the key is for.
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    let filler = disk.join("filler");
    let _ = fs::write(&filler, vec![0; 8 << 20]);
    let data = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_VALUE => &[5; 60_000] };
    let refused = (0..100).find_map(|_| s.create(&data).err()).expect("the disk is full");
    Err::<(), _>(refused).gives(CKR_DEVICE_MEMORY);
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    let there = s.find(&template! { CKA_CLASS => CKO_DATA }).good().len();
    fs::remove_file(&filler).unwrap();
    s.create(&data).good();
    assert_eq!(s.find(&template! { CKA_CLASS => CKO_DATA }).good().len(), there + 1);
    session::finalize().good();
    check(&fixture, "after a full disk");
}

struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = session::finalize();
        let _ = Command::new("umount").arg(self.0).output();
    }
}
