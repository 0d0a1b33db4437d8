// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is wrong with this installation, and how to mend it: every part of it is looked at by
//! itself, so that one fault does not hide another.

mod library;
mod machine;
mod store;

use super::configuration::configuration;
use super::diagnostics::capture;
use crate::config::Config;
use crate::secret::Secret;
use serde::Serialize;
use std::path::Path;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and could do so better or for longer.
    Warn,
    /// It keeps something from working.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub topic: String,
    /// How it stands.
    pub state: State,
    /// What was seen.
    pub what: String,
    /// How to mend it; empty where nothing is wrong.
    pub mend: String,
}

impl Finding {
    fn ok(topic: impl Into<String>, what: impl Into<String>) -> Finding {
        Finding { topic: topic.into(), state: State::Ok, what: what.into(), mend: String::new() }
    }

    fn warn(topic: impl Into<String>, what: impl Into<String>, mend: impl Into<String>) -> Finding {
        let (topic, what, mend) = (topic.into(), what.into(), mend.into());
        Finding { topic, state: State::Warn, what, mend }
    }

    fn fail(topic: impl Into<String>, what: impl Into<String>, mend: impl Into<String>) -> Finding {
        let (topic, what, mend) = (topic.into(), what.into(), mend.into());
        Finding { topic, state: State::Fail, what, mend }
    }
}

/// Looks at everything. `file` and `store` are what the command line names; `passphrase` opens seal
/// slots that take one.
pub fn examine(
    file: Option<&Path>,
    store: Option<&Path>,
    passphrase: Option<Secret>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (config, said) = capture(|| configuration(file, store));
    match config {
        Ok(config) => {
            findings.push(config_finding(&config));
            store::examine(&config, passphrase, &mut findings);
            findings.push(machine::disk(&config.store.path));
        }
        Err(failure) => {
            let what = if said.is_empty() { failure.what } else { said.join("; ") };
            findings.push(Finding::fail(
                "configuration",
                what,
                "correct it (conf/strongroom.toml describes every key), or name another file with \
                 --conf or STRONGROOM_CONF; the store is not looked at until then",
            ));
        }
    }
    findings.push(machine::memory());
    findings.push(machine::clock());
    findings.extend(library::examine());
    findings
}

fn config_finding(config: &Config) -> Finding {
    match &config.file {
        Some(file) => Finding::ok("configuration", file.display().to_string()),
        None => Finding::ok("configuration", "no file, so the defaults stand"),
    }
}
