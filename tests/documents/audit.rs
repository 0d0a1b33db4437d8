// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `docs/audit.md`: what each function and verb leaves in the audit log, from the table that is asked.

use crate::document;
use std::fmt::Write;
use strongroom::call::Leaves;
use strongroom::session::leaves::{FUNCTIONS, VERBS};

#[test]
fn the_page_of_the_audit_log_is_that_of_the_table() {
    let mut page = HEAD.to_string();
    rows(&mut page, "function", FUNCTIONS);
    page.push_str(BETWEEN);
    rows(&mut page, "verb", VERBS);
    page.push_str(TAIL);
    document::check("audit.md", &page);
}

fn rows(page: &mut String, what: &str, rows: &[(&str, Leaves)]) {
    let _ = writeln!(page, "| {what} | where it succeeds | where it is refused |\n|---|---|---|");
    for (name, leaves) in rows {
        let (good, bad) = match leaves {
            Leaves::Nothing => continue,
            Leaves::Begins(counted) => {
                (format!("nothing; it begins a use of `{counted}`"), "a record")
            }
            Leaves::Counts => {
                ("a count, where it ends a use".to_string(), "a record, where it had a key")
            }
            Leaves::Discloses => {
                ("a record, where a key's value leaves in clear".to_string(), "nothing")
            }
            Leaves::Record => ("a record".to_string(), "a record"),
        };
        let _ = writeln!(page, "| `{name}` | {good} | {bad} |");
    }
    let silent = rows.iter().filter(|(_, leaves)| *leaves == Leaves::Nothing);
    let silent: Vec<_> = silent.map(|(name, _)| format!("`{name}`")).collect();
    let _ = writeln!(page, "\nThe others leave nothing: {}.", silent.join(", "));
}

const HEAD: &str = "\
# The audit log

Made from the table that the library asks (`src/session/leaves.rs`); `UPDATE_DOCS=1 cargo test --test
documents` writes it. [audit-format.md](audit-format.md) says what the records are.

**Before it is done.** What must be recorded is recorded first: a change of the store inside its transaction, on the
disk before it is committed; all else before its result leaves. What cannot be recorded is not done, and the call
answers `CKR_DEVICE_ERROR`, or `CKR_DEVICE_MEMORY` on a full disk; `audit.on_failure = \"warn\"` does it and says so on the diagnostic channel. `C_Logout` alone
logs out all the same. A record that a machine loses when it loses power is of something that changed no row: the
system writes those in its time.

**Counts.** Uses of keys are counted by session, key and mechanism, and recorded once a second, when a session is closed
and when the library ends. `audit.each = true` makes every use a record, before its output is the caller's. A use is one
operation that ended well; encrypting and decrypting are counted with the first output. A process that is killed loses
at most a second's counts, and no record.

**Read-only stores.** Where a process may not write the store, nobody can log in, and objects that need no login are read
and used uncounted. What would be recorded is refused there.

**A store without a log**, made by an earlier version, gets one when a process that may write opens it; the log says so
(`audit.late`). A log that is gone is replaced by none: what must be recorded is refused until it is there again.

**A lost head**: where the file `head` is gone, altered, or a copy from before another chain began, the log cannot be
written, and what must be recorded is refused. Put the latest copy of it back; or `strongroom audit renew --lost` goes on
with the lines that there are, or with another log where there are none. Every later check says so (`broken`).

**Auditors.** The chain is checked by users of role auditor with their PIN (`strongroom audit verify --user NAME`), by
the owners of the keys in `audit.auditors`, and where there is neither by the security officers (`--so`). Whenever the
list changes another chain begins, and leaves `audit.renew` with their names: they check it from that record on.
`strongroom audit renew` begins one when it is asked, as for other keys in the configuration; a rotation with
`--compromised` does as well. One of the master key (`rotate master-key --compromised`) also gives the log another
key: an older `head`, `signer` or file of counts is refused from then on, also in a process that was there before. A
process of an earlier version is to be started anew. A check with a PIN leaves `login` once the log is found sound,
and nothing where it is not.

**Logins** that end with the last session, or with `C_Finalize`, leave a record `login.ended`; one that ends because its
process does leaves none.

**What is not recorded**: searches, and attributes that are no secrets; operations without a key; what is refused before anything is tried (no such session, a
buffer too small). A first use that decides for all time what a key is used for leaves a record `key.decided` beside.
Labels of secret and private keys and of private objects are left out: the store seals them, and the log is not sealed. Their `CKA_UNIQUE_ID` names
them.

**Off.** There is no switch. To measure what the log costs ([performance.md](performance.md)), the library can be built
with the feature `audit-switch`, in which the environment variable `STRONGROOM_AUDIT=off` leaves it unwritten. Of optimised
builds that of the profile `measured` alone takes the feature: a release with it does not compile.

## Functions

";
const BETWEEN: &str = "
## Verbs of the command

A verb leaves a record for each change that it makes, and one where the library refuses it, or the command itself once
it has opened the store (`CKR_ARGUMENTS_BAD` where no function has answered otherwise); besides, whoever logs in for it
leaves the record `login`.

";
const TAIL: &str = "";
