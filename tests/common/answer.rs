// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Return values: kept as they came, shown by name, compared exactly.

use super::names;
use cryptoki_sys::{CK_RV, CKR_OK};
use std::fmt;

/// A return value other than `CKR_OK`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rv(pub CK_RV);

/// What a call gave: its output, or the return value that stopped it.
pub type R<T> = Result<T, Rv>;

impl fmt::Debug for Rv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names::of(self.0))
    }
}

/// Turns a return value into a result without output.
pub fn outcome(rv: CK_RV) -> R<()> {
    if rv == CKR_OK { Ok(()) } else { Err(Rv(rv)) }
}

/// What a test says about an answer.
pub trait Answer<T> {
    /// The output; the test fails if there was none.
    fn good(self) -> T;
    /// The output; the test fails, saying what was tried, if there was none.
    fn good_for(self, what: &str) -> T;
    /// The call must have given exactly this return value.
    fn gives(self, want: CK_RV);
    /// The call must have given one of these, where the specification leaves several.
    fn gives_one_of(self, want: &[CK_RV]);
    /// As [`Answer::gives_one_of`], with what was tried.
    fn gives_for(self, what: &str, want: &[CK_RV]);
    /// The return value, whichever it was.
    fn code(self) -> CK_RV;
}

impl<T> Answer<T> for R<T> {
    #[track_caller]
    fn good(self) -> T {
        self.good_for("call")
    }

    #[track_caller]
    fn good_for(self, what: &str) -> T {
        match self {
            Ok(output) => output,
            Err(rv) => panic!("{what}: wanted CKR_OK, got {rv:?}"),
        }
    }

    #[track_caller]
    fn gives(self, want: CK_RV) {
        self.gives_for("call", &[want]);
    }

    #[track_caller]
    fn gives_one_of(self, want: &[CK_RV]) {
        self.gives_for("call", want);
    }

    #[track_caller]
    fn gives_for(self, what: &str, want: &[CK_RV]) {
        let got = self.code();
        let names: Vec<String> = want.iter().map(|rv| names::of(*rv)).collect();
        assert!(
            want.contains(&got),
            "{what}: wanted {}, got {}",
            names.join(" or "),
            names::of(got)
        );
    }

    fn code(self) -> CK_RV {
        match self {
            Ok(_) => CKR_OK,
            Err(Rv(rv)) => rv,
        }
    }
}
