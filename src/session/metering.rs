// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Uses counted: taken from the token's ledger some at a time, spent from memory, what is left given
//! back. The counts of keys that end with their session are in memory alone.

use crate::error::Error;
use crate::object::Object;
use crate::policy::counts::{Taken, give_back, is_current, take};
use crate::policy::rules::{Reason, Rule};
use crate::store::{Account, Count, Ledger, Token, Vault};
use cryptoki_sys::CKA_UNIQUE_ID;
use parking_lot::Mutex;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a use was counted, and if not, why.
pub(super) type Counted<T> = Result<T, Reason>;

/// What this process has taken, by key.
#[derive(Default)]
pub(super) struct Meters(Mutex<HashMap<Vec<u8>, Vec<Arc<Meter>>>>);

/// The uses of one key under one rule that this process may still make.
pub(super) struct Meter {
    account: Account,
    left: AtomicU64,
    window: AtomicU64,
    /// Held while more are taken; the whole count of a key that ends with its session.
    filling: Mutex<Count>,
    on_token: bool,
}

impl Meters {
    /// The meter of a key under a rule.
    pub(super) fn meter(&self, key: &Object, rule: &Rule) -> Arc<Meter> {
        let account = account(key, rule);
        let mut all = self.0.lock();
        let meters = all.entry(account.key.clone()).or_default();
        if let Some(known) = meters.iter().find(|meter| meter.account == account) {
            return known.clone();
        }
        let meter = Arc::new(Meter {
            account,
            left: AtomicU64::new(0),
            window: AtomicU64::new(0),
            filling: Mutex::default(),
            on_token: key.on_token(),
        });
        meters.push(meter.clone());
        meter
    }

    /// Gives back all that is left. Where that cannot be written it is lost.
    pub(super) fn settle(&self, vault: &Vault, token: &Token) {
        let all: Vec<Arc<Meter>> =
            self.0.lock().values().flatten().filter(|meter| meter.on_token).cloned().collect();
        let left: Vec<(Account, Taken)> = all
            .iter()
            .map(|meter| (meter.account.clone(), meter.empty()))
            .filter(|(_, left)| left.uses > 0)
            .collect();
        if left.is_empty() {
            return;
        }
        let settled = vault.edit_ledger(token, 0, |ledger| {
            for (account, left) in &left {
                return_to(ledger, account, *left);
            }
            Ok(())
        });
        if settled.is_err() {
            tracing::warn!(
                "uses that were taken and not made could not be given back: they are lost"
            );
        }
    }

    /// Forgets a key that is gone.
    pub(super) fn forget(&self, key: &[u8]) {
        self.0.lock().remove(key);
    }
}

impl Meter {
    /// Makes one use.
    pub(super) fn spend(
        &self,
        (vault, token): (&Vault, &Token),
        rule: &Rule,
        now: u64,
    ) -> Counted<()> {
        if self.spend_one(rule, now) {
            return Ok(());
        }
        let mut filling = self.filling.lock();
        // Another thread may have taken more meanwhile.
        if self.spend_one(rule, now) {
            return Ok(());
        }
        let left = self.empty();
        let taken = match self.on_token {
            true => self.take_from_store((vault, token), rule, left, now)?,
            false => {
                give_back(&mut filling, left);
                take(&mut filling, rule, now)?
            }
        };
        self.window.store(taken.window, Ordering::Release);
        // One of them is this use.
        self.left.store(taken.uses.saturating_sub(1), Ordering::Release);
        Ok(())
    }

    fn spend_one(&self, rule: &Rule, now: u64) -> bool {
        let spent = || {
            let one = |left: u64| left.checked_sub(1);
            self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, one).is_ok()
        };
        is_current(rule, self.window.load(Ordering::Acquire), now) && spent()
    }

    fn empty(&self) -> Taken {
        let window = self.window.load(Ordering::Acquire);
        Taken { uses: self.left.swap(0, Ordering::AcqRel), window }
    }

    fn take_from_store(
        &self,
        (vault, token): (&Vault, &Token),
        rule: &Rule,
        left: Taken,
        now: u64,
    ) -> Counted<Taken> {
        let uncounted = |_: Error| Reason::Uncounted;
        if left.uses == 0 {
            // Nothing is written for a use that is refused.
            let ledger = vault.ledger(token).map_err(uncounted)?;
            let mut count = ledger.counts.get(&self.account).copied().unwrap_or_default();
            take(&mut count, rule, now)?;
        }
        let refused = Cell::new(None);
        let taken = vault.edit_ledger(token, now, |ledger| {
            return_to(ledger, &self.account, left);
            let count = ledger.counts.entry(self.account.clone()).or_default();
            // What was left is given back even where there is nothing more to take.
            match take(count, rule, now) {
                Ok(taken) => Ok(taken),
                Err(reason) => {
                    refused.set(Some(reason));
                    Ok(Taken::default())
                }
            }
        });
        match (taken, refused.take()) {
            (_, Some(reason)) => Err(reason),
            (taken, None) => taken.map_err(uncounted),
        }
    }
}

/// What a count is of.
pub(super) fn account(key: &Object, rule: &Rule) -> Account {
    Account { key: unique_id(key).to_vec(), rule: rule.name.clone() }
}

/// What a key is called for as long as it is.
pub(super) fn unique_id(key: &Object) -> &[u8] {
    key.attributes().bytes(CKA_UNIQUE_ID).unwrap_or_default()
}

fn return_to(ledger: &mut Ledger, account: &Account, left: Taken) {
    // A key that was destroyed meanwhile has no count any more.
    if let Some(count) = ledger.counts.get_mut(account) {
        give_back(count, left);
    }
}
