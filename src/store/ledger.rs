// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The ledger of a token: how often keys were used under rules that count, and who has approved of
//! what. One sealed record a token, bound to a revision that the token's own record holds: an older
//! ledger put back does not open.

use super::change::Change;
use super::ring::{Ring, StoreKeys};
use super::token::Token;
use super::vault::Vault;
use super::{RowKind, Snapshot, Transaction};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result, where_right};
use crate::mechanism::primitive;
use std::collections::BTreeMap;

/// What a count is of: a rule, by its name, and a key, by its `CKA_UNIQUE_ID`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// The key.
    pub key: Vec<u8>,
    /// The rule.
    pub rule: String,
}

/// How often a key was used under a rule; what a process has taken to use counts as used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// At all.
    pub total: u64,
    /// When the latest window of time began, seconds since 1970.
    pub window: u64,
    /// In that window.
    pub used: u64,
}

/// What a custodian approved of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Of which key, by its `CKA_UNIQUE_ID`.
    pub key: Vec<u8>,
    /// Of which operation, by its name in policies.
    pub operation: String,
    /// Who.
    pub custodian: String,
    /// How many uses are left of it.
    pub uses: u32,
    /// When it ends, seconds since 1970.
    pub until: u64,
}

/// Counts and approvals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The counts.
    pub counts: BTreeMap<Account, Count>,
    /// The approvals.
    pub approvals: Vec<Approval>,
}

impl Ledger {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::versioned(VERSION);
        writer.u32(self.counts.len() as u32);
        for (account, count) in &self.counts {
            account.encode(&mut writer);
            writer.u64(count.total).u64(count.window).u64(count.used);
        }
        writer.u32(self.approvals.len() as u32);
        for approval in &self.approvals {
            writer.bytes(&approval.key).bytes(approval.operation.as_bytes());
            writer.bytes(approval.custodian.as_bytes());
            writer.u32(approval.uses).u64(approval.until);
        }
        writer.finish()
    }

    pub(super) fn decode(record: &[u8]) -> Result<Ledger> {
        let mut reader = Reader::versioned(record, VERSION)?;
        let mut ledger = Ledger::default();
        for _ in 0..reader.u32()? {
            let account = Account::decode(&mut reader)?;
            let count = Count { total: reader.u64()?, window: reader.u64()?, used: reader.u64()? };
            if ledger.counts.last_key_value().is_some_and(|(last, _)| *last >= account) {
                return Err(Error::DeviceError);
            }
            ledger.counts.insert(account, count);
        }
        for _ in 0..reader.u32()? {
            ledger.approvals.push(Approval {
                key: reader.bytes()?.to_vec(),
                operation: text(&mut reader)?,
                custodian: text(&mut reader)?,
                uses: reader.u32()?,
                until: reader.u64()?,
            });
        }
        reader.end()?;
        Ok(ledger)
    }
}

impl Account {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.key).bytes(self.rule.as_bytes());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Account> {
        Ok(Account { key: reader.bytes()?.to_vec(), rule: text(reader)? })
    }
}

fn text(reader: &mut Reader<'_>) -> Result<String> {
    String::from_utf8(reader.bytes()?.to_vec()).map_err(|_| Error::DeviceError)
}

impl Vault {
    /// The ledger of a token, as it is at one moment.
    pub fn ledger(&self, token: &Token) -> Result<Ledger> {
        self.reading(|ring| {
            let mut ledger = Ledger::default();
            self.store.look(&mut |now| {
                let token = self.token_in(ring, now, token)?;
                ledger = self.open_ledger(&ring.current, &token, now)?;
                Ok(())
            })?;
            Ok(ledger)
        })
    }

    /// Changes the ledger of a token, at the time `now`, seconds since 1970. Where `edit` fails
    /// nothing is changed.
    pub fn edit_ledger<T>(
        &self,
        token: &Token,
        now: u64,
        edit: impl Fn(&mut Ledger) -> Result<T>,
    ) -> Result<T> {
        self.change(|change| {
            change.upkeep();
            let mut token = change.current(token)?;
            let keys = &change.ring.current;
            let mut ledger = self.open_ledger(keys, &token, change.tx)?;
            let value = edit(&mut ledger)?;
            token.rules.ledger += 1;
            token.rules.seen = token.rules.seen.max(now);
            let sealed =
                primitive::seal(&keys.state, &self.ledger_context(&token), &ledger.encode())?;
            change.tx.set_value(&name(token.id), &sealed)?;
            change.put_token(token.id, &token)?;
            Ok(value)
        })
    }

    /// Notes the time in a token's record, so that a clock set back beyond it is seen.
    pub fn note_time(&self, token: &Token, now: u64) -> Result<()> {
        self.change(|change| {
            change.upkeep();
            let mut token = change.current(token)?;
            token.rules.seen = token.rules.seen.max(now);
            change.put_token(token.id, &token)
        })
    }

    /// The ledger that a token's record speaks of.
    pub(super) fn open_ledger(
        &self,
        keys: &StoreKeys,
        token: &Token,
        now: &(impl Snapshot + ?Sized),
    ) -> Result<Ledger> {
        if token.rules.ledger == 0 {
            return Ok(Ledger::default());
        }
        let sealed = now.value(&name(token.id))?.unwrap_or_default();
        let opened = primitive::open(&keys.state, &self.ledger_context(token), &sealed);
        let opened = opened.map_err(|_| {
            tracing::error!(
                "the ledger of token '{}' is not the one that was written last: run 'strongroom \
                 check', and restore a backup of the whole store",
                token.name()
            );
            Error::DeviceError
        })?;
        Ledger::decode(opened.expose())
    }

    /// Puts the ledger of a token under other keys of the store; one that does not open stays as it is.
    pub(super) fn carry_ledger(
        &self,
        tx: &dyn Transaction,
        token: &Token,
        (old, new): (&StoreKeys, &StoreKeys),
    ) -> Result<()> {
        if token.rules.ledger == 0 {
            return Ok(());
        }
        let Some(ledger) = where_right(self.open_ledger(old, token, tx))? else { return Ok(()) };
        let sealed = primitive::seal(&new.state, &self.ledger_context(token), &ledger.encode())?;
        tx.set_value(&name(token.id), &sealed)
    }

    /// The token as it is at one moment, if it is still the same: its latest record, not an older one.
    pub(super) fn token_in(
        &self,
        ring: &Ring,
        now: &(impl Snapshot + ?Sized),
        token: &Token,
    ) -> Result<Token> {
        let (_, heads) = self.known(ring, now)?;
        let row = now.row(RowKind::Token, token.id)?.ok_or(Error::DeviceRemoved)?;
        let found = self.listed_token(ring, &heads, &row)?;
        if found.uuid == token.uuid { Ok(found) } else { Err(Error::DeviceRemoved) }
    }

    fn ledger_context(&self, token: &Token) -> Vec<u8> {
        Writer::versioned(VERSION)
            .raw(b"strongroom ledger")
            .raw(&self.id)
            .raw(&token.uuid)
            .u64(token.rules.ledger)
            .finish()
    }
}

impl Change<'_> {
    /// The token as it is now, if it is still the one the caller saw.
    pub(super) fn current(&self, token: &Token) -> Result<Token> {
        let now = self.token(token.id)?.filter(|now| now.uuid == token.uuid);
        now.ok_or(Error::DeviceRemoved)
    }
}

/// Where the ledger of a token is among the named values.
pub(super) fn name(token: i64) -> String {
    format!("ledger {token}")
}

const VERSION: u8 = 1;
