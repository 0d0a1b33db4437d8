// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Lists of names: operations, mechanisms, principals. It imports `mechanism`.

use super::fault::Faults;
use super::glob::Glob;
use super::names::{Operation, Operations, Party, Roles};
use super::text::{RawPrincipals, Texts};
use crate::mechanism;
use toml::Spanned;

/// The numbers of the names in a list, of those that a table knows; what it does not know is a fault.
pub(super) fn places<'a>(
    what: &'a str,
    known: &'a [&'a str],
    list: &'a Texts,
    faults: &mut Faults<'_>,
) -> impl Iterator<Item = usize> + use<'a> {
    not_empty(what, list.get_ref().len(), list.span(), faults);
    for name in list.get_ref() {
        if !known.contains(&name.get_ref().as_str()) {
            faults.add(
                &name.span(),
                format!("'{}' is no {what}", name.get_ref()),
                format!("write one of: {}", known.join(", ")),
            );
        }
    }
    list.get_ref().iter().filter_map(|name| known.iter().position(|known| known == name.get_ref()))
}

pub(super) fn operations(list: &Texts, faults: &mut Faults<'_>) -> Operations {
    let names: Vec<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    let all = places("operation", &names, list, faults);
    all.filter_map(|at| Operation::ALL.get(at)).fold(Operations::NONE, |all, one| all.with(*one))
}

/// The numbers of mechanisms, ascending.
pub(super) fn mechanisms(list: &Texts, faults: &mut Faults<'_>) -> Vec<u64> {
    not_empty("mechanism", list.get_ref().len(), list.span(), faults);
    let mut found = Vec::new();
    for name in list.get_ref() {
        let (glob, before) = (Glob::new(name.get_ref()), found.len());
        found.extend(mechanism::all().filter(|row| glob.fits(row.name)).map(|row| row.id as u64));
        if found.len() == before {
            faults.add(
                &name.span(),
                format!("no mechanism of the token is called '{}'", name.get_ref()),
                "write a name of docs/mechanisms.md, such as CKM_ECDSA_SHA256, or a pattern that fits \
                 some, such as CKM_ECDSA*",
            );
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Who may: any of these.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Principals {
    pub(super) roles: Roles,
    pub(super) users: Vec<String>,
    pub(super) uids: Vec<u32>,
}

impl Principals {
    pub(super) fn compile(raw: &Spanned<RawPrincipals>, faults: &mut Faults<'_>) -> Principals {
        let RawPrincipals { roles, users, uids } = raw.get_ref();
        if roles.is_none() && users.is_none() && uids.is_none() {
            faults.add(
                &raw.span(),
                "these principals are nobody",
                "give 'roles', 'users' or 'uids', or leave 'principals' away for everyone",
            );
        }
        let names: Vec<_> = Party::ALL.iter().map(|party| party.name()).collect();
        let roles = roles.as_ref().map_or(Roles::NONE, |roles| {
            let found = places("role", &names, roles, faults);
            let parties: Vec<_> = found.filter_map(|at| Party::ALL.get(at)).copied().collect();
            Roles::these(&parties)
        });
        if let Some(users) = users {
            not_empty("user", users.get_ref().len(), users.span(), faults);
            for user in users.get_ref().iter().filter(|user| user.get_ref().is_empty()) {
                faults.add(&user.span(), "a user has a name", "write it");
            }
        }
        let users = users.iter().flat_map(|users| users.get_ref());
        let users = users.map(|user| user.get_ref().clone()).collect();
        let mut numbers = Vec::new();
        if let Some(uids) = uids {
            not_empty("uid", uids.get_ref().len(), uids.span(), faults);
            for uid in uids.get_ref() {
                match u32::try_from(*uid.get_ref()) {
                    Ok(uid) => numbers.push(uid),
                    Err(_) => faults.add(
                        &uid.span(),
                        format!("{} is no uid", uid.get_ref()),
                        "'id -u NAME' tells the uid of an account",
                    ),
                }
            }
        }
        Principals { roles, users, uids: numbers }
    }

    /// Whether everyone of `other` is one of these.
    pub(super) fn covers(&self, other: &Principals) -> bool {
        self.roles.covers(other.roles)
            && other.users.iter().all(|user| self.users.contains(user))
            && other.uids.iter().all(|uid| self.uids.contains(uid))
    }
}

fn not_empty(what: &str, len: usize, span: std::ops::Range<usize>, faults: &mut Faults<'_>) {
    if len == 0 {
        faults.add(
            &span,
            format!("an empty list: the rule would permit no {what}"),
            "name some, or leave the list away for all",
        );
    }
}
