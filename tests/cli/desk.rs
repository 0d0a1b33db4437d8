// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A directory with a store, a configuration, PINs in files, and the command over it. What the command is
//! given by files and variables is heard: neither its output nor the log of a store in the directory may
//! have it. Of a key that is imported, that is the numbers that are its secret.

use super::needles::Needles;
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// PINs and passphrases: none of them may ever be seen in the command's output.
pub const SECRETS: &[(&str, &str)] = &[
    ("so", "so-pin-8765309"),
    ("pin", "user-pin-424242"),
    ("new", "other-pin-171717"),
    ("wrong", "wrong-pin-999999"),
    ("passphrase", "correct horse battery staple"),
    // No digest and no signature has its character.
    ("short", "q~x"),
];

/// A workplace of its own for each test.
pub struct Desk {
    directory: TempDir,
    variables: Vec<(String, String)>,
    heard: Mutex<Needles>,
}

/// How a run of the command ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub raw: Vec<u8>,
}

impl std::fmt::Debug for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {}\n--- out\n{}--- err\n{}---", self.code, self.out, self.err)
    }
}

impl Desk {
    /// An empty one.
    pub fn new() -> Desk {
        let directory = TempDir::with_prefix("strongroom-cli-").expect("a temporary directory");
        let heard = Mutex::new(Needles::new());
        let desk = Desk { directory, variables: Vec::new(), heard };
        desk.write("strongroom.toml", b"[pin]\nmax_failures = 3\n");
        for (name, secret) in SECRETS {
            desk.write(name, format!("{secret}\n").as_bytes());
            desk.hear(secret.as_bytes());
        }
        desk
    }

    /// One with a token 'web'.
    pub fn with_token() -> Desk {
        let desk = Desk::new();
        desk.run(&["init", "--label", "web", "--so-pin-file", "$D/so", "--pin-file", "$D/pin"])
            .good();
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).expect("a file");
        // What the library reads a secret from must be its owner's alone.
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("a mode");
    }

    pub fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).expect("a mode");
    }

    pub fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_string(), self.expand(value)));
    }

    /// `$D` stands for the directory.
    pub fn expand(&self, text: &str) -> String {
        text.replace("$D", &self.directory.path().display().to_string())
    }

    /// Runs the command and sees to it that it shows no secret.
    pub fn run<S: AsRef<str>>(&self, arguments: &[S]) -> Ended {
        let arguments = arguments.iter().map(|argument| self.expand(argument.as_ref()));
        let arguments: Vec<String> = arguments.collect();
        self.hear_given(&arguments);
        self.end(self.command(env!("CARGO_BIN_EXE_strongroom"), arguments))
    }

    /// Looks for a value in all output and in the logs.
    pub fn hear(&self, value: &[u8]) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(value);
    }

    /// The same for what these arguments name: PINs and passphrases by their options, whatever their names
    /// are, and keys.
    fn hear_given(&self, arguments: &[String]) {
        let typed = arguments.iter().any(|argument| argument == "--type");
        for (option, named) in arguments.iter().zip(arguments.iter().skip(1)) {
            // A seal slot's passphrase has the number of the slot before its file.
            let file = named.rsplit('=').next().unwrap_or(named);
            if option == "--file" {
                let content = fs::read(file).unwrap_or_default();
                secrets_of(&content, typed).iter().for_each(|secret| self.hear(secret));
            } else if option.ends_with("-file") {
                let content = fs::read(file).unwrap_or_default();
                self.hear(content.trim_ascii_end());
            } else if option.ends_with("-env") {
                let given = self.variables.iter().filter(|(name, _)| name == named);
                given.for_each(|(_, value)| self.hear(value.as_bytes()));
            }
        }
    }

    /// A program with this desk's environment and no other.
    pub fn command<A: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.directory.path())
            .env("STRONGROOM_STORE", self.store())
            .env("STRONGROOM_CONF", self.path("strongroom.toml"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub fn end(&self, mut command: Command) -> Ended {
        self.ended(command.output().expect("the command runs"))
    }

    /// How a command ended that was not waited for; no output of it is a secret.
    pub fn ended(&self, output: Output) -> Ended {
        let ended = Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            raw: output.stdout,
        };
        self.assert_silent(&ended.raw);
        self.assert_silent(ended.err.as_bytes());
        ended
    }

    /// No secret is in a text, in whatever spelling.
    pub fn assert_silent(&self, text: &[u8]) {
        let shown = String::from_utf8_lossy(text);
        for (name, secret) in SECRETS {
            assert!(!shown.contains(secret), "the secret '{name}' is in the output: {shown}");
        }
        let found = self.heard.lock().unwrap_or_else(PoisonError::into_inner).search(text);
        assert!(found.is_none(), "a secret, {found:?}, is in the output: {shown}");
    }

    /// What is in the log of any store in the directory.
    fn logged(&self) -> Option<String> {
        let patterns = self.heard.lock().unwrap_or_else(PoisonError::into_inner).patterns();
        let (mut found, mut next) = (None, vec![self.directory.path().to_path_buf()]);
        while let (None, Some(directory)) = (&found, next.pop()) {
            found = patterns.search_logs(&directory);
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            next.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
        }
        found
    }
}

/// The secrets in a file with a key, of which one without a form of its own may be the value of a secret key.
fn secrets_of(content: &[u8], raw: bool) -> Vec<Vec<u8>> {
    let key = PKey::private_key_from_pem_callback(content, passphrase)
        .or_else(|_| PKey::private_key_from_der(content))
        .or_else(|_| PKey::private_key_from_pkcs8_callback(content, passphrase));
    match key {
        Ok(key) => numbers(&key),
        Err(_) if raw => vec![content.to_vec()],
        Err(_) => Vec::new(),
    }
}

/// Without one, OpenSSL would ask at the terminal.
fn passphrase(room: &mut [u8]) -> Result<usize, ErrorStack> {
    let words = SECRETS.iter().find(|(name, _)| *name == "passphrase").map_or("", |known| known.1);
    room[..words.len()].copy_from_slice(words.as_bytes());
    Ok(words.len())
}

fn numbers(key: &PKey<Private>) -> Vec<Vec<u8>> {
    let mut numbers = Vec::new();
    if let Ok(rsa) = key.rsa() {
        numbers.push(rsa.d().to_vec());
        numbers.extend(rsa.p().map(|prime| prime.to_vec()));
        numbers.extend(rsa.q().map(|prime| prime.to_vec()));
    }
    numbers.extend(key.ec_key().map(|key| key.private_key().to_vec()));
    numbers.extend(key.dsa().map(|key| key.priv_key().to_vec()));
    numbers.extend(key.dh().map(|key| key.private_key().to_vec()));
    // Other raw keys begin with what is public of them.
    if [Id::ED25519, Id::ED448, Id::X25519, Id::X448].contains(&key.id()) {
        numbers.extend(key.raw_private_key());
    }
    numbers
}

impl Drop for Desk {
    fn drop(&mut self) {
        let found = self.logged();
        assert!(found.is_none() || std::thread::panicking(), "{}", found.unwrap_or_default());
    }
}

impl Ended {
    /// It ended well.
    #[track_caller]
    pub fn good(self) -> Ended {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// It failed, said this, and said what to do next.
    #[track_caller]
    pub fn bad(self, says: &str) -> Ended {
        assert_eq!(self.code, 1, "{self:?}");
        assert!(self.err.contains(says), "'{says}' is not in {self:?}");
        assert!(self.err.contains("next: "), "no advice in {self:?}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The mode of a file.
pub fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("the file").permissions().mode() & 0o7777
}
