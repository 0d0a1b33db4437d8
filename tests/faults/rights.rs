// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The right to write is taken from a running process and given back, and readers stand still while the
//! log is begun anew.

use crate::common::*;
use crate::kill::wait_until_stopped;
use crate::library::{self, Kind};
use crate::{check, child_on, join};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const BOX: &str = "box";
/// What a call answers that had to write.
const REFUSED: &[CK_RV] = &[CKR_TOKEN_WRITE_PROTECTED, CKR_DEVICE_ERROR];

fn data() -> Template {
    template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true }
}

/// Adds a data object, which must be there from then on where it was acknowledged.
struct Tally(Session, usize);

impl Tally {
    fn add(&mut self) -> R<()> {
        let made = self.0.create(&data()).map(drop);
        self.1 += usize::from(made.is_ok());
        made
    }

    fn holds(&self, what: &str) {
        self.used(what).good_for(what);
    }

    /// The same where nothing can be written: a use that cannot be counted may be refused.
    fn holds_unwritten(&self, what: &str) {
        self.used(what).map(drop).gives_one_of(&[CKR_OK, CKR_DEVICE_ERROR]);
    }

    fn used(&self, what: &str) -> R<Vec<u8>> {
        assert_eq!(self.0.find(&data()).good_for(what).len(), self.1, "{what}");
        let key = self.0.find(&template! { CKA_LABEL => BOX }).good()[0];
        self.0.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16])
    }
}

fn with_box() -> User {
    let user = User::new();
    let key = keys::aes_with(user.session, 32, &template! { CKA_TOKEN => true, CKA_LABEL => BOX });
    // The first use of a key is a change: it decides what the key is for.
    user.session.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    session::finalize().good();
    user
}

/// A kernel that meets a bad disk turns its file system read-only under everybody, which `mount` does
/// not do to files that are open: the library of the tests answers as that kernel does.
#[test]
fn a_file_system_turns_read_only_and_back() {
    let test = "rights::a_file_system_turns_read_only_and_back";
    if child::role().is_some() {
        let mut tally = Tally(join(), 0);
        tally.add().good();
        for _ in 0..3 {
            library::arm(&store(), 1, Kind::Full(libc::EROFS));
            tally.add().gives_one_of(REFUSED);
            tally.holds_unwritten("while it is read-only");
            // Done, whether or not it can be recorded.
            tally.0.logout().gives_one_of(&[CKR_OK, CKR_DEVICE_ERROR]);
            tally.0.login(CKU_USER, "not the PIN").gives_one_of(REFUSED);
            library::disarm();
            tally.0.login(CKU_USER, USER_PIN).good();
            tally.add().good();
            tally.holds("when it is writable again");
        }
        return begin_while_it_is_read_only(tally);
    }
    let user = with_box();
    // Somebody else has the log open, so that there is one to be read.
    user.fixture.initialize().good();
    user.token.user();
    child::succeeds(library::before(on_store(&user.fixture, test, "child")));
    session::finalize().good();
    check(&user.fixture, "at the end");
}

/// What was opened then is no obstacle afterwards.
fn begin_while_it_is_read_only(mut tally: Tally) {
    session::finalize().good();
    library::arm(&store(), 1, Kind::Full(libc::EROFS));
    initialize_child().good();
    tally.0 = Session::read_write(0).good();
    tally.0.login(CKU_USER, USER_PIN).gives_one_of(REFUSED);
    library::disarm();
    tally.0.login(CKU_USER, USER_PIN).good_for("when it is writable again");
    tally.add().good();
    tally.holds("begun while it was read-only");
}

/// Modes that take the right to write from who owns the files.
const TAKEN: &[(&str, u32, u32)] =
    &[("files", 0o700, 0o400), ("directory", 0o500, 0o600), ("both", 0o500, 0o400)];

/// Nobody's, because root may write everywhere: modes change while a process works, and while it starts.
#[test]
fn modes_change_under_a_running_process() {
    let test = "rights::modes_change_under_a_running_process";
    match child::role().as_deref() {
        Some("count") => {
            // One that comes only now.
            let wanted = std::env::var("CHILD_COUNT").unwrap().parse().unwrap();
            return Tally(join(), wanted).holds("another process");
        }
        Some(_) => return work_while_modes_change(test),
        None => {}
    }
    let user = with_box();
    // SAFETY: asks for the user id of this process.
    let root = unsafe { libc::geteuid() } == 0;
    let mut command = on_store(&user.fixture, test, "worker");
    if root {
        give(user.fixture.directory(), NOBODY);
        command.uid(NOBODY).gid(NOBODY);
    }
    child::succeeds(command);
    if root {
        give(user.fixture.directory(), 0);
    }
    check(&user.fixture, "at the end");
}

