// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The `strongroom` command.

fn main() -> std::process::ExitCode {
    strongroom::cli::run()
}
