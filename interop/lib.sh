# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# What the scripts in interop/ and tests/run.sh share. It is read with `.`, and
# does nothing by itself: packages and compiler, the build, a place to work in,
# and Debian releases other than this machine's own.

set -eu

# Every caller sits one directory below the project's root.
ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
NAME=$(basename "$0" .sh)
RUST_MINIMUM=1.85

[ -x "${HOME:-}/.cargo/bin/cargo" ] && PATH=$HOME/.cargo/bin:$PATH
case ${CARGO_TARGET_DIR:-} in
    '') TARGET=$ROOT/target ;;
    /*) TARGET=$CARGO_TARGET_DIR ;;
    *) TARGET=$ROOT/$CARGO_TARGET_DIR ;;
esac
# The files under test. Set both to test a build made elsewhere.
MODULE=${STRONGROOM_MODULE:-$TARGET/release/libstrongroom.so}
COMMAND=${STRONGROOM_COMMAND:-$TARGET/release/strongroom}

# ---- words ------------------------------------------------------------------

say() { printf '%s\n' "$*"; }

# A step of work done, with the name of the script that did it.
ok() { say "ok $NAME: $*"; }

# Something that cannot be had here, and why. Never for a failure.
skip() { say "skipped $NAME: $*"; }

die() {
    say "FAILED $NAME: $*" >&2
    exit 1
}

# Runs a command silently; shows all it printed if it fails.
quietly() {
    quiet_log=$(mktemp)
    if "$@" >"$quiet_log" 2>&1 </dev/null; then
        rm -f "$quiet_log"
        return 0
    else
        quiet_code=$?
        cat "$quiet_log" >&2
        rm -f "$quiet_log"
        return "$quiet_code"
    fi
}

have() { command -v "$1" >/dev/null 2>&1; }

# ---- packages ---------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "this needs root: $*. Run it as root, or install sudo, and start again."
    fi
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need PACKAGE...: installs those that are missing, and only those.
need() {
    missing=
    for package; do
        installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    have apt-get || die "this needs$missing, and there is no apt-get here. Install them by hand."
    say "installing packages:$missing"
    apt_update
    # shellcheck disable=SC2086 # a list of names
    quietly apt_install $missing || die "apt-get could not install$missing. Its own words are above."
}

# Fetches the package lists, once for this script and those that it starts.
apt_update() {
    [ -z "${STRONGROOM_APT_FRESH:-}" ] || return 0
    quietly as_root apt-get -qq update || say "apt-get update failed; going on with the lists at hand" >&2
    STRONGROOM_APT_FRESH=yes
    export STRONGROOM_APT_FRESH
}

# Installs packages; removes none, and starts no service that one of them brings.
# shellcheck disable=SC2016 # the words are the inner shell's
apt_install() {
    as_root sh -c '
        policy=/usr/sbin/policy-rc.d
        if [ ! -e "$policy" ]; then
            trap "rm -f $policy" EXIT
            trap "exit 130" INT TERM HUP
            printf "#!/bin/sh\nexit 101\n" >"$policy"
            chmod 755 "$policy"
        fi
        DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends --no-remove \
            -o DPkg::Lock::Timeout=300 install "$@"
    ' apt_install "$@"
}

# The version that apt-get would install of a package, without its epoch.
candidate() {
    apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}\([0-9].*\)$/\2/p'
}

# ---- compiler and build -----------------------------------------------------

# The first two numbers of `cargo --version` or `rustc --version`.
tool_version() {
    "$1" --version 2>/dev/null | sed -n 's/^[a-z]* \([0-9]*\.[0-9]*\).*/\1/p'
}

