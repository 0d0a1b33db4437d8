#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# From a fresh Debian 12 or 13 to a web page served with a key that never leaves its token:
# installs what is missing, builds, makes a demonstration token with keys, a certificate authority
# and a certificate, serves TLS on this machine and fetches a page. It can be run again at any time.
#
# All of it is in ~/.strongroom-demo, or in the directory that STRONGROOM_DEMO names.

. "$(dirname "$0")/lib.sh"

DEMO=${STRONGROOM_DEMO:-${HOME:?HOME is not set, so name a directory in STRONGROOM_DEMO}/.strongroom-demo}
STRONGROOM_DEMO=$DEMO
export STRONGROOM_DEMO

main() {
    case ${1:-} in
        --packages-for-openssl) need openssl pkcs11-provider ;;
        --with-openssl) with_openssl ;;
        *) everything ;;
    esac
}

everything() {
    step 1 "Packages and compiler"
    need_compilers
    need opensc
    say "   $(cargo --version), $(dpkg-query -W -f '${Package} ${Version}' opensc)"

    step 2 "Build (some minutes the first time: OpenSSL and SQLite are built in)"
    build
    say "   $MODULE"
    say "   $COMMAND"

    step 3 "A token in a store of its own, $DEMO"
    empty_demo
    run "$COMMAND" init --label demo --so-pin-file "$DEMO/so-pin" --pin-file "$DEMO/pin"

    step 4 "Keys, made in the token by pkcs11-tool"
    run pkcs11 --keypairgen --key-type EC:secp256r1 --label demo-ca --id 01
    run pkcs11 --keypairgen --key-type RSA:3072 --label demo-web --id 02

    step 5 "Certificates and TLS by OpenSSL, with those keys"
    openssl_part

    step 6 "What the token holds"
    "$COMMAND" key list --token demo --pin-file "$DEMO/pin" || die "strongroom key list"

    next
}

step() { printf '\n%s. %s\n' "$1" "$2"; }

# run COMMAND...: shows the command, and what it prints only if it fails.
run() {
    shown=
    for word; do
        case $word in
            *[!A-Za-z0-9_./:=,-]*) word="'$word'" ;;
            "$COMMAND") word=strongroom ;;
            pkcs11) word="pkcs11-tool --module $(basename "$MODULE") --token-label demo --login" ;;
        esac
        shown="$shown $word"
    done
    say "   \$$shown"
    quietly "$@" || die "the command above failed; its own words are before this line"
}

pkcs11() { pkcs11-tool --module "$MODULE" --token-label demo --login --pin env:DEMO_PIN "$@"; }

# ---- the demonstration's directory -------------------------------------------

# Made new each time; a directory that another made is left alone.
empty_demo() {
    if [ -e "$DEMO" ] && [ ! -e "$DEMO/made-by-quickstart" ]; then
        die "$DEMO exists and was not made by this script. Move it away, or name another directory in STRONGROOM_DEMO."
    fi
    rm -rf "$DEMO"
    umask 077
    mkdir -p "$DEMO"
    : >"$DEMO/made-by-quickstart"
    random_pin >"$DEMO/so-pin"
    random_pin >"$DEMO/pin"
    printf '[store]\npath = "%s/store"\n' "$DEMO" >"$DEMO/strongroom.toml"
    use_demo
}

use_demo() {
    STRONGROOM_CONF=$DEMO/strongroom.toml
    DEMO_PIN=$(cat "$DEMO/pin")
    export STRONGROOM_CONF DEMO_PIN
    unset STRONGROOM_STORE
}

random_pin() { od -An -tu4 -N8 /dev/urandom | tr -d ' \n'; }

# ---- OpenSSL -----------------------------------------------------------------

