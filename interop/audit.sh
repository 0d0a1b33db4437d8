#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The audit log of a store, checked by others: what `strongroom audit` prints of checkpoints and proofs
# by the reference implementation of their formats (Go's golang.org/x/mod/sumdb); these and the whole
# log by audit-verify.py, which was written from docs/audit-format.md.

. "$(dirname "$0")/lib.sh"

main() {
    build
    need golang-go golang-golang-x-mod-dev python3 python3-cryptography
    workplace
    cd "$WORK"
    grown_log
    reference
    verifier
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

# The same by audit-verify.py, then logs with a line altered, each in turn.
verifier() {
    "$COMMAND" audit key >key
    cp -a "$STRONGROOM_STORE/audit" copy
    verify log copy key || die "audit-verify.py log: $(cat out)"
    for checkpoint in log/*.checkpoint; do
        verify note "$checkpoint" key || die "audit-verify.py note $checkpoint"
    done
    number=1
    while [ "$number" -le "$newest" ]; do
        hashes 3 "log/$number.proof"
        verify inclusion "log/$newest.checkpoint" key "$number" "log/$number.record" proof ||
            die "audit-verify.py inclusion $number"
        number=$((number + 1))
    done
    for growth in log/*.growth; do
        name=$(basename "$growth" .growth)
        hashes 2 "$growth"
        verify consistency "log/${name%-*}.checkpoint" "log/${name#*-}.checkpoint" key proof ||
            die "audit-verify.py consistency $name"
    done
    ok "audit-verify.py: the log, its checkpoints and all proofs"
    altered
}

altered() {
    segment=copy/00000000000000000001.jsonl
    cp "$segment" whole
    number=1
    while [ "$number" -le "$newest" ]; do
        sed "${number}s/CKR_OK/CKR_NO/" whole >"$segment"
        ! verify log copy key || die "audit-verify.py: record $number was altered and is accepted"
        sed "${number}d" whole >"$segment"
        ! verify log copy key || die "audit-verify.py: record $number was removed and the log is accepted"
        number=$((number + 1))
    done
    ok "audit-verify.py: each of $newest records altered or removed is noticed"
}

verify() { python3 "$ROOT/interop/audit-verify.py" "$@" >out 2>&1; }

# hashes FIRST FILE: those from a line on to the first empty one, in the file `proof`.
hashes() { tail -n "+$1" "$2" | sed '/^$/,$d' >proof; }

main "$@"
