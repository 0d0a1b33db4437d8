// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What protects the master key. A store has seal slots, like the key slots of LUKS: several ways
//! in, each added and removed on its own. It may use `mechanism`, and layer 0.
//!
//! Each kind of slot is one file here with one interface, `Protector`: it finds or makes the
//! slot's secret, a 256-bit key that wraps the master key. What all kinds share is on this page.

mod file;
mod passphrase;

pub use passphrase::stretch;

use crate::codec::{Reader, Writer};
use crate::config::Kdf;
use crate::error::{Error, Result};
use crate::files::{Access, Paths};
use crate::mechanism::primitive;
use crate::secret::Secret;
use std::path::PathBuf;

/// The key at the root of a store: wraps the store keys, and goes into every token key's wrap.
pub struct MasterKey {
    /// 256 bits.
    pub key: Secret,
    /// Which of the store's master keys it is, from 1.
    pub generation: u32,
}

/// A way to the master key.
pub struct Slot {
    /// Its number in the store, from 1, never used again.
    pub id: u32,
    /// `file` or `passphrase`.
    pub kind: Kind,
    /// What people call it.
    pub label: String,
    /// What the kind needs to find its secret again.
    parameters: Vec<u8>,
    /// The generation of the master key inside.
    pub generation: u32,
    wrap: Vec<u8>,
}

/// The kinds of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file of 32 random bytes beside the store.
    File,
    /// A passphrase, through Argon2id.
    Passphrase,
}

/// What slots may draw on to find their secrets.
pub struct Surroundings {
    /// The files of the store.
    pub paths: Paths,
    /// Who may touch them.
    pub access: Access,
    /// A file that holds a passphrase, from the configuration.
    pub passphrase_file: Option<PathBuf>,
    /// A passphrase that someone typed.
    pub passphrase: Option<Secret>,
    /// The cost of a new passphrase slot.
    pub kdf: Kdf,
}

/// One kind of slot.
trait Protector: Sync {
    /// Makes the secret of a new slot, and what is needed to find it again.
    fn create(&self, id: u32, around: &Surroundings) -> Result<(Secret, Vec<u8>)>;
    /// Makes another secret for a slot, beside the one that it has; what is drawn on stays the same
    /// where someone has to know it.
    fn renew(&self, id: u32, parameters: &[u8], around: &Surroundings)
    -> Result<(Secret, Vec<u8>)>;
    /// Finds the secret; none where this slot has nothing to draw on.
    fn find(&self, id: u32, parameters: &[u8], around: &Surroundings) -> Result<Option<Secret>>;
    /// Forgets what was kept outside the store.
    fn remove(&self, id: u32, parameters: &[u8], around: &Surroundings) -> Result<()>;
    /// Forgets what was kept outside the store for secrets that the slot had before.
    fn forget_former(&self, id: u32, parameters: &[u8], around: &Surroundings) -> Result<()>;
}

impl MasterKey {
    /// The first one of a new store.
    pub fn generate() -> Result<MasterKey> {
        Ok(MasterKey { key: primitive::random_secret(KEY)?, generation: 1 })
    }

    /// The one after this.
    pub fn next(&self) -> Result<MasterKey> {
        let generation = self.generation.checked_add(1).ok_or(Error::GeneralError)?;
        Ok(MasterKey { key: primitive::random_secret(KEY)?, generation })
    }
}

impl Kind {
    /// Every kind, with its name and its number in records.
    pub const ALL: &'static [(Kind, &'static str, u8)] =
        &[(Kind::File, "file", 1), (Kind::Passphrase, "passphrase", 2)];

    /// Its name.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    fn entry(self) -> (Kind, &'static str, u8) {
        Kind::ALL.iter().copied().find(|entry| entry.0 == self).unwrap_or((self, "?", 0))
    }

    fn protector(self) -> &'static dyn Protector {
        match self {
            Kind::File => &file::File,
            Kind::Passphrase => &passphrase::Passphrase,
        }
    }
}

/// Makes a slot that opens to `master`.
pub fn create(
    kind: Kind,
    id: u32,
    label: &str,
    store: &[u8],
    master: &MasterKey,
    around: &Surroundings,
) -> Result<Slot> {
    let (secret, parameters) = kind.protector().create(id, around)?;
    let label = label.to_string();
    Slot { id, kind, label, parameters, generation: 0, wrap: Vec::new() }
        .over(store, &secret, master)
}

/// The same slot with another master key, under the secret that it has.
pub fn carry(slot: &Slot, store: &[u8], secret: &Secret, master: &MasterKey) -> Result<Slot> {
    slot.with(slot.parameters.clone()).over(store, secret, master)
}

/// The same slot with another secret: a file gets other bytes, a passphrase stays but for its salt and
/// cost. The old one opens the store until the slot's row is written, and it is then to be forgotten.
pub fn renew(slot: &Slot, store: &[u8], master: &MasterKey, around: &Surroundings) -> Result<Slot> {
    let (secret, parameters) = slot.kind.protector().renew(slot.id, &slot.parameters, around)?;
    slot.with(parameters).over(store, &secret, master)
}

