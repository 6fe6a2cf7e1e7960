"""Whatever is written as a number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.phone import read_number


@given(st.text(max_size=50) | st.text("+0123456789 -().", max_size=40), st.sampled_from(["IN", "US", "XX", "IT"]))
def test_whatever_is_written_is_a_number_in_e164_or_none(written: str, country: str):
    number = read_number(written, country)

    if number:
        assert number.e164.startswith("+" + number.country_code)
        assert number.e164[1:].isascii()
        assert number.e164[1:].isdigit()
        assert len(number.e164) <= 18


@given(st.integers(6_000_000_000, 9_999_999_999))
def test_a_number_reads_the_same_with_and_without_its_country(national: int):
    international = read_number(f"+91{national}", "IN")

    assert international == read_number(f"91{national}", "IN") == read_number(f"0091{national}", "US")
    again = international and read_number(international.e164, "US")
    assert again == international
