#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Runs a command in the project's directory on another Debian release, in a root directory of it
# that is made once and kept; STRONGROOM_ROOTS=DIR names another place for it, a new one to begin
# with a bare system:
#     STRONGROOM_ROOTS=/var/tmp/bare sh interop/in-debian.sh trixie sh interop/quickstart.sh

. "$(dirname "$0")/lib.sh"

[ $# -ge 2 ] || die "say which release and what to run: sh interop/in-debian.sh trixie sh interop/quickstart.sh"
in_debian "$@"
