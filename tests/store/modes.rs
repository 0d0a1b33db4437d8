// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Owners and modes of the store's files, and links in their place.

use crate::common::*;
use crate::{UNUSABLE, files, filled, try_use};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

#[test]
fn files_are_made_for_their_owner_alone() {
    // SAFETY: sets the process's mask; the store must not depend on it.
    let before = unsafe { libc::umask(0) };
    let (fixture, _) = filled();
    // SAFETY: sets it back.
    unsafe { libc::umask(before) };
    assert_eq!(mode(&fixture.store_path()), 0o700);
    for file in files(&fixture.store_path()) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    fixture.initialize().good();
    try_files_in_use(&fixture);
    session::finalize().good();
}

#[test]
fn looser_modes_are_refused() {
    let (fixture, content) = filled();
    let mut places = files(&fixture.store_path());
    places.push(fixture.store_path());
    for place in places {
        let right = mode(&place);
        for more in [0o004, 0o040, 0o002, 0o020, 0o077] {
            chmod(&place, right | more);
            let used = try_use(&fixture).map(drop);
            used.gives_for(&format!("{} {:o}", place.display(), right | more), UNUSABLE);
            assert_eq!(mode(&place), right | more, "nothing is mended behind the owner's back");
        }
        chmod(&place, right);
        assert_eq!(try_use(&fixture).good_for(&place.display().to_string()), content);
    }
}

#[test]
fn links_are_not_followed() {
    let (fixture, content) = filled();
    for place in files(&fixture.store_path()) {
        let aside = fixture.directory().join("aside");
        fs::rename(&place, &aside).unwrap();
        symlink(&aside, &place).unwrap();
        let used = try_use(&fixture).map(drop);
        used.gives_for(&format!("link at {}", place.display()), UNUSABLE);
        fs::remove_file(&place).unwrap();
        fs::rename(&aside, &place).unwrap();
        assert_eq!(try_use(&fixture).good(), content);
    }
    let (store, aside) = (fixture.store_path(), fixture.directory().join("aside"));
    fs::rename(&store, &aside).unwrap();
    symlink(&aside, &store).unwrap();
    try_use(&fixture).map(drop).gives_for("link at the store", UNUSABLE);
    fs::remove_file(&store).unwrap();
    fs::rename(&aside, &store).unwrap();
    assert_eq!(try_use(&fixture).good(), content);
}

#[test]
fn what_is_no_directory_is_no_store() {
    for (what, make) in [
        ("a file", (|path| fs::write(path, "file").unwrap()) as fn(&Path)),
        ("a link to nowhere", |path| symlink("/nonexistent", path).unwrap()),
    ] {
        let fixture = Fixture::prepared("");
        make(&fixture.store_path());
        let made = fixture.initialize().and_then(|()| {
            let slot = session::slots(false)?.first().copied().ok_or(Rv(CKR_DEVICE_ERROR))?;
            session::init_token(slot, SO_PIN, "label")
        });
        made.gives_for(what, UNUSABLE);
    }
}

#[test]
fn a_store_is_made_with_its_parents_or_refused() {
    let fixture = Fixture::prepared("");
    let deep = fixture.directory().join("a/b/store");
    fs::write(fixture.config_path(), format!("[store]\npath = {deep:?}\n")).unwrap();
    fixture.initialize().good();
    let made = session::init_token(fixture.empty_slot(), SO_PIN, "label");
    match made {
        Ok(()) => assert_eq!(mode(&deep), 0o700),
        refused => refused.gives_one_of(UNUSABLE),
    }
}

/// While the library works there are more files; they are private as well.
fn try_files_in_use(fixture: &Fixture) {
    let s = Token { slot: session::slots(false).good()[0] }.user();
    keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    for file in files(&fixture.store_path()) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The files that SQLite keeps beside a database in use, and each of the store's own: what else might be in
/// their place.
#[test]
fn pipes_and_directories_in_a_files_place_are_refused() {
    let (fixture, content) = filled();
    let aside = fixture.directory().join("aside");
    let mut places = files(&fixture.store_path());
    places.extend(companions(&fixture));
    for place in places {
        for (what, make) in [
            ("a pipe", (|path| run("mkfifo", path)) as fn(&Path)),
            ("a directory", |path| fs::create_dir(path).unwrap()),
            ("a link to nowhere", |path| symlink("/nonexistent", path).unwrap()),
            ("a link to a device", |path| symlink("/dev/zero", path).unwrap()),
        ] {
            let there = place.exists();
            if there {
                fs::rename(&place, &aside).unwrap();
            }
            make(&place);
            let what = format!("{what} at {}", place.display());
            try_use(&fixture).map(drop).gives_for(&what, UNUSABLE);
            run("rm -rf", &place);
            if there {
                fs::rename(&aside, &place).unwrap();
            }
        }
    }
    assert_eq!(try_use(&fixture).good(), content);
}

#[test]
fn loose_modes_and_others_files_beside_the_database_are_refused() {
    let (fixture, content) = filled();
    for place in companions(&fixture) {
        fs::write(&place, b"").unwrap();
        for more in [0o004, 0o040, 0o002, 0o020] {
            chmod(&place, 0o600 | more);
            let used = try_use(&fixture).map(drop);
            used.gives_for(&format!("{} {more:o}", place.display()), UNUSABLE);
            let said = crate::check(&fixture).expect_err("a loose mode");
            assert!(said.contains("chmod 0600"), "the mode to set: {said}");
        }
        fs::remove_file(&place).unwrap();
    }
    assert_eq!(try_use(&fixture).good(), content);
}

/// An ordinary user does not use what belongs to another, whatever its mode; root's it may.
#[test]
fn files_of_another_user_are_refused() {
    let test = "modes::files_of_another_user_are_refused";
    if child::role().is_some() {
        initialize_child().good();
        let slot = session::slots(false).good()[0];
        Session::read_write(slot).map(drop).gives_one_of(UNUSABLE);
        return;
    }
    // SAFETY: asks for the user id of this process.
    if unsafe { libc::geteuid() } != 0 {
        // Only root can make files of another; the rest of this page is for everybody.
        return;
    }
    let (fixture, _) = filled();
    let everything = || {
        let mut all = files(&fixture.store_path());
        all.extend([
            fixture.store_path(),
            fixture.directory().to_path_buf(),
            fixture.config_path(),
        ]);
        all
    };
    let own = |path: &Path, user| std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
    // A session is opened without the log; what must be recorded is refused where that is another's.
    let log = fixture.store_path().join("audit");
    let mut places = [&files(&fixture.store_path())[..], &companions(&fixture)].concat();
    places.retain(|place| !place.starts_with(&log));
    for place in places {
        everything().iter().for_each(|path| own(path, NOBODY));
        let made = !place.exists();
        if made {
            fs::write(&place, b"").unwrap();
            chmod(&place, 0o600);
        }
        own(&place, 12345);
        let mut command = crate::child_on(&fixture, test, "another");
        command.uid(NOBODY).gid(NOBODY);
        child::succeeds(command);
        if made {
            fs::remove_file(&place).unwrap();
        }
    }
    everything().iter().for_each(|path| own(path, 0));
}

fn companions(fixture: &Fixture) -> Vec<std::path::PathBuf> {
    let names = ["store.db-wal", "store.db-shm", "store.db-journal"];
    names.map(|name| fixture.store_path().join(name)).to_vec()
}

fn run(program: &str, path: &Path) {
    let mut words = program.split(' ');
    let mut command = std::process::Command::new(words.next().unwrap());
    assert!(command.args(words).arg(path).status().unwrap().success(), "{program}");
}

const NOBODY: u32 = 65534;
