// SPDX-License-Identifier: Apache-2.0 OR MIT
//! After a compromise of the store its log has another key too, while others sign; and what was sealed
//! under the one before is refused.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{of, records};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use strongroom::config::Config;
use strongroom::session::open_store;

/// Who had the store's keys had the key of its log as well.
#[test]
fn a_compromise_renews_the_key_of_the_log() {
    let fixture = Fixture::new();
    fixture.token("bound");
    session::finalize().good();
    let known = || {
        let config = Config::load(Some(&fixture.config_path())).unwrap();
        let opened = open_store(&config, None).unwrap().unwrap();
        let known = opened.vault.audit().unwrap().unwrap();
        (known.key.expose().to_vec(), known.former.len())
    };
    let before = known();
    command(&fixture, &["rotate", "master-key"], true);
    assert_eq!(known(), before, "nobody was to fear for it");
    command(&fixture, &["rotate", "master-key", "--compromised"], true);
    let after = known();
    assert_ne!(after.0, before.0);
    assert_eq!(after.1, 0, "nothing is left of the key before");
    command(&fixture, &["check"], true);
}

/// A process that signs throughout, and this one, which does before and after.
#[test]
fn who_signs_meanwhile_is_counted_exactly() {
    let test = "compromised::who_signs_meanwhile_is_counted_exactly";
    if child::role().is_some() {
        return sign();
    }
    let user = User::new();
    let place = template! { CKA_TOKEN => true, CKA_LABEL => "signer" };
    let (_, key) = keys::pair_with(user.session, &ec::P256, &Template::default(), &place);
    let stop = user.fixture.directory().join("stop");
    let mut other = child_on(&user.fixture, test, "signs");
    other.env("CHILD_FILE", &stop);
    let mut other = child::spawn(other);
    let pid = u64::from(other.id());
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "at work"), "the child ended");
    let use_it = || user.session.sign(&Mech::plain(CKM_ECDSA), key, &[7; 32]).map(drop).good();
    for _ in 0..3 {
        use_it();
        command(&user.fixture, &["rotate", "master-key", "--compromised"], true);
        use_it();
    }
    fs::write(&stop, "").unwrap();
    let signed = |line: String| line.strip_prefix("signed ").and_then(|n| n.parse::<u64>().ok());
    let done = lines.find_map(signed);
    assert!(lines.any(|line| line.contains("1 passed")), "the child saw an error");
    assert!(other.wait().unwrap().success());
    user.session.close().good();
    let all = records(&user.fixture.store_path());
    let by = |pid: u64| {
        let uses = of(&all, "C_Sign").into_iter().filter(|record| record["who"]["pid"] == pid);
        uses.map(|record| record["details"]["count"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(Some(by(pid)), done);
    assert_eq!(by(u64::from(std::process::id())), 6);
    assert_eq!(of(&all, "audit.cut").len(), 0);
    assert!(of(&all, "audit.renew").len() >= 3);
    let so = user.fixture.directory().join("so");
    fs::write(&so, SO_PIN).unwrap();
    let by = ["audit", "verify", "--so", "--so-pin-file", so.to_str().unwrap()];
    command(&user.fixture, &by, true);
}

/// The child: with one session that lasts, and others that do not.
fn sign() {
    let s = join();
    let key = s.find(&template! { CKA_LABEL => "signer" }).good()[0];
    let stop = std::path::PathBuf::from(std::env::var("CHILD_FILE").unwrap());
    let mut done = 0_u64;
    while !stop.exists() {
        let brief = Session::read_write(0).good();
        for session in [s, brief] {
            session.start(Kind::Sign, &Mech::plain(CKM_ECDSA), Some(key)).good();
            session.once(Kind::Sign, &[7; 32], Room::Bytes(64)).taken().good();
            done += 1;
        }
        brief.close().good();
        if done == 2 {
            println!("\nat work");
            std::io::stdout().flush().unwrap();
        }
    }
    session::finalize().good();
    println!("\nsigned {done}");
}

/// A head and a signer from before, put back: the check names them, nobody writes, and with those of
/// now all goes on.
#[test]
fn what_rests_under_the_key_before_is_refused() {
    let user = User::new();
    let audit = user.fixture.store_path().join("audit");
    let read = || ["head", "signer"].map(|name| fs::read(audit.join(name)).unwrap());
    let write = |contents: [Vec<u8>; 2]| {
        let names = ["head", "signer"].iter();
        names.zip(contents).for_each(|(name, bytes)| fs::write(audit.join(name), bytes).unwrap());
    };
    let before = read();
    command(&user.fixture, &["rotate", "master-key", "--compromised"], true);
    let after = read();
    write(before);
    let said = command(&user.fixture, &["audit", "verify", "--json"], false);
    for kind in ["head-altered", "verifier-altered"] {
        assert!(said.contains(kind), "{kind}: {said}");
    }
    // This process has not written since.
    let data = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true };
    user.session.create(&data).gives(CKR_DEVICE_ERROR);
    write(after);
    user.session.create(&data).good();
    command(&user.fixture, &["audit", "verify"], true);
}

/// What the command said, which ended well or did not.
fn command(fixture: &Fixture, arguments: &[&str], well: bool) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(arguments).env("STRONGROOM_CONF", fixture.config_path());
    let output = command.output().unwrap();
    let said = child::everything(&output);
    assert_eq!(output.status.success(), well, "{arguments:?}: {said}");
    said
}
