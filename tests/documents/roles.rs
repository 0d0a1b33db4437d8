// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `docs/roles.md`: who may call what, from the table that is asked.

use crate::document;
use std::fmt::Write;
use strongroom::policy::roles::{CALLERS, GROUPS, Group, Reach};

#[test]
fn roles() {
    document::check("roles.md", &page());
}

fn page() -> String {
    let mut page = HEAD.to_string();
    let names: Vec<_> = CALLERS.iter().map(|caller| caller.name()).collect();
    let _ = writeln!(page, "| to | {} | else |", names.join(" | "));
    let _ = writeln!(page, "|---|{}---|", "---|".repeat(names.len()));
    for group in GROUPS {
        let reaches: Vec<_> = CALLERS.iter().map(|caller| word(group.reach(*caller))).collect();
        let refusal = if group.open() { "" } else { group.row().refusal.name() };
        let refusal = if refusal.is_empty() { String::new() } else { format!("`{refusal}`") };
        let _ = writeln!(page, "| {} | {} | {refusal} |", group.row().what, reaches.join(" | "));
    }
    page.push_str(FUNCTIONS);
    for group in GROUPS.iter().filter(|group| !group.row().functions.is_empty()) {
        let _ = writeln!(page, "| {} | {} |", group.row().what, functions(*group));
    }
    page
}

fn word(reach: Reach) -> &'static str {
    match reach {
        Reach::All => "yes",
        Reach::Session => "session",
        Reach::Nothing => "no",
    }
}

fn functions(group: Group) -> String {
    let names: Vec<_> = group.row().functions.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

const HEAD: &str = "\
# Roles

Made from the table that the library asks (`src/policy/roles.rs`); `UPDATE_DOCS=1 cargo test --test
documents` writes it.

A token has a security officer and a user without a name, as PKCS #11 has them, and as many named users
as it needs. Each has a PIN with a counter and a lock of its own.

| role | is there to | its PIN opens |
|---|---|---|
| security officer | set PINs, add and remove users, give trust (`CKA_TRUSTED`) | standard: token key and use key; strict: nothing |
| user (without a name) | standard: use and manage keys; strict: use them | token key and use key |
| operator | use keys | token key and use key |
| manager | make, change and destroy keys | the token key |
| auditor | read what there is, and check the audit log's chain ([audit.md](audit.md)) | the token key |
| custodian | approve | nothing |

The **token key** opens the attributes of private objects; the **use key** opens the material of private
keys besides. So it is not only forbidden to a manager to use a key that rests in the token: with the
files, the seal and their PIN they still do not have it. Keys that a manager makes are deposited for
those who use keys (ML-KEM-1024); the process that makes a key sees it while it does. Keys that are not
private rest under the store's own key alone; a strict token takes none.

A **strict** token's keys are made when the user's PIN is set first, and nobody but its users has them: the
security officer sets no second user PIN and no PIN of an operator, manager or auditor without someone
who has the keys (`--as NAME`). A token whose users have all lost their PINs is lost.

```
strongroom init --label web --separation strict
strongroom user add alice --role operator
strongroom user add bob --role manager
strongroom user list
strongroom user reset alice --as carol
strongroom user remove bob
```

Named users log in by `C_LoginUser`, or by `C_Login` with `CKU_USER` and `name:PIN`; the command takes
`--user NAME`. The part before the first colon is a name only where a user has it. A user who is removed,
or whose PIN is reset, is logged out everywhere at the latest with the next call that begins something.
Removing a user takes their way in; who has kept an old copy of the files, the seal and their PIN has what
they had, until the keys are renewed:

```
strongroom rotate token-key                  # the token key; anyone who has it, but for auditors
strongroom rotate token-key --compromised    # with the use key and everything beneath; who uses keys
strongroom rotate status
```

The new keys are sealed to everyone who has a PIN at that moment, which takes nobody's but one. Programs
that are logged in go on.

## Who may do what

*yes*; *session*: with objects that end with their session, and to make such; *no*. The table takes from
what the specification allows, and gives nothing: the security officer, custodians and whoever has not
logged in see no private objects.

";

const FUNCTIONS: &str = "
## The functions

Functions that go on with what others began (`C_SignUpdate` after `C_SignInit`) ask no more: who may not
begin has nothing to go on with.

| to | functions |
|---|---|
";
