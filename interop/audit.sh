#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The audit log of a store, checked by others: what `strongroom audit` prints of checkpoints and proofs
# by the reference implementation of their formats (Go's golang.org/x/mod/sumdb).

. "$(dirname "$0")/lib.sh"

main() {
    build
    need golang-go golang-golang-x-mod-dev
    workplace
    cd "$WORK"
    grown_log
    reference
    ok "no failure"
}

# A log with checkpoints of several sizes; the files that audit-accept.go reads are in $WORK/log.
grown_log() {
    mkdir log
    quietly "$COMMAND" init --label audit --so-pin-file so-pin --pin-file pin || die "strongroom init"
    checkpoint
    for number in 1 2 3 4 5; do
        quietly "$COMMAND" key generate --type ec:p256 --label "key $number" --pin-file pin ||
            die "strongroom key generate"
        checkpoint
    done
    "$COMMAND" audit show --json >lines || die "strongroom audit show"
    newest=$size
    number=1
    while [ "$number" -le "$newest" ]; do
        sed -n "${number}p" lines | tr -d '\n' >"log/$number.record"
        "$COMMAND" audit prove "$number" >"log/$number.proof" || die "strongroom audit prove"
        number=$((number + 1))
    done
    for old in log/*.checkpoint; do
        old=$(basename "$old" .checkpoint)
        for new in log/*.checkpoint; do
            new=$(basename "$new" .checkpoint)
            [ "$old" -lt "$new" ] || continue
            "$COMMAND" audit consistency "$old" "$new" >"log/$old-$new.growth" || die "strongroom audit consistency"
        done
    done
    ok "a log of $newest records, $(ls log/*.checkpoint | wc -l) checkpoints, $(ls log/*.growth | wc -l) proofs of growth"
}

# Its size is in $size.
checkpoint() {
    "$COMMAND" audit checkpoint >note || die "strongroom audit checkpoint"
    size=$(sed -n 2p note)
    mv note "log/$size.checkpoint"
}

# Each is accepted, and each altered one rejected: each line changed, removed or exchanged, another key,
# another size, the proof of another record.
reference() {
    GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$WORK/cache
    export GO111MODULE GOPATH GOCACHE
    quietly go build -o accept "$ROOT/interop/audit-accept.go" || die "audit-accept.go does not build"
    ./accept "$("$COMMAND" audit key)" log >out || die "audit-accept.go"
    ok "$(cat out)"
}

main "$@"
