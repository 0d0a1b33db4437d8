#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Debian 13's nginx, two workers as www-data, with its RSA and EC keys in the token:
# 10,000 full TLS handshakes with a reload in their midst, and a clean stop.

. "$(dirname "$0")/lib.sh"

HANDSHAKES=${HANDSHAKES:-10000}

main() {
    case ${1:-} in
        --here) here ;;
        *)
            build
            in_debian trixie env HANDSHAKES="$HANDSHAKES" sh "$ROOT/interop/$NAME.sh" --here
            ;;
    esac
}

here() {
    need openssl pkcs11-provider opensc nginx python3
    [ "$(id -u)" = 0 ] || die "nginx gives up root for www-data here, so this is run as root: sudo sh $0"
    workplace
    cd "$WORK"
    token
    certificates
    configuration
    start
    handshakes
    stop
    logs
    ok "no failure"
}

# ---- token and certificates --------------------------------------------------

# The workers' user reaches the store by its group, and no one else does.
token() {
    printf '[store]\npath = "%s"\ngroup = "www-data"\n' "$STRONGROOM_STORE" >"$STRONGROOM_CONF"
    quietly "$COMMAND" init --label web --so-pin-file so-pin --pin-file pin || die "strongroom init"
    p11 --keypairgen --key-type RSA:2048 --id 01 --label rsa
    p11 --keypairgen --key-type EC:secp256r1 --id 02 --label ec
    chgrp www-data "$WORK" "$STRONGROOM_CONF" pin
    chmod 710 "$WORK"
    chmod 640 "$STRONGROOM_CONF" pin
    ok "token with an RSA and an EC key, its store open to the group www-data"
}

p11() {
    quietly pkcs11-tool --module "$MODULE" --token-label web --login --pin env:USER_PIN "$@" ||
        die "pkcs11-tool $*"
}

certificates() {
    write_openssl_conf openssl.cnf "$WORK/pin"
    sed -i "s|^#pkcs11-module-init-args = .*|pkcs11-module-init-args = conf=$STRONGROOM_CONF|" openssl.cnf
    chgrp www-data openssl.cnf
    chmod 640 openssl.cnf
    printf '%s\n' 'subjectAltName = DNS:localhost' 'subjectKeyIdentifier = hash' 'authorityKeyIdentifier = keyid' >server.ext
    quietly openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 30 \
        -addext keyUsage=critical,keyCertSign || die "openssl req -x509"
    for key in rsa ec; do
        uri="pkcs11:token=web;object=$key;type=private"
        OPENSSL_CONF=$WORK/openssl.cnf quietly openssl req -new -key "$uri" -subj /CN=localhost -out $key.csr ||
            die "openssl req with the token's key $key"
        quietly openssl x509 -req -in $key.csr -CA ca.pem -CAkey ca.key -days 30 -extfile server.ext -out $key.pem ||
            die "openssl x509 -req"
        uri_pem "$uri" >$key.key.pem
    done
    ok "certificates for both keys, and PEM files that name them"
}

# conf/nginx.conf, with the paths of this run and a second certificate.
configuration() {
    port=$(free_port)
    mkdir html
    printf 'served with a key of the token\n' >html/index.html
    chgrp -R www-data html
    chmod 750 html
    chmod 640 html/index.html
    {
        printf 'daemon off;\npid %s;\nerror_log %s notice;\n' "$WORK/nginx.pid" "$WORK/error.log"
        sed -e "s|listen 443 ssl;|listen 127.0.0.1:$port ssl;|" \
            -e "s|^\( *\)ssl_certificate .*|\1ssl_certificate $WORK/rsa.pem; ssl_certificate $WORK/ec.pem;|" \
            -e "s|^\( *\)ssl_certificate_key .*|\1ssl_certificate_key $WORK/rsa.key.pem; ssl_certificate_key $WORK/ec.key.pem;|" \
            -e "s|^\( *\)root .*|\1root $WORK/html;\n\1access_log off;\n\1ssl_session_cache off;|" \
            "$ROOT/conf/nginx.conf"
    } >nginx.conf
    with_token nginx -t || die "nginx -t refuses the configuration"
}

# The environment as a service manager would set it: nothing of the store but OPENSSL_CONF.
with_token() { quietly env -u STRONGROOM_STORE -u STRONGROOM_CONF OPENSSL_CONF="$WORK/openssl.cnf" "$@" -c "$WORK/nginx.conf"; }

# ---- the server --------------------------------------------------------------

SERVER=

start() {
    env -u STRONGROOM_STORE -u STRONGROOM_CONF OPENSSL_CONF="$WORK/openssl.cnf" nginx -c "$WORK/nginx.conf" \
        >nginx.out 2>&1 </dev/null &
    SERVER=$!
    wait_for_port "$port" "$SERVER" || { cat nginx.out error.log >&2; die "nginx did not start"; }
    ok "nginx started, key files hold names only"
}

stop_servers() {
    [ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null || :
}

handshakes() {
    printf '#!/bin/sh\nOPENSSL_CONF=%s exec nginx -c %s -s reload >%s 2>&1\n' \
        "$WORK/openssl.cnf" "$WORK/nginx.conf" "$WORK/reload.out" >reload
    env -u STRONGROOM_STORE -u STRONGROOM_CONF python3 "$ROOT/interop/handshakes.py" "$port" ca.pem "$HANDSHAKES" \
        sh "$WORK/reload" || { tail -n 40 reload.out error.log >&2; die "not every handshake was good"; }
    [ "$(grep -c 'SIGHUP) received' error.log)" = 1 ] || die "nginx did not reload"
    ok "$HANDSHAKES of $HANDSHAKES handshakes good, with one reload"
}

stop() {
    with_token nginx -s quit || die "nginx -s quit"
    code=0
    wait "$SERVER" || code=$?
    SERVER=
    [ "$code" = 0 ] || { tail -n 40 error.log >&2; die "nginx ended with $code"; }
    ok "nginx ended with 0"
}

# Two workers before the reload, two after: each must have ended with 0, and nothing gone wrong.
logs() {
    ! grep -E '\[(warn|error|crit|alert|emerg)\]' error.log >&2 || die "nginx logged what is above"
    ended=$(grep -c 'worker process [0-9]* exited with code 0' error.log)
    [ "$ended" = 4 ] || { grep exited error.log >&2; die "4 workers should have ended with 0, not $ended"; }
    [ ! -s nginx.out ] || { cat nginx.out >&2; die "nginx printed what is above"; }
    ok "all four workers ended with 0, nothing in the error log"
}

main "$@"
