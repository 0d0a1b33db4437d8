// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The envelope: every row sealed or authenticated, every change bound into the store's set-hash,
//! every search by keyed tags. `docs/store-format.md` specifies what is written here.

use super::bound::Witness;
use super::counter::{Counter, Glance};
use super::heads::{Heads, LIST};
use super::pin::Stretch;
use super::ring::{self, MARK, Master, Ring, StoreKeys};
use super::roll::{Latest, Roll, Seals};
use super::state::{MAC, State, name};
use super::{Row, RowKind, Store};
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::secret::Secret;
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// An open store.
pub struct Vault {
    pub(super) store: Box<dyn Store>,
    pub(super) id: [u8; 16],
    pub(super) stretch: Stretch,
    pub(super) changes: Counter,
    unseal: Unseal,
    /// Read once a call; another takes its place when the store's keys were made anew.
    ring: RwLock<Arc<Ring>>,
    /// When the seal last did not open, and at which count of changes.
    shut: Mutex<Option<(Instant, Option<u64>)>>,
    /// Whether the store has no roll, because an object was altered before it got one.
    pub(super) unlisted: AtomicBool,
    pub(super) latest: Latest,
    /// What records changes.
    pub(super) witness: OnceLock<Arc<dyn Witness>>,
}

/// What finds the master key, and its generation, by the identity of a store and the rows of its seal
/// slots: the seal's, passed in by the caller.
pub type Unseal = Box<dyn Fn(&[u8; 16], &[Row]) -> Result<(Secret, u32)> + Send + Sync>;

impl Vault {
    /// Gives an empty store its identity and its keys, wrapped under the master key.
    pub fn initialise(store: &dyn Store, id: [u8; 16], master: &Secret, slot: &Row) -> Result<()> {
        let (keys, wraps) = ring::first(&id, master)?;
        let row = Row { id: FIRST_SLOT, body: slot.body.clone() };
        let mut heads = Heads::default();
        heads.put(&keys.rows, RowKind::SealSlot, &row)?;
        let state = State { heads: heads.sum(), ..State::default() };
        let (sealed, list) = (state.seal(&keys, &id)?, heads.seal(&keys.state, &id)?);
        store.write(&mut |tx| {
            tx.set_value(ID, &id)?;
            wraps.iter().try_for_each(|(name, wrap)| tx.set_value(name, wrap))?;
            tx.set_value(STATE, &sealed)?;
            tx.set_value(LIST, &list)?;
            let seals = Seals { key: &keys.state, store: &id };
            Roll::empty().write(seals, tx, state.revision, &state.objects)?;
            tx.next_id(RowKind::SealSlot)?;
            tx.put_row(RowKind::SealSlot, &row)
        })
    }

    /// The identity of a store and the rows of its seal slots: what is needed to find the master key.
    pub fn sealed_by(store: &dyn Store) -> Result<([u8; 16], Vec<Row>)> {
        let id = store.value(ID)?.ok_or(Error::TokenNotRecognized)?;
        let id = id.try_into().map_err(|_| Error::TokenNotRecognized)?;
        Ok((id, store.rows(RowKind::SealSlot)?))
    }

    /// Opens a store with what opens its seal.
    pub fn open(
        store: Box<dyn Store>,
        unseal: Unseal,
        changes: Counter,
        stretch: Stretch,
    ) -> Result<Vault> {
        let (id, ring) = read_ring(store.as_ref(), &unseal)?;
        let (ring, shut) = (RwLock::new(Arc::new(ring)), Mutex::default());
        let unlisted = AtomicBool::new(false);
        let (latest, witness) = (Latest::default(), OnceLock::new());
        Ok(Vault { store, id, stretch, changes, unseal, ring, shut, unlisted, latest, witness })
    }

    /// Looks at the store with the keys that are in force: where they were made anew meanwhile, looks
    /// again with the new ones.
    pub(super) fn reading<T>(&self, look: impl Fn(&Ring) -> Result<T>) -> Result<T> {
        for _ in 0..TRIES {
            let ring = self.ring()?;
            let result = look(&ring);
            if self.in_force(&ring)? {
                return result;
            }
        }
        Err(Error::FunctionFailed)
    }

    /// Makes a change with the keys that are in force: one that failed because they are not any more is
    /// made again with the new ones.
    pub(super) fn writing<T>(&self, make: impl Fn(&Ring) -> Result<T>) -> Result<T> {
        for _ in 0..TRIES {
            let ring = self.ring()?;
            match make(&ring) {
                Err(_) if ring.is_stale() => {}
                other => return other,
            }
        }
        Err(Error::FunctionFailed)
    }

    /// The keys in force.
    pub(super) fn ring(&self) -> Result<Arc<Ring>> {
        let ring = self.ring.read().clone();
        if self.in_force(&ring)? { Ok(ring) } else { self.renew_ring() }
    }

    /// The keys as they were last seen, for what is the same in all generations.
    pub(super) fn any_keys(&self) -> Arc<StoreKeys> {
        self.ring.read().current.clone()
    }

