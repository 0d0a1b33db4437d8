// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A store that a step is taken in, and what is seen of it afterwards.

use crate::common::*;
use std::fmt::Write;
use std::io::Read;
use std::os::fd::FromRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use strongroom::admin::{self, Desk, Failure};
use strongroom::config::{Config, Kdf};
use strongroom::session::Library;
use tempfile::TempDir;

/// The PIN that is set in the place of another.
pub const OTHER_PIN: &str = "another-pin-99";

/// What a store holds before an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// It is not there.
    Nothing,
    /// A token with a few objects.
    Filled,
    /// The same with a second seal slot.
    TwoSeals,
}

/// A directory with a configuration, PINs in files, and perhaps a store.
pub struct Place {
    directory: TempDir,
}

impl Place {
    pub fn new() -> Place {
        // Thousands of stores are made and synced: in memory, where there is a file system for it.
        let memory = Path::new("/dev/shm");
        let directory = TempDir::with_prefix_in("strongroom-step-", memory)
            .or_else(|_| TempDir::with_prefix("strongroom-step-"))
            .unwrap();
        let place = Place { directory };
        let settings = format!("[store]\npath = {:?}\n[pin]\nmax_failures = 100\n", place.store());
        let policy = "version = 1\n[[rule]]\nname = \"few\"\noperations = [\"sign\"]\ntotal = 9\n";
        for (name, content) in [
            ("strongroom.toml", settings.as_str()),
            ("so", SO_PIN),
            ("pin", USER_PIN),
            ("other", OTHER_PIN),
            ("policy.toml", policy),
            ("secret", "0123456789abcdef"),
            // The PIN of a token that is moved out of.
            ("source", "other-pin-171717"),
        ] {
            std::fs::write(place.file(name), content).unwrap();
        }
        place
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn store(&self) -> PathBuf {
        self.file("store")
    }

    pub fn initialize(&self) -> R<()> {
        session::initialize(Some(&format!("conf={}", self.file("strongroom.toml").display())))
    }

    /// The command on this store; `$D` in its arguments is the directory, `$V` that of vectors.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        let directory = self.directory.path().to_str().unwrap();
        let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
        let named = |argument: &&str| argument.replace("$D", directory).replace("$V", vectors);
        command.args(arguments.iter().map(named));
        command.env("STRONGROOM_CONF", self.file("strongroom.toml"));
        command.env_remove("STRONGROOM_STORE");
        command
    }

    /// Makes the store what another is.
    pub fn become_like(&self, other: &Place) {
        let _ = std::fs::remove_dir_all(self.store());
        let Ok(files) = std::fs::read_dir(other.store()) else { return };
        std::fs::create_dir(self.store()).unwrap();
        let same = |from: &Path, to: &Path| {
            let mode = std::fs::metadata(from).unwrap().permissions();
            std::fs::set_permissions(to, mode).unwrap();
        };
        same(&other.store(), &self.store());
        for file in files {
            let from = file.unwrap().path();
            let to = self.store().join(from.file_name().unwrap());
            if from.is_dir() {
                copy_directory(&from, &to);
            } else {
                std::fs::copy(&from, to).unwrap();
            }
        }
    }

    /// What the store holds, and whether it works: in a process of its own, which first checks it as
    /// `strongroom check` does.
    pub fn snapshot(&self, more: &[&[&str]]) -> Seen {
        let ended = forked(|| {
            let keys = self.checked();
            self.initialize().good();
            let objects = look();
            session::finalize().good();
            format!("{keys}\n{objects}")
        });
        assert!(ended.status == 0, "looking at the store: {}", ended.said);
        let (keys, objects) = ended.said.split_once('\n').unwrap();
        let shown = more.iter().fold(String::new(), |seen, arguments| {
            let output = self.command(arguments).output().unwrap();
            // A number that an interrupted attempt took is not given again.
            let said = child::everything(&output).replace(|c: char| c.is_ascii_digit(), "#");
            format!("{seen}{arguments:?}: {said}")
        });
        Seen { keys: keys.to_owned(), objects: objects.to_owned(), shown }
    }

