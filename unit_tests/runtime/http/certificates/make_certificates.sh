#!/bin/sh
# Makes the certificates in this folder again: `sh make_certificates.sh`. Needs OpenSSL 3.
#
# They are for tests alone. The private key is everybody's, and the authority that signed them is trusted nowhere;
# its own key is deleted. The dates are fixed, so the certificates do not change in a hundred years.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cat > "$work/openssl.cnf" <<END
[ca]
default_ca = test
[test]
database = $work/index.txt
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = names
[names]
commonName = supplied
[req]
distinguished_name = names
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectAltName = \$ENV::SAN
END
: > "$work/index.txt"
SAN=unused && export SAN

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
sign() { openssl ca -batch -notext -config "$work/openssl.cnf" -keyfile "$work/authority_key.pem" "$@" 2> /dev/null; }
request() { openssl req -new -config "$work/openssl.cnf" -key "$1" -subj "$2" -out "$work/request.pem"; }

new_key "$work/authority_key.pem"
request "$work/authority_key.pem" "/CN=Authority for unit tests, trust it nowhere"
sign -selfsign -extensions authority -startdate 20000101000000Z -enddate 29991231235959Z \
    -in "$work/request.pem" -out authority.pem

new_key test_only_private_key.pem
server() { # name, alternative names, first and last moment
    request test_only_private_key.pem "/CN=Server for unit tests, $1"
    SAN=$2 sign -cert authority.pem -extensions server -startdate "$3" -enddate "$4" -in "$work/request.pem" -out "$1.pem"
}
server good IP:127.0.0.1,DNS:localhost 20000101000000Z 29991231235959Z
server expired IP:127.0.0.1,DNS:localhost 20000101000000Z 20001231235959Z
server not_yet_valid IP:127.0.0.1,DNS:localhost 29990101000000Z 29991231235959Z
server of_another_host DNS:elsewhere.example 20000101000000Z 29991231235959Z
