// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may check the chain: the file that keeps its first key for them alone. It is read by whoever
//! has a key, and by whoever wants to know for whom it is.

use super::chain::ChainKey;
use super::head::Seals;
use super::lines;
use super::note;
use super::segments::{Place, put_anew};
use crate::error::{Error, Result};
use crate::files;
use crate::mechanism::{kem, primitive};
use crate::secret::Secret;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Who may check the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auditor {
    /// Their name. That of a token's user has a slash: before it the token's serial number, behind it
    /// the user's name, and nothing for the security officer.
    pub name: String,
    /// Their key: of ML-KEM-1024, as FIPS 203 encodes it.
    pub public: Vec<u8>,
}

impl Auditor {
    /// Reads the public key of a file (PEM), whose name without ending is the auditor's.
    pub fn read(path: &Path) -> Result<Auditor> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).ok();
        let public = text.as_deref().and_then(note::from_pem).and_then(|der| {
            // RFC 9935: an algorithm without parameters, and a string of bits.
            der.strip_prefix(ML_KEM_1024).map(<[u8]>::to_vec)
        });
        let public = public.filter(|public| kem::encapsulate(public).is_ok()).ok_or_else(|| {
            tracing::error!("audit.auditors: {} is no public key of ML-KEM-1024", path.display());
            Error::ArgumentsBad
        })?;
        Ok(Auditor { name, public })
    }

    /// A user of a token; of no name, its security officer.
    pub fn of_token(serial: &str, user: &str, public: Vec<u8>) -> Auditor {
        Auditor { name: format!("{serial}/{user}"), public }
    }

    /// As a file of keys names them.
    pub fn keeper(&self) -> Result<Keeper> {
        Ok(Keeper { name: self.name.clone(), public: primitive::sha256(&self.public)? })
    }
}

/// For whom a chain is kept, as its file says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keeper {
    /// Their name.
    pub name: String,
    /// The SHA-256 of their key.
    pub public: [u8; 32],
}

impl Keeper {
    /// Whether it is a user of a token.
    pub fn is_user(&self) -> bool {
        self.name.contains('/')
    }
}

/// The first key of a chain, for each auditor; where there is none, for whoever opens the store.
pub(super) fn keep(
    place: &Place,
    seals: &Seals,
    (first, chain): (u64, &ChainKey),
    auditors: &[Auditor],
) -> Result<String> {
    let context = context(place, first);
    let mut kept = Vec::new();
    for auditor in auditors {
        let (ciphertext, shared) = kem::encapsulate(&auditor.public)?;
        let sealed = primitive::seal(&shared, &context, chain.expose())?;
        kept.push(serde_json::json!({
            "name": auditor.name,
            "public": hex::encode(primitive::sha256(&auditor.public)?),
            "kem": note::base64(&ciphertext),
            "sealed": note::base64(&sealed),
        }));
    }
    let store = hex::encode(place.store);
    let mut file = serde_json::Map::new();
    file.insert("v".to_owned(), 1.into());
    file.insert("store".to_owned(), store.into());
    file.insert("first".to_owned(), first.into());
    file.insert("auditors".to_owned(), kept.into());
    if auditors.is_empty() {
        let key = seals.derive(NOBODY, &first.to_be_bytes())?;
        let sealed = primitive::seal(&key, &context, chain.expose())?;
        file.insert("nobody".to_owned(), note::base64(&sealed).into());
    }
    Ok(format!("{}\n", serde_json::Value::Object(file)))
}

/// Brings what is kept for nobody from former keys of the log under the one of now, in files beside: those
/// that there are have a hash in the log.
pub(super) fn bring(place: &Place, seals: &Seals, former: &[Secret]) -> Result<()> {
    let chains = place.chains()?.into_iter().map(|first| (first, place.chain(first)));
    let breaks = place.breaks()?.into_iter().map(|first| (first, place.broken(first)));
    for (first, path) in chains.chain(breaks) {
        let kept = Kept::read(&path, first);
        let open = |key| kept.as_ref()?.open_by_store(place, &path, key);
        let Some(chain) = former.iter().find_map(open) else { continue };
        let key = seals.derive(NOBODY, &first.to_be_bytes())?;
        let sealed = primitive::seal(&key, &context(place, first), chain.expose())?;
        let temporary = place.directory.join("new-nobody");
        put_anew(place, &temporary, &sealed)?;
        std::fs::rename(&temporary, beside(&path))
            .map_err(|error| files::complain("replace", &path, &error))?;
    }
    files::sync_directory(&place.directory)
}

/// Where what a file keeps for nobody is under a later key of the log.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".nobody");
    PathBuf::from(beside)
}

/// A file of keys.
#[derive(Deserialize)]
pub(super) struct Kept {
    v: u8,
    first: u64,
    auditors: Vec<For>,
    /// The key of a chain that is kept for nobody.
    nobody: Option<String>,
}

#[derive(Deserialize)]
struct For {
    name: String,
    public: String,
    kem: String,
    sealed: String,
}

impl Kept {
    /// Reads the file of a chain that begins with this record.
    pub(super) fn read(path: &Path, first: u64) -> Option<Kept> {
        let text = lines::small(path, LONGEST_KEYS).ok()?;
        let kept = serde_json::from_slice::<Kept>(&text).ok()?;
        Some(kept).filter(|kept| kept.v == 1 && kept.first == first)
    }

    /// The key, for an auditor.
    pub(super) fn open(&self, place: &Place, seed: &Secret) -> Option<Secret> {
        let context = context(place, self.first);
        let opener = kem::Decapsulator::new(seed).ok()?;
        self.auditors.iter().find_map(|auditor| {
            let ciphertext = note::from_base64(&auditor.kem)?;
            let shared = opener.decapsulate(&ciphertext).ok()?;
            let sealed = note::from_base64(&auditor.sealed)?;
            primitive::open(&shared, &context, &sealed).ok()
        })
    }

    /// The key of a chain that is kept for nobody, for who has the store's audit key.
    pub(super) fn open_by_store(
        &self,
        place: &Place,
        path: &Path,
        audit: &Secret,
    ) -> Option<Secret> {
        let sealed = note::from_base64(self.nobody.as_deref()?)?;
        let seals = Seals::new(audit, place.store).ok()?;
        let key = seals.derive(NOBODY, &self.first.to_be_bytes()).ok()?;
        let open = |sealed: &[u8]| primitive::open(&key, &context(place, self.first), sealed).ok();
        let later = || lines::small(&beside(path), LONGEST_KEYS).ok();
        open(&sealed).or_else(|| open(&later()?))
    }

    /// For whom it is, in order.
    pub(super) fn keepers(&self) -> Option<Vec<Keeper>> {
        let keeper = |auditor: &For| {
            let mut public = [0; 32];
            hex::decode_to_slice(&auditor.public, &mut public).ok()?;
            Some(Keeper { name: auditor.name.clone(), public })
        };
        let mut keepers = self.auditors.iter().map(keeper).collect::<Option<Vec<_>>>()?;
        keepers.sort();
        Some(keepers)
    }
}

fn context(place: &Place, first: u64) -> Vec<u8> {
    [&b"strongroom audit chain"[..], &place.store, &first.to_be_bytes()].concat()
}

/// What stands before a public key of ML-KEM-1024 in its DER.
const ML_KEM_1024: &[u8] = &[
    0x30, 0x82, 0x06, 0x32, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04,
    0x03, 0x03, 0x82, 0x06, 0x21, 0x00,
];
const NOBODY: &[u8] = b"strongroom audit nobody";
/// The longest file of keys, bytes.
pub(super) const LONGEST_KEYS: u64 = 16 << 20;
