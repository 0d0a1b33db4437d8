#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# On Debian 13, whose compiler is the oldest that is promised: everything is compiled with it, and its
# lints have nothing to say. Called by run.sh, which has fetched the sources of dependencies.

. "$(dirname "$0")/../interop/lib.sh"

need cargo rustc rust-clippy gcc libc6-dev make perl
cd "$ROOT"
exec cargo clippy --offline --all-targets --locked -- -D warnings
