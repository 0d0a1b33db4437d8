// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The check of an audit log: what is wrong, and where.

use crate::admin::diagnostics::capture;
use crate::admin::failure::{Failure, Outcome};
use crate::admin::source::read_small;
use crate::audit::{self, Fault, Kind, Place, Position, Verdict, note};
use crate::config::Config;
use crate::files::Access;
use crate::mechanism::kem;
use crate::secret::Secret;
use crate::session::{find_store, open_store};
use crate::store::{Bound, Vault};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What is to be checked, and with what.
#[derive(Debug, Default)]
pub struct AuditCheck {
    /// The log's directory; the store's own where none is given.
    pub log: Option<PathBuf>,
    /// A file with the key to believe checkpoints by, from a place that who writes the log cannot write.
    pub checkpoint_key: Option<PathBuf>,
    /// A file with an auditor's key, which opens the chain: PEM, or its seed, 64 bytes or as many in
    /// hexadecimal digits.
    pub auditor_key: Option<PathBuf>,
    /// The segment to begin with.
    pub from: Option<u64>,
}

/// What the store says of its log.
#[derive(Default)]
pub struct Witnessed {
    /// Which it is.
    pub store: Option<[u8; 16]>,
    /// The key that the log rests under.
    pub key: Option<Secret>,
    /// What it may be under yet.
    pub former: Vec<Secret>,
    /// Where the log was at the last change of the store.
    pub bound: Option<Position>,
    /// What opens the chains that are kept for an auditor of it.
    pub auditor: Option<Secret>,
}

impl Witnessed {
    /// Of a store that can be opened. Nothing is written, and the log is left alone: to open it is to
    /// end what a killed writer began, and to cut off what nobody should have written.
    pub fn by_store(config: &Config, passphrase: Option<Secret>) -> Witnessed {
        let (opened, _) = capture(|| open_store(config, passphrase));
        opened.ok().flatten().map_or_else(Witnessed::default, |opened| Witnessed::of(&opened.vault))
    }

    /// Of a store that is open.
    pub fn of(vault: &Vault) -> Witnessed {
        let store = Some(*vault.id());
        let Ok(Some(known)) = vault.audit() else {
            return Witnessed { store, ..Witnessed::default() };
        };
        let Bound { seq, mac } = known.bound;
        let bound = (seq > 0).then_some(Position { seq, mac });
        let (key, former) = (Some(known.key), known.former);
        Witnessed { store, key, former, bound, auditor: None }
    }
}

/// What a check found.
#[derive(Debug, Serialize)]
pub struct AuditReport {
    /// The log's directory.
    pub log: String,
    /// Which store it is of, hexadecimal digits.
    pub store: String,
    /// How many records are as they were written, from the first that was looked at.
    pub records: u64,
    /// How many of them were checked with the auditor's key.
    pub chained: u64,
    /// The last of them.
    pub last: Option<u64>,
    /// How many checkpoints hold.
    pub checkpoints: u64,
    /// The size of the last that holds.
    pub last_checkpoint: Option<u64>,
    /// Whether the end was compared with the head.
    pub head: bool,
    /// Whether the end was compared with what the store was bound to.
    pub bound: bool,
    /// Records that the head does not count yet.
    pub ahead: u64,
    /// Records that the log says a loss of power took.
    pub lost: u64,
    /// Bytes of a line that is not whole, at the end.
    pub unfinished: u64,
    /// Chains whose keys this auditor cannot open, by their first records.
    pub unopened: Vec<u64>,
    /// What is wrong; the first bad record first.
    pub faults: Vec<AuditFault>,
}

/// Something that is wrong with a log.
#[derive(Debug, Serialize)]
pub struct AuditFault {
    /// The kind, by name.
    pub kind: &'static str,
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: Option<u64>,
    /// The record that should be there.
    pub seq: Option<u64>,
    /// The last that it may be, where codes were not checked.
    pub until: Option<u64>,
    /// All of it, in words.
    pub what: String,
}

impl From<&Fault> for AuditFault {
    fn from(fault: &Fault) -> AuditFault {
        AuditFault {
            kind: fault.kind.name(),
            file: fault.file.display().to_string(),
            line: fault.line,
            seq: fault.seq,
            until: fault.until,
            what: fault.to_string(),
        }
    }
}

