#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# SoftHSM2 of Debian 12 makes a token, and `strongroom import softhsm2` carries it over. What the one
# signs the other verifies, for every key, and a secret key encrypts alike in both.

. "$(dirname "$0")/lib.sh"

main() {
    case ${1:-} in
        --here) here ;;
        *)
            build
            in_debian bookworm sh "$ROOT/interop/softhsm2.sh" --here
            ;;
    esac
}

here() {
    need softhsm2 opensc openssl
    workplace
    cd "$WORK"
    SOFTHSM=$(dpkg -L libsofthsm2 | grep '/libsofthsm2\.so$' | head -n 1)
    source_token
    find "$WORK/tokens" -type f -exec sha256sum {} + | sort >before
    moving
    find "$WORK/tokens" -type f -exec sha256sum {} + | sort >after
    same before after "the source is as it was"
    ok "the source is as it was"
    for key in "01 RSA-PKCS" "02 ECDSA" "03 EDDSA" "05 SHA256-HMAC"; do
        # shellcheck disable=SC2086 # an id and a mechanism
        signatures $key
    done
    encryption
    ok "no failure"
}

# The user PIN of the token that is moved out of.
OLD_PIN=old-pin-5551212
export OLD_PIN

old() {
    quietly pkcs11-tool --module "$SOFTHSM" --token-label office --login --pin env:OLD_PIN "$@" ||
        die "pkcs11-tool (SoftHSM2) $*"
}

new() {
    quietly pkcs11-tool --module "$MODULE" --token-label interop --login --pin env:USER_PIN "$@" ||
        die "pkcs11-tool (Strongroom) $*"
}

same() { cmp -s "$1" "$2" || die "$1 and $2 differ: $3"; }

source_token() {
    mkdir tokens
    printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$WORK" >softhsm2.conf
    SOFTHSM2_CONF=$WORK/softhsm2.conf
    export SOFTHSM2_CONF
    quietly softhsm2-util --init-token --free --label office --so-pin "$SO_PIN" --pin "$OLD_PIN" ||
        die "softhsm2-util --init-token"
    old --keypairgen --key-type rsa:2048 --label rsa --id 01
    old --keypairgen --key-type EC:prime256v1 --label ec --id 02 --usage-sign
    old --keypairgen --key-type EC:edwards25519 --label ed --id 03 --usage-sign
    old --keygen --key-type AES:32 --label aes --id 04 --sensitive --private
    old --keygen --key-type GENERIC:32 --label hmac --id 05 --usage-sign
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
        -subj /CN=office -days 2 2>/dev/null
    openssl x509 -in cert.pem -outform DER -out cert.der
    old --write-object cert.der --type cert --label cert --id 06
    printf 'a note' >note
    old --write-object note --type data --label note --private
    ok "a token of SoftHSM2"
}

moving() {
    quietly "$COMMAND" init --label interop --so-pin-env SO_PIN --pin-env USER_PIN || die "strongroom init"
    move="$COMMAND import softhsm2 --tokens $WORK/tokens --source-pin-env OLD_PIN --pin-env USER_PIN"
    $move --dry-run >dry || die "strongroom import softhsm2 --dry-run"
    grep -q '10 to carry, 0 there already, 0 left behind' dry || die "the dry run: $(tail -n 1 dry)"
    $move >done || die "strongroom import softhsm2"
    grep -q '10 carried, 0 there already, 0 left behind' done || die "the import: $(tail -n 1 done)"
    $move >again || die "strongroom import softhsm2, again"
    grep -q '0 carried, 10 there already, 0 left behind' again || die "the second import: $(tail -n 1 again)"
    quietly "$COMMAND" check || die "strongroom check"
    ok "ten objects carried, and none twice"
}

# valid SIDE ID MECHANISM SIGNATURE: whether it verifies; the client ends with 0 either way.
valid() {
    case $1 in
        old) set -- "$SOFTHSM" office env:OLD_PIN "$@" ;;
        new) set -- "$MODULE" interop env:USER_PIN "$@" ;;
    esac
    pkcs11-tool --module "$1" --token-label "$2" --login --pin "$3" --verify --id "$5" --mechanism "$6" \
        --input-file data --signature-file "$7" 2>&1 | grep -q 'Signature is valid'
}

# signatures ID MECHANISM: each signs, and the other verifies.
signatures() {
    id=$1
    mechanism=$2
    printf 'thirty-two bytes to be signed...' >data
    old --sign --id "$id" --mechanism "$mechanism" --input-file data --output-file old.sig
    new --sign --id "$id" --mechanism "$mechanism" --input-file data --output-file new.sig
    valid new "$id" "$mechanism" old.sig || die "Strongroom refuses what SoftHSM2 signed with $mechanism"
    valid old "$id" "$mechanism" new.sig || die "SoftHSM2 refuses what Strongroom signed with $mechanism"
    printf 'thirty-two other bytes, not signed' >data
    ! valid new "$id" "$mechanism" old.sig || die "a signature verifies over other data"
    ok "$mechanism: each verifies what the other signed"
}

encryption() {
    iv=000102030405060708090a0b0c0d0e0f
    printf 'something to hide' >plain
    old --encrypt --id 04 --mechanism AES-CBC-PAD --iv $iv --input-file plain --output-file old.cipher
    new --encrypt --id 04 --mechanism AES-CBC-PAD --iv $iv --input-file plain --output-file new.cipher
    same old.cipher new.cipher "AES-CBC-PAD"
    ok "AES: both encrypt alike"
}

main "$@"
