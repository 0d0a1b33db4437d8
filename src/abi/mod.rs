// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The C ABI: raw pointers become slices, templates, mechanisms and output buffers here and nowhere
//! else; panics stop here; one short row a function. It may import `session` and what its face
//! speaks of.

#![allow(unsafe_code, reason = "the boundary; each block argues its safety")]

#[macro_use]
mod rows;

mod arguments;
mod derivation;
mod diagnostics;
mod functions;
mod info;
mod interfaces;
mod mechanism;
mod messages;
mod output;
mod parameter;
mod pointer;
mod process;
mod template;

pub use functions::*;
