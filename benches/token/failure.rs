// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one error of the benchmark: a sentence to print.

use std::fmt;

use cryptoki_sys::CK_RV;

pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn say(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A `C_*` function answered something other than `CKR_OK`.
    pub(crate) fn call(function: &str, rv: CK_RV) -> Self {
        Self(format!("{function} answered CKR {rv:#x}"))
    }

    pub(crate) fn within(self, place: &str) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<openssl::error::ErrorStack> for Failure {
    fn from(error: openssl::error::ErrorStack) -> Self {
        Self(format!("OpenSSL: {error}"))
    }
}
