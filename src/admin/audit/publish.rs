// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Checkpoints handed to a witness: a directory that someone else keeps, or a program that takes them
//! on its standard input. What the witness has already must be of the same log.

use super::proof::Signed;
use super::trail::Trail;
use crate::admin::desk::Desk;
use crate::admin::diagnostics::capture;
use crate::admin::failure::{Failure, Outcome};
use crate::audit::note::{Checkpoint, base64};
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A checkpoint that was made.
#[derive(Debug, Serialize)]
pub struct Stamped {
    /// How many records it is over.
    pub size: u64,
    /// The root over them, base64.
    pub root: String,
    /// The signed note.
    pub note: String,
    /// Whom it was handed to.
    pub published: Option<String>,
}

/// A witness.
#[derive(Clone, Debug)]
pub enum Witness {
    /// A directory.
    Directory(PathBuf),
    /// A command line for the shell.
    Command(String),
}

impl Witness {
    /// A directory where there is one of that name, else a command.
    pub fn named(text: &str) -> Witness {
        let path = Path::new(text);
        match path.is_dir() {
            true => Witness::Directory(path.to_path_buf()),
            false => Witness::Command(text.to_string()),
        }
    }
}

impl Desk {
    /// Signs how the log stands now, with what all processes have counted, and hands it to a witness if
    /// one is named.
    pub fn checkpoint(&self, witness: Option<&Witness>) -> Outcome<Stamped> {
        let note = self.library.audit_checkpoint();
        let note = note.map_err(|error| Failure::of("cannot make a checkpoint", error))?;
        let size = note.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(0);
        Trail::find(self.config(), None)?.publish(size, witness)
    }

    /// Records what other processes counted and did not come to record.
    pub fn sweep(&self) {
        // Who may not write the log reads what is there.
        let _ = capture(|| self.library.sweep_audit());
    }
}

impl Trail {
    /// The checkpoint of a size, handed to a witness if one is named.
    pub(super) fn publish(&self, size: u64, witness: Option<&Witness>) -> Outcome<Stamped> {
        let signed = self.signed(size)?;
        let published = match witness {
            None => None,
            Some(Witness::Directory(directory)) => Some(self.put(&signed, directory)?),
            Some(Witness::Command(command)) => Some(hand_over(&signed, command)?),
        };
        let Signed { text, checkpoint } = signed;
        Ok(Stamped { size, root: base64(&checkpoint.root), note: text, published })
    }

    /// Beside the checkpoint goes the proof that the log of the one before became this one.
    fn put(&self, signed: &Signed, directory: &Path) -> Outcome<String> {
        let size = signed.checkpoint.size;
        let key = self.key()?;
        let kept = newest(directory, size)?;
        if let Some((old, path)) = kept {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let before = Checkpoint::open(&text, &key.name, &key.public).map_err(|_| {
                Failure::new(
                    format!("{} is not a checkpoint of this log", path.display()),
                    "give each log a directory of its own; where it was this log's, keep both and find out why",
                )
            })?;
            let growth = self.consistency(old, size)?;
            if growth.old_root != base64(&before.root) {
                return Err(Failure::new(
                    format!("the log is not the one whose checkpoint {} is", path.display()),
                    "keep a copy of both: records that were published have been changed since",
                ));
            }
            let name = format!("{old:020}-{size:020}.consistency");
            write(directory, &name, growth.text().as_bytes())?;
        }
        write(directory, "verifier", format!("{}\n", key.verifier).as_bytes())?;
        write(directory, &format!("{size:020}"), signed.text.as_bytes())?;
        Ok(directory.join(format!("{size:020}")).display().to_string())
    }
}

/// The newest checkpoint that the witness has, up to a size.
fn newest(directory: &Path, size: u64) -> Outcome<Option<(u64, PathBuf)>> {
    let entries = std::fs::read_dir(directory).map_err(|error| {
        Failure::new(
            format!("cannot read {}: {error}", directory.display()),
            "name a directory that you may read and write",
        )
    })?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let sizes = names.filter(|name| name.len() == 20).filter_map(|name| name.parse::<u64>().ok());
    let found = sizes.max();
    match found {
        Some(found) if found > size => Err(Failure::new(
            format!(
                "the witness has a checkpoint of {found} records already, this one is of {size}"
            ),
            "the log may be an older copy: 'strongroom audit verify' compares it with the store",
        )),
        found => Ok(found.map(|size| (size, directory.join(format!("{size:020}"))))),
    }
}

/// Under another name first: nobody reads half of it.
fn write(directory: &Path, name: &str, content: &[u8]) -> Outcome<()> {
    let temporary = directory.join(format!("new-{name}"));
    let made = File::create(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, directory.join(name)));
    made.map_err(|error| {
        Failure::new(
            format!("cannot write {} in {}: {error}", name, directory.display()),
            "make room, or name a directory that you may write; the checkpoint itself is made",
        )
    })
}

fn hand_over(signed: &Signed, command: &str) -> Outcome<String> {
    let failed = |why: String| {
        Failure::new(
            format!("the checkpoint is made, and was not published: '{command}' {why}"),
            "mend the command, or name a directory that exists, and run this again",
        )
    };
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .env("STRONGROOM_CHECKPOINT_SIZE", signed.checkpoint.size.to_string())
        .stdin(Stdio::piped())
        // What it says is for the person: the output is the checkpoint's.
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read it all may be content all the same: its code says so.
        let _ = input.write_all(signed.text.as_bytes());
    }
    let status = child.wait().map_err(|error| failed(format!("cannot be waited for: {error}")))?;
    match status.success() {
        true => Ok(command.to_string()),
        false => Err(failed(format!("ended with {status}"))),
    }
}
