// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The policy of a token, as a text: sealed, and bound to the version that the token's own record
//! holds, so that an older policy put back does not open. What the text says is not this room's.

use super::ledger;
use super::ring::StoreKeys;
use super::token::Token;
use super::vault::Vault;
use super::{Snapshot, Transaction};
use crate::codec::Writer;
use crate::error::{Error, Result, where_right};
use crate::mechanism::primitive;

impl Vault {
    /// The policy of a token and its version; none where none was set.
    pub fn policy(&self, token: &Token) -> Result<Option<(u64, String)>> {
        self.reading(|ring| {
            let mut found = None;
            self.store.look(&mut |now| {
                // A record of the token from before would name the policy from before.
                let token = self.token_in(ring, now, token)?;
                let text = self.open_policy(&ring.current, &token, now)?;
                found = text.map(|text| (token.rules.version, text));
                Ok(())
            })?;
            Ok(found)
        })
    }

    /// Sets the policy of a token at the time `now`, seconds since 1970, and returns its version.
    /// The caller has seen to it that the text is a policy, and that it comes from who may set one.
    pub fn set_policy(&self, token: &Token, text: &str, now: u64) -> Result<u64> {
        let digest = primitive::sha256(text.as_bytes())?;
        self.change(|change| {
            let mut token = change.current(token)?;
            token.rules.version += 1;
            token.rules.digest = digest;
            token.rules.seen = token.rules.seen.max(now);
            let context = self.policy_context(&token);
            let sealed = primitive::seal(&change.ring.current.cover, &context, text.as_bytes())?;
            change.tx.set_value(&name(token.id), &sealed)?;
            change.put_token(token.id, &token)?;
            Ok(token.rules.version)
        })
    }

    /// The policy that a token's record speaks of.
    pub(super) fn open_policy(
        &self,
        keys: &StoreKeys,
        token: &Token,
        now: &(impl Snapshot + ?Sized),
    ) -> Result<Option<String>> {
        if token.rules.version == 0 {
            return Ok(None);
        }
        let sealed = now.value(&name(token.id))?.unwrap_or_default();
        let opened = primitive::open(&keys.cover, &self.policy_context(token), &sealed);
        let text = opened.ok().and_then(|opened| {
            let same = primitive::sha256(opened.expose()).ok()? == token.rules.digest;
            String::from_utf8(opened.expose().to_vec()).ok().filter(|_| same)
        });
        text.map(Some).ok_or_else(|| {
            tracing::error!(
                "the policy of token '{}' is not the one that was set last (version {}): the token \
                 is not used until it is set again with 'strongroom policy set'",
                token.name(),
                token.rules.version
            );
            Error::DeviceError
        })
    }

    /// Puts the policy of a token under other keys of the store; one that does not open stays as it is.
    pub(super) fn carry_policy(
        &self,
        tx: &dyn Transaction,
        token: &Token,
        (old, new): (&StoreKeys, &StoreKeys),
    ) -> Result<()> {
        let text = where_right(self.open_policy(old, token, tx))?.flatten();
        let Some(text) = text else { return Ok(()) };
        let sealed = primitive::seal(&new.cover, &self.policy_context(token), text.as_bytes())?;
        tx.set_value(&name(token.id), &sealed)
    }

    fn policy_context(&self, token: &Token) -> Vec<u8> {
        Writer::versioned(VERSION)
            .raw(b"strongroom policy")
            .raw(&self.id)
            .raw(&token.uuid)
            .u64(token.rules.version)
            .finish()
    }
}

/// A token that is made anew has neither policy nor ledger.
pub(super) fn forget(tx: &dyn Transaction, token: i64) -> Result<()> {
    tx.remove_value(&name(token))?;
    tx.remove_value(&ledger::name(token))
}

/// Where the policy of a token is among the named values.
pub(super) fn name(token: i64) -> String {
    format!("policy {token}")
}

const VERSION: u8 = 1;
