// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A directory with a store, a configuration, PINs in files, and the command over it.

use super::needles::Needles;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
        let desk = Desk { directory, variables: Vec::new() };
        desk.write("strongroom.toml", b"[pin]\nmax_failures = 3\n");
        for (name, secret) in SECRETS {
            desk.write(name, format!("{secret}\n").as_bytes());
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
        self.end(self.command(env!("CARGO_BIN_EXE_strongroom"), arguments))
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
        let output = command.output().expect("the command runs");
        let ended = Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            raw: output.stdout,
        };
        for (name, secret) in SECRETS {
            let seen = ended.out.contains(secret) || ended.err.contains(secret);
            assert!(!seen, "the secret '{name}' is in the output: {ended:?}");
        }
        for text in [&ended.raw, ended.err.as_bytes()] {
            let found = secrets().search(text);
            assert!(found.is_none(), "a secret, {found:?}, is in the output: {ended:?}");
        }
        ended
    }
}

/// All secrets, in whatever spelling.
fn secrets() -> Needles {
    let mut needles = Needles::new();
    SECRETS.iter().for_each(|(_, secret)| needles.insert(secret.as_bytes()));
    needles
}

impl Drop for Desk {
    fn drop(&mut self) {
        let found = secrets().search_logs(&self.store());
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
