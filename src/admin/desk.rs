// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An open store, with the library over it: where the verbs work.

use super::diagnostics::{capture, replay};
use super::failure::{Failure, Outcome};
use super::place::{no_store, store_exists, takes_passphrase};
use crate::call;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::seal;
use crate::secret::Secret;
use crate::session::{Library, Opened, create_store, open_store};

/// An open store.
pub struct Desk {
    pub(super) library: Library,
    pub(super) opened: Opened,
    /// What was said while it was opened: of seal slots that do not open, where another did.
    pub(super) said: Vec<String>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(error) = call::failure() {
            self.library.failed(error);
        }
        self.library.end();
    }
}

impl Desk {
    /// Opens the store: with the passphrase given, or with what the machine has; where that does not
    /// suffice and a seal slot takes a passphrase, asks for it.
    pub fn open(
        config: &Config,
        given: Option<Secret>,
        ask: impl FnOnce() -> Outcome<Secret>,
    ) -> Outcome<Desk> {
        if !store_exists(config)? {
            return Err(no_store(config));
        }
        let (result, said) = opened(config, given, ask)?;
        let mut desk = Desk::over(config, result)?;
        desk.said = said;
        Ok(desk)
    }

    /// Makes the store, with one seal slot.
    pub fn create(config: &Config, kind: seal::Kind, passphrase: Option<Secret>) -> Outcome<Desk> {
        let opened = create_store(config, kind, passphrase).map_err(|error| {
            Failure::of(format!("cannot make the store {}", config.store.path.display()), error)
        })?;
        Desk::over(config, Ok(Some(opened)))
    }

    pub(super) fn over(config: &Config, opened: Result<Option<Opened>>) -> Outcome<Desk> {
        let path = config.store.path.display();
        let fault = |error| Failure::of(format!("cannot open the store {path}"), error);
        let opened = opened.map_err(fault)?.ok_or_else(|| no_store(config))?;
        let library = Library::over(config.clone(), opened.vault.clone()).map_err(fault)?;
        Ok(Desk { library, opened, said: Vec::new() })
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        self.library.config()
    }
}

/// The store as it can be opened, and what was said meanwhile.
pub(super) fn opened(
    config: &Config,
    given: Option<Secret>,
    ask: impl FnOnce() -> Outcome<Secret>,
) -> Outcome<(Result<Option<Opened>>, Vec<String>)> {
    let asked = given.is_none();
    let (result, said) = capture(|| open_store(config, given));
    let result = match result {
        Err(Error::TokenNotRecognized) if asked && takes_passphrase(config) => {
            let passphrase = ask()?;
            open_store(config, Some(passphrase))
        }
        other => {
            if other.is_err() {
                replay(&said);
            }
            other
        }
    };
    Ok((result, said))
}
