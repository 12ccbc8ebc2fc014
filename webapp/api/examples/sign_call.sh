#!/bin/sh
# Sign a file of readings and post it: ATRIUM_KEY=… sh sign_call.sh http://host body.json
set -eu
timestamp=$(date +%s)
sequence=$$ # another number for each call of one second
signing_key=$(printf 'atrium device signature v1' |
  openssl dgst -sha256 -hmac "${ATRIUM_KEY#*_}" -r | cut -d' ' -f1)
body_sha256=$(openssl dgst -sha256 -r "$2" | cut -d' ' -f1)
signature=$(printf 'ATRIUM-HMAC-SHA256\nPOST\n/api/v1/readings\n%s\n%s\n%s' \
  "$timestamp" "$sequence" "$body_sha256" |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$signing_key" -r | cut -d' ' -f1)
curl -sS "$1/api/v1/readings" -H 'Content-Type: application/json' --data-binary "@$2" \
  -H "Authorization: Atrium-HMAC-SHA256 keyid=${ATRIUM_KEY%%_*}, timestamp=$timestamp, sequence=$sequence, signature=$signature"
