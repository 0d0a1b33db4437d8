// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Configuration: one TOML file, all of it optional. It imports `error` and `safety`.
//!
//! The file is, in this order: the one that the caller of `C_Initialize` names, `STRONGROOM_CONF`,
//! the user's `strongroom/strongroom.toml`, `/etc/strongroom/strongroom.toml`. Unknown keys are
//! errors: a misspelt limit must not be a silent default.

use crate::error::{Error, Result};
use crate::safety::{Lifted, Safeguard};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Every setting, with its default where the file is silent.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the store is.
    pub store: Store,
    /// What new tokens are.
    pub token: Token,
    /// Rules for PINs.
    pub pin: Pin,
    /// The cost of testing a PIN or passphrase.
    pub kdf: Kdf,
    /// What the token permits beyond its safe defaults.
    pub policy: Policy,
    /// The log of what is done.
    pub audit: Audit,
    /// Who is told of alarms.
    pub watch: Watch,
    /// What is measured.
    pub metrics: Metrics,
    /// How secrets are kept in memory.
    pub memory: Memory,
    /// The file this came from; none where the defaults stand.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// Table `[store]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The directory of the store.
    pub path: PathBuf,
    /// The group that shares the store; empty for none.
    pub group: String,
    /// A file that holds the passphrase of a `passphrase` seal slot; empty for none.
    pub passphrase_file: PathBuf,
}

/// Table `[token]`: what a new token is. It keeps that in its own record.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Token {
    /// Whether its safeguards stand.
    pub mode: Mode,
    /// The safeguards that a compatible token lifts; none named: all of them.
    pub lift: Vec<Safeguard>,
    /// Whether who uses keys also manages them.
    pub separation: Separation,
}

/// Whether the safeguards of a token stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// They stand.
    #[default]
    Safe,
    /// They are lifted.
    Compatible,
}

/// Whether who uses keys also manages them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Separation {
    /// The user of `C_Login` does both.
    #[default]
    Standard,
    /// The user of `C_Login` uses keys; only managers make, change and destroy them.
    Strict,
}

impl Token {
    /// The safeguards that a new token lifts.
    pub fn lifted(&self) -> Lifted {
        match self.mode {
            Mode::Safe => Lifted::default(),
            Mode::Compatible if self.lift.is_empty() => Lifted::all(),
            Mode::Compatible => Lifted::these(&self.lift),
        }
    }
}

/// Table `[pin]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pin {
    /// The shortest PIN that may be set, bytes.
    pub min_length: usize,
    /// Wrong attempts in a row after which a PIN is locked.
    pub max_failures: u32,
}

/// Table `[kdf]`: Argon2id (RFC 9106).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kdf {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// Table `[policy]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The shortest RSA modulus, bits, of keys that are made, sign, encrypt and wrap; shorter ones
    /// can always verify, decrypt and unwrap.
    pub min_rsa_bits: usize,
    /// Whether legacy algorithms are used for more than to read what they protected: triple DES to
    /// encrypt, sign, wrap, generate and derive; MD5 at all.
    pub legacy_algorithms: bool,
}

/// Table `[audit]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// What becomes of an operation that cannot be recorded.
    pub on_failure: OnFailure,
    /// Whether each use of a key is a record of its own, instead of a count a second.
    pub each: bool,
    /// Files with the public keys of those who may check the chain beside the auditors of tokens:
    /// ML-KEM-1024, PEM. Read when a chain begins.
    pub auditors: Vec<PathBuf>,
    /// The size of a segment of the log after which the next is begun, MiB.
    pub segment_mib: u64,
    /// The age of a segment after which the next is begun, days.
    pub segment_days: u64,
    /// How many records after the last checkpoint the next is made.
    pub checkpoint_records: u64,
    /// How many seconds after the last checkpoint the next is made, if there are new records.
    pub checkpoint_seconds: u64,
}

/// Table `[watch]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watch {
    /// The ways by which alarms are told.
    pub deliveries: Vec<Delivery>,
    /// How often a delivery is tried before it is given up.
    pub attempts: u32,
    /// How long one attempt may take, seconds.
    pub seconds: u64,
}

