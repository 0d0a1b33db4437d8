// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The audit log, in the hands of those who look after it: read, checked, proved, exported, published.
//! It imports `failure`, `desk`, `diagnostics`, `source` of `admin`, and what `admin` may.

mod auditor;
mod carrier;
mod export;
mod proof;
mod publish;
mod renew;
mod time;
mod trail;
mod verify;

pub use auditor::Office;
pub use carrier::{Carrier, Destination, host};
pub use export::{LogFormat, summary};
pub use proof::{Growth, Inclusion};
pub use publish::{Stamped, Witness};
pub use renew::Renewed;
pub use time::{Zone, moment};
pub use trail::{Found, LogKey, Selection, Trail};
pub use verify::{AuditCheck, AuditFault, AuditReport, Witnessed, verify_audit};
