"""CleverTap's encryption as CleverTap does it; openssl's vectors show that the bridge's AES is everybody's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bridge.aes import decrypt, encrypt
from bridge.encodings import Encoding

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION, NEW_VERSION = "0f5e7f0c-2b1a-4c8e-9d53-0c4c1a3e7b11", "2c9d0c62-7f2e-4a35-8a0e-6f3a5f1f9a02"
KEY, NEW_KEY = bytes(range(32)), bytes(range(100, 132))
KEYS = {VERSION: Encoding.BASE64.write(KEY)}
"""As they stand in a secret."""
IV = bytes(range(16))


def sealed(
    payload: Any, key: bytes = KEY, version: str = VERSION, *, iv: Encoding = Encoding.BASE64, iv_bytes: bytes = IV
) -> tuple[dict[str, str], str]:
    """Headers and body of an encrypted request; IV and ciphertext are written alike."""
    plain = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {"X-AES-IV": iv.write(iv_bytes), "X-AES-KEY-VERSION": version}
    return headers, json.dumps({"ciphertext": iv.write(encrypt(key, iv_bytes, plain))})


def opened(headers: Mapping[str, str], body: str | bytes, keys: Mapping[str, bytes]) -> Any:
    """What an encrypted callback says."""
    named = {name.lower(): value for name, value in headers.items()}
    encoding = Encoding.HEX if len(named["x-aes-iv"]) == 32 else Encoding.BASE64
    iv, ciphertext = (encoding.read(text) for text in (named["x-aes-iv"], json.loads(body)["ciphertext"]))
    plain, whole = decrypt(keys[named["x-aes-key-version"]], iv, ciphertext)
    assert whole
    return json.loads(plain)
