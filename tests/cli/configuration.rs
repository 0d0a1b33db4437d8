// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `conf/strongroom.toml` says what is: every key, with its default.

use std::collections::BTreeSet;
use strongroom::config::Config;

/// The file with every setting uncommented.
fn documented() -> String {
    let text = std::fs::read_to_string("conf/strongroom.toml").unwrap();
    // Prose has a blank after its '#', settings have none.
    let setting = |line: &str| {
        line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).map(str::to_string)
    };
    text.lines().map(|line| setting(line).unwrap_or_else(|| line.to_string()) + "\n").collect()
}

fn keys(table: &toml::Table) -> BTreeSet<String> {
    let inner = |name: &String, value: &toml::Value| -> Vec<String> {
        value.as_table().unwrap().keys().map(|key| format!("{name}.{key}")).collect()
    };
    table.iter().flat_map(|(name, value)| inner(name, value)).collect()
}

#[test]
fn as_it_is_it_sets_nothing() {
    let text = std::fs::read_to_string("conf/strongroom.toml").unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert!(keys(&table).is_empty());
    toml::from_str::<Config>(&text).unwrap();
}

#[test]
fn every_key_is_there_with_its_default() {
    let text = documented();
    let mut said: Config = toml::from_str(&text).unwrap();
    let default = Config::default();
    assert_eq!(said.store.path.to_str(), Some("/var/lib/strongroom"));
    // The default depends on who asks.
    said.store.path = default.store.path.clone();
    let (said, default) =
        (toml::Table::try_from(&said).unwrap(), toml::Table::try_from(&default).unwrap());
    assert_eq!(said, default);
    assert_eq!(keys(&text.parse().unwrap()), keys(&default));
}

#[test]
fn every_key_says_why() {
    let text = std::fs::read_to_string("conf/strongroom.toml").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2) {
        let setting =
            |line: &str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
        assert!(
            !setting(pair[1]) || pair[0].starts_with("# "),
            "{} has no line of its own",
            pair[1]
        );
    }
}
