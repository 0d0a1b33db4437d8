// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The verbs of those who look after the keys, as functions whose results are data. Nothing here
//! prints, asks or knows an argument: that is `cli`. It stands above all rooms and works through the
//! library's safe face ([`crate::session::Library`]); what no application can do (seals, the check
//! of a store) it does with the store itself.

mod audit;
mod audit_carrier;
mod audit_export;
mod audit_proof;
mod audit_publish;
mod audit_time;
mod audit_verify;
mod check;
mod configuration;
mod desk;
pub mod diagnostics;
pub mod doctor;
mod export;
mod failure;
mod generate;
mod import;
mod inventory;
mod key_life;
mod kind;
mod lifecycle;
mod listing;
mod moment;
mod pins;
mod place;
mod policy;
mod process;
mod rotation;
mod said;
mod seals;
pub mod softhsm;
mod source;
mod template;
mod token_keys;
mod tokens;
mod users;

pub use audit::{Found, LogKey, Selection, Trail};
pub use audit_carrier::{Carrier, Destination, host};
pub use audit_export::{LogFormat, summary};
pub use audit_proof::{Growth, Inclusion};
pub use audit_publish::{Stamped, Witness};
pub use audit_time::{Zone, moment};
pub use audit_verify::{AuditCheck, AuditFault, AuditReport, Witnessed, verify_audit};
pub use check::{Bad, Report, check, repair, repair_counter};
pub use configuration::{Setting, configuration, settings};
pub use desk::Desk;
pub use export::{Bared, Exported, Format};
pub use failure::{Failure, Outcome};
pub use generate::Generation;
pub use import::{Content, Import};
pub use inventory::{Class, Shown, Summary, Wanted};
pub use key_life::KeyLife;
pub use kind::{KeyKind, USAGES, Usage};
pub use lifecycle::{Changed, Step};
pub use listing::{KeyInfo, PinInfo, UserInfo};
pub use pins::Visit;
pub use place::store_exists;
pub use policy::{Asked, Checked, Established, Explained, Proposal, RuleSays, ShownPolicy};
pub use policy::{check_policy, named_key};
pub use process::guard_process;
pub use rotation::{AskSlot, Extent, Rotated};
pub use said::Said;
pub use seals::{SealInfo, seals};
pub use source::{first_line, line_of, read_small};
pub use token_keys::{Generations, RotatedKeys};
pub use tokens::{TokenInfo, check_label, check_mode, check_pin};
pub use users::{check_user_name, role};
