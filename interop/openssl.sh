#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# OpenSSL 3.5 of Debian 13, with pkcs11-provider, uses the token's keys: certificates,
# signatures, decryption, key agreement, CMS, TLS 1.2 and 1.3. What it makes with the token
# is checked without the token, and the other way round.

. "$(dirname "$0")/lib.sh"

main() {
    case ${1:-} in
        --here) here ;;
        *)
            build
            in_debian trixie sh "$ROOT/interop/$NAME.sh" --here
            ;;
    esac
}

here() {
    need openssl pkcs11-provider opensc
    workplace
    cd "$WORK"
    token
    listing
    certificates
    rsa_signatures
    ec_signatures
    edwards_signatures
    rsa_decryption
    agreement
    derivation
    digests
    post_quantum
    cms
    tls
    own_module_in_the_host
    ok "no failure"
}

# ---- helpers -----------------------------------------------------------------

# with_token ARGUMENT...: openssl with the token, by way of its configuration file.
with_token() { OPENSSL_CONF=$WORK/openssl.cnf quietly openssl "$@" || die "openssl $* (with the token)"; }

# without ARGUMENT...: openssl with its own means only.
without() { quietly openssl "$@" || die "openssl $* (without the token)"; }

p11() {
    quietly pkcs11-tool --module "$MODULE" --token-label interop --login --pin env:USER_PIN "$@" ||
        die "pkcs11-tool $*"
}

private() { say "pkcs11:token=interop;object=$1;type=private"; }
public() { say "pkcs11:token=interop;object=$1;type=public"; }

same() { cmp -s "$1" "$2" || die "$1 and $2 differ: $3"; }

# ---- the token ---------------------------------------------------------------

token() {
    quietly "$COMMAND" init --label interop --so-pin-file so-pin --pin-file pin || die "strongroom init"
    write_openssl_conf openssl.cnf "$WORK/pin"
    p11 --keypairgen --key-type RSA:2048 --id 01 --label rsa
    p11 --keypairgen --key-type RSA:3072 --id 02 --label ca
    p11 --keypairgen --key-type EC:secp256r1 --id 03 --label ec
    p11 --keypairgen --key-type EC:secp384r1 --id 04 --label ec384
    p11 --keypairgen --key-type EC:secp521r1 --id 05 --label ec521
    p11 --keypairgen --key-type EC:Ed25519 --id 06 --label ed
    printf 'a short message' >message
    openssl rand -out long 100000
    for key in rsa ca ec ec384 ec521 ed; do
        with_token pkey -in "$(private $key)" -pubout -out $key.pub
        without pkey -pubin -in $key.pub -noout
    done
    ok "token with RSA, EC and Ed25519 keys; their public keys read out"
}

listing() {
    OPENSSL_CONF=openssl.cnf openssl storeutl -keys 'pkcs11:token=interop;type=private' >listed 2>&1 ||
        { cat listed >&2; die "openssl storeutl"; }
    grep -q '^Total found: 6$' listed || { cat listed >&2; die "storeutl should find 6 private keys"; }
    OPENSSL_CONF=openssl.cnf openssl storeutl -text 'pkcs11:token=interop;object=ec384;type=private' >listed 2>&1 ||
        { cat listed >&2; die "openssl storeutl"; }
    grep -q '^Total found: 1$' listed || { cat listed >&2; die "storeutl should find one key of that name"; }
    ok "keys listed by URI"
}

certificates() {
    with_token req -x509 -new -key "$(private ca)" -sha384 -days 30 -out ca.pem -subj /CN=ca \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    without verify -CAfile ca.pem ca.pem
    printf 'subjectAltName = IP:127.0.0.1, DNS:localhost\n' >server.ext
    for key in rsa ec ec384 ec521 ed; do
        with_token req -new -key "$(private $key)" -out $key.csr -subj "/CN=$key"
        without req -in $key.csr -noout -verify
        with_token x509 -req -in $key.csr -CA ca.pem -CAkey "$(private ca)" -sha256 -days 30 -extfile server.ext -out $key.pem
        without verify -CAfile ca.pem $key.pem
    done
    with_token x509 -req -in rsa.csr -CA ca.pem -CAkey "$(private ca)" -sha256 -days 30 -out pss.pem \
        -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
    without verify -CAfile ca.pem pss.pem
    ok "CA in the token: self-signed, requests made and certificates issued (RSA, RSA-PSS, EC, Ed25519)"
}