    /// `strongroom check`, in this process, where there is a store; and which keys the store has.
    fn checked(&self) -> String {
        if !self.store().join("store.db").exists() {
            return String::new();
        }
        let mut config = Config::default();
        config.store.path = self.store();
        let no_passphrase = || panic!("a passphrase is asked for");
        let failed =
            |failure: Failure| -> ! { panic!("check: {}: {}", failure.what, failure.next) };
        let keys = {
            let desk = Desk::open(&config, None, no_passphrase).unwrap_or_else(|f| failed(f));
            let report = admin::check(&desk, &[]).unwrap_or_else(|f| failed(f));
            assert!(report.faults.is_empty() && report.roll, "check: {report:?}");
            let tokens = desk.generations().unwrap_or_else(|f| failed(f));
            let tokens = tokens.iter().map(|token| {
                let (keys, left) = (&token.keys, token.left);
                format!("token {} {} {} {left}; ", keys.token_key, keys.use_key, keys.rotation)
            });
            tokens.collect::<String>()
        };
        let vault = strongroom::session::open_store(&config, None).unwrap().unwrap().vault;
        let (generations, left) = (vault.generations().unwrap(), vault.renewal_left().unwrap());
        format!("{keys}master and store {generations:?}, left {left:?}")
    }
}

/// What is seen of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The generations of its keys, and what is left of a rotation.
    pub keys: String,
    /// Its tokens and their objects.
    pub objects: String,
    /// What commands show.
    pub shown: String,
}

impl Seen {
    /// The same but for how often keys were made anew, where nothing is under way.
    pub fn is_like(&self, other: &Seen) -> bool {
        let under_way = ["left Some", "plain", "compromised"];
        let settled = !under_way.iter().any(|words| self.keys.contains(words));
        settled && self.objects == other.objects && self.shown == other.shown
    }
}

/// A store with this ground.
pub fn ground(ground: Ground) -> Place {
    let place = Place::new();
    if ground == Ground::Nothing {
        return place;
    }
    cheap_token(&place.store());
    let filled = forked(|| {
        place.initialize().good();
        let s = Token { slot: 0 }.user();
        let label = |label: &str| template! { CKA_TOKEN => true, CKA_LABEL => label };
        for name in ["note", "doomed"] {
            let data = template! { CKA_CLASS => CKO_DATA, CKA_PRIVATE => name == "doomed", CKA_VALUE => &[7; 5000] };
            s.create(&data.and(&label(name))).good();
        }
        keys::aes_with(s, 32, &label("box"));
        keys::aes_with(s, 32, &label("open"));
        keys::pair_with(s, &ec::P256, &label("pair"), &label("pair"));
        s.logout().good();
        session::finalize().good();
        String::new()
    });
    assert!(filled.status == 0, "filling a token: {}", filled.said);
    if ground == Ground::TwoSeals {
        let added = place.command(&["seal", "add", "--kind", "file"]).output().unwrap();
        assert!(added.status.success(), "{}", child::everything(&added));
    }
    place
}

/// The library below its C face, where a PIN costs next to nothing.
pub fn cheap_library(store: &Path) -> Library {
    let mut config = Config::default();
    config.store.path = store.to_owned();
    config.pin.max_failures = 100;
    config.kdf = Kdf { memory_kib: 8, passes: 1, lanes: 1 };
    Library::new(config).unwrap()
}