# Debian 12 has no pkcs11-provider; its OpenSSL part runs in a root of Debian 13, as the same user.
openssl_part() {
    if [ -n "$(candidate pkcs11-provider)" ]; then
        need openssl pkcs11-provider
        with_openssl
        return
    fi
    say "   (this release has no pkcs11-provider for OpenSSL: a small Debian 13 system is used for this step)"
    STRONGROOM_BIND=$DEMO
    in_debian trixie sh "$ROOT/interop/quickstart.sh" --packages-for-openssl
    IN_DEBIAN_USER=$(id -u):$(id -g)
    in_debian trixie sh "$ROOT/interop/quickstart.sh" --with-openssl
}

with_openssl() {
    umask 077
    use_demo
    cd "$DEMO"
    write_openssl_conf openssl.cnf "$DEMO/pin"
    sed -i "s|^#pkcs11-module-init-args = .*|pkcs11-module-init-args = conf=$STRONGROOM_CONF|" openssl.cnf
    OPENSSL_CONF=$DEMO/openssl.cnf
    export OPENSSL_CONF
    issue
    serve_and_fetch
}

CA_KEY='pkcs11:token=demo;object=demo-ca;type=private'
WEB_KEY='pkcs11:token=demo;object=demo-web;type=private'

issue() {
    printf 'subjectAltName = DNS:localhost, IP:127.0.0.1\n' >web.ext
    run openssl req -x509 -new -key "$CA_KEY" -subj /CN=demo-ca -days 365 -out ca.pem \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
    run openssl req -new -key "$WEB_KEY" -subj /CN=localhost -out web.csr
    run openssl x509 -req -in web.csr -CA ca.pem -CAkey "$CA_KEY" -days 90 -extfile web.ext -out web.pem
    run openssl verify -CAfile ca.pem web.pem
}

SERVER=

serve_and_fetch() {
    port=$(free_port)
    say "   \$ openssl s_server -accept 127.0.0.1:$port -cert web.pem -key '$WEB_KEY' -www &"
    openssl s_server -accept "127.0.0.1:$port" -cert web.pem -key "$WEB_KEY" -www -naccept 1 >server.log 2>&1 </dev/null &
    SERVER=$!
    trap 'kill "$SERVER" 2>/dev/null || :' EXIT
    wait_for_port "$port" "$SERVER" || { cat server.log >&2; die "openssl s_server did not start"; }
    say "   \$ openssl s_client -connect 127.0.0.1:$port -CAfile ca.pem -verify_return_error -verify_ip 127.0.0.1"
    printf 'GET / HTTP/1.0\r\n\r\n' | OPENSSL_CONF=/dev/null timeout 60 openssl s_client -connect "127.0.0.1:$port" -CAfile ca.pem \
        -verify_return_error -verify_ip 127.0.0.1 -ign_eof >page 2>client.log ||
        { cat client.log server.log >&2; die "the page could not be fetched"; }
    grep -q 'HTTP/1.0 200 ok' page || { cat page server.log >&2; die "the server gave no page"; }
    wait "$SERVER" || { cat server.log >&2; die "openssl s_server did not end well"; }
    trap - EXIT
    say "   page fetched over $(sed -n 's/^New, \(TLS[^,]*\), Cipher is \(.*\)$/\1, \2/p' page | head -n 1), certificate verified"
}

# ---- what next ---------------------------------------------------------------

next() {
    cat <<END

All of it worked. What to try next:

   export STRONGROOM_CONF=$DEMO/strongroom.toml        # this demonstration's token, from any program
   export PATH=\$PATH:$(dirname "$COMMAND")
   strongroom token list
   strongroom key list --token demo --pin-file $DEMO/pin
   strongroom check                                    # is every record of the store as it was written?
   strongroom doctor                                   # is anything wrong with this installation?
   pkcs11-tool --module $MODULE --login --list-objects    # asks for the PIN, which is in $DEMO/pin

   conf/        ready files for OpenSSL, nginx, Java and p11-kit
   sh tests/run.sh        runs every test
   rm -r $DEMO        removes this demonstration
END
}

main "$@"
