// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What operations of every kind begin with: a mechanism, and a key that may be used so.

use super::asking::{Doing, Grant};
use super::entry::Lease;
use super::footing::Footing;
use super::keys::as_key;
use super::noting::note;
use super::operation::Active;
use super::permission::may_use;
use super::{Library, Session};
use crate::error::{Error, Result};
use crate::mechanism::{Key, Params, Row};
use crate::object::Object;
use crate::policy::{self, Ground, Use};
use crate::store::Glance;
use std::sync::Arc;

/// A mechanism as a call names it: its row, and its parameter, read.
pub struct Call {
    /// The row.
    pub row: &'static Row,
    /// The parameter.
    pub params: Params,
}

/// A session, and the ground that it stood on last.
pub(super) type On<'a> = (&'a Session, &'a mut Footing);

/// A key, and what the policy has to be charged for its use.
type Granted = (Arc<Object>, Grant);

impl Library {
    /// Begins an operation with a key, if the caller may use the key so.
    pub(super) fn active<T>(
        &self,
        on: On<'_>,
        key: u64,
        usage: Use,
        call: &Call,
        begin: impl Fn(&Arc<Key>) -> Result<T>,
    ) -> Result<Active<T>> {
        self.active_with(on, key, usage, call, |object, _| begin(object.key()?))
    }

    /// The same for what looks at more of the key.
    pub(super) fn active_with<T>(
        &self,
        on: On<'_>,
        key: u64,
        usage: Use,
        call: &Call,
        mut begin: impl FnMut(&Object, &Ground) -> Result<T>,
    ) -> Result<Active<T>> {
        let session = on.0;
        let (active, granted) =
            session.begun(on.1, key, usage, call, |object, ground| begin(object, ground))?;
        if let Some((object, grant)) = granted {
            session.charge(&object, call.doing(usage), Some(&grant))?;
        }
        Ok(active)
    }

    /// The same for messages, each of which is a use of its own.
    pub(super) fn process<T>(
        &self,
        on: On<'_>,
        key: u64,
        usage: Use,
        call: &Call,
        mut begin: impl FnMut(&Object, &Ground) -> Result<T>,
    ) -> Result<Active<T>> {
        let mut asked = None;
        let (active, _) = on.0.begun(on.1, key, usage, call, |object, ground| {
            asked = Some(object.clone());
            begin(object, ground)
        })?;
        Ok(active.asking(asked.ok_or(Error::GeneralError)?, call.doing(usage)))
    }
}

impl Call {
    /// What a use with this mechanism is to the token's policy.
    pub(super) fn doing(&self, usage: Use) -> Doing {
        Doing(usage.operation(), Some(self.row))
    }
}

impl Session {
    /// With what the policy has to be charged for, if anything.
    fn begun<T>(
        &self,
        footing: &mut Footing,
        key: u64,
        usage: Use,
        call: &Call,
        mut begin: impl FnMut(&Arc<Object>, &Ground) -> Result<T>,
    ) -> Result<(Active<T>, Option<Granted>)> {
        self.slot.admit(usage.group())?;
        let now = self.slot.vault.glance();
        let (ground, tallies) = footing.at(&self.slot, now)?;
        let (lease, (run, tally, waiting, granted)) =
            self.decided(key, usage, (ground, now), |object| {
                may_use(object, usage, call, ground)?;
                let grant = self.asks(object, call.doing(usage), ground)?;
                let granted = grant.map(|grant| (object.clone(), grant));
                let run = begin(object, ground)?;
                let tally = tallies.of(self, now, (key, object), call.row)?;
                Ok((run, tally, object.always_authenticate(), granted))
            })?;
        // What a cipher gives out with a part has left, whether or not the end is ever asked for.
        let early = matches!(usage, Use::Encrypt | Use::Decrypt);
        Ok((Active::new(run, Some(lease), waiting).counting(tally, early), granted))
    }

    /// Looks at a key that is to be used; what the use decides about it (`look` says that it is
    /// permitted) is durable before the use begins.
    pub(super) fn decided<T>(
        &self,
        key: u64,
        usage: Use,
        (ground, mut now): (&Ground, Glance),
        mut look: impl FnMut(&Arc<Object>) -> Result<T>,
    ) -> Result<(Lease, T)> {
        for _ in 0..ATTEMPTS {
            let seen = self.slot.lease(key, (usage, now), |object| {
                let found = look(object).inspect_err(|_| note(object))?;
                Ok((
                    found,
                    policy::decides(object, usage, ground).map(|uses| (object.clone(), uses)),
                ))
            });
            let (lease, (found, decision)) = seen.map_err(as_key)?;
            let Some((object, uses)) = decision else { return Ok((lease, found)) };
            self.slot.decide(lease.entry(), &object, uses)?;
            now = self.slot.vault.glance();
        }
        Err(Error::FunctionFailed)
    }
}

/// What an `*Init` call begins with: no operation of the kind may be active, unless the call is one
/// that cancels it (no mechanism: PKCS #11 3.0 and later).
pub(super) fn begin<T>(place: &mut Option<Active<T>>, call: Option<Call>) -> Result<Option<Call>> {
    match call {
        // Without an operation to end, the mechanism that is not there is one that is missing.
        None => place.take().map(|_| None).ok_or(Error::ArgumentsBad),
        // One whose key is gone is over, though nobody has asked it anything since.
        Some(_) if place.as_ref().is_some_and(|active| !active.is_over()) => {
            Err(Error::OperationActive)
        }
        Some(call) => Ok(Some(call)),
    }
}

/// How often a key that others keep changing is looked at anew.
pub(super) const ATTEMPTS: usize = 64;
