// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom rotate` and `strongroom seal rotate`: keys made anew.

use super::arguments::{Common, RotateVerb};
use super::opening::open;
use super::output::{say, show};
use super::progress::Progress;
use super::{failed, secrets, token_keys};
use crate::admin::{Extent, Outcome, Rotated, SealInfo};
use crate::seal::Kind;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) fn run(common: &Common, verb: &RotateVerb) -> Outcome<ExitCode> {
    let done = |outcome: Outcome<()>| outcome.map(|()| ExitCode::SUCCESS);
    match verb {
        RotateVerb::MasterKey { compromised, force, slot_passphrase_file } => {
            let extent = match (compromised, force) {
                (false, _) => Extent::MasterKey,
                (true, false) => Extent::Everything,
                (true, true) => Extent::EverythingDespiteFaults,
            };
            master_key(common, extent, slot_passphrase_file)
        }
        RotateVerb::TokenKey(wanted) => done(token_keys::rotate(common, wanted)),
        RotateVerb::Status => done(token_keys::status(common)),
    }
}

fn master_key(common: &Common, extent: Extent, files: &[(u32, PathBuf)]) -> Outcome<ExitCode> {
    let desk = open(common)?;
    let mut bar = Progress::new("objects");
    let mut ask = |slot: &SealInfo| {
        let file = files.iter().find(|(id, _)| *id == slot.slot).map(|(_, file)| file.as_path());
        let what = format!("passphrase of seal slot {} ({})", slot.slot, slot.label);
        let prompt = format!("Passphrase of seal slot {} ({})", slot.slot, slot.label);
        match file {
            Some(_) => secrets::existing(file, None, &prompt, "slot-passphrase"),
            None => secrets::typed(&format!("{prompt}: "), &what, "slot-passphrase"),
        }
    };
    let rotated = desk.rotate_master(extent, &mut ask, &mut |done, all| bar.at(done, all))?;
    drop(bar);
    show(common, &rotated, || report(&rotated, extent != Extent::MasterKey))?;
    let Some(left) = &rotated.left_behind else { return Ok(ExitCode::SUCCESS) };
    say(&format!("strongroom: the new keys are in force, but {left}"));
    say(
        "  next: 'strongroom check' names each; restore a backup, or give an object up with 'strongroom check \
         --discard NUMBER' (docs/recovery.md)",
    );
    Ok(ExitCode::FAILURE)
}

fn report(rotated: &Rotated, compromised: bool) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{words}");
    };
    if rotated.resumed {
        line("the rotation that was under way is complete; no other was begun".to_string());
    }
    line(format!("master key  generation {}", rotated.generation));
    line(format!("store keys  generation {}", rotated.store_keys));
    if rotated.resumed || compromised {
        line(format!("objects     {} under new keys", rotated.objects));
    }
    let slots = rotated.slots.iter().map(|slot| format!("{} ({})", slot.slot, slot.kind));
    line(format!("seal slots  {}", slots.collect::<Vec<_>>().join(", ")));
    let phrase = Kind::Passphrase.name();
    if compromised && rotated.slots.iter().any(|slot| slot.kind == phrase) {
        line("passphrases are as they were: 'strongroom seal rotate SLOT' changes one".to_string());
    }
    if !rotated.log_emptied {
        line(
            "the database's log still holds what was replaced, because others were reading: it is \
             emptied when the last of them ends"
                .to_string(),
        );
    }
    for token in &rotated.exposed {
        line(format!(
            "the keys of token {token} are from before: 'strongroom rotate token-key --compromised \
             --token {token}'"
        ));
    }
    text
}

/// Gives a seal slot another secret.
pub(super) fn seal(
    common: &Common,
    slot: u32,
    (file, variable): (Option<&Path>, Option<&str>),
) -> Outcome<()> {
    let desk = open(common)?;
    let kind = desk.seal_slot(slot)?.kind;
    let named = file.is_some() || variable.is_some();
    let passphrase = match kind {
        Kind::Passphrase => {
            let what = format!("New passphrase of seal slot {slot}");
            Some(secrets::new(file, variable, &what, "new-passphrase")?)
        }
        Kind::File if named => {
            return Err(failed(
                "a seal slot of kind file takes no passphrase",
                "leave it away: the slot gets a new file",
            ));
        }
        Kind::File => None,
    };
    let slot = desk.rotate_seal(slot, passphrase)?;
    show(common, &slot, || {
        format!(
            "seal slot {} ({}) has a new secret; the old one opens nothing\n",
            slot.slot, slot.kind
        )
    })
}
