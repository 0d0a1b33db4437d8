#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Java's SunPKCS11: keytool makes keys in the token, lists them and writes certificates, jarsigner
# signs with them. Whatever Java is there is taken; else Debian's.

. "$(dirname "$0")/lib.sh"

main() {
    for program in keytool jarsigner jar; do
        have $program || need default-jdk-headless
    done
    build
    need openssl
    workplace
    cd "$WORK"
    token
    keys
    signed_archive
    ok "no failure"
}

token() {
    quietly "$COMMAND" init --label java --so-pin-file so-pin --pin-file pin || die "strongroom init"
    sed "s|^library = .*|library = $MODULE|" "$ROOT/conf/java.cfg" >java.cfg
    printf 'made with java\n' >content
    quietly jar cf archive.jar content
}

# with_token PROGRAM ARGUMENT...: keytool or jarsigner on the token.
with_token() {
    program=$1
    shift
    "$program" -keystore NONE -storetype PKCS11 -providerClass sun.security.pkcs11.SunPKCS11 -providerArg java.cfg \
        -storepass:env USER_PIN "$@" >out 2>&1 </dev/null || { cat out >&2; die "$program $*"; }
    ! grep -qi exception out || { cat out >&2; die "$program $*"; }
}

keys() {
    with_token keytool -genkeypair -alias ec -keyalg EC -groupname secp256r1 -sigalg SHA256withECDSA -dname CN=ec -validity 30
    with_token keytool -genkeypair -alias rsa -keyalg RSA -keysize 2048 -sigalg SHA256withRSA -dname CN=rsa -validity 30
    with_token keytool -list
    [ "$(grep -c PrivateKeyEntry out)" = 2 ] || { cat out >&2; die "keytool should list two keys"; }
    for key in ec rsa; do
        with_token keytool -exportcert -rfc -alias $key -file $key.pem
        quietly openssl verify -CAfile $key.pem $key.pem || die "the certificate of key $key does not verify"
    done
    ok "keytool: EC and RSA keys made and listed, certificates signed"
}

signed_archive() {
    for key in ec rsa; do
        with_token jarsigner -signedjar $key.jar archive.jar $key
        quietly jarsigner -verify $key.jar || die "jarsigner -verify $key.jar"
        jarsigner -verify $key.jar | grep -q '^jar verified' || die "$key.jar is not verified"
    done
    ok "jarsigner: archives signed with both keys and verified"
}

main "$@"
