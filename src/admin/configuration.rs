// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The configuration in force, and where each value of it came from.

use super::failure::{Failure, Outcome};
use crate::config::Config;
use serde::Serialize;
use std::path::Path;

/// One key.
#[derive(Debug, Serialize)]
pub struct Setting {
    /// `table.key`.
    pub key: String,
    /// Its value, as TOML writes it.
    pub value: toml::Value,
    /// `default`, the name of a file, `STRONGROOM_STORE`, or `--store`.
    pub from: String,
}

/// The configuration of a named file or of the usual places, with a store directory that was named
/// on the command line.
pub fn configuration(file: Option<&Path>, store: Option<&Path>) -> Outcome<Config> {
    let mut config =
        Config::load(file).map_err(|error| Failure::of("cannot read the configuration", error))?;
    if let Some(store) = store {
        config.store.path = std::path::absolute(store).map_err(|error| {
            Failure::new(
                format!("cannot use the store directory '{}': {error}", store.display()),
                "name a directory with --store",
            )
        })?;
    }
    Ok(config)
}

/// Every key with its value and where that came from.
pub fn settings(config: &Config, store_named: bool) -> Outcome<Vec<Setting>> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(format!("cannot show the configuration: {error}"), "run 'strongroom doctor'")
    };
    let effective = toml::Table::try_from(config).map_err(|error| broken(&error))?;
    let said = match &config.file {
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| broken(&error))?;
            text.parse::<toml::Table>().map_err(|error| broken(&error))?
        }
        None => toml::Table::new(),
    };
    let mut settings = Vec::new();
    for (table, keys) in &effective {
        for (key, value) in keys.as_table().into_iter().flatten() {
            let in_file = said.get(table).and_then(|keys| keys.get(key)).is_some();
            let name = format!("{table}.{key}");
            let from = match &config.file {
                _ if name == "store.path" && store_named => "--store".to_string(),
                _ if name == "store.path" && store_from_environment() => STORE.to_string(),
                Some(file) if in_file => file.display().to_string(),
                _ => "default".to_string(),
            };
            settings.push(Setting { key: name, value: value.clone(), from });
        }
    }
    Ok(settings)
}

fn store_from_environment() -> bool {
    std::env::var_os(STORE).is_some_and(|value| !value.is_empty())
}

const STORE: &str = "STRONGROOM_STORE";
