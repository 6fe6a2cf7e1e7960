"""Binary values that others wrote as text: hex or base64, told apart by their length."""

from __future__ import annotations

import base64
import re
from enum import StrEnum

_HEX = re.compile(r"[0-9A-Fa-f]*", re.ASCII)
_URL_SAFE = str.maketrans("-_", "+/")


class Encoding(StrEnum):
    """How bytes are written."""

    HEX = "hex"
    BASE64 = "base64"

    def write(self, value: bytes) -> str:
        """The bytes as text."""
        return value.hex() if self is Encoding.HEX else base64.b64encode(value).decode()

    def read(self, text: str) -> bytes:
        """The bytes in a text; of base64 either alphabet is taken, and lines may be broken.

        Raises:
            ValueError: it is not such a text.
        """
        if self is Encoding.BASE64:
            return base64.b64decode("".join(text.split()).translate(_URL_SAFE), validate=True)
        if not _HEX.fullmatch(text):  # fromhex overlooks blanks
            raise ValueError("no hex digits")
        return bytes.fromhex(text)


def read_exactly(text: str, size: int) -> tuple[Encoding, bytes]:
    """So many bytes, and how they were written.

    Raises:
        ValueError: the text holds another number of bytes, or is neither hex nor base64.
    """
    encoding = Encoding.HEX if len(text) == 2 * size else Encoding.BASE64
    value = encoding.read(text)
    if len(value) != size:
        raise ValueError(f"{len(value)} bytes instead of {size}")
    return encoding, value


def read_blocks(text: str, size: int) -> tuple[Encoding, bytes]:
    """One or more blocks of so many bytes, and how they were written: hex where no other letters are in it.

    Base64 of two blocks that looks like hex comes once in 10^20.

    Raises:
        ValueError: the text holds no whole blocks, or is neither hex nor base64.
    """
    encoding = Encoding.HEX if len(text) % (2 * size) == 0 and _HEX.fullmatch(text) else Encoding.BASE64
    value = encoding.read(text)
    if not value or len(value) % size:
        raise ValueError(f"{len(value)} bytes are not whole blocks of {size}")
    return encoding, value
