"""National mobiles of ten countries, as `phonenumbers` knows them: none may go to a stranger in another country.

Where bare digits were taken as international first, 6 % of India's and 10 % of the United States' did.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest
from phonenumbers import (
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberType,
    country_code_for_region,
    national_significant_number,
    number_type,
)

from bridge.phone import read_number

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNTRIES = ("IN", "US", "ID", "AE", "SG", "GB", "BR", "NG", "PH", "ZA")
NUMBERS = 20_000  # of each country
MOST_MISREAD = 0.001  # of all

MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def mobiles(country: str, seed: int) -> list[str]:
    """Different valid national mobiles of a country, of all lengths."""
    draw = _drawn(country, random.Random(seed))
    found: set[str] = set()
    while len(found) < NUMBERS:
        found.add(next(draw))
    return sorted(found)


def _drawn(country: str, randomness: random.Random) -> Iterator[str]:
    metadata = PhoneMetadata.metadata_for_region(country)
    assert metadata
    pattern = re.compile(metadata.mobile.national_number_pattern)
    lengths = metadata.mobile.possible_length or metadata.general_desc.possible_length
    calling_code = country_code_for_region(country)
    while True:
        # The length first: else the longest numbers, of which there are most, would be nearly all.
        digits = randomness.choice(lengths)
        written = f"{randomness.randrange(10**digits):0{digits}}"
        if pattern.fullmatch(written) and not written.startswith("0"):
            number = PhoneNumber(country_code=calling_code, national_number=int(written))
            if number_type(number) in MOBILE and national_significant_number(number) == written:
                yield written


def misread(numbers: list[str], country: str, prefix: str = "") -> list[str]:
    """Those that are read as another number, or as none."""
    calling_code = country_code_for_region(country)
    found = []
    for national in numbers:
        number = read_number(prefix + national, country)
        if number is None or number.e164 != f"+{calling_code}{national}":
            found.append(prefix + national)
    return found


@pytest.mark.fault("number-ambiguous")
@pytest.mark.parametrize("country", COUNTRIES)
def test_national_mobiles_are_read_as_those_of_the_accounts_country(country: str):
    numbers = mobiles(country, seed=4)

    assert len(numbers) == NUMBERS
    assert len(misread(numbers, country)) <= MOST_MISREAD * NUMBERS


@pytest.mark.parametrize("country", COUNTRIES)
def test_none_is_misread_that_begins_with_the_accounts_own_calling_code(country: str):
    numbers = mobiles(country, seed=5)

    assert misread(numbers, country, prefix=str(country_code_for_region(country))) == []


@pytest.mark.parametrize("country", COUNTRIES)
def test_with_a_plus_none_is_misread_whatever_the_accounts_country(country: str):
    numbers = mobiles(country, seed=6)[::20]

    assert misread(numbers, country, prefix=f"+{country_code_for_region(country)}") == []
    for other in ("IN", "US", "XX"):
        assert all(read_number(f"00{country_code_for_region(country)}{national}", other) for national in numbers)
