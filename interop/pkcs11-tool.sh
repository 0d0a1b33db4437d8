#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# OpenSC's pkcs11-tool, of Debian 12 and Debian 13, does all it can do with a token.
# What it signs and encrypts is checked by the openssl command, with the public key
# as read out of the token, and the other way round.

. "$(dirname "$0")/lib.sh"
. "$ROOT/interop/secret-keys.sh"
. "$ROOT/interop/families.sh"

main() {
    case ${1:-} in
        --here) here ;;
        *) everywhere ;;
    esac
}

everywhere() {
    build
    for release in bookworm trixie; do
        in_debian "$release" sh "$ROOT/interop/$NAME.sh" --here
    done
}

here() {
    NAME="$NAME ($(host_release))"
    if ! module_loads_here; then
        skip "this build needs a newer C library than this release has; build on Debian 12 to test with its clients"
        return
    fi
    need opensc openssl
    # Where it is a package of its own, the client's digest test asks for it.
    [ -z "$(candidate openssl-provider-legacy)" ] || need openssl-provider-legacy
    workplace
    cd "$WORK"
    inputs
    tokens_and_pins
    rsa_keys
    ec_keys
    edwards_keys
    secret_keys
    wrapping
    families
    import_and_export
    attributes_and_removal
    random_and_digests
    own_tests
    ok "no failure"
}

# ---- the client --------------------------------------------------------------

# client ARGUMENT...: what it prints, on both streams, is in $WORK/out.
client() {
    code=0
    pkcs11-tool --module "$MODULE" "$@" >out 2>err </dev/null || code=$?
    cat err >>out
    return "$code"
}

# p11 ARGUMENT...: must exit 0 and print no word of failure.
p11() {
    if ! client "$@" || complains; then
        cat out >&2
        die "pkcs11-tool $*"
    fi
}

# Not a failure: the client warns that an attribute is not to be had that this kind of
# object does not have, or must not show; and that a mechanism which the standard has in
# one part alone is refused in parts (its --test goes on to count that as right).
complains() {
    grep -vE '^warning: .* C_GetAttributeValue.*: rv = CKR_ATTRIBUTE_(SENSITIVE|TYPE_INVALID) ' out |
        grep -vE '^warning: .* C_SignUpdate failed: rv = CKR_FUNCTION_NOT_SUPPORTED ' |
        grep -qiE '(^|[^a-z])(err(or)?|fail(ed|ure)?|unsupported|invalid)([^a-z]|$)'
}

# The same, on the token of this test, logged in.
user() { p11 --token-label interop --login --pin env:USER_PIN "$@"; }

# refused WHAT ARGUMENT...: must exit with another code than 0, but not die of a signal.
refused() {
    what=$1
    shift
    if client --token-label interop "$@" || [ "$code" -gt 127 ]; then
        cat out >&2
        die "$what should be refused; pkcs11-tool ended with $code"
    fi
}

# Whether this is Debian 13's client (0.26), which has AES-GCM, AES-CMAC, padded AES key wrap,
# and tests in several threads; Debian 12's (0.23) does not.
newer() { pkcs11-tool --help 2>&1 | grep -q -e --tag-bits-len; }

shows() { grep -qF -e "$1" out || { cat out >&2; die "expected to read '$1' above"; }; }

same() { cmp -s "$1" "$2" || die "$1 and $2 differ: $3"; }

# openssl_ok ARGUMENT...: openssl must exit 0, and its words are kept from the screen.
openssl_ok() { quietly openssl "$@" || die "openssl $*"; }

# ---- what is signed and encrypted --------------------------------------------

inputs() {
    printf 'a short message' >short
    openssl rand -out long 5000
    for bits in 256 384 512; do
        openssl dgst -sha$bits -binary -out digest.$bits short
    done
    openssl rand -out block 1024
}

# ---- tokens ------------------------------------------------------------------

tokens_and_pins() {
    p11 --init-token --slot-index 0 --label interop --so-pin env:SO_PIN
    p11 --token-label interop --login --login-type so --so-pin env:SO_PIN --init-pin --new-pin first-pin
    ok "token made in an empty store, user PIN set by the SO"

    p11 --token-label interop --login --pin first-pin --change-pin --new-pin "$USER_PIN"
    refused "the PIN before the change" --login --pin first-pin --list-objects
    user --list-objects
    ok "PIN changed, old one refused"

    p11 --token-label interop --login --login-type so --so-pin env:SO_PIN --init-pin --new-pin other-pin
    p11 --token-label interop --login --pin other-pin --change-pin --new-pin "$USER_PIN"
    refused "a wrong SO PIN" --login --login-type so --so-pin wrong-so-pin --init-pin --new-pin other-pin
    ok "PIN set anew by the SO, wrong SO PIN refused"

    p11 --init-token --slot-index 1 --label second --so-pin env:SO_PIN
    p11 --list-slots
    shows interop
    shows second
    shows uninitialized
    p11 --show-info
    p11 --token-label interop --list-mechanisms
    ok "a second token beside it, slots and mechanisms listed"
}

