#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Installs what the tests need and runs all of them, one stage after the other; a stage that
# fails does not keep the next from running. The last line counts the stages.

. "$(dirname "$0")/../interop/lib.sh"

cd "$ROOT"
PASSED=0
FAILED=0
FAILURES=
SKIPS=
STARTED=$(date +%s)
# What of a stage that failed is named again at the end.
NAMED=$(mktemp)
trap 'rm -f "$NAMED"' EXIT

main() {
    stage "compiler and packages" need_compilers
    formatting
    linting
    [ "$(host_release)" = trixie ] || stage "lints of the oldest compiler" oldest
    stage "documentation" documentation
    stage "tests (debug)" tests
    stage "tests (release)" tests --release
    dependencies
    fuzzing
    stage "release build" cargo build --release --locked
    interop
    summary
}

# stage NAME COMMAND...: in a subshell, so that one that gives up ends itself only. It may end
# with 77 for something that cannot be had here, after saying what.
stage() {
    stage_name=$1
    shift
    begun=$(date +%s)
    printf '\n==== %s\n' "$stage_name"
    set +e
    (set -e; "$@")
    code=$?
    set -e
    if [ "$code" = 77 ]; then
        SKIPS="$SKIPS
   $stage_name (its reason is above)"
        say "==== skipped: $stage_name"
    elif [ "$code" = 0 ]; then
        PASSED=$((PASSED + 1))
        say "==== passed: $stage_name ($(($(date +%s) - begun)) s)"
    else
        FAILED=$((FAILED + 1))
        FAILURES="$FAILURES
   $stage_name$(cat "$NAMED")"
        : >"$NAMED"
        say "==== FAILED: $stage_name ($(($(date +%s) - begun)) s)"
    fi
}

skipped() {
    SKIPS="$SKIPS
   $1: $2"
    printf '\n==== skipped: %s: %s\n' "$1" "$2"
}

# ---- stages ------------------------------------------------------------------

formatting() {
    cargo_tool fmt rustfmt rustfmt
    stage "format" cargo fmt --check
}

linting() {
    cargo_tool clippy rust-clippy clippy
    stage "lints" cargo clippy --all-targets --locked -- -D warnings
}

# The oldest compiler that is promised is Debian 13's. It gets the sources of dependencies from here.
oldest() {
    quietly cargo fetch --locked
    crates=${CARGO_HOME:-$HOME/.cargo}
    STRONGROOM_BIND="${STRONGROOM_BIND:-} $crates/registry"
    in_debian trixie env CARGO_HOME="$crates" sh "$ROOT/tests/oldest.sh"
}

# cargo_tool SUBCOMMAND PACKAGE COMPONENT: makes sure of a part of the compiler's own tools;
# where that fails, its stage fails and says so.
cargo_tool() {
    ! cargo "$1" --version >/dev/null 2>&1 || return 0
    if installed cargo; then
        (need "$2") || :
    elif installed cargo-web; then
        case $1 in
            fmt) (need rustfmt-web) || : ;;
            clippy) (need rust-web-clippy) || : ;;
        esac
    elif have rustup; then
        quietly rustup component add "$3" || say "rustup could not add $3; add it by hand" >&2
    fi
}

# tests ARGUMENTS...: all of them, whichever fail; those are named at the end once more.
tests() {
    output=$(mktemp)
    { cargo test --locked --no-fail-fast "$@" && : >"$output.passed"; } 2>&1 | tee "$output"
    if [ -e "$output.passed" ]; then
        rm "$output" "$output.passed"
        return 0
    fi
    echo >"$NAMED"
    grep -E '^test .* FAILED$|panicked at|^error' "$output" | sort -u | sed 's/^/      /' >>"$NAMED" || :
    rm "$output"
    return 1
}

documentation() { RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked; }

dependencies() {
    if cargo deny --version >/dev/null 2>&1; then
        stage "dependencies" cargo deny --locked check
    else
        skipped "dependencies" "there is no cargo-deny here (cargo install cargo-deny)"
    fi
}

# A short run of each target; the inputs that were kept are among the tests.
fuzzing() {
    if cargo fuzz --version >/dev/null 2>&1 || quietly cargo install --locked cargo-fuzz; then
        for target in abi parsers; do
            stage "fuzzing ($target)" fuzz "$target"
        done
    else
        skipped "fuzzing" "cargo-fuzz could not be installed (the reason is above)"
    fi
}

# Not every distribution of the compiler brings the address sanitizer.
fuzz() {
    found=$(mktemp -d)
    sanitizer=address
    ls "$(rustc --print target-libdir)"/librustc*_rt.asan.a >/dev/null 2>&1 || sanitizer=none
    RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer "$sanitizer" "$1" "$found" "fuzz/corpus/$1" -- -max_total_time=60
    rm -rf "$found"
}

interop() {
    for script in pkcs11-tool openssl nginx java nss python softhsm2 audit metrics; do
        stage "interop/$script.sh" sh "$ROOT/interop/$script.sh"
    done
    stage "interop/quickstart.sh" quickstart_twice
}

# In a directory of its own, and a second time over what the first left.
quickstart_twice() {
    demo=$(mktemp -d)
    trap 'rm -rf "$demo"' EXIT
    STRONGROOM_DEMO=$demo/demo
    export STRONGROOM_DEMO
    sh "$ROOT/interop/quickstart.sh"
    quietly sh "$ROOT/interop/quickstart.sh"
}

# ---- the end -----------------------------------------------------------------

summary() {
    printf '\n==== summary, after %s s\n' $(($(date +%s) - STARTED))
    [ -z "$SKIPS" ] || say "skipped:$SKIPS"
    [ -z "$FAILURES" ] || say "failed:$FAILURES"
    say "$PASSED passed, $FAILED failed"
    [ "$FAILED" = 0 ]
}

main
