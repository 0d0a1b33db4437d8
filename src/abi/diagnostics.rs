// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The diagnostic channel of the shared library: silent unless `STRONGROOM_LOG` asks for it, because
//! the host's stderr is the host's.

use crate::config::variable;
use tracing_subscriber::EnvFilter;

/// Once a process: lets what the library has to say be seen on stderr, at the level that
/// `STRONGROOM_LOG` names (`error`, `warn`, `info`, or a filter of `tracing`).
pub(super) fn begin() {
    let Some(wanted) = variable("STRONGROOM_LOG") else { return };
    let filter = EnvFilter::new(wanted.to_string_lossy());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // Another one in this copy of the crate stays.
    let _ = subscriber.try_init();
}
