// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the verbs of the command leave.

use crate::common::*;
use crate::{of, outcomes, records, since};
use std::collections::BTreeSet;
use std::process::{Command, Output};
use strongroom::session::leaves::VERBS;

#[test]
fn every_verb_has_a_row_and_no_row_is_of_nothing() {
    let mut typed = BTreeSet::new();
    for verb in listed(&[]) {
        let below = listed(&[&verb]);
        if below.is_empty() {
            typed.insert(verb);
        } else {
            typed.extend(below.iter().map(|more| format!("{verb} {more}")));
        }
    }
    let rows: BTreeSet<_> = VERBS.iter().map(|(verb, _)| (*verb).to_owned()).collect();
    assert_eq!(typed, rows);
}

/// The verbs below one, from its help.
fn listed(verb: &[&str]) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    let help = command.args(verb).arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    let Some((_, list)) = text.split_once("Commands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    // A verb stands two columns in; what goes on stands further.
    let named = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = named.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

#[test]
fn verbs_leave_who_logged_in_and_what_changed() {
    let fixture = Fixture::new();
    fixture.token("verbs");
    session::finalize().good();
    let store = fixture.store_path();
    let leaves = |arguments: &[&str], good: bool| {
        let before = records(&store).len();
        let output = run(&fixture, arguments);
        assert_eq!(output.status.success(), good, "{}", child::everything(&output));
        since(&store, before)
    };
    let make = ["key", "generate", "--type", "aes:256", "--label", "k", "--pin-env", "PIN"];
    let new = leaves(&make, true);
    assert_eq!(outcomes(&new, "login"), ["CKR_OK"]);
    assert_eq!(outcomes(&new, "key generate"), ["CKR_OK"]);
    assert_eq!(of(&new, "key generate")[0]["mechanism"], "CKM_AES_KEY_GEN");
    assert_eq!(
        of(&new, "key generate")[0]["key"]["label"],
        "",
        "the label of a private key is hidden"
    );
    let new = leaves(&["key", "list", "--pin-env", "PIN"], true);
    assert_eq!(outcomes(&new, "login"), ["CKR_OK"]);
    assert_eq!(outcomes(&new, "login.ended"), ["CKR_OK"]);
    assert_eq!(new.len(), 2, "to look leaves nothing more: {new:#?}");
    let new = leaves(&["key", "list", "--pin-env", "WRONG"], false);
    assert_eq!(outcomes(&new, "login"), ["CKR_PIN_INCORRECT"]);
    assert_eq!(of(&new, "login")[0]["details"]["subject"], "user");
    let add =
        ["user", "add", "anna", "--role", "auditor", "--so-pin-env", "SO", "--new-pin-env", "PIN"];
    let new = leaves(&add, true);
    assert_eq!(outcomes(&new, "user add"), ["CKR_OK"]);
    assert_eq!(of(&new, "user add")[0]["details"]["subject"], "anna");
    assert_eq!(of(&new, "user add")[0]["who"]["role"], "security officer");
    let weak = ["key", "generate", "--type", "rsa:1024", "--label", "k", "--pin-env", "PIN"];
    let new = leaves(&weak, false);
    assert_eq!(outcomes(&new, "key generate").len(), 1, "{new:#?}");
    assert_eq!(of(&new, "key generate")[0]["who"]["role"], "user");
    assert_ne!(outcomes(&new, "key generate"), ["CKR_OK"]);
    let seal = ["seal", "add", "--kind", "passphrase", "--new-passphrase-env", "PIN"];
    assert_eq!(outcomes(&leaves(&seal, true), "seal add"), ["CKR_OK"]);
    assert_eq!(leaves(&["check"], true).len(), 0);
}

fn run(fixture: &Fixture, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(arguments).env("STRONGROOM_CONF", fixture.config_path());
    heard::secret(b"not the PIN");
    command.env("PIN", USER_PIN).env("SO", SO_PIN).env("WRONG", "not the PIN");
    let output = command.output().unwrap();
    heard::assert_silent(&output);
    output
}
