// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tests that need a process of their own: the test starts its own binary again, told by the
//! environment that it is the child, and the child runs the same test function.

use std::process::{Child, Command, Output, Stdio};

/// The role this process was started for, if it is a child.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// A command that runs one test of this binary as a child in a role.
pub fn command(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("path of the test"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).stdin(Stdio::null());
    command
}

/// Starts a child whose output can be read.
pub fn spawn(mut command: Command) -> Child {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("child process")
}

/// Runs a child to its end; it must run the one test and exit with status 0.
pub fn succeeds(mut command: Command) -> String {
    let output = command.output().expect("child process");
    let text = everything(&output);
    assert!(output.status.success(), "child: {}\n{text}", output.status);
    assert!(text.contains("1 passed"), "the child ran another test than was meant:\n{text}");
    text
}

/// Both outputs as text.
pub fn everything(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

const ROLE: &str = "STRONGROOM_TEST_ROLE";
