"""What CleverTap does with an encrypted callback: it looks for the key by the version in the header, and decrypts."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

if TYPE_CHECKING:
    from collections.abc import Mapping

IV, VERSION = "x-aes-iv", "x-aes-key-version"
HEX_IV, RAW_KEY, HEX_KEY = 32, 32, 64  # characters; anything else is base64


def opened(headers: Mapping[str, str], body: bytes, keys: Mapping[str, str]) -> bytes:
    """The callback's plain body. Raises ValueError, with what is wrong."""
    if VERSION not in headers:
        if keys:
            raise ValueError("not encrypted")
        return body
    if headers[VERSION] not in keys:
        raise ValueError("no key of this version")
    try:
        iv = _bytes(headers.get(IV, ""), HEX_IV)
        ciphertext = json.loads(body)["ciphertext"]
        blocks = bytes.fromhex(ciphertext) if len(headers[IV]) == HEX_IV else base64.b64decode(ciphertext)
        return _decrypted(_key(keys[headers[VERSION]]), iv, blocks)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise ValueError(f"cannot be decrypted: {type(error).__name__}") from None


def _decrypted(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(ciphertext) + decryptor.finalize()) + unpadder.finalize()


def _key(text: str) -> bytes:
    return text.encode() if len(text) == RAW_KEY else _bytes(text, HEX_KEY)


def _bytes(text: str, hex_length: int) -> bytes:
    return bytes.fromhex(text) if len(text) == hex_length else base64.b64decode(text, validate=True)