# ---- asymmetric keys ---------------------------------------------------------

# keypair TYPE ID [ARGUMENT...]: the public key, as read out, is in $WORK/ID.pub.
keypair() {
    type=$1
    id=$2
    shift 2
    user --keypairgen --key-type "$type" --id "$id" --label "key $id" "$@"
    shows "key $id"
    case $type in
        RSA:*) user --read-object --type pubkey --id "$id" --output-file "$id.der" ;;
        EC:edwards25519) public_from_point "$id" 'algorithm = OID:ED25519' ;;
        EC:*) public_from_point "$id" "algorithm = OID:id-ecPublicKey,curve = OID:${type#EC:}" ;;
    esac
    openssl_ok pkey -pubin -inform DER -in "$id.der" -out "$id.pub"
}

# public_from_point ID ALGORITHM: from what the client lists, since Debian 12's can list
# any curve's point but write a file of few.
public_from_point() {
    user --list-objects --type pubkey
    # The octets inside the OCTET STRING: its header is two octets long, from 128 on three.
    point=$(sed -n -e '/^ *EC_POINT:/h' -e "/^ *label: *key $1\$/{g;p;}" out |
        sed -e 's/^ *EC_POINT: *0481..//' -e 's/^ *EC_POINT: *04..//')
    {
        printf 'asn1 = SEQUENCE:public\n[public]\nalgorithm = SEQUENCE:algorithm\nkey = FORMAT:HEX,BITSTRING:%s\n' "$point"
        printf '[algorithm]\n'
        printf '%s\n' "$2" | sed 's/secp256r1/prime256v1/' | tr , '\n'
    } >public.cnf
    openssl_ok asn1parse -genconf public.cnf -noout -out "$1.der"
}

# signed ID MECHANISM INPUT [ARGUMENT...]: signs into $WORK/sig; the client verifies it too,
# and finds it invalid for another input.
signed() {
    id=$1
    mechanism=$2
    input=$3
    shift 3
    rm -f sig
    user --sign --id "$id" --mechanism "$mechanism" --input-file "$input" --output-file sig "$@"
    user --verify --id "$id" --mechanism "$mechanism" --input-file "$input" --signature-file sig "$@"
    shows 'Signature is valid'
    tamper "$input" tampered
    # Debian 12's client says so and ends with 0, Debian 13's with 1.
    client --token-label interop --login --pin env:USER_PIN --verify --id "$id" --mechanism "$mechanism" \
        --input-file tampered --signature-file sig "$@" || :
    shows 'Invalid signature'
}

# tamper IN OUT: the second octet is another. (The first of a raw RSA block must stay 0, and
# ECDSA looks at no more of its input than the curve is long.)
tamper() {
    changed=$(od -An -tu1 -j1 -N1 "$1")
    cp "$1" "$2"
    printf '%b' "\\0$(printf %o $(((changed + 1) % 256)))" | dd of="$2" bs=1 seek=1 conv=notrunc status=none
}

rsa_keys() {
    for size in 2048 3072 4096; do
        keypair "RSA:$size" "$size"
        rsa_signatures "$size"
        ok "RSA $size: made, PKCS #1 v1.5, PSS and raw signatures"
    done
    rsa_decryption 2048
    ok "RSA 2048: decrypts PKCS #1 v1.5, OAEP and raw"
}

rsa_signatures() {
    key=$1
    signed "$key" RSA-PKCS short
    openssl_ok pkeyutl -verify -pubin -inkey "$key.pub" -in short -sigfile sig

    head -c $((key / 8)) block >raw
    printf '\000' | dd of=raw conv=notrunc status=none
    signed "$key" RSA-X-509 raw
    openssl_ok pkeyutl -verifyrecover -pubin -inkey "$key.pub" -in sig -out recovered -pkeyopt rsa_padding_mode:none
    same raw recovered "raw RSA of $key bit"

    for bits in 256 384 512; do
        for input in short long; do
            signed "$key" "SHA$bits-RSA-PKCS" $input
            openssl_ok dgst -sha$bits -verify "$key.pub" -signature sig $input
            signed "$key" "SHA$bits-RSA-PKCS-PSS" $input
            openssl_ok dgst -sha$bits -verify "$key.pub" -signature sig \
                -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest $input
        done
        signed "$key" RSA-PKCS-PSS digest.$bits --hash-algorithm "SHA$bits" --mgf "MGF1-SHA$bits"
        openssl_ok pkeyutl -verify -pubin -inkey "$key.pub" -in digest.$bits -sigfile sig \
            -pkeyopt rsa_padding_mode:pss -pkeyopt digest:sha$bits -pkeyopt rsa_pss_saltlen:digest
    done
}