fn work_while_modes_change(test: &str) {
    let mut tally = Tally(join(), 0);
    tally.add().good();
    for (what, directory, files) in TAKEN {
        set_modes(*directory, *files);
        // What is open stays open: it may go on, and what it acknowledges is there.
        tally.add().gives_one_of(&[&[CKR_OK], REFUSED].concat());
        tally.holds_unwritten(what);
        tally.0.logout().gives_one_of(&[CKR_OK, CKR_DEVICE_ERROR]);
        tally.0.login(CKU_USER, "not the PIN").gives_one_of(&[
            CKR_PIN_INCORRECT,
            CKR_TOKEN_WRITE_PROTECTED,
            CKR_DEVICE_ERROR,
        ]);
        set_modes(0o700, 0o600);
        tally.0.login(CKU_USER, USER_PIN).good_for(what);
        tally.add().good_for(what);
        tally.holds(what);
        let mut another = Command::new(std::env::current_exe().unwrap());
        another.args([test, "--exact", "--nocapture"]).env("STRONGROOM_TEST_ROLE", "count");
        child::succeeds({
            another.env("CHILD_COUNT", tally.1.to_string());
            another
        });
    }
}

fn set_modes(directory: u32, files: u32) {
    set_modes_in(&store(), directory, files);
}

fn set_modes_in(place: &Path, directory: u32, files: u32) {
    fs::set_permissions(place, Permissions::from_mode(0o700)).unwrap();
    for file in fs::read_dir(place).unwrap() {
        let file = file.unwrap().path();
        match file.is_dir() {
            true => set_modes_in(&file, directory, files),
            false => fs::set_permissions(file, Permissions::from_mode(files)).unwrap(),
        }
    }
    fs::set_permissions(place, Permissions::from_mode(directory)).unwrap();
}

fn give(path: &Path, owner: u32) {
    chown(path, Some(owner), Some(owner)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|file| give(&file.unwrap().path(), owner));
    }
}

const NOBODY: u32 = 65534;

/// Steps of a reader at which it stands still: before it has a place in the log, and while it holds one.
const STILL: &[usize] = &[1, 2];

#[test]
fn a_reader_stands_still_while_the_log_is_begun_anew() {
    let test = "rights::a_reader_stands_still_while_the_log_is_begun_anew";
    if let Some(role) = child::role() {
        return stand_still(role.parse().unwrap());
    }
    for at in STILL {
        let mut user = with_box();
        user.fixture.initialize().good();
        user.session = user.token.user();
        let mut tally = Tally(user.session, 0);
        let command = on_store(&user.fixture, test, &at.to_string());
        let mut reader = child::spawn(library::before(command));
        let mut lines = BufReader::new(reader.stdout.take().unwrap()).lines();
        wait_until_stopped(&reader);
        let log = user.fixture.store_path().join("store.db-wal");
        let length = || fs::metadata(&log).map_or(0, |log| log.len());
        // More than the log is folded at, so that it would begin anew.
        let big = data().with(CKA_VALUE, vec![5_u8; 60_000]);
        let before = length();
        while length() <= before.max(FOLDED_AT) && tally.1 < 400 {
            user.session.create(&big).good_for("beside a reader that stands still");
            tally.1 += 1;
        }
        let full = length();
        for _ in 0..5 {
            user.session.create(&big).good_for("beside a reader that stands still");
            tally.1 += 1;
        }
        // A place in the log keeps it from being begun anew.
        assert_eq!(
            length() > full,
            *at == 2,
            "at step {at}: {full} bytes of log, then {}",
            length()
        );
        // SAFETY: lets a child of this process go on.
        assert_eq!(unsafe { libc::kill(reader.id() as i32, libc::SIGCONT) }, 0);
        let found = lines.find_map(|line| {
            let line = line.unwrap();
            line.split_once("found ").map(|(_, rest)| rest.parse::<usize>().unwrap())
        });
        assert_eq!(found, Some(tally.1), "at step {at}: it sees all in the end");
        assert!(reader.wait().unwrap().success());
        tally.add().good();
        tally.holds("after the reader");
        session::finalize().good();
        check(&user.fixture, "after the reader");
    }
}

/// The length of a log that is folded: pages, each with a head.
const FOLDED_AT: u64 = 4_000 * (4_096 + 24);

fn stand_still(at: usize) {
    let s = join();
    let key = s.find(&template! { CKA_LABEL => BOX }).good()[0];
    library::arm(&store(), at, Kind::Stop);
    let found = s.find(&template! { CKA_LABEL => BOX }).good();
    library::disarm();
    assert_eq!(found, [key]);
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    println!("\nfound {}", s.find(&data()).good().len());
}

fn on_store(fixture: &Fixture, test: &str, role: &str) -> Command {
    let mut command = child_on(fixture, test, role);
    command.env("CHILD_STORE", fixture.store_path());
    command
}

fn store() -> PathBuf {
    std::env::var("CHILD_STORE").unwrap().into()
}
