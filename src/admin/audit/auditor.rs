// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An auditor with a PIN: what opens the chain for them. The store is opened and its log is not: to open
//! that is to end what a killed writer began and to cut off what nobody of ours wrote, and a check
//! leaves evidence as it is. So the login is recorded when the log was found to be sound.

use super::verify::Witnessed;
use crate::admin::desk::{Desk, opened};
use crate::admin::failure::{Failure, Outcome};
use crate::admin::place::{no_store, store_exists};
use crate::admin::tokens::{TokenInfo, token_of};
use crate::config::Config;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Opened;
use crate::types::{Holder, Role};

/// A store that an auditor looks into.
pub struct Office {
    config: Config,
    opened: Opened,
}

impl Office {
    /// Opens the store, as [`Desk::open`] does.
    pub fn open(
        config: &Config,
        given: Option<Secret>,
        ask: impl FnOnce() -> Outcome<Secret>,
    ) -> Outcome<Office> {
        if !store_exists(config)? {
            return Err(no_store(config));
        }
        let path = config.store.path.display();
        let (result, _) = opened(config, given, ask)?;
        let store = result.map_err(|error| Failure::of(format!("cannot open {path}"), error))?;
        Ok(Office { config: config.clone(), opened: store.ok_or_else(|| no_store(config))? })
    }

    /// The token that someone means, and whether this holder of a PIN is an auditor of it.
    pub fn token(&self, wanted: Option<&str>, holder: &Holder) -> Outcome<TokenInfo> {
        let token = token_of(&self.opened.vault, wanted)?;
        let who = match holder {
            Holder::So => return Ok(token),
            Holder::User => "the user without a name".to_string(),
            Holder::Named(name) if token.user_role(name)? == Role::Auditor => return Ok(token),
            Holder::Named(name) => format!("'{}'", name.escape_debug()),
        };
        Err(Failure::new(
            format!("{who} is no auditor of token '{}'", token.label),
            "--user NAME names a user of role auditor, --so the security officer",
        ))
    }

    /// What opens the chains that are kept for them.
    pub fn seed(&self, token: &TokenInfo, holder: &Holder, pin: &Secret) -> Outcome<Secret> {
        let fault = |error| Failure::of("cannot read the token", error);
        let vault = &self.opened.vault;
        let row = vault.token(token.id).map_err(fault)?.ok_or(Error::TokenNotPresent);
        let keys = vault.open_token(&row.map_err(fault)?, holder, pin.expose());
        let keys = match keys {
            Ok(keys) => keys,
            Err(error) => {
                let desk = self.desk()?;
                desk.note_login(token, holder, Err(error))?;
                return Err(desk.refused(token, holder, error));
            }
        };
        let seed =
            keys.audit_seed().ok_or(Error::KeyNotNeeded).and_then(|seed| seed.seed.duplicate());
        seed.map_err(|error| Failure::of("cannot open what is kept for the auditor", error))
    }

    /// What the store says of its log.
    pub fn witnessed(&self) -> Witnessed {
        Witnessed::of(&self.opened.vault)
    }

    /// Records that they were here.
    pub fn note(&self, token: &TokenInfo, holder: &Holder) -> Outcome<()> {
        self.desk()?.note_login(token, holder, Ok(()))
    }

    fn desk(&self) -> Outcome<Desk> {
        let Opened { vault, around } = &self.opened;
        let opened = Opened { vault: vault.clone(), around: around.clone() };
        Desk::over(&self.config, Ok(Some(opened)))
    }
}

impl Desk {
    fn note_login(
        &self,
        token: &TokenInfo,
        holder: &Holder,
        done: crate::error::Result<()>,
    ) -> Outcome<()> {
        let subject = match holder {
            Holder::So => Role::So.name(),
            Holder::User => Role::User.name(),
            Holder::Named(name) => name,
        };
        self.library
            .note_login(&token.serial, subject, done)
            .map_err(|error| Failure::of("cannot record who checked the log", error))
    }
}