/// Makes a store with a token, by the library below its C face: there a PIN may cost next to nothing.
pub fn cheap_token(store: &Path) {
    let made = forked(|| {
        let library = cheap_library(store);
        library.init_token(0, SO_PIN.as_bytes(), session::padded("token")).unwrap();
        let session = library.open_session(0, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        library.login(session, CKU_SO, SO_PIN.as_bytes()).unwrap();
        library.init_pin(session, USER_PIN.as_bytes()).unwrap();
        drop(library);
        String::new()
    });
    assert!(made.status == 0, "making a token: {}", made.said);
}

/// Every token and what its PINs open, as far as it is the same after every run of an act.
fn look() -> String {
    let mut seen = String::new();
    for slot in session::slots(false).good() {
        let info = session::token_info(slot).good();
        let flags = info.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED);
        if flags == 0 {
            continue;
        }
        let label = String::from_utf8_lossy(&info.label);
        writeln!(seen, "token {slot} {} {flags:#x}", label.trim()).unwrap();
        let s = Session::read_write(slot).good();
        for user in [CKU_SO, CKU_USER] {
            let pins = [SO_PIN, USER_PIN, OTHER_PIN];
            let right = pins.iter().find(|pin| s.login(user, pin).is_ok());
            writeln!(seen, "PIN {user}: {right:?}").unwrap();
            if right.is_some() && user == CKU_USER {
                objects(s, &mut seen);
            }
            let _ = s.logout();
        }
        s.close().good();
    }
    seen
}

fn objects(s: Session, seen: &mut String) {
    let mut lines = Vec::new();
    for object in s.find(&Template::default()).good() {
        let mut line = String::new();
        let label = String::from_utf8(s.get(object, CKA_LABEL).good()).unwrap();
        for attribute in [CKA_LABEL, CKA_CLASS, CKA_PRIVATE, CKA_ID, CKA_ENCRYPT, CKA_WRAP] {
            let value = s.get(object, attribute).unwrap_or_default();
            // The command names a new key after its value.
            let value = if attribute == CKA_ID { kept(&label, &value) } else { hex::encode(value) };
            write!(line, "{value} ").unwrap();
        }
        let worked = match s.number(object, CKA_CLASS).good() {
            CKO_DATA => {
                let value = s.get(object, CKA_VALUE).good();
                assert!(value.iter().all(|byte| *byte == value[0]), "every object is whole");
                format!("{} times {}", value.len(), value[0])
            }
            CKO_SECRET_KEY => {
                let done = s.encrypt(&Mech::plain(CKM_AES_ECB), object, &[0; 16]);
                // A new key is another in every run.
                done.map_or_else(|rv| format!("{rv:?}"), |out| kept(&label, &out))
            }
            CKO_PRIVATE_KEY => {
                format!("{:?}", s.sign(&Mech::plain(CKM_ECDSA_SHA256), object, &[0; 16]).map(drop))
            }
            _ => hex::encode(s.get(object, CKA_CLASS).good()),
        };
        lines.push(format!("{label} {line}{worked}"));
    }
    lines.sort();
    writeln!(seen, "{}", lines.join("\n")).unwrap();
}

fn kept(label: &str, output: &[u8]) -> String {
    if label.starts_with("new") { format!("{} bytes", output.len()) } else { hex::encode(output) }
}

/// How a forked child ended.
pub struct Ended {
    /// The exit status, or the signal, negative.
    pub status: i32,
    /// What it said, or its failed assertion.
    pub said: String,
}

/// Runs something in a child made by `fork`, and waits for it.
pub fn forked(work: impl FnOnce() -> String) -> Ended {
    let mut ends = [0; 2];
    // SAFETY: makes a pipe into a local.
    assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
    // SAFETY: the child runs the closure alone and leaves by _exit; each end is closed or owned once.
    unsafe {
        let pid = libc::fork();
        assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
        if pid == 0 {
            libc::close(ends[0]);
            let (status, said) = match catch_unwind(AssertUnwindSafe(work)) {
                Ok(said) => (0, said),
                Err(panic) => {
                    (101, panic.downcast::<String>().map_or_else(|_| "?".into(), |text| *text))
                }
            };
            let mut pipe = std::fs::File::from_raw_fd(ends[1]);
            let _ = std::io::Write::write_all(&mut pipe, said.as_bytes());
            libc::_exit(status);
        }
        libc::close(ends[1]);
        let mut said = String::new();
        std::fs::File::from_raw_fd(ends[0]).read_to_string(&mut said).unwrap();
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
        let exited = libc::WIFEXITED(status);
        let status = if exited { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) };
        Ended { status, said }
    }
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_directory(&path, &there);
        } else {
            std::fs::copy(&path, there).unwrap();
        }
    }
}
