// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The store: its directory, its files, its seal slots, its tokens.

use super::super::diagnostics::capture;
use super::super::listing::PinInfo;
use super::super::place::store_exists;
use super::super::tokens::info;
use super::Finding;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::{self, Access, Paths};
use crate::seal::{self, Kind, Slot, Surroundings};
use crate::secret::Secret;
use crate::session::slot_id;
use crate::session::{Opened, find_store, open_store};
use crate::store::Counter;
use std::path::Path;

/// Looks at the store. The files come before the database: a descriptor of the database that is
/// closed later would take this process's locks on it along.
pub(super) fn examine(config: &Config, passphrase: Option<Secret>, findings: &mut Vec<Finding>) {
    let paths = Paths { directory: config.store.path.clone() };
    let Some(access) = look_at_directory(config, &paths, findings) else { return };
    match store_exists(config) {
        Ok(true) => {}
        Ok(false) => {
            findings.push(Finding::warn(
                "database",
                format!("there is no store in {} yet", paths.directory.display()),
                "'strongroom init --label NAME' makes one",
            ));
            return;
        }
        Err(failure) => {
            findings.push(Finding::fail("database", failure.what, failure.next));
            return;
        }
    }
    look_at_files(&paths, access, findings);
    match capture(|| find_store(config, None)) {
        (Ok(Some(closed)), _) => {
            look_at_seals(config, access, &closed.id, &closed.slots, &passphrase, findings);
            findings.extend(orphans(&paths, &closed.slots));
        }
        (Ok(None), _) => {}
        (Err(error), said) => {
            findings.push(Finding::fail("database", said.join("; "), database_mend(error)));
            return;
        }
    }
    match capture(|| open_store(config, passphrase)) {
        (Ok(Some(opened)), _) => {
            look_at_keys(&opened, findings);
            look_at_tokens(&opened, findings);
        }
        (Ok(None), _) => {}
        (Err(error), said) => findings.push(Finding::fail(
            "database",
            format!("does not open ({}): {}", error.name(), said.join("; ")),
            database_mend(error),
        )),
    }
}

fn database_mend(error: Error) -> &'static str {
    match error {
        Error::TokenWriteProtected => {
            "make directory and files writable for this user: reading needs locks, and logging in counts \
             attempts"
        }
        _ => {
            "mend what is named here and above; where the database itself is damaged, restore a backup"
        }
    }
}

fn look_at_directory(
    config: &Config,
    paths: &Paths,
    findings: &mut Vec<Finding>,
) -> Option<Access> {
    let directory = paths.directory.display().to_string();
    let (access, said) = capture(|| Access::for_group(&config.store.group));
    let Ok(access) = access else {
        findings.push(Finding::fail("store.group", said.join("; "), "correct the configuration"));
        return None;
    };
    if !paths.directory.exists() {
        findings.push(Finding::warn(
            "store directory",
            format!("{directory} is not there yet"),
            "'strongroom init --label NAME' makes it, with a store and a token; if there was a store, \
             look for it and name it with --store, STRONGROOM_STORE or store.path",
        ));
        return None;
    }
    findings.push(verdict("store directory", &paths.directory, || {
        files::check_directory(&paths.directory, access)?;
        let all = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
        Ok(rustix::fs::access(&paths.directory, all).is_ok())
    }));
    Some(access)
}

/// Every file of the store that is there: its kind, owner and mode.
fn look_at_files(paths: &Paths, access: Access, findings: &mut Vec<Finding>) {
    let mut names: Vec<_> = std::fs::read_dir(&paths.directory)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    names.sort();
    if !paths.changes().exists() {
        let changes = paths.changes().display().to_string();
        findings.push(Finding::fail(
            "changes",
            format!("{changes} is missing: the store does not open without it"),
            format!(
                "it holds nothing but a counter: 'head -c {} /dev/zero > {changes}; chmod 600 \
                 {changes}' makes it anew",
                Counter::LENGTH
            ),
        ));
    }
    for path in names {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = ["store.db", "store.db-wal", "store.db-shm", "changes"]
            .contains(&name.as_str())
            || name.starts_with("seal-");
        if known {
            findings.push(verdict(&name, &path, || {
                files::open(&path, access).map(|(_, writable)| writable)
            }));
        } else if name.starts_with("store.draft") {
            findings.push(Finding::warn(
                name.as_str(),
                "left over from a store whose making was interrupted",
                format!("remove it: 'rm {}'", path.display()),
            ));
        }
    }
}

