// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A store of its own for each test, and tokens in it.

use super::{Answer, R, Session, child, heard, module, session};
use cryptoki_sys::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::MutexGuard;
use tempfile::TempDir;

/// The SO PIN of tokens made here.
pub const SO_PIN: &str = "so-pin-87654321";
/// The user PIN of tokens made here.
pub const USER_PIN: &str = "user-pin-1234";

/// The configuration of a token whose safeguards are lifted.
pub const COMPATIBLE: &str = "[token]\nmode = \"compatible\"\n";

/// An initialised library over a fresh store; ended and removed when dropped.
pub struct Fixture {
    directory: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// A token with both PINs set and no session open.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    pub slot: CK_SLOT_ID,
}

/// A token and one read/write session with the user logged in: what most tests start from.
pub struct User {
    pub fixture: Fixture,
    pub token: Token,
    pub session: Session,
}

impl Default for Fixture {
    fn default() -> Self {
        Fixture::new()
    }
}

impl Fixture {
    /// A fresh store, initialised, with ordinary settings.
    pub fn new() -> Self {
        Fixture::with_settings("")
    }

    /// A fresh store, initialised, with more lines of configuration.
    pub fn with_settings(settings: &str) -> Self {
        let fixture = Fixture::prepared(settings);
        fixture.initialize().good_for("C_Initialize of a fresh store");
        fixture
    }

    /// A fresh store and its configuration; the library is not initialised.
    pub fn prepared(settings: &str) -> Self {
        let turn = module::turn();
        [SO_PIN, USER_PIN].iter().for_each(|pin| heard::secret(pin.as_bytes()));
        let directory = TempDir::with_prefix("strongroom-test-").expect("temporary directory");
        let fixture = Fixture { directory, _turn: turn };
        let path = fixture.store_path();
        let text = format!("[store]\npath = {path:?}\n\n{settings}\n");
        fs::write(fixture.config_path(), text).expect("configuration file");
        fixture
    }

    /// The directory that holds the store and its configuration.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The store's directory.
    pub fn store_path(&self) -> PathBuf {
        self.directory().join("store")
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.directory().join("strongroom.toml")
    }

    /// The `pReserved` string that names the configuration file.
    pub fn reserved(&self) -> String {
        format!("conf={}", self.config_path().display())
    }

    /// `C_Initialize` on this store.
    pub fn initialize(&self) -> R<()> {
        session::initialize(Some(&self.reserved()))
    }

    /// `C_Finalize` and `C_Initialize`.
    pub fn restart(&self) {
        session::finalize().good_for("C_Finalize");
        self.initialize().good_for("C_Initialize again");
    }

    /// The slot that waits for a new token: the last one.
    pub fn empty_slot(&self) -> CK_SLOT_ID {
        let slots = session::slots(false).good_for("C_GetSlotList");
        *slots.last().expect("a slot for a new token")
    }

    /// A new token with both PINs and no session open.
    pub fn token(&self, label: &str) -> Token {
        let slot = self.empty_slot();
        session::init_token(slot, SO_PIN, label).good_for("C_InitToken");
        let session = Session::read_write(slot).good_for("C_OpenSession");
        session.login(CKU_SO, SO_PIN).good_for("C_Login of the SO");
        session.init_pin(USER_PIN).good_for("C_InitPIN");
        session.logout().good_for("C_Logout");
        session.close().good_for("C_CloseSession");
        Token { slot }
    }
}

/// A command that runs a test of this binary as a child on the same store.
pub fn child_on(fixture: &Fixture, test: &str, role: &str) -> Command {
    let mut command = child::command(test, role);
    command.env(CHILD_CONF, fixture.config_path());
    command
}

/// In a child: `C_Initialize` on the parent's store.
pub fn initialize_child() -> R<()> {
    let conf = std::env::var(CHILD_CONF).expect(CHILD_CONF);
    session::initialize(Some(&format!("conf={conf}")))
}

/// In a child: the first token of the parent's store.
pub fn joined() -> Token {
    initialize_child().good();
    Token { slot: session::slots(false).good()[0] }
}

/// The same, logged in.
pub fn join() -> Session {
    joined().user()
}

const CHILD_CONF: &str = "CHILD_CONF";

impl Drop for Fixture {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            heard::read_made();
        }
        // A test may have ended the library itself.
        let _ = session::finalize();
        // Other processes may have written to the log as well.
        let found = heard::found(&self.store_path());
        assert!(found.is_none() || std::thread::panicking(), "{}", found.unwrap_or_default());
    }
}

impl Token {
    /// A read/write session without login.
    pub fn public(self) -> Session {
        Session::read_write(self.slot).good_for("C_OpenSession")
    }

    /// A read/write session with the user logged in.
    pub fn user(self) -> Session {
        let session = self.public();
        session.login(CKU_USER, USER_PIN).good_for("C_Login of the user");
        session
    }

    /// A read/write session with the SO logged in.
    pub fn so(self) -> Session {
        let session = self.public();
        session.login(CKU_SO, SO_PIN).good_for("C_Login of the SO");
        session
    }

    /// The token's flags.
    pub fn flags(self) -> CK_FLAGS {
        session::token_info(self.slot).good_for("C_GetTokenInfo").flags
    }
}

impl User {
    /// A fresh store with one token and its user logged in.
    pub fn new() -> Self {
        User::with_settings("")
    }

    /// The same with a token whose safeguards are lifted: for what mechanisms do with keys that a safe
    /// token would keep apart.
    pub fn compatible() -> Self {
        User::with_settings(COMPATIBLE)
    }

    /// As [`User::new`] with more lines of configuration.
    pub fn with_settings(settings: &str) -> Self {
        let fixture = Fixture::with_settings(settings);
        let token = fixture.token("test token");
        let session = token.user();
        User { fixture, token, session }
    }

    /// Ends the library and starts it again, logged in.
    pub fn restart(&mut self) {
        self.fixture.restart();
        self.session = self.token.user();
    }
}
