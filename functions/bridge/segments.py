"""How many parts an SMS has: GSM 03.38 (3GPP TS 23.038) in septets, else UCS-2 in UTF-16 units."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
"""Characters that take two septets: an escape and the character."""

GSM_SINGLE, GSM_PART = 160, 153
UCS2_SINGLE, UCS2_PART = 70, 67


def segments(text: str) -> int:
    """The number of parts in which a text is sent and billed; 0 for an empty text.

    A text of several parts loses room in each to the header that joins them, and a character of two units
    (an escaped one, or a surrogate pair) is never split across parts.
    """
    characters = set(text)
    if characters <= GSM_BASIC:
        return _parts(len(text), GSM_SINGLE, GSM_PART)
    if characters <= GSM_BASIC | GSM_EXTENSION:
        return _packed(text, _gsm_width, GSM_SINGLE, GSM_PART)
    return _packed(text, _ucs2_width, UCS2_SINGLE, UCS2_PART)


def _gsm_width(character: str) -> int:
    return 2 if character in GSM_EXTENSION else 1


def _ucs2_width(character: str) -> int:
    return 2 if character > "\uffff" else 1


def _parts(units: int, single: int, part: int) -> int:
    return int(units > 0) if units <= single else -(-units // part)


def _packed(text: str, width: Callable[[str], int], single: int, part: int) -> int:
    """Parts of a text some of whose characters are two units wide."""
    widths = [width(character) for character in text]
    if sum(widths) <= single:
        return 1
    parts, used = 1, 0
    for units in widths:
        if used + units > part:
            parts, used = parts + 1, 0
        used += units
    return parts
