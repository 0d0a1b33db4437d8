// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom user`.

use super::arguments::{Common, Named, UserVerb};
use super::opening::open;
use super::output::{say, show, table, visible};
use super::pins::{fresh, helper, officer};
use super::tokens::words;
use crate::admin::{self, Desk, Outcome, TokenInfo, UserInfo, Visit};
use crate::types::{Holder, Role};

pub(super) fn run(common: &Common, verb: &UserVerb) -> Outcome<()> {
    let desk = open(common)?;
    match verb {
        UserVerb::List(token) => {
            let token = desk.token(token.token.as_deref())?;
            show(common, &token.users, || list(&token.users))
        }
        UserVerb::Add { user, role, helper: help, new } => {
            admin::check_user_name(&user.name)?;
            let (token, visit) = enter(&desk, user)?;
            let help = helper(&desk, help, &token, *role)?;
            let pin = fresh(new, &format!("PIN of '{}'", visible(&user.name)))?;
            let by = help.as_ref().map(|(by, pin)| (by, pin));
            visit.add_user((&user.name, *role), &pin, by)?;
            drop(visit);
            done(common, &desk, &token, user, &format!("added as {}", role.name()))?;
            checks_from_now(*role, user);
            Ok(())
        }
        UserVerb::Remove(user) => {
            let (token, visit) = enter(&desk, user)?;
            visit.remove_user(&user.name)?;
            drop(visit);
            done(common, &desk, &token, user, "removed")?;
            if token.user_role(&user.name)? == Role::Auditor {
                say("note: another chain of the audit log begins here, which they cannot check");
            }
            Ok(())
        }
        UserVerb::Reset { user, helper: help, new } => {
            let (token, visit) = enter(&desk, user)?;
            let role = token.user_role(&user.name)?;
            let help = helper(&desk, help, &token, role)?;
            let pin = fresh(new, &format!("PIN of '{}'", visible(&user.name)))?;
            let by = help.as_ref().map(|(by, pin)| (by, pin));
            visit.reset_user(&Holder::Named(user.name.clone()), &pin, by)?;
            drop(visit);
            done(common, &desk, &token, user, "has a new PIN")?;
            checks_from_now(role, user);
            Ok(())
        }
    }
}

/// What an auditor with a PIN that somebody else set can check of the audit log.
fn checks_from_now(role: Role, user: &Named) {
    if role == Role::Auditor {
        say(&format!(
            "note: another chain of the audit log begins here, which '{}' can check; what came before \
             is for those who were auditors then",
            visible(&user.name)
        ));
    }
}

/// The token, with its security officer logged in.
fn enter<'a>(desk: &'a Desk, user: &Named) -> Outcome<(TokenInfo, Visit<'a>)> {
    let token = desk.token(user.token.token.as_deref())?;
    let visit = desk.log_in(&token, &Holder::So, &officer(&user.so_pin, &token)?)?;
    Ok((token, visit))
}

fn done(common: &Common, desk: &Desk, token: &TokenInfo, user: &Named, what: &str) -> Outcome<()> {
    let now = desk.token(Some(&token.serial))?;
    show(common, &now.users, || {
        format!("user '{}' of token '{}' {what}\n", visible(&user.name), visible(&now.label))
    })
}

fn list(users: &[UserInfo]) -> String {
    let row = |user: &UserInfo| vec![user.name.clone(), user.role.to_string(), words(&user.pin)];
    table(&["NAME", "ROLE", "PIN"], &users.iter().map(row).collect::<Vec<_>>())
}
