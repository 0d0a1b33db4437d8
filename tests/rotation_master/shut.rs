// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A process that needs the store's new keys and cannot open the seal again says so, and goes on when
//! it can.

use crate::common::*;
use crate::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_process_that_cannot_open_the_seal_again_fails_clearly_and_recovers() {
    let mut user = User::new();
    let (passphrase, aside) =
        (passphrase_file(&user.fixture), user.fixture.directory().join("aside"));
    let words = passphrase.to_str().unwrap().to_owned();
    let add = ["seal", "add", "--kind", "passphrase", "--new-passphrase-file", &words];
    run(&user.fixture, &add);
    let with = ["--passphrase-file", &words];
    run(&user.fixture, &[&["seal", "remove", "--slot", "1"][..], &with].concat());
    let mut settings = fs::read_to_string(user.fixture.config_path()).unwrap();
    settings = settings.replace("[store]\n", &format!("[store]\npassphrase_file = {words:?}\n"));
    fs::write(user.fixture.config_path(), settings).unwrap();
    user.restart();
    let s = user.session;
    fill(s, KINDS);
    fs::rename(&passphrase, &aside).unwrap();
    let aside_words = aside.to_str().unwrap().to_owned();
    let with = ["--passphrase-file", &aside_words];
    // The master key alone: this process needs nothing.
    run(&user.fixture, &[PLAIN, &with].concat());
    all_there(s, KINDS);
    run(&user.fixture, &[COMPROMISED, &with].concat());
    s.find(&template! { CKA_LABEL => "object 1" }).map(drop).gives(CKR_DEVICE_ERROR);
    let place = template! { CKA_TOKEN => true };
    let aes = template! { CKA_VALUE_LEN => 32 as CK_ULONG }.and(&place);
    s.generate(&Mech::plain(CKM_AES_KEY_GEN), &aes).map(drop).gives(CKR_DEVICE_ERROR);
    fs::rename(&aside, &passphrase).unwrap();
    // Any change is a reason to try again.
    run(&user.fixture, PLAIN);
    all_there(s, KINDS);
    s.generate(&Mech::plain(CKM_AES_KEY_GEN), &aes).good();
    whole(&user.fixture);
}

fn passphrase_file(fixture: &Fixture) -> std::path::PathBuf {
    let path = fixture.directory().join("passphrase");
    fs::write(&path, "correct horse battery staple\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}
