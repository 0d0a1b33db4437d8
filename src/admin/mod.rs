// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The verbs of those who look after the keys, as functions whose results are data. Nothing here
//! prints, asks or knows an argument: that is `cli`. It stands above all rooms and works through the
//! library's safe face ([`crate::session::Library`]); what no application can do (seals, the check
//! of a store) it does with the store itself.

mod audit;
mod check;
mod configuration;
mod desk;
pub mod diagnostics;
mod discard;
pub mod doctor;
mod drawer;
mod export;
mod failure;
mod generate;
mod import;
mod inventory;
mod key_life;
mod kind;
mod lifecycle;
mod listing;
mod metrics;
mod moment;
mod pins;
mod place;
mod policy;
mod process;
mod rotation;
mod said;
mod seals;
mod serving;
pub mod softhsm;
mod source;
mod telling;
mod template;
mod token_keys;
mod tokens;
mod users;
mod watch;

pub use audit::*;
pub use check::{Bad, Discarded, Report, check, repair, repair_counter};
pub use configuration::{Setting, configuration, settings};
pub use desk::Desk;
pub use discard::Condemned;
pub use drawer::{Verified, keep_verified};
pub use export::{Bared, Exported, Format};
pub use failure::{Failure, Outcome};
pub use generate::Generation;
pub use import::{Content, Import};
pub use inventory::{Class, Shown, Summary, Wanted};
pub use key_life::KeyLife;
pub use kind::{KeyKind, USAGES, Usage};
pub use lifecycle::{Changed, Step};
pub use listing::{KeyInfo, PinInfo, UserInfo};
pub use metrics::*;
pub use pins::Visit;
pub use place::store_exists;
pub use policy::{Asked, Checked, Established, Explained, Proposal, RuleSays, ShownPolicy};
pub use policy::{check_policy, named_key};
pub use process::guard_process;
pub use rotation::{AskSlot, Extent, Rotated};
pub use said::Said;
pub use seals::{SealInfo, seals};
pub use serving::Server;
pub use source::{first_line, line_of, read_small};
pub use token_keys::{Generations, RotatedKeys};
pub use tokens::{TokenInfo, check_label, check_mode, check_pin};
pub use users::{check_user_name, role};
pub use watch::{Heard, Replay, Watch, replay_alarms};
