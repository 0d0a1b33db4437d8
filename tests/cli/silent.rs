// SPDX-License-Identifier: Apache-2.0 OR MIT
//! That no secret is shown or logged is seen by every test of the command: here it is seen that it would be.

use super::desk::{Desk, SECRETS};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What a piece of a test complained of, if it did.
fn complaint(test: impl FnOnce()) -> Option<String> {
    let failed = catch_unwind(AssertUnwindSafe(test)).err()?;
    Some(failed.downcast_ref::<String>().cloned().unwrap_or_default())
}

/// A program that writes this to one of its outputs.
fn shown(desk: &Desk, text: &str, script: &str) -> Option<String> {
    complaint(|| drop(desk.end(desk.command("sh", ["-c", script, "sh", text]))))
}

fn planted(store: &Path, text: &str) {
    fs::create_dir_all(store.join("audit")).unwrap();
    fs::write(store.join("audit/00000000000000000009.jsonl"), format!("{{\"op\":\"{text}\"}}\n"))
        .unwrap();
}

#[test]
fn a_secret_in_the_output_fails_a_test() {
    let desk = Desk::new();
    for (name, secret) in SECRETS {
        for script in ["printf '%s' \"$1\"", "printf 'error: %s\\n' \"$1\" >&2"] {
            let said = shown(&desk, secret, script).unwrap_or_else(|| panic!("{name}"));
            assert!(said.contains("is in the output"), "{name}: {said}");
            // The shortest could be found by chance, in another spelling.
            let hidden = shown(&desk, &hex::encode(secret), script);
            assert_eq!(hidden.is_some(), secret.len() >= super::needles::SHORTEST, "{name}");
        }
    }
    assert_eq!(shown(&desk, "nothing of that kind", "printf '%s' \"$1\""), None);
}

/// Also in one that the test does not name, and in what a watch keeps.
#[test]
fn a_secret_in_a_log_fails_a_test() {
    for place in ["store", "elsewhere/store"] {
        let desk = Desk::with_token();
        planted(&desk.path(place), SECRETS[0].1);
        let said = complaint(|| drop(desk)).unwrap_or_else(|| panic!("{place}"));
        assert!(said.contains("a secret, as it is, is in"), "{place}: {said}");
    }
    let desk = Desk::with_token();
    fs::create_dir(desk.store().join("watch")).unwrap();
    fs::write(desk.store().join("watch/note"), SECRETS[1].1).unwrap();
    assert!(complaint(|| drop(desk)).is_some());
    let desk = Desk::with_token();
    planted(&desk.store(), "C_Login");
    assert_eq!(complaint(|| drop(desk)), None);
}

/// Whatever the names of files and variables are.
#[test]
fn what_the_command_is_given_is_heard() {
    let mut desk = Desk::with_token();
    desk.write("a file", b"a PIN by a file\n");
    desk.variable("SOMETHING", "a PIN by a variable");
    desk.write("raw", b"the value of key");
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let ec = PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap();
    let edwards = PKey::generate_ed25519().unwrap();
    desk.write("rsa", &rsa.private_key_to_pem_pkcs8().unwrap());
    desk.write("ec", &ec.ec_key().unwrap().private_key_to_pem().unwrap());
    desk.write("edwards", &edwards.private_key_to_pkcs8().unwrap());
    let import = ["key", "import", "--label", "k", "--pin-file", "$D/pin", "--file"];
    let given: [(&[&str], Vec<u8>); 6] = [
        (&["key", "list", "--pin-file", "$D/a file"], b"a PIN by a file".to_vec()),
        (&["key", "list", "--pin-env", "SOMETHING"], b"a PIN by a variable".to_vec()),
        (&[&import[..], &["$D/raw", "--type", "aes"]].concat(), b"the value of key".to_vec()),
        (&[&import[..], &["$D/rsa"]].concat(), rsa.rsa().unwrap().d().to_vec()),
        (&[&import[..], &["$D/ec"]].concat(), ec.ec_key().unwrap().private_key().to_vec()),
        (&[&import[..], &["$D/edwards"]].concat(), edwards.raw_private_key().unwrap()),
    ];
    for (arguments, secret) in given {
        let script = "printf '%s' \"$1\"";
        assert_eq!(shown(&desk, &hex::encode(&secret), script), None, "before {arguments:?}");
        desk.run(arguments);
        assert!(shown(&desk, &hex::encode(&secret), script).is_some(), "after {arguments:?}");
    }
}

/// The diagnostics are silent elsewhere: here the command is asked for all of them.
#[test]
fn all_diagnostics_tell_no_secret() {
    let mut desk = Desk::new();
    desk.variable("STRONGROOM_LOG", "trace");
    desk.write("raw", b"the value of key");
    let steps = [
        "init --label web --so-pin-file $D/so --pin-file $D/pin",
        "key generate --type ec:p256 --label pair --pin-file $D/pin",
        "key import --file $D/raw --type aes --label raw --pin-file $D/pin",
        "pin change --pin-file $D/pin --new-pin-file $D/new",
        "user add ops --role operator --so-pin-file $D/so --new-pin-file $D/pin",
        "seal add --kind passphrase --new-passphrase-file $D/passphrase",
        "key destroy --label raw --yes --reason test --pin-file $D/new",
        "check",
    ];
    for step in steps {
        desk.run(&step.split(' ').collect::<Vec<_>>()).good();
    }
    let list = ["key", "list", "--pin-file"];
    desk.run(&[&list[..], &["$D/wrong"]].concat()).bad("attempts are left");
    // It is on the channel that this one is said.
    fs::remove_file(desk.store().join("seal-1.key")).unwrap();
    let lost = desk.run(&[&list[..], &["$D/new", "--passphrase-file", "$D/wrong"]].concat());
    assert!(lost.err.contains(" ERROR ") || lost.err.contains(" WARN "), "{lost:?}");
}