# ---- signatures --------------------------------------------------------------

rsa_signatures() {
    for hash in sha256 sha384 sha512; do
        for input in message long; do
            dgst_both_ways rsa $hash $input
            dgst_both_ways rsa $hash $input -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
        done
        openssl dgst -$hash -binary -out digest message
        pkeyutl_both_ways rsa digest -pkeyopt digest:$hash
        pkeyutl_both_ways rsa digest -pkeyopt digest:$hash -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest
    done
    ok "RSA signatures: PKCS #1 v1.5 and PSS, dgst and pkeyutl, verified in and out of the token"
}

ec_signatures() {
    for key in ec ec384 ec521; do
        for hash in sha256 sha384 sha512; do
            dgst_both_ways $key $hash long
            openssl dgst -$hash -binary -out digest message
            pkeyutl_both_ways $key digest
        done
    done
    ok "ECDSA signatures: P-256, P-384, P-521"
}

edwards_signatures() {
    with_token pkeyutl -sign -rawin -in message -inkey "$(private ed)" -out sig
    without pkeyutl -verify -rawin -in message -pubin -inkey ed.pub -sigfile sig
    for instance in Ed25519ctx Ed25519ph; do
        # The provider forgets a context that is named after the instance.
        set -- -pkeyopt context-string:interop -pkeyopt "instance:$instance"
        with_token pkeyutl -sign -rawin -in message -inkey "$(private ed)" "$@" -out sig
        without pkeyutl -verify -rawin -in message -pubin -inkey ed.pub -sigfile sig "$@"
        with_token pkeyutl -verify -rawin -in message -pubin -inkey "$(public ed)" -sigfile sig "$@"
    done
    ok "Ed25519 signatures, with a context and prehashed too"
}

# dgst_both_ways KEY HASH INPUT [OPTION...]
dgst_both_ways() {
    key=$1
    hash=$2
    input=$3
    shift 3
    with_token dgst "-$hash" -sign "$(private "$key")" "$@" -out sig "$input"
    without dgst "-$hash" -verify "$key.pub" -signature sig "$@" "$input"
    with_token dgst "-$hash" -verify "$(public "$key")" -signature sig "$@" "$input"
}

# pkeyutl_both_ways KEY DIGEST [OPTION...]
pkeyutl_both_ways() {
    key=$1
    input=$2
    shift 2
    with_token pkeyutl -sign -in "$input" -inkey "$(private "$key")" "$@" -out sig
    without pkeyutl -verify -in "$input" -pubin -inkey "$key.pub" -sigfile sig "$@"
    with_token pkeyutl -verify -in "$input" -pubin -inkey "$(public "$key")" -sigfile sig "$@"
}

# ---- decryption and agreement ------------------------------------------------

rsa_decryption() {
    decrypts pkcs1
    decrypts oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256
    decrypts oaep -pkeyopt rsa_oaep_md:sha512 -pkeyopt rsa_mgf1_md:sha512
    ok "RSA decryption: PKCS #1 v1.5 and OAEP, encrypted in and out of the token"
}

# decrypts PADDING [OPTION...]
decrypts() {
    padding=$1
    shift
    without pkeyutl -encrypt -pubin -inkey rsa.pub -in message -pkeyopt rsa_padding_mode:"$padding" "$@" -out cipher
    with_token pkeyutl -decrypt -inkey "$(private rsa)" -in cipher -pkeyopt rsa_padding_mode:"$padding" "$@" -out plain
    same message plain "RSA $padding"
    with_token pkeyutl -encrypt -pubin -inkey "$(public rsa)" -in message -pkeyopt rsa_padding_mode:"$padding" "$@" \
        -out cipher
    with_token pkeyutl -decrypt -inkey "$(private rsa)" -in cipher -pkeyopt rsa_padding_mode:"$padding" "$@" -out plain
    same message plain "RSA $padding"
}

