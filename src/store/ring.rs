// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The store's own keys: which there are, how they rest under the master key, and which generation of
//! them is in force. It imports `super::state`, and what all of this room may.
//!
//! A key rests in a row of its own. What follows a compromise makes all of them anew but one: the key
//! of the tags, because what it was applied to is sealed under the keys of tokens. It stays, and what
//! comes of it is put under a permutation that is made anew (`veil`).

use super::{Snapshot, Tag, Transaction};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::mechanism::primitive::{self, Mac, Permutation};
use crate::secret::Secret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A master key and which of the store's it is.
#[derive(Clone, Copy)]
pub struct Master<'a> {
    /// 256 bits.
    pub key: &'a Secret,
    /// From 1.
    pub generation: u32,
}

/// The store's keys of one generation.
pub(super) struct StoreKeys {
    /// From 1.
    pub(super) generation: u32,
    /// Authenticates rows.
    pub(super) rows: Mac,
    /// Makes tags and fingerprints; the same in all generations.
    tags: Mac,
    /// What tags rest under; none in the first generation.
    veil: Option<Permutation>,
    /// Seals the state and ledgers.
    pub(super) state: Secret,
    /// Seals policies, and secrets that are not private.
    pub(super) cover: Secret,
    /// The outer layer of PINs.
    pub(super) pin: Secret,
}

/// The keys in force. While they are made anew, what was not reached yet is under the previous ones.
pub(super) struct Ring {
    pub(super) current: Arc<StoreKeys>,
    pub(super) previous: Option<Arc<StoreKeys>>,
    /// The count of changes at which these were last known to be in force.
    checked: AtomicU64,
    /// Others are known to be in force.
    stale: AtomicBool,
}

/// Which keys an object is under.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    ring: &'a Ring,
    cursor: Option<i64>,
}

impl<'a> Sides<'a> {
    /// The keys that the object of this number is under.
    pub(super) fn of(&self, id: i64) -> &'a StoreKeys {
        match (self.cursor, &self.ring.previous) {
            (Some(cursor), Some(previous)) if id > cursor => previous,
            _ => &self.ring.current,
        }
    }
}

/// Rows of keys, by name.
pub(super) type Wraps = Vec<(String, Vec<u8>)>;
/// Keys by name, on their way into the store.
pub(super) type Bag = Vec<(&'static str, Secret)>;

impl StoreKeys {
    /// The keys of a generation that a store has at one moment: `prefix` says which generation.
    fn read(
        now: &(impl Snapshot + ?Sized),
        id: &[u8; 16],
        master: Master<'_>,
        prefix: &str,
    ) -> Result<Option<StoreKeys>> {
        let mut bag = Bag::new();
        let mut generation = None;
        for (name, _) in KEYS {
            let row = [prefix, name].concat();
            let Some(value) = now.value(&row)? else { continue };
            let rest = Resting::decode(&value)?;
            if *generation.get_or_insert(rest.generation) != rest.generation {
                return Err(altered(&row));
            }
            bag.push((name, rest.open(id, &row, master)?));
        }
        generation.map(|generation| StoreKeys::of(generation, &bag)).transpose()
    }

    /// Keys by name, as they are used.
    pub(super) fn of(generation: u32, bag: &Bag) -> Result<StoreKeys> {
        let found = |wanted: &str| bag.iter().find(|(name, _)| *name == wanted).map(|(_, key)| key);
        let key = |wanted: &str| {
            found(wanted).ok_or_else(|| {
                tracing::error!("the store's key '{wanted}' is not there: restore a backup");
                Error::TokenNotRecognized
            })
        };
        let veil = match generation {
            FIRST => None,
            _ => Some(Permutation::new(key(VEIL)?)?),
        };
        Ok(StoreKeys {
            generation,
            rows: Mac::new(key(ROWS)?)?,
            tags: Mac::new(key(TAGS)?)?,
            veil,
            state: key(STATE)?.duplicate()?,
            cover: key(COVER)?.duplicate()?,
            pin: key(PIN)?.duplicate()?,
        })
    }

    /// What a value is found by.
    pub(super) fn tag(&self, parts: &[&[u8]]) -> Result<Tag> {
        let tag = self.bare_tag(parts)?;
        self.veil.as_ref().map_or(Ok(tag), |veil| veil.apply(&tag))
    }

    /// The same, before the permutation: what never shows in the file.
    pub(super) fn bare_tag(&self, parts: &[&[u8]]) -> Result<Tag> {
        let tag = self.tags.tag(parts)?;
        tag.first_chunk().copied().ok_or(Error::GeneralError)
    }

    /// A tag that rests under these keys, as it rests under others.
    pub(super) fn carry_tag(&self, tag: &Tag, to: &StoreKeys) -> Result<Tag> {
        let bare = self.veil.as_ref().map_or(Ok(*tag), |veil| veil.undo(tag))?;
        to.veil.as_ref().map_or(Ok(bare), |veil| veil.apply(&bare))
    }
}

impl Ring {
    pub(super) fn new(current: Arc<StoreKeys>, previous: Option<Arc<StoreKeys>>) -> Ring {
        let (checked, stale) = (AtomicU64::new(UNKNOWN), AtomicBool::new(false));
        Ring { current, previous, checked, stale }
    }

    /// The keys that a store has at one moment.
    pub(super) fn read(
        now: &(impl Snapshot + ?Sized),
        id: &[u8; 16],
        master: Master<'_>,
    ) -> Result<Ring> {
        let current =
            StoreKeys::read(now, id, master, CURRENT)?.ok_or(Error::TokenNotRecognized)?;
        let previous = StoreKeys::read(now, id, master, PREVIOUS)?;
        Ok(Ring::new(Arc::new(current), previous.map(Arc::new)))
    }

    pub(super) fn generation(&self) -> u32 {
        self.current.generation
    }

    /// Which keys each object is under, by how far they were brought over.
    pub(super) fn sides(&self, cursor: Option<i64>) -> Sides<'_> {
        Sides { ring: self, cursor }
    }

    /// The keys of a generation, if it is in force here or was until just now.
    pub(super) fn of_generation(&self, generation: u32) -> Option<&StoreKeys> {
        let both = [Some(&self.current), self.previous.as_ref()];
        both.into_iter().flatten().find(|keys| keys.generation == generation).map(Arc::as_ref)
    }

    /// Whether nothing was changed since these were known to be in force.
    pub(super) fn is_fresh(&self, changes: Option<u64>) -> bool {
        changes.is_some_and(|now| self.checked.load(Ordering::Acquire) == now)
    }

    /// Frees what was made of the keys; it is made again when it is needed.
    pub(super) fn forget(&self) {
        for keys in [Some(&self.current), self.previous.as_ref()].into_iter().flatten() {
            keys.rows.forget();
            keys.tags.forget();
            keys.veil.iter().for_each(Permutation::forget);
        }
    }

    /// At this count of changes these are in force.
    pub(super) fn confirm(&self, changes: Option<u64>) {
        if let Some(now) = changes {
            self.checked.store(now, Ordering::Release);
        }
    }

    pub(super) fn expire(&self) {
        self.stale.store(true, Ordering::Release);
    }

    pub(super) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }
}