    /// Whether these keys are in force: one comparison where nothing was changed since they were last
    /// seen to be, else one row is read.
    fn in_force(&self, ring: &Ring) -> Result<bool> {
        let now = self.changes();
        if ring.is_stale() {
            return Ok(false);
        }
        if !ring.is_fresh(now) {
            if ring::generation(self.store.value(MARK)?)? != ring.generation() {
                ring.expire();
                return Ok(false);
            }
            ring.confirm(now);
        }
        Ok(true)
    }

    /// Reads the store's keys anew, through the seal.
    fn renew_ring(&self) -> Result<Arc<Ring>> {
        let mut held = self.ring.write();
        // Another thread may have been faster.
        if self.in_force(&held)? {
            return Ok(held.clone());
        }
        let now = self.changes();
        let mut shut = self.shut.lock();
        if shut.is_some_and(|(when, count)| count == now && when.elapsed() < PATIENCE) {
            return Err(Error::DeviceError);
        }
        match read_ring(self.store.as_ref(), &self.unseal) {
            Ok((_, ring)) => {
                *shut = None;
                *held = Arc::new(ring);
                Ok(held.clone())
            }
            Err(error) if error.is_of_surroundings() => Err(error),
            Err(_) => {
                *shut = Some((Instant::now(), now));
                tracing::error!(
                    "the store's keys were made anew ('strongroom rotate master-key --compromised') \
                     and this process cannot open the seal again: start it anew"
                );
                Err(Error::DeviceError)
            }
        }
    }

    /// Takes keys into use that this process has just made, or let go of.
    pub(super) fn install(&self, ring: Ring) {
        *self.ring.write() = Arc::new(ring);
    }

    /// Lets go of the previous keys, which nothing is under any more.
    pub(super) fn let_go_of_previous(&self, ring: &Ring) {
        let mut held = self.ring.write();
        if held.previous.is_some() && held.generation() == ring.generation() {
            *held = Arc::new(Ring::new(held.current.clone(), None));
        }
    }

    /// Whether a row that does not open was altered, and is not merely read with keys of before.
    pub(super) fn is_altered(&self, ring: &Ring) -> bool {
        self.in_force(ring).unwrap_or(true)
    }

    /// The identity of the store.
    pub fn id(&self) -> &[u8; 16] {
        &self.id
    }

    /// Before a `fork`: lets go of the database's connections.
    pub fn rest(&self) {
        self.store.rest();
    }

    /// In a forked child: lets go of what was made of the store's keys.
    pub fn leave(&self) {
        self.ring.read().forget();
    }

    /// A number that is the same as before where no process has changed the store meanwhile; none
    /// where nobody can tell.
    pub fn changes(&self) -> Option<u64> {
        self.glance().count
    }

    /// The same with the time that it is of: asked once for all that is compared with it.
    pub fn glance(&self) -> Glance {
        self.changes.glance(|| self.store.version().ok().flatten())
    }

    /// The record of a row, if it is the one that was written.
    pub(super) fn authentic<'a>(
        &self,
        ring: &Ring,
        kind: RowKind,
        row: &'a Row,
    ) -> Result<&'a [u8]> {
        let (record, mac) = row.body.split_last_chunk::<MAC>().ok_or(Error::DeviceError)?;
        if !primitive::equal(&self.row_mac(&ring.current, kind, row.id, record)?, mac) {
            if self.is_altered(ring) {
                tracing::error!("{kind:?} {} was altered: run 'strongroom check'", row.id);
            }
            return Err(Error::Altered);
        }
        Ok(record)
    }

    pub(super) fn row_mac(
        &self,
        keys: &StoreKeys,
        kind: RowKind,
        id: i64,
        record: &[u8],
    ) -> Result<[u8; MAC]> {
        keys.rows.tag(&[b"record of ", name(kind), &self.id, &id.to_be_bytes(), record])
    }
}

/// The identity of a store, and its keys. Where the seal was changed between one look and the next, it
/// is opened again.
fn read_ring(store: &dyn Store, unseal: &Unseal) -> Result<([u8; 16], Ring)> {
    for _ in 0..TRIES {
        let (id, slots) = Vault::sealed_by(store)?;
        let opened = unseal(&id, &slots);
        let mut ring = None;
        store.look(&mut |now| {
            if same_rows(&slots, &now.rows(RowKind::SealSlot)?) {
                let (key, generation) = opened.as_ref().map_err(|error| *error)?;
                ring = Some(Ring::read(now, &id, Master { key, generation: *generation })?);
            }
            Ok(())
        })?;
        if let Some(ring) = ring {
            return Ok((id, ring));
        }
    }
    Err(Error::FunctionFailed)
}

/// Whether rows are the same as before.
pub(super) fn same_rows(before: &[Row], now: &[Row]) -> bool {
    let mut pairs = before.iter().zip(now);
    before.len() == now.len() && pairs.all(|(a, b)| a.id == b.id && a.body == b.body)
}

/// How often something is tried that others may have changed meanwhile.
const TRIES: usize = 8;
/// How long a seal that did not open is not tried again, unless the store is changed.
const PATIENCE: Duration = Duration::from_secs(10);
/// The number of a new store's seal slot.
const FIRST_SLOT: i64 = 1;
const ID: &str = "store id";
pub(super) const STATE: &str = "state";
/// The named values that every store has, beside its keys and those of the set-hashes.
pub(super) const WRITTEN: &[&str] = &[ID, STATE];