agreement() {
    for pair in ec:P-256 ec384:P-384 ec521:P-521; do
        key=${pair%:*}
        without genpkey -algorithm EC -pkeyopt "group:${pair#*:}" -out peer.pem
        without pkey -in peer.pem -pubout -out peer.pub
        without pkeyutl -derive -inkey peer.pem -peerkey $key.pub -out expected
        with_token pkeyutl -derive -inkey "$(private $key)" -peerkey peer.pub -out agreed
        same expected agreed "ECDH with $key"
    done
    ok "ECDH key agreement: P-256, P-384, P-521"
}

# The provider offers these only where it looks at the token as soon as it is loaded, and the token
# keeps keys, as those to derive from, for a user that has logged in.
early() {
    awk '{ print } /^\[strongroom\]/ { print "pkcs11-module-load-behavior = early\npkcs11-module-login-behavior = always" }' openssl.cnf >early.cnf
    OPENSSL_CONF=$WORK/early.cnf quietly openssl "$@" || die "openssl $* (with the token, early)"
}

# by_token KIND NAME: whether the provider, with this token, does the algorithm itself.
by_token() {
    early list "-$1" -verbose >/dev/null
    OPENSSL_CONF=$WORK/early.cnf openssl list "-$1" | grep -qE "(^|[ {,])$2[ ,}].*@ pkcs11"
}

derivation() {
    secret=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
    for hash in SHA256 SHA384 SHA512; do
        set -- -keylen 42 -binary -kdfopt "digest:$hash" -kdfopt "hexkey:$secret" -kdfopt hexsalt:00010203 \
            -kdfopt info:interop
        early kdf -propquery provider=pkcs11 "$@" -out derived HKDF
        without kdf "$@" -out expected HKDF
        same expected derived "HKDF with $hash"
    done
    ok "HKDF in the token, as OpenSSL does it"
}

digests() {
    for hash in sha1 sha224 sha256 sha384 sha512 sha512-224 sha512-256 sha3-224 sha3-256 sha3-384 sha3-512; do
        early dgst -propquery provider=pkcs11 -$hash -binary -out digest long
        without dgst -$hash -binary -out expected long
        same expected digest "$hash"
    done
    ok "digests in the token: SHA-1, SHA-2, SHA-3"
}

# As far as this provider goes: what it does not offer cannot be tried with it, and is said.
post_quantum() {
    if by_token signature-algorithms ML-DSA-65; then
        p11 --keypairgen --key-type ML-DSA-65 --id 07 --label mldsa
        with_token pkey -in "$(private mldsa)" -pubout -out mldsa.pub
        with_token pkeyutl -sign -rawin -in message -inkey "$(private mldsa)" -out sig
        without pkeyutl -verify -rawin -in message -pubin -inkey mldsa.pub -sigfile sig
        ok "ML-DSA-65 signatures"
    else
        skip "this pkcs11-provider offers no ML-DSA"
    fi
    by_token kem-algorithms ML-KEM-768 || skip "this pkcs11-provider offers no ML-KEM"
}

cms() {
    for key in rsa ec; do
        with_token cms -sign -nodetach -binary -in long -signer $key.pem -inkey "$(private $key)" -outform DER -out signed
        without cms -verify -binary -inform DER -in signed -CAfile ca.pem -purpose any -out plain
        same long plain "CMS signed by $key"
    done
    opens rsa
    opens rsa -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256
    opens ec -keyopt ecdh_kdf_md:sha256
    with_token cms -sign -nodetach -binary -in long -signer rsa.pem -inkey "$(private rsa)" -keyopt rsa_padding_mode:pss \
        -outform DER -out signed
    without cms -verify -binary -inform DER -in signed -CAfile ca.pem -purpose any -out plain
    same long plain "CMS signed by rsa, PSS"
    ok "CMS: signed and verified, enveloped and opened (RSA, RSA-PSS, EC)"
}