/// A way by which alarms are told; one of its three ways is given.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// What alarms call it.
    pub name: String,
    /// A program and its arguments, which takes the alarm as JSON on its standard input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// A datagram socket that takes syslog messages (RFC 5424).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub syslog: String,
    /// `http://127.0.0.1:PORT/PATH`, of this machine alone, which takes the alarm as JSON by POST.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub webhook: String,
}

/// Table `[metrics]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// The most series of one metric; what comes later is added up in series called `other`.
    pub most_series: usize,
}

/// Table `[memory]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Whether calculations with keys run on stacks of the library's own.
    pub own_stacks: bool,
}

/// What becomes of an operation that cannot be recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It is refused.
    #[default]
    Deny,
    /// It is done, and the diagnostic channel says that it was not recorded.
    Warn,
}

impl Default for Store {
    fn default() -> Store {
        Store { path: default_store(), group: String::new(), passphrase_file: PathBuf::new() }
    }
}

impl Default for Pin {
    fn default() -> Pin {
        Pin { min_length: 4, max_failures: 10 }
    }
}

impl Default for Audit {
    fn default() -> Audit {
        Audit {
            on_failure: OnFailure::Deny,
            each: false,
            auditors: Vec::new(),
            segment_mib: 64,
            segment_days: 7,
            checkpoint_records: 10_000,
            checkpoint_seconds: 3600,
        }
    }
}

impl Default for Watch {
    fn default() -> Watch {
        Watch { deliveries: Vec::new(), attempts: 3, seconds: 10 }
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics { most_series: 2000 }
    }
}

impl Default for Memory {
    fn default() -> Memory {
        Memory { own_stacks: true }
    }
}

impl Watch {
    fn complaint(&self) -> Option<&'static str> {
        let named = |name: &str| self.deliveries.iter().filter(|one| one.name == name).count();
        let ways = |one: &Delivery| {
            let given = [!one.command.is_empty(), !one.syslog.is_empty(), !one.webhook.is_empty()];
            given.iter().filter(|given| **given).count()
        };
        let complaints = [
            (!(1..=10).contains(&self.attempts), "watch.attempts must be 1 to 10"),
            (!(1..=60).contains(&self.seconds), "watch.seconds must be 1 to 60"),
            (
                self.deliveries.iter().any(|one| one.name.is_empty() || named(&one.name) > 1),
                "watch.deliveries must each have a 'name' of their own",
            ),
            (
                self.deliveries.iter().any(|one| ways(one) != 1),
                "watch.deliveries must each have one of 'command', 'syslog' and 'webhook'",
            ),
            (
                self.deliveries.iter().any(|one| !one.webhook.is_empty() && one.hook().is_none()),
                "a webhook of watch.deliveries must be http://127.0.0.1:PORT/PATH or http://[::1]:PORT/PATH",
            ),
        ];
        complaints.iter().find(|(wrong, _)| *wrong).map(|(_, complaint)| *complaint)
    }
}

