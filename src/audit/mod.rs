// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What happened: a log that says who did what with which key, and that nobody edits unseen. It may
//! use `mechanism`, and layer 0.
//!
//! Records are lines ([`record`]), chained by keys that are gone once used ([`chain`]), leaves of a
//! tree ([`tree`]) whose root is signed now and then ([`note`]). These hash and touch no file; what
//! writes and reads files is beside them. `docs/audit-format.md` specifies every byte.

mod auditors;
pub mod chain;
mod counts;
mod facts;
pub mod filter;
mod head;
mod lines;
mod log;
pub mod note;
mod notes;
mod parsed;
pub mod reading;
pub mod record;
mod recovery;
mod rejoin;
mod segments;
mod signer;
pub mod tree;
mod verdict;
mod verify;
mod verify_ends;
mod writer;

pub use auditors::{Auditor, Keeper};
pub use counts::Counter;
pub use facts::number_of;
pub use filter::Filter;
pub use head::{KeyHolder, Keys};
pub use log::{Announced, Log, Mismatch};
pub use reading::{Line, Reading, Record};
pub use record::{Detail, Entry, KeyName, Who};
pub use segments::Place;
pub use signer::verifier;
pub use verdict::{Asked, Fault, Kind, Verdict};
pub use verify::verify;
pub use writer::{Durability, Position};
