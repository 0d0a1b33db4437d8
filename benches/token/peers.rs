// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The modules to measure: ours, found beside this program, and those named in the environment.
//! One table says how each learns where to keep its tokens.
#![allow(unsafe_code)] // Sets environment variables before any thread exists.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

pub(crate) const OURS: &str = "strongroom";

/// A module and where it is.
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) library: OsString,
}

impl Peer {
    pub(crate) fn ours(&self) -> bool {
        self.name == OURS
    }
}

/// How a module of this name is told its directory.
struct Kind {
    name: &'static str,
    /// Variables that hold a path, and the text of the file at that path (none: just the path).
    variables: &'static [Variable],
}

struct Variable {
    name: &'static str,
    file: &'static str,
    text: Option<fn(&Path) -> String>,
}

const KINDS: &[Kind] = &[
    Kind {
        name: OURS,
        variables: &[
            Variable { name: "STRONGROOM_STORE", file: "store", text: None },
            // An empty file, so that no configuration of this machine has a part in the numbers.
            Variable {
                name: "STRONGROOM_CONF",
                file: "strongroom.toml",
                text: Some(|_| String::new()),
            },
        ],
    },
    Kind {
        name: "softhsm2",
        variables: &[Variable {
            name: "SOFTHSM2_CONF",
            file: "softhsm2.conf",
            text: Some(|directory| {
                format!(
                    "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
                    directory.display()
                )
            }),
        }],
    },
    Kind {
        name: "kryoptic",
        variables: &[Variable {
            name: "KRYOPTIC_CONF",
            file: "kryoptic.conf",
            text: Some(|directory| {
                format!(
                    "[[slots]]\nslot = 0\ndbtype = \"sqlite\"\ndbargs = \"{}/token.sql\"\n",
                    directory.display()
                )
            }),
        }],
    },
];

/// All modules to measure, ours first, each with an empty directory under `root` made known to it.
/// Must run before the first thread starts and before any module is loaded.
pub(crate) fn prepare(root: &Path) -> Result<Vec<Peer>, Failure> {
    let named = std::env::var("STRONGROOM_BENCH_PEERS").unwrap_or_default();
    let mut peers = Vec::new();
    match our_library() {
        Some(library) => {
            peers.push(Peer { name: OURS.to_owned(), library: library.into_os_string() })
        }
        None if named.trim().is_empty() => {
            return Err(Failure::say(
                "libstrongroom.so is not beside this program: build it (cargo build --release), \
                 or name it in STRONGROOM_BENCH_LIBRARY",
            ));
        }
        None => eprintln!("libstrongroom.so was not found: measuring the named modules only"),
    }
    for word in named.split_whitespace() {
        let (name, library) = word.split_once('=').ok_or_else(|| {
            Failure::say(format!("STRONGROOM_BENCH_PEERS: {word} is not name=/path/library.so"))
        })?;
        peers.push(Peer { name: name.to_owned(), library: library.into() });
    }
    for peer in &peers {
        tell_directory(peer, &root.join(&peer.name))?;
    }
    Ok(peers)
}

/// `cargo bench` links the library it has just built into `deps/`, beside this program; the copy
/// one level up is as old as the last `cargo build`, so it comes second.
fn our_library() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("STRONGROOM_BENCH_LIBRARY") {
        return Some(named.into());
    }
    let program = std::env::current_exe().ok()?;
    program
        .ancestors()
        .skip(1)
        .take(3)
        .flat_map(|folder| [folder.join("libstrongroom.so"), folder.join("deps/libstrongroom.so")])
        .find(|path| path.is_file())
}

fn tell_directory(peer: &Peer, directory: &Path) -> Result<(), Failure> {
    let Some(told) = telling(&peer.name, directory)? else {
        eprintln!("{}: not in the table of peers, taken as it is set up", peer.name);
        return Ok(());
    };
    for (name, path) in told {
        // SAFETY: called from main before it starts a thread or loads a module, so nothing reads
        // the environment meanwhile.
        unsafe { std::env::set_var(name, path) };
    }
    Ok(())
}

/// Makes a directory, and the variables that have a module of this name keep its tokens there; none for
/// one that is not in the table.
pub(crate) fn telling(
    name: &str,
    directory: &Path,
) -> Result<Option<Vec<(&'static str, PathBuf)>>, Failure> {
    std::fs::create_dir_all(directory)?;
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else { return Ok(None) };
    let mut told = Vec::new();
    for variable in kind.variables {
        let path = directory.join(variable.file);
        if let Some(text) = variable.text {
            std::fs::write(&path, text(directory))?;
        }
        told.push((variable.name, path));
    }
    Ok(Some(told))
}
