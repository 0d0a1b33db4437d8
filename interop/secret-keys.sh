# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The part of pkcs11-tool.sh that makes secret keys, encrypts and MACs with them, and wraps keys. It is
# read with `.` and uses what stands there.

# ---- secret keys -------------------------------------------------------------

IV=000102030405060708090a0b0c0d0e0f
AES_HEX=00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210
MAC_HEX=0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0$AES_HEX

# The octets of a hexadecimal string.
octets() {
    for octet in $(printf %s "$1" | sed 's/../& /g'); do
        printf '%b' "\\0$(printf %o "0x$octet")"
    done
}

secret_keys() {
    for size in 16 24 32; do
        user --keygen --key-type "AES:$size" --id "ae$size" --label "aes $size" --private --sensitive
        round_trip "ae$size" AES-CBC-PAD long --iv "$IV"
    done
    for size in 32 48 64; do
        user --keygen --key-type "GENERIC:$size" --id "9e$size" --label "generic $size" --private --sensitive --usage-sign
        signed "9e$size" SHA256-HMAC short
    done
    ok "AES and generic keys: made, used"
    known_aes_key
    known_mac_key
}

# round_trip ID MECHANISM INPUT [ARGUMENT...]: what was encrypted is left in $WORK/cipher.
round_trip() {
    id=$1
    mechanism=$2
    input=$3
    shift 3
    rm -f cipher plain
    user --encrypt --id "$id" --mechanism "$mechanism" --input-file "$input" --output-file cipher "$@"
    user --decrypt --id "$id" --mechanism "$mechanism" --input-file cipher --output-file plain "$@"
    same "$input" plain "$mechanism there and back"
}

known_aes_key() {
    octets "$AES_HEX" >aes.key
    user --write-object aes.key --type secrkey --key-type AES:32 --id ae --label "aes known" --private --sensitive
    for input in short long; do
        round_trip ae AES-CBC-PAD $input --iv "$IV"
        openssl_ok enc -aes-256-cbc -K "$AES_HEX" -iv "$IV" -in $input -out expected
        same expected cipher "AES-CBC-PAD of $input"
    done
    round_trip ae AES-CBC block --iv "$IV"
    openssl_ok enc -aes-256-cbc -nopad -K "$AES_HEX" -iv "$IV" -in block -out expected
    same expected cipher AES-CBC
    round_trip ae AES-ECB block
    openssl_ok enc -aes-256-ecb -nopad -K "$AES_HEX" -in block -out expected
    same expected cipher AES-ECB
    ok "AES with a known key: ECB, CBC, CBC-PAD as OpenSSL does it"
    newer || return 0
    # Short, since the client takes no more than 1,024 octets at the end of a decryption, and a
    # token gives out nothing before it has seen the tag.
    gcm='--iv 000102030405060708090a0b --aad 0a0b0c --tag-bits-len 128'
    # shellcheck disable=SC2086 # a list of arguments
    {
        round_trip ae AES-GCM short $gcm
        tamper cipher tampered
        refused "a changed AES-GCM ciphertext" --login --pin env:USER_PIN --decrypt --id ae --mechanism AES-GCM \
            --input-file tampered --output-file plain $gcm
    }
    ok "AES-GCM: there and back, a changed ciphertext refused"
}

known_mac_key() {
    octets "$MAC_HEX" >mac.key
    user --write-object mac.key --type secrkey --id 9e --label "mac known" --private \
        --sensitive --usage-sign
    for bits in 256 384 512; do
        for input in short long; do
            signed 9e "SHA$bits-HMAC" $input
            openssl_ok dgst -sha$bits -mac hmac -macopt "hexkey:$MAC_HEX" -binary -out expected $input
            same expected sig "HMAC SHA-$bits of $input"
        done
    done
    ok "HMAC with a known key: as OpenSSL does it"
    newer || return 0
    user --write-object aes.key --type secrkey --key-type AES:32 --id ac --label "cmac known" --private \
        --sensitive --usage-sign
    signed ac AES-CMAC short
    openssl_ok mac -cipher aes-256-cbc -macopt "hexkey:$AES_HEX" -in short -binary -out expected CMAC
    same expected sig AES-CMAC
    ok "AES-CMAC with a known key: as OpenSSL does it"
}

# ---- wrapping ----------------------------------------------------------------

wrapping() {
    user --keygen --key-type AES:32 --id 4e --label "wrapping key" --private --sensitive --usage-wrap
    user --keygen --key-type AES:16 --id 4a --label "travelling key" --private --extractable --usage-decrypt
    user --encrypt --id 4a --mechanism AES-CBC-PAD --iv "$IV" --input-file short --output-file expected
    wrapped 4e AES-KEY-WRAP 4b
    wrapped 4e 0x210B 4d # CKM_AES_KEY_WRAP_KWP, which the client has no name for
    refused "wrapping a key that may not leave" --login --pin env:USER_PIN --wrap --mechanism AES-KEY-WRAP --id 4e \
        --application-id ae32 --output-file out.wrapped
    ok "AES key wrapped and unwrapped by AES; one that is not extractable stays"

    keypair RSA:2048 4f --usage-wrap
    user --wrap --mechanism AES-CBC-PAD --id 4e --application-id 4a --output-file cbc.wrapped --iv "$IV"
    refused "unwrapping what nothing authenticates" --login --pin env:USER_PIN --unwrap --mechanism AES-CBC-PAD \
        --id 4e --input-file cbc.wrapped --key-type AES: --application-id 4c --iv "$IV"
    quietly "$COMMAND" token mode compatible --lift authenticated-wrapping --token interop --so-pin-env SO_PIN
    wrapped 4e AES-CBC-PAD 4c --iv "$IV"
    wrapped 4f RSA-PKCS 50
    quietly "$COMMAND" token mode safe --token interop --so-pin-env SO_PIN
    ok "AES key wrapped and unwrapped by RSA, and by CBC with padding where that safeguard is lifted"
}

# wrapped WRAPPING_ID MECHANISM NEW_ID [ARGUMENT...]: key 4a travels and does the same work as before.
wrapped() {
    wrapping_id=$1
    mechanism=$2
    new_id=$3
    shift 3
    user --wrap --mechanism "$mechanism" --id "$wrapping_id" --application-id 4a --output-file "$new_id.wrapped" "$@"
    user --unwrap --mechanism "$mechanism" --id "$wrapping_id" --input-file "$new_id.wrapped" --key-type AES: \
        --application-id "$new_id" --application-label "key $new_id" --usage-decrypt --private --sensitive "$@"
    user --encrypt --id "$new_id" --mechanism AES-CBC-PAD --iv "$IV" --input-file short --output-file cipher
    same expected cipher "the key unwrapped by $mechanism"
}
