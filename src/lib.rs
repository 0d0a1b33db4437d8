// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Strongroom: a PKCS #11 v3.2 token in software, kept with the discipline of an HSM.
//!
//! The rooms, from the boundary down: [`abi`] (the C functions), [`session`] (what a caller holds),
//! [`policy`] (who may do what), [`object`] (attributes and their rules), then [`mechanism`],
//! [`store`], [`seal`] and [`audit`] side by side, over [`secret`], [`error`], [`types`], [`codec`], [`files`],
//! [`call`], [`safety`] and [`config`]. Imports go down only. `docs/design.md` says why.

#![warn(missing_docs)]

pub mod abi;
pub mod admin;
pub mod audit;
pub mod call;
pub mod cli;
pub mod codec;
pub mod config;
pub mod error;
pub mod files;
pub mod mechanism;
pub mod object;
pub mod policy;
pub mod safety;
pub mod seal;
pub mod secret;
pub mod session;
pub mod store;
pub mod types;
pub mod vendor;
