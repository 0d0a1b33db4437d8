#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Gets the other modules that the benchmark can measure beside ours, and prints the line that names
# them to it:
#
#   eval "$(sh benches/peers.sh)"
#   cargo bench --bench token
#
# For Debian 12 and 13, as root (it installs packages). SoftHSM2 is Debian's. Kryoptic is built from
# its published crate as its Cargo.toml says, as a release, with the OpenSSL of the crate `openssl-src`: the
# same that our library has inside, so that the difference measured is not one of OpenSSL versions.
# Everything built stays in $STRONGROOM_BENCH_PEERS_DIR (default target/bench-peers), and what is
# there already is not built again.
set -eu

KRYOPTIC=1.5.4

cd "$(dirname "$0")/.."
work=${STRONGROOM_BENCH_PEERS_DIR:-$PWD/target/bench-peers}
mkdir -p "$work"
work=$(cd "$work" && pwd)

say() { echo "peers.sh: $*" >&2; }

install() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -z "$missing" ] && return
    say "installing$missing"
    # shellcheck disable=SC2086
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y $missing; } >&2
}

# The crate `kryoptic` is a thin cdylib over `kryoptic-lib`, and cargo installs no cdylibs: so a crate
# of our own around its one source file, with the features that make it and OpenSSL one library.
kryoptic() {
    crate=$work/kryoptic
    mkdir -p "$crate/src"
    cat > "$crate/Cargo.toml" <<EOF
[package]
name = "kryoptic-module"
version = "0.0.0"
edition = "2024"
publish = false

[lib]
name = "kryoptic_pkcs11"
crate-type = ["cdylib"]

[features]
fips = []

[dependencies]
kryoptic-lib = { version = "=$KRYOPTIC", default-features = false, features = ["standard", "openssl-sys"] }
ossl = { version = "=$KRYOPTIC", default-features = false }
openssl-sys = { version = "0.9", features = ["vendored"] }
rusqlite = { version = "0.38", features = ["bundled"] }

# Only to have its source fetched.
[dev-dependencies]
kryoptic = { version = "=$KRYOPTIC", default-features = false }

[workspace]
EOF
    # A file to begin with, so that cargo takes the crate.
    [ -s "$crate/src/lib.rs" ] || : > "$crate/src/lib.rs"
    (cd "$crate" && cargo fetch) >&2
    for source in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"kryoptic-$KRYOPTIC/src/lib.rs"; do
        cp "$source" "$crate/src/lib.rs"
    done
    (cd "$crate" && cargo build --release --target-dir "$work/kryoptic-target") >&2
    cp "$work/kryoptic-target/release/libkryoptic_pkcs11.so" "$work/"
}

install softhsm2
softhsm=
for library in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
    [ -f "$library" ] && softhsm=$library && break
done
peers=
[ -n "$softhsm" ] && peers="softhsm2=$softhsm"

if [ ! -f "$work/libkryoptic_pkcs11.so" ]; then
    # libclang: the bindings to OpenSSL are made while building. perl and make: OpenSSL itself.
    install gcc make perl libclang-dev
    say "building Kryoptic $KRYOPTIC and its OpenSSL: some minutes"
    kryoptic || say "Kryoptic could not be built here and is left out"
fi
[ -f "$work/libkryoptic_pkcs11.so" ] && peers="$peers kryoptic=$work/libkryoptic_pkcs11.so"

echo "export STRONGROOM_BENCH_PEERS=\"${peers# }\""
