# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The part of pkcs11-tool.sh that goes through the families of mechanisms beyond the everyday
# ones: more curves, every hash, derivation, block modes. It is read with `.` and uses what
# stands there.

families() {
    further_curves
    rsa_hashes
    hash_families
    known_derivations
    block_modes
    if newer; then
        ed448_keys
        montgomery_keys
    fi
}

# supports MECHANISM: whether this client has a word for it; the token's own list is not asked.
supports() { pkcs11-tool --module "$MODULE" --token-label interop --list-mechanisms 2>&1 | grep -q "^ *$1[ ,]"; }

# ---- curves ------------------------------------------------------------------

further_curves() {
    for curve in secp224r1:0224 secp256k1:256b brainpoolP256r1:b256 brainpoolP384r1:b384 brainpoolP512r1:b512; do
        key=${curve#*:}
        keypair "EC:${curve%:*}" "$key"
        ec_signatures "$key"
        ec_agreement "$key"
        ok "EC ${curve%:*}: made, signatures, key agreement"
    done
}

# What the client cannot read out as a file it lists: the octets inside the OCTET STRING.
ed448_keys() {
    user --keypairgen --key-type EC:Ed448 --id 0448 --label "key 0448"
    public_from_point 0448 'algorithm = OID:ED448'
    openssl_ok pkey -pubin -inform DER -in 0448.der -out 0448.pub
    signed 0448 EDDSA short
    openssl_ok pkeyutl -verify -rawin -pubin -inkey 0448.pub -in short -sigfile sig
    ok "Ed448: made, signatures"
}

montgomery_keys() {
    for type in X25519:2519 X448:4480; do
        user --keypairgen --key-type "EC:${type%:*}" --id "${type#*:}" --label "key ${type#*:}"
        shows EC_MONTGOMERY
        public_from_point "${type#*:}" "algorithm = OID:${type%:*}"
        openssl_ok pkey -pubin -inform DER -in "${type#*:}.der" -noout
    done
    ok "X25519 and X448: made, and their points are points (the client derives with neither)"
}

# ---- hashes ------------------------------------------------------------------

# The signature mechanisms of one RSA key over every hash that the client has a name for.
rsa_hashes() {
    for hash in SHA224 SHA3-224 SHA3-256 SHA3-384 SHA3-512; do
        supports "$hash-RSA-PKCS" || continue
        name=$(printf %s "$hash" | tr '[:upper:]' '[:lower:]')
        signed 2048 "$hash-RSA-PKCS" long
        openssl_ok dgst "-$name" -verify 2048.pub -signature sig long
        signed 2048 "$hash-RSA-PKCS-PSS" long
        openssl_ok dgst "-$name" -verify 2048.pub -signature sig -sigopt rsa_padding_mode:pss \
            -sigopt rsa_pss_saltlen:digest long
    done
    ok "RSA signatures with SHA-224 and SHA-3, PKCS #1 v1.5 and PSS"
}

hash_families() {
    for hash in SHA224 SHA3-224 SHA3-256 SHA3-384 SHA3-512; do
        supports "$hash" || continue
        name=$(printf %s "$hash" | tr '[:upper:]' '[:lower:]')
        p11 --token-label interop --hash --mechanism "$hash" --input-file long --output-file hash
        openssl_ok dgst "-$name" -binary -out expected long
        same expected hash "$hash"
        supports "ECDSA-$hash" || continue
        signed 0256 "ECDSA-$hash" long --signature-format openssl
        openssl_ok dgst "-$name" -verify 0256.pub -signature sig long
    done
    ok "digests and ECDSA with SHA-224 and SHA-3"
}

# ---- derivation --------------------------------------------------------------

# The base key is the known one of secret-keys.sh.
known_derivations() {
    newer || return 0
    octets "$AES_HEX" >base.key
    printf salt >salt
    printf info >info
    user --write-object base.key --type secrkey --key-type GENERIC: --id ba5e --label "base key" --private --usage-derive
    for bits in 256 384 512; do
        rm -f okm
        user --derive --id ba5e --mechanism HKDF-DERIVE --hash-algorithm "SHA$bits" --salt-file salt --info-file info \
            --key-type GENERIC:48 --extractable --output-file okm
        openssl_ok kdf -keylen 48 -kdfopt "digest:SHA$bits" -kdfopt "hexkey:$AES_HEX" -kdfopt salt:salt \
            -kdfopt info:info -binary -out expected HKDF
        same expected okm "HKDF with SHA-$bits"
    done
    ok "HKDF with a known key: as OpenSSL does it"
}

# ---- block modes -------------------------------------------------------------

block_modes() {
    for size in 16 24 32; do
        for mode in AES-CBC AES-ECB; do
            # ECB takes no vector, and the client sends one only where it is given.
            case $mode in AES-CBC) set -- --iv "$IV" ;; *) set -- ;; esac
            round_trip "ae$size" "$mode" block "$@"
        done
    done
    ok "AES modes with keys of 128, 192 and 256 bit"
}
