// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the command does about its own process, which the library leaves to its host: no core dump, and no
//! other process of the user's reads its memory. It imports `mechanism`.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// To be called before anything else. Where the system forbids it the command works on: its secrets are
/// in memory that no core dump holds all the same.
pub fn guard_process() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if setrlimit(Resource::Core, none).is_err()
        || set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err()
    {
        tracing::warn!("this process could not be kept from dumping core");
    }
    // So that OpenSSL has its memory from us before a certificate or key is first read. What it says of
    // a failure is said again when it is needed.
    let _ = crate::mechanism::ossl::initialise();
}