/// A key as its row has it.
struct Resting<'a> {
    generation: u32,
    master: u32,
    version: u8,
    sealed: &'a [u8],
}

impl<'a> Resting<'a> {
    /// Rows of the first form have neither version nor generations, and a length of their own.
    fn decode(value: &'a [u8]) -> Result<Resting<'a>> {
        if value.len() == SEALED {
            return Ok(Resting {
                generation: FIRST,
                master: FIRST,
                version: FIRST_FORM,
                sealed: value,
            });
        }
        let mut reader = Reader::versioned(value, FORM)?;
        let (generation, master) = (reader.u32()?, reader.u32()?);
        Ok(Resting { generation, master, version: FORM, sealed: reader.rest() })
    }

    fn open(&self, id: &[u8; 16], row: &str, master: Master<'_>) -> Result<Secret> {
        if self.master != master.generation {
            return Err(altered(row));
        }
        let opened = primitive::open(master.key, &self.context(id, row), self.sealed);
        opened.map_err(|_| altered(row))
    }

    fn context(&self, id: &[u8; 16], row: &str) -> Vec<u8> {
        let mut writer = Writer::versioned(self.version);
        writer.raw(b"strongroom store key").raw(id).bytes(row.as_bytes());
        if self.version == FORM {
            writer.u32(self.generation).u32(self.master);
        }
        writer.finish()
    }
}

/// The keys of a new store, in the first form: there is one generation yet.
pub(super) fn first(id: &[u8; 16], master: &Secret) -> Result<(StoreKeys, Wraps)> {
    let mut bag = Bag::new();
    let mut rows = Vec::new();
    for (name, _) in KEYS.iter().filter(|(name, _)| *name != VEIL) {
        let key = primitive::random_secret(KEY)?;
        let row = [CURRENT, name].concat();
        let rest = Resting { generation: FIRST, master: FIRST, version: FIRST_FORM, sealed: &[] };
        rows.push((row.clone(), primitive::seal(master, &rest.context(id, &row), key.expose())?));
        bag.push((name, key));
    }
    Ok((StoreKeys::of(FIRST, &bag)?, rows))
}

/// The keys after the current ones: all new, but for the one that stays.
pub(super) fn next(tx: &dyn Transaction, id: &[u8; 16], master: Master<'_>) -> Result<Bag> {
    let mut bag = Bag::new();
    for (name, renewed) in KEYS {
        let key = if *renewed {
            primitive::random_secret(KEY)?
        } else {
            let row = [CURRENT, name].concat();
            let value = tx.value(&row)?.ok_or(Error::TokenNotRecognized)?;
            Resting::decode(&value)?.open(id, &row, master)?
        };
        bag.push((name, key));
    }
    Ok(bag)
}

/// Writes keys under a master key.
pub(super) fn put(
    tx: &dyn Transaction,
    id: &[u8; 16],
    master: Master<'_>,
    (generation, bag): (u32, &Bag),
) -> Result<()> {
    bag.iter().try_for_each(|(name, key)| {
        put_one(tx, id, master, (&[CURRENT, name].concat(), generation, key))
    })
}

/// Puts all keys under another master key, and those of the prefix `current` under the name of
/// previous ones if `retire`.
pub(super) fn carry(
    tx: &dyn Transaction,
    id: &[u8; 16],
    (old, new): (Master<'_>, Master<'_>),
    retire: bool,
) -> Result<()> {
    for prefix in [PREVIOUS, CURRENT] {
        for (name, _) in KEYS {
            let row = [prefix, name].concat();
            let Some(value) = tx.value(&row)? else { continue };
            let rest = Resting::decode(&value)?;
            let key = rest.open(id, &row, old)?;
            let row = if retire { [PREVIOUS, name].concat() } else { row };
            put_one(tx, id, new, (&row, rest.generation, &key))?;
        }
    }
    Ok(())
}

/// Erases the previous keys.
pub(super) fn erase_previous(tx: &dyn Transaction) -> Result<()> {
    KEYS.iter().try_for_each(|(name, _)| tx.remove_value(&[PREVIOUS, name].concat()))
}

/// Which generation of the keys is in force, as a row says that is not authentic by itself: whoever
/// relies on it opens something with them.
pub(super) fn generation(value: Option<Vec<u8>>) -> Result<u32> {
    let value = value.ok_or(Error::TokenNotRecognized)?;
    Resting::decode(&value).map(|rest| rest.generation)
}

/// Whether a named value is that of a key that a store of this generation has: the previous ones are
/// there while others take their place.
pub(super) fn is_key(name: &str, generation: u32, renewing: bool) -> bool {
    let named = |prefix: &str, first: bool| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| {
            KEYS.iter().any(|(key, _)| *key == rest) && (rest != VEIL || !first)
        })
    };
    named(CURRENT, generation == FIRST) || (renewing && named(PREVIOUS, generation <= FIRST + 1))
}

