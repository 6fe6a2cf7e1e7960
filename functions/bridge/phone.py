"""Reads phone numbers as CleverTap may send them (docs/contracts/clevertap.md: `$$To`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    ValidationResult,
    country_code_for_region,
    is_possible_number_with_reason,
    is_valid_number,
    national_significant_number,
    parse,
)

# Digits with the separators people write. `phonenumbers` alone would also dig a number out of a sentence, or
# read letters as a telephone keypad.
_WRITTEN = re.compile(r"\s*(?P<prefix>\+|00)?(?P<rest>[0-9()\-./\s]{4,36})", re.ASCII)
_SEPARATORS = str.maketrans("", "", "()-./ \t\n\r\f\v")
# A number that a spreadsheet or a JSON number made a decimal. With its zero it would be a stranger's.
_DECIMAL = re.compile(r"(\s*\+?[0-9]+)\.00?\s*", re.ASCII)
# Until 2019 a Mexican mobile had a 1 before it where one called from abroad, and many address books have it yet. No
# Mexican number is so long without it; `phonenumbers` took it off until 2024, and then began to refuse such numbers
# (https://github.com/daddyz/phonelib/issues/254, https://github.com/nyaruka/phonenumbers/pull/176).
_MEXICAN_MOBILE = re.compile(r"\+521([0-9]{10})$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Number:
    """A phone number. `e164` has the plus; `country_code` has not."""

    e164: str
    country_code: str


def read_number(written: str, country: str) -> Number | None:
    """The number that was written, or None when it is not a possible number.

    With `+` or `00` it is international, and its length has to be possible. Bare digits have to be a *valid* number:
    an international one that begins with the calling code of `country` (ISO code), else a national one of `country`,
    else any other international one. In this order, as many a national number is also one of another country:
    `6499962283` is an Indian mobile, and one in New Zealand.
    """
    decimal = _DECIMAL.fullmatch(written)
    found = _WRITTEN.fullmatch(decimal[1] if decimal else written)
    if not found:
        return None
    digits = found["rest"].translate(_SEPARATORS)
    number = _international(digits) if found["prefix"] else _bare(digits, country)
    return _number(number) if number else None


def calling_code(country: str) -> str:
    """The calling code of a country (ISO code), without the plus; `0` for a country that has none."""
    return str(country_code_for_region(country))


def country_code_of(e164: str) -> str:
    """The calling code, without the plus, of a number that `read_number` gave.

    Raises:
        NumberParseException: it is none.
    """
    return str(parse(e164).country_code)


def _international(digits: str) -> PhoneNumber | None:
    number = _parse("+" + digits, None)
    # is_possible_number() would also allow numbers that can be dialled only from within their own town.
    possible = number and is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return number if possible else None


def _bare(digits: str, country: str) -> PhoneNumber | None:
    own = digits.startswith(calling_code(country))
    return (
        (_valid("+" + digits, None) if own else None)
        or _valid(digits, country)
        or (_valid("+" + digits, None) if not own else None)
    )


def _valid(text: str, country: str | None) -> PhoneNumber | None:
    number = _parse(text, country)
    return number if number and is_valid_number(number) else None


def _parse(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return parse(_MEXICAN_MOBILE.sub(r"+52\1", text), country)
    except NumberParseException:
        return None


def _number(number: PhoneNumber) -> Number:
    country_code = str(number.country_code)
    return Number(f"+{country_code}{national_significant_number(number)}", country_code)
