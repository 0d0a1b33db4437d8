// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A rotation that is killed at any moment leaves a store that is whole and in use, and the next one
//! brings it to its end.

use crate::common::*;
use crate::reader::Files;
use crate::*;
use std::process::Stdio;
use std::time::Duration;

const COUNT: usize = 400;
/// Moments at which it is killed: so many, and more until enough of them were in the middle, which on a fast
/// machine is short.
const ROUNDS: u64 = 24;
const MOST: u64 = 500;

#[test]
fn a_killed_rotation_is_taken_up_again() {
    let mut user = User::new();
    fill(user.session, COUNT);
    session::finalize().good();
    let (mut begun, mut between) = (0, 0);
    for round in 0..MOST {
        if round >= ROUNDS && between >= 3 {
            break;
        }
        let mut command = command(&user.fixture, COMPROMISED);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + (round * 37) % 190));
        child.kill().unwrap();
        child.wait().unwrap();
        whole(&user.fixture);
        let files = Files::open(&user.fixture.store_path());
        let under_way = files.has("previous key state");
        between += usize::from(under_way);
        begun = files.generation();
        drop(files);
        let said = run(&user.fixture, &["doctor"]);
        assert_eq!(said.contains("a rotation is under way"), under_way, "{said}");
        if round % 4 == 0 {
            // It goes on in between: the mixture is read, searched and written.
            user.fixture.initialize().good();
            let s = user.token.user();
            all_there(s, COUNT);
            let place = template! { CKA_TOKEN => true, CKA_LABEL => "later" };
            let key = keys::aes_with(s, 32, &place);
            assert_eq!(s.find(&template! { CKA_LABEL => "later" }).good(), [key]);
            s.destroy(key).good();
            session::finalize().good();
        }
    }
    assert!(between >= 3, "killed in the middle {between} times");
    assert!(begun >= 2, "keys were made anew");
    let under_way = Files::open(&user.fixture.store_path()).has("previous key state");
    let said = run(&user.fixture, PLAIN);
    assert_eq!(said.contains("that was under way is complete"), under_way, "{said}");
    whole(&user.fixture);
    let files = Files::open(&user.fixture.store_path());
    assert!(!files.has("previous key state"), "the previous keys are gone");
    drop(files);
    // A secret that was made and never written into its slot goes with the next one.
    run(&user.fixture, &["seal", "rotate", "1"]);
    seal(&user.fixture);
    user.fixture.initialize().good();
    user.session = user.token.user();
    all_there(user.session, COUNT);
}
