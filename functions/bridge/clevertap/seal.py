"""How a payload is encrypted, and what goes back to CleverTap likewise (docs/contracts/clevertap.md §5).

How key, initialization vector and ciphertext are written is not published: what goes back is written as what came.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.encodings import Encoding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Encrypt = Callable[[bytes, bytes, bytes], bytes]
    """`bridge.aes.encrypt`, which is imported when it is called."""

IV_HEADER = "x-aes-iv"
VERSION_HEADER = "x-aes-key-version"
BLOCK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Seal:
    """How a payload was encrypted: with which version of the key, and how its parts were written."""

    version: str
    iv: Encoding = Encoding.BASE64
    ciphertext: Encoding = Encoding.BASE64

    def __str__(self) -> str:
        """As a row of the log keeps it, in `encryption`."""
        return f"{self.iv}/{self.ciphertext}/{self.version}"

    @classmethod
    def parse(cls, text: str) -> Seal:
        """What `str` wrote.

        Raises:
            ValueError: it is something else.
        """
        iv, ciphertext, version = text.split("/", 2)
        return cls(version, Encoding(iv), Encoding(ciphertext))


def encrypted(
    text: str, wanted: Seal, keys: Mapping[str, bytes], iv: bytes, encrypt: Encrypt
) -> tuple[Mapping[str, str], str]:
    """The headers and the body that carry a text to CleverTap, encrypted as `wanted`; with the key that stands last in
    `keys` if the wanted version is gone. `iv` has 16 bytes that are used once.
    """
    version = wanted.version if wanted.version in keys else [*keys][-1]
    ciphertext = encrypt(keys[version], iv, text.encode())
    headers = {IV_HEADER: wanted.iv.write(iv), VERSION_HEADER: version}
    return headers, json.dumps({"ciphertext": wanted.ciphertext.write(ciphertext)})
