"""AES-256-CBC with PKCS#7 padding.

Only `App` imports this, with the first encrypted payload: `cryptography` is compiled code, and 30 ms of a cold start.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# The artifact holds what is compiled once for each processor (functions/Makefile).
sys.path.append(str(Path(__file__).parents[1] / "compiled" / os.uname().machine))

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

_BLOCK_BITS = 128


def decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> tuple[bytes, bool]:
    """The plain bytes, and whether their padding is right. If it is not, they come with it: the caller does with them
    what it would have done otherwise, so that the time it takes tells nothing.

    Raises:
        ValueError: `key` has not 32 bytes, `iv` not 16, or `ciphertext` is not whole blocks.
    """
    decryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize(), True
    except ValueError:
        return padded, False


def encrypt(key: bytes, iv: bytes, plain: bytes) -> bytes:
    """The ciphertext; `key` has 32 bytes, `iv` 16 that are used once."""
    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
