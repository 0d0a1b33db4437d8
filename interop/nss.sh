#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# NSS, as Firefox and Thunderbird have it: modutil loads the library, certutil makes keys and
# certificates in the token, pk12util brings keys in, cmsutil signs with them. OpenSSL checks the results.

. "$(dirname "$0")/lib.sh"

main() {
    build
    need libnss3-tools openssl
    workplace
    cd "$WORK"
    token
    keys
    message
    from_elsewhere
    ok "no failure"
}

token() {
    quietly "$COMMAND" init --label nss --so-pin-file so-pin --pin-file pin || die "strongroom init"
    mkdir database
    quietly certutil -N -d sql:database --empty-password || die "certutil -N"
    quietly modutil -dbdir sql:database -add strongroom -libfile "$MODULE" -force || die "modutil -add"
    modutil -dbdir sql:database -list strongroom >out 2>&1 || die "modutil -list"
    grep -q 'Token Name: nss' out || { cat out >&2; die "modutil does not list the token"; }
    head -c 64 /dev/urandom >noise
    ok "modutil: the library loaded, the token listed"
}

# What a program is told when it asks.
ANSWERS=/dev/null

# nss PROGRAM ARGUMENT...: on the database, with the PIN of the token; what it prints is in $WORK/out.
nss() {
    program=$1
    shift
    "$program" -d sql:database "$@" >out 2>&1 <"$ANSWERS" || { cat out >&2; die "$program $*"; }
}

# make NAME ARGUMENT...: a key in the token and a certificate for it.
make() {
    name=$1
    shift
    nss certutil -S -h nss -f pin -z noise -n "$name" -s "CN=$name" -Z SHA256 "$@"
}

keys() {
    printf 'y\n\ny\n' >constraints
    ANSWERS=constraints
    make ca -x -t CTu,Cu,Cu -k rsa -g 2048 -m 1 -2
    ANSWERS=/dev/null
    make ec -c nss:ca -t u,u,u -k ec -q nistp256 -m 2
    make pss -x --pss -t u,u,u -k rsa -g 2048 -m 3
    nss certutil -K -h nss -f pin
    [ "$(grep -c 'nss:' out)" = 3 ] || { cat out >&2; die "certutil should list three keys"; }
    for name in ca ec pss; do
        nss certutil -L -h nss -f pin -n "nss:$name" -a
        cp out "$name.pem"
    done
    quietly openssl verify -CAfile ca.pem ca.pem ec.pem || die "certificates of RSA and EC keys do not verify"
    quietly openssl verify -CAfile pss.pem pss.pem || die "the certificate of the PSS key does not verify"
    nss certutil -V -h nss -f pin -n nss:ec -u S
    ok "certutil: RSA, RSA-PSS and EC keys made and listed, certificates signed, trust kept"
}

message() {
    printf 'signed with nss\n' >message
    nss cmsutil -S -f pin -N nss:ca -i message -o message.p7 -G
    nss cmsutil -D -f pin -i message.p7
    grep -q 'signed with nss' out || { cat out >&2; die "cmsutil does not verify what it signed"; }
    quietly openssl cms -verify -inform DER -in message.p7 -CAfile ca.pem -purpose any ||
        die "OpenSSL does not verify what cmsutil signed"
    ok "cmsutil: a message signed in the token"
}

# Keys made elsewhere come in wrapped; those of the token do not leave it.
# NSS brings a key in by unwrapping it from AES-CBC with padding, which a safe token does not do.
from_elsewhere() {
    quietly "$COMMAND" token mode compatible --lift authenticated-wrapping --so-pin-file so-pin || die "token mode"
    for kind in rsa:2048 ec; do
        quietly openssl req -x509 -newkey "$kind" -pkeyopt "$(curve_or_bits "$kind")" -nodes -keyout key.pem \
            -out certificate.pem -subj "/CN=in-${kind%%:*}" -days 30 || die "openssl req"
        quietly openssl pkcs12 -export -in certificate.pem -inkey key.pem -name "in-${kind%%:*}" -out in.p12 \
            -passout file:pin || die "openssl pkcs12"
        nss pk12util -i in.p12 -h nss -k pin -w pin
    done
    nss certutil -K -h nss -f pin
    [ "$(grep -c 'in-' out)" = 2 ] || { cat out >&2; die "certutil should list the imported keys"; }
    ! quietly pk12util -d sql:database -o out.p12 -n nss:ca -k pin -w pin 2>/dev/null || die "a key left the token"
    nss certutil -F -h nss -n nss:in-rsa -f pin
    quietly "$COMMAND" token mode safe --so-pin-file so-pin || die "token mode"
    ok "pk12util: RSA and EC keys brought in where that safeguard is lifted, none out"
}

curve_or_bits() {
    case $1 in
        ec) say ec_paramgen_curve:P-256 ;;
        *) say rsa_keygen_pubexp:65537 ;;
    esac
}

main "$@"