/// Which master key the store's keys are under.
pub(super) fn master(now: &(impl Snapshot + ?Sized)) -> Result<u32> {
    let value = now.value(MARK)?.ok_or(Error::TokenNotRecognized)?;
    Resting::decode(&value).map(|rest| rest.master)
}

fn put_one(
    tx: &dyn Transaction,
    id: &[u8; 16],
    master: Master<'_>,
    (row, generation, key): (&str, u32, &Secret),
) -> Result<()> {
    let rest = Resting { generation, master: master.generation, version: FORM, sealed: &[] };
    let sealed = primitive::seal(master.key, &rest.context(id, row), key.expose())?;
    let mut value = Writer::versioned(FORM);
    value.u32(generation).u32(master.generation).raw(&sealed);
    tx.set_value(row, &value.finish())
}

fn altered(row: &str) -> Error {
    tracing::error!("the store's '{row}' was altered: restore a backup");
    Error::TokenNotRecognized
}

/// The keys of a store by name, and whether they are made anew after a compromise.
const KEYS: &[(&str, bool)] =
    &[(ROWS, true), (TAGS, false), (VEIL, true), (STATE, true), (COVER, true), (PIN, true)];
const ROWS: &str = "rows";
const TAGS: &str = "tags";
const VEIL: &str = "veil";
const STATE: &str = "state";
const COVER: &str = "cover";
const PIN: &str = "pin";
/// What the names of their rows begin with.
const CURRENT: &str = "key ";
const PREVIOUS: &str = "previous key ";
/// The row that tells the generation.
pub(super) const MARK: &str = "key state";
pub(super) const FIRST: u32 = 1;
/// The version of rows that say their generations, and of those that do not.
const FORM: u8 = 2;
const FIRST_FORM: u8 = 1;
/// The length of a key, and of one that is sealed, bytes.
const KEY: usize = 32;
const SEALED: usize = 12 + KEY + 16;
const UNKNOWN: u64 = u64::MAX;
