// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who is logged in to a token, with what their PIN opened, and how they stand towards it.

use super::ground::Sight;
use crate::config::Separation;
use crate::error::Result;
use crate::policy::{CALLERS, Caller};
use crate::store::{Keys, Token, Vault};
use crate::types::{Holder, Role};
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The login of a slot.
pub(super) struct Logins {
    separation: Separation,
    login: RwLock<Option<Login>>,
    /// How the caller stands, as a number: what every call asks. The highest bit is there where a
    /// named user is logged in, whom another process may remove.
    code: AtomicU8,
    /// When the login was last seen to stand.
    checked: Sight,
}

/// Who is logged in.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) holder: Holder,
    pub(super) role: Role,
    pub(super) keys: Arc<Keys>,
}

impl Logins {
    pub(super) fn new(separation: Separation) -> Logins {
        let nobody = Logins {
            separation,
            login: RwLock::new(None),
            code: AtomicU8::new(0),
            checked: Sight::default(),
        };
        nobody.code.store(nobody.code_of(None), Ordering::Release);
        nobody
    }

    /// Who is logged in.
    pub(super) fn login(&self) -> Option<Login> {
        self.login.read().clone()
    }

    /// What they are there for.
    pub(super) fn role(&self) -> Option<Role> {
        self.login.read().as_ref().map(|login| login.role)
    }

    /// How the caller stands towards the token.
    pub(super) fn caller(&self) -> Caller {
        let code = self.code.load(Ordering::Acquire) & !NAMED;
        CALLERS.get(usize::from(code)).copied().unwrap_or(Caller::Custodian)
    }

    /// Sets who is logged in; none where the token's record has another user of that name by now.
    pub(super) fn set(&self, token: &Token, holder: Holder, keys: Keys) -> Option<Role> {
        let role = token.role(&holder)?;
        if token.user_id(&holder) != keys.user {
            return None;
        }
        self.checked.forget();
        let mut login = self.login.write();
        self.code.store(self.code_of(Some((role, &holder))), Ordering::Release);
        *login = Some(Login { holder, role, keys: Arc::new(keys) });
        Some(role)
    }

    /// Whoever is logged in has changed their PIN: with it goes what renewed keys are read with.
    pub(super) fn rekey(&self, holder: &Holder, keys: Keys) {
        let mut login = self.login.write();
        let same = |login: &&mut Login| {
            login.holder == *holder && login.keys.user == keys.user && login.keys.uuid == keys.uuid
        };
        if let Some(login) = login.as_mut().filter(same) {
            login.keys = Arc::new(keys);
        }
    }

    /// Forgets who is logged in.
    pub(super) fn clear(&self) {
        let mut login = self.login.write();
        self.code.store(self.code_of(None), Ordering::Release);
        *login = None;
    }

    /// Whether the login stands: a named user may have been removed, or be another by now. Asked of
    /// the store where it has changed since the last time.
    pub(super) fn stands(&self, vault: &Vault, token: i64) -> Result<bool> {
        if self.code.load(Ordering::Acquire) & NAMED == 0 {
            return Ok(true);
        }
        self.checked.again(vault, || {
            let Some(login) = self.login() else { return Ok(true) };
            let found = vault.token(token)?.filter(|found| found.uuid == login.keys.uuid);
            Ok(found.is_some_and(|found| {
                found.role(&login.holder) == Some(login.role)
                    && found.user_id(&login.holder) == login.keys.user
            }))
        })
    }

    fn code_of(&self, who: Option<(Role, &Holder)>) -> u8 {
        let caller = Caller::of(who.map(|(role, _)| role), self.separation);
        let code = CALLERS.iter().position(|known| *known == caller).unwrap_or_default();
        let named = who.is_some_and(|(_, holder)| matches!(holder, Holder::Named(_)));
        code as u8 | if named { NAMED } else { 0 }
    }
}

const NAMED: u8 = 0x80;