/// Checks a log; `witnessed` is what the store says of it, where that is at hand.
pub fn verify_audit(
    config: &Config,
    check: &AuditCheck,
    witnessed: &Witnessed,
) -> Outcome<AuditReport> {
    let directory = check.log.clone().unwrap_or_else(|| config.store.path.join("audit"));
    let verifier = check.checkpoint_key.as_deref().map(line).transpose()?;
    if verifier.as_deref().is_some_and(|line| note::read_verifier(line).is_err()) {
        return Err(no_verifier());
    }
    let store = match witnessed.store.filter(|_| check.log.is_none()) {
        Some(store) => store,
        None => identity(config, check, &directory, verifier.as_deref())?,
    };
    let access = Access::for_group("").map_err(|error| Failure::of("cannot check", error))?;
    let place = Place { directory, access, store };
    let auditor = check.auditor_key.as_deref().map(seed).transpose()?;
    let asked = audit::Asked {
        place: &place,
        verifier: verifier.as_deref(),
        auditor: auditor.as_ref().or(witnessed.auditor.as_ref()),
        key: witnessed.key.as_ref(),
        former: &witnessed.former,
        bound: witnessed.bound,
        from: check.from,
    };
    let verdict =
        audit::verify(&asked).map_err(|error| Failure::of("cannot check the audit log", error))?;
    Ok(report(&place, &asked, &verdict))
}

fn report(place: &Place, asked: &audit::Asked<'_>, verdict: &Verdict) -> AuditReport {
    let heads = [Kind::HeadMissing, Kind::HeadAltered, Kind::LogMissing];
    AuditReport {
        log: place.directory.display().to_string(),
        store: hex::encode(place.store),
        records: verdict.records,
        chained: verdict.chained,
        last: verdict.last.map(|last| last.seq),
        checkpoints: verdict.checkpoints,
        last_checkpoint: verdict.checkpoint,
        head: asked.key.is_some() && !verdict.faults.iter().any(|f| heads.contains(&f.kind)),
        bound: asked.bound.is_some(),
        ahead: verdict.ahead,
        lost: verdict.lost,
        unfinished: verdict.unfinished,
        unopened: verdict.unopened.clone(),
        faults: verdict.faults.iter().map(AuditFault::from).collect(),
    }
}

/// Which store the log should be of: whoever names a log elsewhere has the key that goes with it, or
/// believes what lies beside the log.
fn identity(
    config: &Config,
    check: &AuditCheck,
    directory: &Path,
    verifier: Option<&str>,
) -> Outcome<[u8; 16]> {
    if check.log.is_none() {
        let found = find_store(config, None)
            .map_err(|error| Failure::of("cannot look at the store", error))?;
        if let Some(found) = found {
            return Ok(found.id);
        }
    }
    let line = match verifier {
        Some(line) => line.to_owned(),
        None => line(&directory.join("verifier"))?,
    };
    let read = note::read_verifier(&line).ok().and_then(|(name, _)| note::store_of(&name));
    read.ok_or_else(no_verifier)
}

fn no_verifier() -> Failure {
    Failure::new(
        "what should be the key to check checkpoints with is none",
        "it is one line that begins with 'strongroom-audit/': take the one that was kept when the log \
         was begun",
    )
}

fn line(path: &Path) -> Outcome<String> {
    let content = read_small(path)?;
    Ok(String::from_utf8_lossy(content.expose()).trim_end().to_owned())
}

fn seed(path: &Path) -> Outcome<Secret> {
    let content = read_small(path)?;
    let bytes = content.expose();
    let digits = bytes.trim_ascii();
    let read = match bytes.len() {
        SEED => Secret::copy_of(bytes).ok(),
        _ if digits.starts_with(b"-----BEGIN") => kem::read_seed(bytes).ok(),
        _ if digits.len() == 2 * SEED => Secret::with(SEED, |out| {
            hex::decode_to_slice(digits, out).map_err(|_| crate::error::Error::DataInvalid)
        })
        .ok(),
        _ => None,
    };
    read.ok_or_else(|| {
        Failure::new(
            format!("{} is no auditor's key", path.display()),
            "it is a private key of ML-KEM-1024 with its seed (PEM), or the seed alone: 64 bytes, or 128 \
             hexadecimal digits",
        )
    })
}

/// The length of an ML-KEM-1024 seed, bytes.
const SEED: usize = 64;