rsa_decryption() {
    key=$1
    openssl_ok pkeyutl -encrypt -pubin -inkey "$key.pub" -in short -out cipher
    user --decrypt --id "$key" --mechanism RSA-PKCS --input-file cipher --output-file plain
    same short plain "RSA PKCS #1 v1.5"
    for bits in 256 384 512; do
        openssl_ok pkeyutl -encrypt -pubin -inkey "$key.pub" -in short -out cipher -pkeyopt rsa_padding_mode:oaep \
            -pkeyopt rsa_oaep_md:sha$bits -pkeyopt rsa_mgf1_md:sha$bits
        user --decrypt --id "$key" --mechanism RSA-PKCS-OAEP --hash-algorithm "SHA$bits" --mgf "MGF1-SHA$bits" \
            --input-file cipher --output-file plain
        same short plain "RSA OAEP SHA-$bits"
    done
    head -c $((key / 8)) block >raw
    printf '\000' | dd of=raw conv=notrunc status=none
    openssl_ok pkeyutl -encrypt -pubin -inkey "$key.pub" -in raw -out cipher -pkeyopt rsa_padding_mode:none
    user --decrypt --id "$key" --mechanism RSA-X-509 --input-file cipher --output-file plain
    same raw plain "raw RSA"
}

ec_keys() {
    for curve in secp256r1:0256 secp384r1:0384 secp521r1:0521; do
        key=${curve#*:}
        keypair "EC:${curve%:*}" "$key"
        ec_signatures "$key"
        ec_agreement "$key"
        ok "EC ${curve%:*}: made, signatures, key agreement"
    done
}

ec_signatures() {
    for bits in 256 384 512; do
        signed "$1" ECDSA digest.$bits --signature-format openssl
        openssl_ok pkeyutl -verify -pubin -inkey "$1.pub" -in digest.$bits -sigfile sig
        for input in short long; do
            signed "$1" "ECDSA-SHA$bits" $input --signature-format openssl
            openssl_ok dgst -sha$bits -verify "$1.pub" -signature sig $input
        done
    done
    # The other format, two numbers of fixed length, is what the token itself gives.
    signed "$1" ECDSA-SHA256 short --signature-format rs
}

ec_agreement() {
    openssl_ok genpkey -out peer.pem -paramfile "$(parameters "$1")"
    openssl_ok pkey -in peer.pem -pubout -outform DER -out peer.der
    openssl_ok pkeyutl -derive -inkey peer.pem -peerkey "$1.pub" -out expected
    user --derive --id "$1" --mechanism ECDH1-DERIVE --input-file peer.der --output-file agreed
    same expected agreed "ECDH with key $1"
}

# parameters ID: a file with the curve of an EC key.
parameters() {
    openssl pkey -pubin -in "$1.pub" -text -noout | sed -n 's/^ASN1 OID: //p' >curve
    openssl ecparam -name "$(cat curve)" -out "$1.param"
    say "$1.param"
}

edwards_keys() {
    keypair EC:edwards25519 2551
    signed 2551 EDDSA short
    openssl_ok pkeyutl -verify -rawin -pubin -inkey 2551.pub -in short -sigfile sig
    ok "Ed25519: made, signatures"
}

# ---- objects in and out ------------------------------------------------------

import_and_export() {
    openssl_ok req -x509 -newkey rsa:2048 -nodes -keyout rsa.pem -out rsa.crt -subj /CN=imported -days 30
    openssl_ok pkey -in rsa.pem -outform DER -out rsa.key.der
    openssl_ok x509 -in rsa.crt -outform DER -out rsa.crt.der
    imported rsa.pem 01 RSA-PKCS
    imported rsa.key.der 02 RSA-PKCS
    openssl_ok ecparam -name prime256v1 -genkey -noout -out ec.pem
    openssl_ok pkey -in ec.pem -outform DER -out ec.key.der
    imported ec.pem 03 ECDSA
    imported ec.key.der 04 ECDSA
    ok "private keys RSA and EC imported, as PEM and as DER"

    openssl_ok pkey -in rsa.pem -pubout -outform DER -out rsa.pub.der
    user --write-object rsa.pub.der --type pubkey --id 01 --label "imported public key"
    user --read-object --type pubkey --id 01 --output-file back
    same rsa.pub.der back "public key, written and read"
    user --write-object rsa.crt.der --type cert --id 01 --label "imported certificate"
    p11 --token-label interop --read-object --type cert --id 01 --output-file back
    same rsa.crt.der back "certificate, written and read"
    user --write-object long --type data --label "some data" --application-label interop --private
    user --read-object --type data --label "some data" --application-label interop --output-file back
    same long back "data, written and read"
    refused "reading private data without a PIN" --read-object --type data --label "some data" --output-file back
    ok "public key, certificate and data written, and read back unchanged"
}

# imported FILE ID MECHANISM: what the token signs with it fits the key that OpenSSL holds.
imported() {
    user --write-object "$1" --type privkey --id "$2" --label "imported $2" --usage-sign
    user --sign --id "$2" --mechanism "$3" --input-file digest.256 --output-file sig --signature-format openssl
    openssl_ok pkeyutl -verify -inkey "$1" -in digest.256 -sigfile sig
}

attributes_and_removal() {
    user --set-id 77 --type privkey --id 03
    user --list-objects --type privkey --id 77
    shows "imported 03"
    user --delete-object --type privkey --id 77
    user --list-objects
    ! grep -q "imported 03" out || die "a deleted key is still listed"
    p11 --token-label interop --list-objects
    shows "imported certificate"
    ! grep -qE 'Private Key Object|some data' out || die "private objects are listed without a PIN"
    ok "id changed, key deleted, private objects hidden from strangers"
}

random_and_digests() {
    p11 --token-label interop --generate-random 4096 --output-file random
    [ "$(wc -c <random)" = 4096 ] || die "asked for 4096 octets, got $(wc -c <random)"
    for bits in 1 224 256 384 512; do
        algorithm=SHA$bits
        [ $bits != 1 ] || algorithm=SHA-1
        for input in short long; do
            p11 --token-label interop --hash --mechanism "$algorithm" --input-file $input --output-file hash
            openssl_ok dgst -sha$bits -binary -out expected $input
            same expected hash "$algorithm of $input"
        done
    done
    ok "random octets, digests as OpenSSL's"
}

# ---- the client's own tests --------------------------------------------------

own_tests() {
    user --test
    shows 'No errors'
    user --test --allow-sw
    shows 'No errors'
    ok "--test"
    threads
    user --test-fork
    ok "--test-fork"
    user --session-rw --moz-cert rsa.crt.der --id 7a --key-type RSA:2048
    shows '==> OK'
    ok "--moz-cert"
    # This one signs with SHA-1, which a token does only where that safeguard is lifted.
    quietly "$COMMAND" token mode compatible --lift sha1-signatures --token interop --so-pin-env SO_PIN
    user --session-rw --test-ec --id 7b --key-type EC:secp256r1
    shows '==> OK'
    quietly "$COMMAND" token mode safe --token interop --so-pin-env SO_PIN
    ok "--test-ec"
}

# A thread's words are of two letters: IN and IL initialize, GI, SL and Tn ask for information,
# LT logs in and does all that --test does. Debian 12's client starts the threads before it
# initializes the library itself, and waits half a minute if they outlast what else it has to do.
threads() {
    threads_ok 4 --login --pin env:USER_PIN --test --test-threads IN:GI:SL:T0:T1:SL:GI --test-threads IL:SL:T1:T0:GI \
        --test-threads IN:SL:T0:T1 --test-threads IL:GI
    if newer; then
        threads_ok 4 --login --pin env:USER_PIN --test-threads LT --test-threads LT --test-threads SL:T0:LT \
            --test-threads GI:LT
        [ "$(grep -c 'No errors' out)" = 4 ] || { cat out >&2; die "not all four threads ended without errors"; }
    fi
    ok "--test-threads"
}

# threads_ok COUNT ARGUMENT...: each of the threads must come to its end, each call succeed.
threads_ok() {
    count=$1
    shift
    p11 --token-label interop --use-locking "$@"
    [ "$(grep -c 'Test thread .* returning rv' out)" = "$count" ] ||
        { cat out >&2; die "not all of $count threads came to their end"; }
    ! grep -E '(returned|rv:) *CKR_' out | grep -vE 'CKR_(OK|CRYPTOKI_ALREADY_INITIALIZED)$' ||
        { cat out >&2; die "calls failed in a thread, see above"; }
}

main "$@"
