"""Reads phone numbers as CleverTap may send them (contracts/clevertap.md §2, `$$To`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    ValidationResult,
    is_possible_number_with_reason,
    is_valid_number,
    national_significant_number,
    parse,
)

# Digits with the separators people write. `phonenumbers` alone would also dig a number out of a sentence, or
# read letters as a telephone keypad.
_WRITTEN = re.compile(r"\s*(?P<prefix>\+|00)?(?P<rest>[0-9()\-./\s]{4,36})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Number:
    """A phone number. `e164` has the plus; `country_code` has not."""

    e164: str
    country_code: str


def read_number(written: str, country: str) -> Number | None:
    """The number that was written, or None when it is no possible number.

    With `+` or `00` it is international. Bare digits are first read as international without the plus, then as a
    national number of `country` (ISO code): readings that are *valid* numbers win over those that merely have a
    possible length, as a ten-digit Indian mobile (`9876543210`) would else be a short number in Iran (+98).
    """
    found = _WRITTEN.fullmatch(written)
    if not found:
        return None
    if found["prefix"]:
        readings = [_parse("+" + found["rest"], None)]
    else:
        readings = [_parse("+" + found["rest"], None), _parse(found["rest"], country)]
    candidates = [reading for reading in readings if reading]
    best = next(filter(is_valid_number, candidates), None) or next(filter(_is_possible, candidates), None)
    return _number(best) if best else None


def _parse(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return parse(text, country)
    except NumberParseException:
        return None


def _is_possible(number: PhoneNumber) -> bool:
    # is_possible_number() would also allow numbers that can be dialled only from within their own town.
    return is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE


def _number(number: PhoneNumber) -> Number:
    country_code = str(number.country_code)
    return Number(f"+{country_code}{national_significant_number(number)}", country_code)