# at_least VERSION MINIMUM, both MAJOR.MINOR and perhaps more.
at_least() {
    [ -n "$1" ] || return 1
    minor=${1#*.}
    minimum_minor=${2#*.}
    [ "${1%%.*}" -gt "${2%%.*}" ] ||
        { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${minor%%[!0-9]*}" -ge "${minimum_minor%%[!0-9]*}" ]; }
}

rust_is_new_enough() {
    at_least "$(tool_version cargo)" "$RUST_MINIMUM" && at_least "$(tool_version rustc)" "$RUST_MINIMUM"
}

# Makes sure of cargo and rustc: those on PATH, else the distribution's.
# Debian 12's plain packages are too old; its -web ones, kept for browsers, are not.
need_rust() {
    rust_is_new_enough && return 0
    have apt-get && apt_update
    for suffix in '' -web; do
        at_least "$(candidate "cargo$suffix")" "$RUST_MINIMUM" || continue
        at_least "$(candidate "rustc$suffix")" "$RUST_MINIMUM" || continue
        need "cargo$suffix" "rustc$suffix"
        hash -r
        rust_is_new_enough && return 0
    done
    die "Rust $RUST_MINIMUM or newer is needed (here: cargo $(tool_version cargo || :), rustc $(tool_version rustc || :))," \
        "and this distribution has none, or another comes first on PATH. Install one with rustup, put it" \
        "first on PATH, and start again."
}

# What a build needs beside Rust: OpenSSL and SQLite are compiled in from source.
need_compilers() {
    if have apt-get; then
        need gcc libc6-dev make perl ca-certificates
    else
        for tool in cc make perl; do
            have "$tool" || die "the build needs $tool. Install it and start again."
        done
    fi
    need_rust
}

# Builds the library and the command, unless others are named in the environment.
build() {
    if [ -z "${STRONGROOM_MODULE:-}" ]; then
        need_compilers
        (cd "$ROOT" && cargo build --release --locked --quiet) ||
            die "cargo build --release --locked failed. Its own words are above."
    fi
    [ -f "$MODULE" ] || die "there is no $MODULE. Build it with: cargo build --release"
    STRONGROOM_MODULE=$MODULE
    STRONGROOM_COMMAND=$COMMAND
    export STRONGROOM_MODULE STRONGROOM_COMMAND
}

# ---- a place to work in -----------------------------------------------------

# Makes $WORK, which is gone at exit, with an empty store and configuration of its own.
# A script that starts servers defines `stop_servers`, which is called first.
workplace() {
    umask 077
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/strongroom.XXXXXX")
    # shellcheck disable=SC2154 # set in the trap itself
    trap 'code=$?; trap - EXIT; stop_servers; rm -rf "$WORK"; exit $code' EXIT
    trap 'exit 130' INT TERM HUP
    use_store "$WORK/store"
    : >"$STRONGROOM_CONF"
    printf %s "$SO_PIN" >"$WORK/so-pin"
    printf %s "$USER_PIN" >"$WORK/pin"
}

stop_servers() { :; }

# use_store DIR: the store and the configuration that everything after works with.
use_store() {
    STRONGROOM_STORE=$1
    STRONGROOM_CONF=$(dirname "$1")/strongroom.toml
    export STRONGROOM_STORE STRONGROOM_CONF
}

# For tokens that live as long as a test; the client programs read them from here.
SO_PIN=so-pin-87654321
USER_PIN=pin-123456
export SO_PIN USER_PIN

# Whether this system's C library is new enough for the build under test.
module_loads_here() { ! ldd "$MODULE" 2>&1 | grep -q 'not found'; }

# A TCP port of 127.0.0.1 on which nobody listens.
free_port() {
    port=$((20000 + $$ % 20000))
    while listening "$port"; do port=$((port + 1)); done
    say "$port"
}

# Whether someone listens on a TCP port here, over IPv4 or any address of IPv6.
listening() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        grep -q "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F]*:0000 0A"
}

# wait_for_port PORT PID: until PID listens there; fails when it ends before, or after 30 seconds.
wait_for_port() {
    tries=0
    until listening "$1"; do
        tries=$((tries + 1))
        kill -0 "$2" 2>/dev/null || return 1
        [ "$tries" -lt 300 ] || return 1
        sleep 0.1
    done
}

# ---- OpenSSL with the token -------------------------------------------------

# write_openssl_conf FILE PIN_FILE: conf/openssl.cnf, with the paths of this run.
write_openssl_conf() {
    sed -e "s|^pkcs11-module-path = .*|pkcs11-module-path = $MODULE|" \
        -e "s|^pkcs11-module-token-pin = .*|pkcs11-module-token-pin = file:$2|" \
        "$ROOT/conf/openssl.cnf" >"$1"
}

# uri_pem URI: a PEM file that names a key of the token, for programs that want a key file.
uri_pem() {
    printf 'asn1 = SEQUENCE:key\n[key]\nkind = "VISIBLE:PKCS#11 Provider URI v1.0"\nuri = "UTF8:%s"\n' "$1" >"$WORK/uri.cnf"
    openssl asn1parse -genconf "$WORK/uri.cnf" -noout -out "$WORK/uri.der"
    say '-----BEGIN PKCS#11 PROVIDER URI-----'
    openssl base64 -in "$WORK/uri.der"
    say '-----END PKCS#11 PROVIDER URI-----'
}

# ---- other Debian releases --------------------------------------------------

# The code name of the Debian that runs here; nothing elsewhere.
host_release() {
    sed -n 's/^ID=//p' /etc/os-release 2>/dev/null | grep -qx debian &&
        sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# in_debian RELEASE COMMAND...: runs it here when this is that release, else in a root of it
# that is made once (a minute) and kept, as root or as $IN_DEBIAN_USER (uid:gid). The project
# and the paths in $STRONGROOM_BIND are there too, at the same places.
in_debian() {
    debian=$1
    shift
    if [ "$(host_release)" = "$debian" ]; then
        "$@"
        return
    fi
    debian_root=${STRONGROOM_ROOTS:-/var/cache/strongroom/roots}/$debian
    [ -d "$debian_root" ] || make_root "$debian" "$debian_root"
    # shellcheck disable=SC2046,SC2016 # a command in words, a list of paths; words of the inner shell
    as_root $(unshare_mounts) sh -c "$ENTER" in_debian "$debian_root" "${IN_DEBIAN_USER:-0:0}" $(shared_paths) -- \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        TERM="${TERM:-dumb}" CARGO_TARGET_DIR="$TARGET/$debian" \
        ${CI:+CI="$CI"} ${STRONGROOM_MODULE:+STRONGROOM_MODULE="$STRONGROOM_MODULE"} \
        ${STRONGROOM_COMMAND:+STRONGROOM_COMMAND="$STRONGROOM_COMMAND"} \
        ${STRONGROOM_DEMO:+STRONGROOM_DEMO="$STRONGROOM_DEMO"} \
        sh -c 'cd "$0" && exec "$@"' "$ROOT" "$@"
}

# The command that gives another one mounts of its own; nothing where there is none. The second
# form is for a bare chroot, whose root is not a mount that could be set apart.
unshare_mounts() {
    for form in private unchanged; do
        ! as_root unshare --mount --propagation $form true 2>/dev/null || { say "unshare --mount --propagation $form"; return 0; }
    done
}

# What a root shares with this system.
shared_paths() {
    say "$ROOT"
    case $TARGET in "$ROOT"/*) ;; *) mkdir -p "$TARGET" && say "$TARGET" ;; esac
    for path in ${STRONGROOM_BIND:-}; do say "$path"; done
}

# Run in a mount namespace of its own, so that nothing stays mounted whatever happens.
# shellcheck disable=SC2016 # the words are the inner shell's
ENTER='
    set -eu
    root=$1
    user=$2
    shift 2
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    while [ "$1" != -- ]; do
        mkdir -p "$root$1"
        mount --bind "$1" "$root$1"
        shift
    done
    shift
    cat /etc/resolv.conf >"$root/etc/resolv.conf" 2>/dev/null || :
    cat /etc/hosts >"$root/etc/hosts" 2>/dev/null || :
    exec chroot --userspec="$user" "$root" "$@"
'

# make_root RELEASE DIR: under a working name first, so that DIR is whole or absent.
make_root() {
    have apt-get || die "a Debian root is made with debootstrap, which comes by apt-get. Run this on Debian."
    [ -n "$(unshare_mounts)" ] ||
        die "this needs a mount namespace of its own, and the system allows none (a container, perhaps)." \
            "Run it on Debian $1 itself, or where unshare --mount works."
    apt_update
    # The newest keyring too: an old one does not know the newest release.
    quietly apt_install debootstrap debian-archive-keyring || die "apt-get could not install debootstrap"
    say "making a Debian $1 root in $2 (once, about a minute)"
    # shellcheck disable=SC2046 # a command in words; no mirror is no argument
    quietly as_root $(unshare_mounts) sh -c "$MAKE_ROOT" make_root "$1" "$2" $(debian_mirror) ||
        die "debootstrap could not make a Debian $1 root in $2"
}

# shellcheck disable=SC2016 # the words are the inner shell's
MAKE_ROOT='
    set -eu
    release=$1
    root=$2
    making=$root.making
    mkdir -p "$(dirname "$root")"
    exec 9>"$root.lock"
    flock 9
    [ ! -d "$root" ] || exit 0
    rm -rf "$making"
    debootstrap --variant=minbase "$release" "$making" ${3:+"$3"}
    # The same proxy and checks as on this system, and room not spent on packages once installed.
    apt-config dump | grep -iE "^Acquire::(https?::|Check-|Retries)" >"$making/etc/apt/apt.conf.d/60host" || :
    echo "DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb\"; };" >"$making/etc/apt/apt.conf.d/60clean"
    rm -f "$making"/var/cache/apt/archives/*.deb
    mv -T "$making" "$root"
'

# Where this system gets Debian's own packages from; nothing where it is not Debian.
# shellcheck disable=SC2016 # the words are apt-get's
debian_mirror() {
    apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        sed -n 's|^Debian Debian \([a-z]*://[^ ]*\)$|\1|p' | head -n 1
}