/// Forgets secrets that a slot had before: only when its row is written.
pub fn forget_former(slot: &Slot, around: &Surroundings) -> Result<()> {
    slot.kind.protector().forget_former(slot.id, &slot.parameters, around)
}

/// Opens one slot: its secret and the master key; none where it has nothing to draw on, or that is not
/// its secret.
pub fn open_one(
    slot: &Slot,
    store: &[u8],
    around: &Surroundings,
) -> Result<Option<(Secret, MasterKey)>> {
    let found = slot.kind.protector().find(slot.id, &slot.parameters, around)?;
    let Some(secret) = found else { return Ok(None) };
    let opened = primitive::open(&secret, &slot.context(store), &slot.wrap);
    let key = opened.ok().map(|key| MasterKey { key, generation: slot.generation });
    Ok(key.map(|key| (secret, key)))
}

/// Opens the first of the slots that can be opened.
pub fn open(slots: &[Slot], store: &[u8], around: &Surroundings) -> Result<MasterKey> {
    for slot in slots {
        match slot.kind.protector().find(slot.id, &slot.parameters, around) {
            Ok(Some(secret)) => match primitive::open(&secret, &slot.context(store), &slot.wrap) {
                Ok(key) => return Ok(MasterKey { key, generation: slot.generation }),
                Err(_) => tracing::error!(
                    "seal slot {} ({}): this is not its secret, or the slot was altered; a secret \
                     from before 'strongroom rotate master-key --compromised' or 'seal rotate' opens \
                     it no more; put the right one in place or open another slot",
                    slot.id,
                    slot.kind.name()
                ),
            },
            Ok(None) => tracing::info!("seal slot {} has nothing to open it with", slot.id),
            Err(_) => {
                tracing::error!("seal slot {} ({}) cannot be read", slot.id, slot.kind.name())
            }
        }
    }
    tracing::error!(
        "no seal slot opens this store: restore the seal file, or give the passphrase \
         (store.passphrase_file, or the credential 'strongroom-passphrase' of the service)"
    );
    Err(Error::TokenNotRecognized)
}

/// Forgets what a slot kept outside the store; its row must be gone first.
pub fn remove(slot: &Slot, around: &Surroundings) -> Result<()> {
    slot.kind.protector().remove(slot.id, &slot.parameters, around)
}

impl Slot {
    fn with(&self, parameters: Vec<u8>) -> Slot {
        let (label, generation) = (self.label.clone(), self.generation);
        Slot { id: self.id, kind: self.kind, label, parameters, generation, wrap: Vec::new() }
    }

    fn over(mut self, store: &[u8], secret: &Secret, master: &MasterKey) -> Result<Slot> {
        self.generation = master.generation;
        self.wrap = primitive::seal(secret, &self.context(store), master.key.expose())?;
        Ok(self)
    }

    /// The file that its secret is in, of a kind that has one.
    pub fn file(&self, paths: &Paths) -> Result<Option<PathBuf>> {
        match self.kind {
            Kind::File => file::path(paths, self.id, &self.parameters).map(Some),
            Kind::Passphrase => Ok(None),
        }
    }

    /// Its record, as `docs/store-format.md` specifies it.
    pub fn encode(&self) -> Vec<u8> {
        Writer::versioned(VERSION)
            .u8(self.kind.entry().2)
            .u32(self.id)
            .bytes(self.label.as_bytes())
            .bytes(&self.parameters)
            .u32(self.generation)
            .bytes(&self.wrap)
            .finish()
    }

    /// Reads a record.
    pub fn decode(record: &[u8]) -> Result<Slot> {
        let mut reader = Reader::versioned(record, VERSION)?;
        let number = reader.u8()?;
        let kind = Kind::ALL.iter().find(|entry| entry.2 == number);
        let slot = Slot {
            kind: kind.ok_or(Error::TokenNotRecognized)?.0,
            id: reader.u32()?,
            label: String::from_utf8_lossy(reader.bytes()?).into_owned(),
            parameters: reader.bytes()?.to_vec(),
            generation: reader.u32()?,
            wrap: reader.bytes()?.to_vec(),
        };
        reader.end()?;
        Ok(slot)
    }

    /// What the wrap is bound to: it opens in this store and slot alone.
    fn context(&self, store: &[u8]) -> Vec<u8> {
        Writer::versioned(VERSION)
            .raw(b"strongroom master key")
            .bytes(store)
            .u8(self.kind.entry().2)
            .u32(self.id)
            .bytes(self.label.as_bytes())
            .bytes(&self.parameters)
            .u32(self.generation)
            .finish()
    }
}

const VERSION: u8 = 1;
/// The length of the master key and of every slot's secret, bytes.
const KEY: usize = 32;