/// Seal files without a slot: of an addition, removal or rotation that was interrupted.
fn orphans(paths: &Paths, slots: &[Slot]) -> Vec<Finding> {
    let entries = std::fs::read_dir(&paths.directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let known: Vec<_> = slots.iter().filter_map(|slot| slot.file(paths).ok().flatten()).collect();
    let stray = |name: &String| {
        let seal = name.starts_with("seal-") && name.ends_with(".key");
        seal && !known.contains(&paths.directory.join(name))
    };
    let finding = |name: String| {
        Finding::warn(
            name,
            "belongs to no seal slot of this store as it is now",
            "keep it with the backups if it opens one of them, else remove it",
        )
    };
    names.filter(stray).map(finding).collect()
}

/// What a look at a file or directory, and whether it may be written, comes to.
fn verdict(topic: &str, path: &Path, check: impl FnOnce() -> Result<bool>) -> Finding {
    let shown = path.display();
    match capture(check) {
        (Ok(true), _) => Finding::ok(topic, shown.to_string()),
        (Ok(false), _) => Finding::fail(
            topic,
            format!("{shown} cannot be written by this user"),
            format!("'chmod u+w {shown}' as its owner, or mount its file system to be written"),
        ),
        (Err(error), said) if said.is_empty() => {
            Finding::fail(topic, format!("{shown}: {error}"), "look at it with 'ls -ld'")
        }
        (Err(_), said) => {
            Finding::fail(topic, said.join("; "), "do what is said there, as its owner")
        }
    }
}

fn look_at_seals(
    config: &Config,
    access: Access,
    store: &[u8],
    slots: &[Slot],
    passphrase: &Option<Secret>,
    findings: &mut Vec<Finding>,
) {
    let mut opens = 0;
    for slot in slots {
        let topic = format!("seal slot {} ({})", slot.id, slot.kind.name());
        let passphrase = passphrase.as_ref().and_then(|typed| typed.duplicate().ok());
        let silent = slot.kind == Kind::Passphrase && passphrase.is_none();
        let file = &config.store.passphrase_file;
        let around = Surroundings {
            paths: Paths { directory: config.store.path.clone() },
            access,
            passphrase_file: (!file.as_os_str().is_empty()).then(|| file.clone()),
            passphrase,
            kdf: config.kdf.clone(),
        };
        let (opened, said) = capture(|| seal::open(std::slice::from_ref(slot), store, &around));
        // The last line sums up all slots, which here are one.
        let said = said.split_last().map_or(String::new(), |(_, own)| own.join("; "));
        findings.push(match opened {
            Ok(_) => {
                opens += 1;
                Finding::ok(topic, format!("opens ('{}')", slot.label.escape_debug()))
            }
            Err(_) if silent && said.is_empty() => Finding::warn(
                topic,
                "was not tried: there is no passphrase here",
                "give it with --passphrase-file or --passphrase-env to have it tried",
            ),
            Err(_) => Finding::warn(
                topic,
                if said.is_empty() { "does not open".to_string() } else { said },
                "put its secret in place, or remove the slot: 'strongroom seal remove'",
            ),
        });
    }
    if opens == 0 {
        findings.push(Finding::fail(
            "seal",
            "no seal slot opens the store with what is at hand",
            "restore the seal file, or give the passphrase (store.passphrase_file, or the service \
             manager's credential 'strongroom-passphrase')",
        ));
    }
}

/// The generations of the master key and of what is beneath it, and whether they are being renewed.
fn look_at_keys(opened: &Opened, findings: &mut Vec<Finding>) {
    let (found, said) = capture(|| {
        let (generations, left) = (opened.vault.generations()?, opened.vault.renewal_left()?);
        Ok::<_, Error>((generations, left, opened.vault.exposed()?))
    });
    let Ok(((master, keys), left, exposed)) = found else {
        let mend = "'strongroom check' looks at every record";
        findings.push(Finding::fail("master key", said.join("; "), mend));
        return;
    };
    let generations = format!("generation {master}, store keys of generation {keys}");
    findings.push(match left {
        None => Finding::ok("master key", generations),
        Some(left) => Finding::warn(
            "master key",
            format!("{generations}; a rotation is under way, objects left: {left}"),
            "if nobody is at it, 'strongroom rotate master-key' brings it to its end",
        ),
    });
    for token in exposed.iter().map(info) {
        findings.push(Finding::warn(
            format!("token '{}'", token.label.escape_debug()),
            "its own keys are from before the compromise of the master key",
            format!(
                "'strongroom rotate token-key --compromised --token {}' makes them anew",
                token.selector()
            ),
        ));
    }
}

fn look_at_tokens(opened: &Opened, findings: &mut Vec<Finding>) {
    let (tokens, said) = capture(|| opened.vault.tokens());
    let Ok(tokens) = tokens else {
        let what = said.join("; ");
        findings.push(Finding::fail("tokens", what, "'strongroom check' looks at every record"));
        return;
    };
    if tokens.is_empty() {
        let mend = "'strongroom init --label NAME' makes one";
        findings.push(Finding::warn("tokens", "the store has no token", mend));
    }
    let now = super::machine::now();
    for (number, _) in tokens.iter().filter(|(_, token)| token.is_err()) {
        findings.push(Finding::fail(
            format!("token in slot {}", slot_id(*number)),
            "its record is not the one that was written: it is refused, others are used",
            "'strongroom check' says more; stop its users and restore a backup of the store",
        ));
    }
    for token in tokens.iter().filter_map(|(_, token)| token.as_ref().ok()).map(info) {
        let topic = format!("token '{}'", token.label.escape_debug());
        let unblock =
            format!("'strongroom pin unblock --token {}' sets a new one", token.selector());
        let user = pin(&topic, "user PIN", &token.user_pin, &unblock);
        let so = pin(
            &topic,
            "SO PIN",
            &token.so_pin,
            "nobody can unlock it, so a lost user PIN cannot be replaced: move the keys to a new token",
        );
        let future = (token.made > now + DAY).then(|| {
            Finding::warn(
                topic.as_str(),
                format!("was made in the future ({}): the clock is or was wrong", token.created),
                "set the clock",
            )
        });
        let rotation = (token.keys.rotation != "none").then(|| {
            let mend = format!(
                "where no 'strongroom rotate' is running, 'strongroom rotate token-key --token {}' \
                 brings it to its end",
                token.selector()
            );
            Finding::warn(topic.as_str(), "a rotation of its keys is under way", mend)
        });
        let bad: Vec<_> = user.into_iter().chain(so).chain(future).chain(rotation).collect();
        if bad.is_empty() {
            findings.push(Finding::ok(
                topic,
                format!(
                    "slot {}, both PINs good, keys of generation {}",
                    token.slot, token.keys.token_key
                ),
            ));
        }
        findings.extend(bad);
    }
}

fn pin(topic: &str, whose: &str, pin: &PinInfo, mend: &str) -> Option<Finding> {
    let left = pin.attempts_left;
    match pin.state {
        "good" => None,
        "locked" => Some(Finding::fail(topic, format!("the {whose} is locked"), mend)),
        "unset" => Some(Finding::warn(topic, format!("the {whose} is not set yet"), mend)),
        _ => Some(Finding::warn(
            topic,
            format!("wrong attempts at the {whose}: {left} left before it is locked"),
            "a login with the right PIN clears them; if they are not yours, find out whose they are",
        )),
    }
}

const DAY: u64 = 86_400;
