// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Rules that can never apply, because an earlier one permits all that they do. It imports nothing of
//! the crate.

use super::rule::Rule;

/// Whether `later` never applies where `earlier` comes first. It may say no where it is so.
pub(super) fn shadows(earlier: &Rule, later: &Rule) -> bool {
    earlier.operations.covers(later.operations)
        && earlier.strength.unwrap_or(0) <= later.strength.unwrap_or(0)
        && wider(&earlier.mechanisms, &later.mechanisms, |wide, narrow| {
            narrow.iter().all(|one| wide.binary_search(one).is_ok())
        })
        && wider(&earlier.principals, &later.principals, |wide, narrow| wide.covers(narrow))
        && wider(&earlier.hours, &later.hours, |wide, narrow| wide.covers(narrow))
        && earlier.key.covers(&later.key)
}

/// Where nothing is said, everything is meant.
fn wider<T>(wide: &Option<T>, narrow: &Option<T>, covers: impl Fn(&T, &T) -> bool) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => covers(wide, narrow),
    }
}
