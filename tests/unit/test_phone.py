from __future__ import annotations

import pytest

from bridge.phone import calling_code, read_number


@pytest.mark.parametrize(
    "written",
    [
        "+919876500001",
        "919876500001",
        "00919876500001",
        "9876500001",
        "09876500001",
        "+91 98765 00001",
        "+91-98765-00001",
        " (91) 98765.00001 ",
        " 919876500001",  # a form's unescaped plus
        "+91 (98765) 00001",
    ],
)
def test_one_indian_number_in_all_its_spellings(written: str):
    number = read_number(written, "IN")

    assert number is not None
    assert (number.e164, number.country_code) == ("+919876500001", "91")


@pytest.mark.fault("number-ambiguous")
@pytest.mark.parametrize(
    ("written", "country", "e164", "code"),
    [
        ("+14155550123", "IN", "+14155550123", "1"),
        ("4155550123", "US", "+14155550123", "1"),
        ("14155550123", "IN", "+14155550123", "1"),
        ("+971501234567", "IN", "+971501234567", "971"),
        ("+390612345678", "IN", "+390612345678", "39"),  # Italy keeps its zero
        ("0612345678", "IT", "+390612345678", "39"),
        ("9198765432", "IN", "+919198765432", "91"),  # national, though it begins like the country code
        ("07400123456", "GB", "+447400123456", "44"),
        ("6499962283", "IN", "+916499962283", "91"),  # valid in New Zealand, too
        ("6618170830", "IN", "+916618170830", "91"),  # valid in Thailand, too
        ("919876500001", "US", "+919876500001", "91"),  # no American number, and an Indian one
        ("6281234567890", "ID", "+6281234567890", "62"),
        ("81234567890", "ID", "+6281234567890", "62"),
        ("+912212345678", "IN", "+912212345678", "91"),  # with a plus a possible length is enough
        ("00911111111111", "US", "+911111111111", "91"),
        ("+5215512345678", "IN", "+525512345678", "52"),  # the 1 of Mexico's mobiles, gone since 2019
        ("+52 1 55 1234 5678", "MX", "+525512345678", "52"),
        ("5215512345678", "MX", "+525512345678", "52"),
        ("+525512345678", "MX", "+525512345678", "52"),
        ("+14155550123", "XX", "+14155550123", "1"),
        ("14155550123", "XX", "+14155550123", "1"),
    ],
)
def test_numbers_of_the_world(written: str, country: str, e164: str, code: str):
    number = read_number(written, country)

    assert number is not None
    assert (number.e164, number.country_code) == (e164, code)


@pytest.mark.parametrize(
    ("written", "country", "e164"),
    [
        ("628123456789.0", "ID", "+628123456789"),
        ("+628123456789.0", "IN", "+628123456789"),
        ("00628123456789.00", "IN", "+628123456789"),
        ("8123456789.0", "ID", "+628123456789"),
        ("+919876500001.0", "US", "+919876500001"),
        (" 919876500001.0 ", "IN", "+919876500001"),
        ("98765.00.0.1", "IN", None),  # dots that separate: no decimal
        ("+91.98765.00000", "US", "+919876500000"),
    ],
)
def test_a_decimals_zero_is_no_digit_of_a_number(written: str, country: str, e164: str | None):
    """A spreadsheet's export, or a JSON number: with the zero it would be a stranger's number."""
    number = read_number(written, country)

    assert (number and number.e164) == e164


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "123",
        "+91",
        "+91987650",
        "+9198765000012345",
        "call me at 9876500001",
        "9876500001x",
        "CALLNOW",
        "+91 98765 0000①",
        "9876500001;ext=5",
        "++919876500001",
        "+00919876500001",
        "9" * 40,
        "+999123456789",
        "९८७६५००००१",
        "1111111111",  # of a possible length, but bare digits have to be valid
        "911111111111",
    ],
)
def test_what_is_no_possible_number_is_none(written: str):
    assert read_number(written, "IN") is None


@pytest.mark.parametrize(("country", "code"), [("IN", "91"), ("US", "1"), ("CA", "1"), ("AE", "971"), ("XX", "0")])
def test_a_country_has_a_calling_code(country: str, code: str):
    assert calling_code(country) == code
