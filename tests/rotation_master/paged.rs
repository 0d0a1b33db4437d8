// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Searches longer than what is read at once, while a rotation stands in the middle.

use crate::common::*;
use crate::reader::Files;
use crate::*;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

/// Several times what a search reads at once, and what a rotation brings over at once.
const MANY: usize = 1400;

#[test]
fn pages_of_a_search_have_what_is_on_either_side_of_a_rotation() {
    let user = User::new();
    for n in 0..MANY {
        let object = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => "one" };
        user.session.create(&object.with(CKA_PRIVATE, n % 2 == 0)).good();
        if n % 10 == 0 {
            // What is left of it is not among what is there.
            let place = template! { CKA_TOKEN => true, CKA_LABEL => "one" };
            user.session.destroy(keys::aes_with(user.session, 32, &place)).good();
        }
    }
    session::finalize().good();
    let mut between = 0;
    for round in 0..60_u64 {
        let mut command = command(&user.fixture, COMPROMISED);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(20 + (round * 37) % 190));
        child.kill().unwrap();
        child.wait().unwrap();
        if !Files::open(&user.fixture.store_path()).has("previous key state") {
            continue;
        }
        between += 1;
        user.fixture.initialize().good();
        everything_is_found(user.token.user());
        session::finalize().good();
        if between == 6 {
            return;
        }
    }
    panic!("killed in the middle {between} times");
}

fn everything_is_found(s: Session) {
    let searches = [
        Template::default(),
        template! { CKA_LABEL => "one" },
        template! { CKA_CLASS => CKO_DATA },
        template! { CKA_CLASS => CKO_DATA, CKA_LABEL => "one" },
    ];
    for template in searches {
        let found = s.find(&template).good();
        assert_eq!(found.len(), MANY, "found by {template:?}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>().len(), MANY, "nothing twice");
    }
}
