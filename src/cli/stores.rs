// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom init`, `seal`, `doctor` and `config`: what concerns the store as a whole.

use super::arguments::{Common, ConfigVerb, Init, SealVerb};
use super::opening::{configuration, open, open_configured, passphrase};
use super::output::{show, table, visible};
use super::{failed, rotation, secrets, tokens};
use crate::admin::doctor::{self, Finding, State};
use crate::admin::{self, Desk, Outcome, SealInfo, Setting};
use crate::config::Config;
use crate::seal::Kind;
use std::process::ExitCode;

pub(super) fn init(common: &Common, init: &Init) -> Outcome<()> {
    admin::check_label(&init.label)?;
    let config = chosen(configuration(common)?, init)?;
    let existing = match admin::store_exists(&config)? {
        true => Some(existing(common, init, &config)?),
        false => None,
    };
    let (file, variable) = (init.so.so_pin_file.as_deref(), init.so.so_pin_env.as_deref());
    let so_pin = secrets::new(file, variable, "SO PIN of the new token", "so-pin")?;
    let (file, variable) = (init.user.pin_file.as_deref(), init.user.pin_env.as_deref());
    let user_pin = secrets::new(file, variable, "User PIN of the new token", "pin")?;
    // A PIN that will not do must not leave a store without a token behind.
    admin::check_pin(&so_pin, config.pin.min_length, "SO PIN")?;
    admin::check_pin(&user_pin, config.pin.min_length, "user PIN")?;
    let desk = match existing {
        Some(desk) => desk,
        None => create(common, init, &config)?,
    };
    let token = desk.init_token(&init.label, &so_pin, &user_pin)?;
    show(common, &token, || {
        format!("store       {}\n{}", config.store.path.display(), tokens::detail(&token))
    })
}

/// The configuration, but for what the options say of the new token.
fn chosen(mut config: Config, init: &Init) -> Outcome<Config> {
    if let Some(mode) = init.mode {
        config.token.mode = mode.into();
        config.token.lift.clear();
    }
    if !init.lift.is_empty() {
        config.token.lift.clone_from(&init.lift);
    }
    admin::check_mode(config.token.mode, &config.token.lift)?;
    if let Some(separation) = init.separation {
        config.token.separation = separation.into();
    }
    Ok(config)
}

/// The store that is there already: its seal is not `init`'s to choose any more.
fn existing(common: &Common, init: &Init, config: &Config) -> Outcome<Desk> {
    let wanted = init.seal.map(|kind| Kind::from(kind).name());
    if let Some(wanted) = wanted {
        if !admin::seals(config)?.iter().any(|slot| slot.kind == wanted) {
            return Err(failed(
                format!("the store is there already, and has no seal slot of kind {wanted}"),
                format!(
                    "leave --seal away; 'strongroom seal add --kind {wanted}' adds such a slot"
                ),
            ));
        }
    }
    let desk = open_configured(common, config)?;
    desk.check_label_free(&init.label)?;
    Ok(desk)
}

fn create(common: &Common, init: &Init, config: &Config) -> Outcome<Desk> {
    let kind = init.seal.map_or(Kind::File, Kind::from);
    let passphrase = match kind {
        Kind::Passphrase => Some(secrets::new(
            common.passphrase_file.as_deref(),
            common.passphrase_env.as_deref(),
            "Passphrase of the new store",
            "passphrase",
        )?),
        Kind::File => None,
    };
    Desk::create(config, kind, passphrase)
}

pub(super) fn seal(common: &Common, verb: &SealVerb) -> Outcome<()> {
    match verb {
        SealVerb::List => {
            let slots = admin::seals(&configuration(common)?)?;
            show(common, &slots, || list(&slots))
        }
        SealVerb::Add { kind, label, new_passphrase_file, new_passphrase_env } => {
            let desk = open(common)?;
            let kind = Kind::from(*kind);
            let (file, variable) = (new_passphrase_file.as_deref(), new_passphrase_env.as_deref());
            let passphrase = match kind {
                Kind::Passphrase => {
                    let what = "Passphrase of the new seal slot";
                    Some(secrets::new(file, variable, what, "new-passphrase")?)
                }
                Kind::File if file.is_some() || variable.is_some() => {
                    return Err(failed(
                        "a seal slot of kind file takes no passphrase",
                        "leave it away, or add one of --kind passphrase",
                    ));
                }
                Kind::File => None,
            };
            let label = label.as_deref().unwrap_or(kind.name());
            let slot = desk.add_seal(kind, label, passphrase)?;
            show(common, &slot, || format!("seal slot {} ({}) added\n", slot.slot, slot.kind))
        }
        SealVerb::Remove { slot, force } => {
            let slot = open(common)?.remove_seal(*slot, *force)?;
            show(common, &slot, || format!("seal slot {} ({}) removed\n", slot.slot, slot.kind))
        }
        SealVerb::Rotate { slot, new_passphrase_file, new_passphrase_env } => {
            let new = (new_passphrase_file.as_deref(), new_passphrase_env.as_deref());
            rotation::seal(common, *slot, new)
        }
    }
}

fn list(slots: &[SealInfo]) -> String {
    let row = |slot: &SealInfo| {
        let (number, generation) = (slot.slot.to_string(), slot.generation.to_string());
        vec![number, slot.kind.to_string(), generation, slot.label.clone()]
    };
    table(&["SLOT", "KIND", "MASTER KEY", "LABEL"], &slots.iter().map(row).collect::<Vec<_>>())
}

pub(super) fn doctor(common: &Common) -> Outcome<ExitCode> {
    let (file, store) = (common.conf.as_deref(), common.store.as_deref());
    let findings = doctor::examine(file, store, passphrase(common)?);
    show(common, &findings, || findings.iter().map(line).collect())?;
    let failed = findings.iter().any(|finding| finding.state == State::Fail);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn line(finding: &Finding) -> String {
    let state = match finding.state {
        State::Ok => "ok  ",
        State::Warn => "warn",
        State::Fail => "fail",
    };
    let mend = match finding.mend.as_str() {
        "" => String::new(),
        mend => format!("\n      mend: {mend}"),
    };
    format!("{state}  {}: {}{mend}\n", visible(&finding.topic), visible(&finding.what))
}

pub(super) fn config(common: &Common, verb: &ConfigVerb) -> Outcome<()> {
    let ConfigVerb::Show = verb;
    let config = configuration(common)?;
    let settings = admin::settings(&config, common.store.is_some())?;
    show(common, &settings, || {
        let row = |setting: &Setting| {
            vec![setting.key.clone(), setting.value.to_string(), setting.from.clone()]
        };
        table(&["KEY", "VALUE", "FROM"], &settings.iter().map(row).collect::<Vec<_>>())
    })
}