# opens KEY [OPTION...]
opens() {
    key=$1
    shift
    with_token cms -encrypt -binary -aes-256-cbc -in long -outform DER -out enveloped -recip "$key.pem" "$@"
    with_token cms -decrypt -binary -inform DER -in enveloped -recip "$key.pem" -inkey "$(private "$key")" -out plain
    same long plain "CMS enveloped for $key $*"
}

# ---- TLS ---------------------------------------------------------------------

SERVER=

stop_servers() {
    [ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null || :
}

tls() {
    port=$(free_port)
    serve rsa 4
    fetch tls1_2
    fetch tls1_2 -sigalgs RSA+SHA256
    fetch tls1_2 -sigalgs RSA-PSS+SHA256
    fetch tls1_3
    served
    for key in ec ec384 ed; do
        serve $key 2
        fetch tls1_2
        fetch tls1_3
        served
    done
    client_certificate
}

# serve KEY COUNT [OPTION...]: for that many connections.
serve() {
    served_key=$1
    connections=$2
    shift 2
    OPENSSL_CONF=openssl.cnf openssl s_server -accept "127.0.0.1:$port" -cert "$served_key.pem" \
        -key "$(private "$served_key")" -www -naccept "$connections" "$@" >server.log 2>&1 </dev/null &
    SERVER=$!
    wait_for_port "$port" "$SERVER" || { cat server.log >&2; die "openssl s_server with key $served_key"; }
}

# served: the server ends by itself after the last connection, and ends well.
served() {
    code=0
    wait "$SERVER" || code=$?
    SERVER=
    if [ "$code" != 0 ] || grep -qi error server.log; then
        cat server.log >&2
        die "openssl s_server with key $served_key ended with $code"
    fi
    ok "TLS 1.2 and 1.3 served with key $served_key, server ended with 0"
}

# fetch VERSION [OPTION...]: the page, over a connection that is verified to the end.
fetch() {
    version=$1
    shift
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 30 openssl s_client -connect "127.0.0.1:$port" "-$version" -CAfile ca.pem \
        -verify_return_error -verify_ip 127.0.0.1 -ign_eof "$@" >page 2>client.log ||
        { cat client.log server.log >&2; die "openssl s_client -$version $*"; }
    grep -q 'HTTP/1.0 200 ok' page || { cat page client.log server.log >&2; die "no page over $version $*"; }
}

# The client, too, can have its key in the token.
client_certificate() {
    serve ec 2 -CAfile ca.pem -Verify 1 -verify_return_error
    for version in tls1_2 tls1_3; do
        printf 'GET / HTTP/1.0\r\n\r\n' | OPENSSL_CONF=openssl.cnf timeout 30 openssl s_client \
            -connect "127.0.0.1:$port" "-$version" -CAfile ca.pem -verify_return_error -ign_eof -cert rsa.pem \
            -key "$(private rsa)" >page 2>client.log || { cat client.log server.log >&2; die "client certificate"; }
        grep -q 'HTTP/1.0 200 ok' page || { cat page client.log server.log >&2; die "no page over $version"; }
    done
    served
    ok "TLS with the client's key in the token as well"
}

# A program whose own OpenSSL is set up to load this very module loads the module directly.
own_module_in_the_host() {
    OPENSSL_CONF=$WORK/openssl.cnf
    export OPENSSL_CONF
    p11 --list-objects
    p11 --sign --id 01 --mechanism SHA256-RSA-PKCS --input-file message --output-file sig
    p11 --test
    unset OPENSSL_CONF
    without dgst -sha256 -verify rsa.pub -signature sig message
    ok "pkcs11-tool with an OPENSSL_CONF that loads the module as well"
}

main "$@"
