// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A store of the first format, whose state record knows neither generations nor rotations.

use crate::common::*;
use crate::format::{open, seal as sealed};
use crate::reader::Files;
use crate::*;

#[test]
fn a_store_of_the_first_format_opens_and_is_rotated() {
    for rotation in [PLAIN, COMPROMISED] {
        let mut user = User::new();
        fill(user.session, 8);
        session::finalize().good();
        make_older(&user.fixture);
        whole(&user.fixture);
        user.fixture.initialize().good();
        all_there(user.token.user(), 8);
        session::finalize().good();
        run(&user.fixture, rotation);
        whole(&user.fixture);
        user.fixture.initialize().good();
        user.session = user.token.user();
        all_there(user.session, 8);
        session::finalize().good();
        drop(user);
    }
}

fn make_older(fixture: &Fixture) {
    let files = Files::open(&fixture.store_path());
    let secret = std::fs::read(seal(fixture)).unwrap();
    let master = files.master(&files.slot(1), &secret).unwrap();
    let key = files.key("key state", &master).unwrap();
    let mut state = open(&key, &files.id, &files.value("state").unwrap()).unwrap();
    assert_eq!(state[0], 3);
    // Before there was a log.
    std::fs::remove_dir_all(fixture.store_path().join("audit")).unwrap();
    state[0] = 1;
    state.truncate(1 + 8 + 32 + 32);
    let state = sealed(&key, &files.id, &state);
    let query = "UPDATE value SET value = ?1 WHERE name = 'state'";
    assert_eq!(files.database.execute(query, [state]).unwrap(), 1);
    let names = files.key_names();
    assert!(names.iter().all(|name| files.value(name).unwrap().len() == 60), "{names:?}");
}
