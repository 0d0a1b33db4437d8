// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The library of the tests' own that stands between a process and the system: see `step.c`.

use std::ffi::{CStr, CString, c_char, c_int, c_long};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What happens at a step: `step.c` has the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: the steps are counted.
    Count,
    /// The process is killed before the call.
    Kill,
    /// Half is written, then it is killed.
    Half,
    /// The call is answered with this error.
    Fail(i32),
    /// So is every call from here on that makes something longer.
    Full(i32),
    /// The process is stopped before the call.
    Stop,
    /// Reads are counted instead, and one is answered with this error.
    Read(i32),
    /// So is every read from here on.
    Reads(i32),
}

impl Kind {
    fn numbers(self) -> (c_int, c_int) {
        match self {
            Kind::Count => (0, 0),
            Kind::Kill => (1, 0),
            Kind::Half => (2, 0),
            Kind::Fail(error) => (3, error),
            Kind::Full(error) => (4, error),
            Kind::Stop => (5, 0),
            Kind::Read(error) => (6, error),
            Kind::Reads(error) => (7, error),
        }
    }

    /// Whether the process does not live to tell.
    pub fn kills(self) -> bool {
        matches!(self, Kind::Kill | Kind::Half)
    }
}

/// The library, compiled at the first use.
pub fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/step.c");
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Several tests may be at it at once.
        let made = directory.join(format!("libstep-{}.so", std::process::id()));
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]);
        let status = compile.arg(&made).arg(&source).arg("-ldl").status();
        assert!(status.expect("cc, which the tests need").success(), "cc {}", source.display());
        let path = directory.join("libstep.so");
        std::fs::rename(made, &path).unwrap();
        path
    })
}

/// A command whose process the library stands before, from its beginning.
pub fn before(mut command: Command) -> Command {
    command.env("LD_PRELOAD", path());
    command
}

/// The same, with a step of it at which something happens; the steps are logged in a file.
pub fn armed(command: Command, directory: &Path, at: usize, kind: Kind, log: &Path) -> Command {
    let mut command = before(command);
    let (number, error) = kind.numbers();
    command.env("STEP_DIRECTORY", directory).env("STEP_AT", at.to_string());
    command.env("STEP_KIND", number.to_string()).env("STEP_ERROR", error.to_string());
    command.env("STEP_LOG", log);
    command
}

/// From here on the steps of this process are counted.
pub fn arm(directory: &Path, at: usize, kind: Kind) {
    let (number, error) = kind.numbers();
    let directory = CString::new(directory.to_str().unwrap()).unwrap();
    let symbol = symbol(b"step_arm");
    // SAFETY: `step.c` defines the function so.
    let arm: extern "C" fn(*const c_char, c_long, c_int, c_int) =
        unsafe { std::mem::transmute(symbol) };
    arm(directory.as_ptr(), at as c_long, number, error);
}

/// No longer; the steps, a letter each.
pub fn disarm() -> String {
    // SAFETY: `step.c` defines the function so; the letters are its own and end with a zero.
    unsafe {
        let disarm: extern "C" fn() -> *const c_char = std::mem::transmute(symbol(b"step_disarm"));
        CStr::from_ptr(disarm()).to_str().unwrap().to_owned()
    }
}

/// The wall clock of this process, so many seconds from the true one.
pub fn clock(seconds: i64) {
    // SAFETY: `step.c` defines the function so.
    let clock: extern "C" fn(c_long) = unsafe { std::mem::transmute(symbol(b"step_clock")) };
    clock(seconds as c_long);
}

fn symbol(name: &[u8]) -> *const () {
    let name = CString::new(name).unwrap();
    // SAFETY: looks a name up among what is loaded.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    assert!(!found.is_null(), "this process was started without {}", path().display());
    found.cast()
}
