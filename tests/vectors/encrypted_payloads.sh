#!/bin/sh
# What CleverTap would post encrypted, made by openssl's command line: another implementation than the bridge's.
# Prints encrypted_payloads.json:   sh tests/vectors/encrypted_payloads.sh > tests/vectors/encrypted_payloads.json
set -eu

# Made up, and of use nowhere else. The same bytes as openssl takes them (hex) and as a secret may hold them.
KEY_1=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
KEY_1_BASE64=$(printf %s "$KEY_1" | xxd -r -p | openssl base64 -A)
KEY_2_RAW='a key of 32 characters, as it is'
KEY_2=$(printf %s "$KEY_2_RAW" | xxd -p -c 64)

# name, version, key as in the secret, key in hex, iv in hex, iv's encoding, ciphertext's encoding, payload
vector() {
  if [ "$6" = hex ]; then iv=$5; else iv=$(printf %s "$5" | xxd -r -p | openssl base64 -A); fi
  if [ "$7" = hex ]; then
    ciphertext=$(printf %s "$8" | openssl enc -aes-256-cbc -K "$4" -iv "$5" | xxd -p | tr -d '\n')
  else
    ciphertext=$(printf %s "$8" | openssl enc -aes-256-cbc -K "$4" -iv "$5" -base64 -A)
  fi
  payload=$(printf %s "$8" | openssl base64 -A)
  printf '%s{"name": "%s", "version": "%s", "key": "%s", "iv": "%s", "ciphertext": "%s", "payload_base64": "%s"}' \
    "$comma" "$1" "$2" "$3" "$iv" "$ciphertext" "$payload"
  comma=',
 '
}

comma=''
printf '['
vector 'a message, key and all else in base64' 0f5e7f0c-2b1a-4c8e-9d53-0c4c1a3e7b11 "$KEY_1_BASE64" "$KEY_1" \
  101112131415161718191a1b1c1d1e1f base64 base64 '{"to": "919876543210", "text": "Hello", "messageId": "m-1."}'
vector 'a message, key and all else in hex' v2 "$KEY_1" "$KEY_1" \
  202122232425262728292a2b2c2d2e2f hex hex '{"to": "919876543210", "text": "Hello", "messageId": "m-1."}'
vector 'a batch in three scripts, a key as it is, iv in hex' 3 "$KEY_2_RAW" "$KEY_2" \
  303132333435363738393a3b3c3d3e3f hex base64 \
  '{"campaignId": "42", "messages": [{"to": "919876543210", "text": "नमस्ते 😀"}, {"to": "919876543211", "text": "Grüße"}]}'
vector 'whole blocks, so that the padding is a block of its own' v1 "$KEY_1_BASE64" "$KEY_1" \
  00000000000000000000000000000000 base64 hex '{"to":"919876543210","text":"01"}'
vector 'a form' v1 "$KEY_1" "$KEY_1" \
  404142434445464748494a4b4c4d4e4f base64 base64 'to=919876543210&text=Hello+there&messageId=m-2.'
printf ']\n'