impl Delivery {
    /// The address and the path of the webhook; none where it is not of this machine.
    pub fn hook(&self) -> Option<(std::net::SocketAddr, &str)> {
        let rest = self.webhook.strip_prefix("http://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let plain = path.bytes().all(|byte| byte.is_ascii_graphic());
        let address: std::net::SocketAddr = host.parse().ok()?;
        let path = if path.is_empty() { "/" } else { path };
        (plain && address.ip().is_loopback()).then_some((address, path))
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { min_rsa_bits: RSA_BITS.0, legacy_algorithms: false }
    }
}

impl Default for Kdf {
    /// OWASP's recommendation for Argon2id, and the least that a configuration may ask for.
    fn default() -> Kdf {
        Kdf { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

impl Config {
    /// Reads the file named, or the first of the usual ones that exists, or takes the defaults.
    pub fn load(named: Option<&Path>) -> Result<Config> {
        let mut config = match named.map(Path::to_path_buf).or_else(usual_file) {
            Some(file) => Config::read(&file)?,
            None => Config::default(),
        };
        if let Some(path) = variable("STRONGROOM_STORE") {
            config.store.path = PathBuf::from(path);
        }
        config.check()?;
        Ok(config)
    }

    fn read(file: &Path) -> Result<Config> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            tracing::error!("cannot read the configuration {}: {error}", file.display());
            Error::ArgumentsBad
        })?;
        let mut config: Config = toml::from_str(&text).map_err(|error| {
            tracing::error!("the configuration {} is not valid: {error}", file.display());
            Error::ArgumentsBad
        })?;
        config.file = Some(file.to_path_buf());
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let least = Kdf::default();
        let complaints = [
            (self.kdf.memory_kib < least.memory_kib, "kdf.memory_kib must be at least 19456"),
            (self.kdf.memory_kib > 4 << 20, "kdf.memory_kib must be at most 4194304 (4 GiB)"),
            (
                u64::from(self.kdf.memory_kib) * u64::from(self.kdf.passes) > 16 << 20,
                "kdf.memory_kib times kdf.passes must be at most 16777216 (16 GiB)",
            ),
            (self.kdf.passes < least.passes, "kdf.passes must be at least 2"),
            (!(1..=64).contains(&self.kdf.lanes), "kdf.lanes must be 1 to 64"),
            (!(1..=MAX_PIN).contains(&self.pin.min_length), "pin.min_length must be 1 to 255"),
            (!(1..=100).contains(&self.pin.max_failures), "pin.max_failures must be 1 to 100"),
            (
                !(RSA_BITS.0..=RSA_BITS.1).contains(&self.policy.min_rsa_bits),
                "policy.min_rsa_bits must be 1024 to 8192",
            ),
            (!(1..=1024).contains(&self.audit.segment_mib), "audit.segment_mib must be 1 to 1024"),
            (
                !(1..=3660).contains(&self.audit.segment_days),
                "audit.segment_days must be 1 to 3660",
            ),
            (self.audit.checkpoint_records == 0, "audit.checkpoint_records must be at least 1"),
            (self.audit.checkpoint_seconds == 0, "audit.checkpoint_seconds must be at least 1"),
            (
                !(100..=100_000).contains(&self.metrics.most_series),
                "metrics.most_series must be 100 to 100000",
            ),
            (!self.store.path.is_absolute(), "store.path must be an absolute path"),
            (
                self.token.mode == Mode::Safe && !self.token.lift.is_empty(),
                "token.lift is for token.mode = \"compatible\"",
            ),
        ];
        let complaint =
            complaints.iter().find(|(wrong, _)| *wrong).map(|(_, complaint)| *complaint);
        match complaint.or(self.watch.complaint()) {
            Some(complaint) => {
                tracing::error!("configuration: {complaint}");
                Err(Error::ArgumentsBad)
            }
            None => Ok(()),
        }
    }
}

fn usual_file() -> Option<PathBuf> {
    if let Some(file) = variable("STRONGROOM_CONF") {
        return Some(PathBuf::from(file));
    }
    let own = base("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("strongroom/strongroom.toml"));
    let system = PathBuf::from("/etc/strongroom/strongroom.toml");
    own.into_iter().chain([system]).find(|file| file.exists())
}

fn default_store() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/strongroom");
    }
    base("XDG_DATA_HOME", ".local/share")
        .unwrap_or_else(|| PathBuf::from("/var/lib"))
        .join("strongroom")
}

fn base(name: &str, under_home: &str) -> Option<PathBuf> {
    variable(name)
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(under_home)))
}

/// An environment variable that is set and not empty; none in a program that runs with more
/// rights than its caller (set-uid), whose environment is the caller's.
pub(crate) fn variable(name: &str) -> Option<std::ffi::OsString> {
    let process = (rustix::process::getuid(), rustix::process::getgid());
    if process != (rustix::process::geteuid(), rustix::process::getegid()) {
        return None;
    }
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The longest PIN or passphrase, bytes.
pub const MAX_PIN: usize = 255;
/// The sizes of RSA modulus that keys are made with, bits.
pub const RSA_BITS: (usize, usize) = (1024, 8192);
