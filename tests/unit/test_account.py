"""What a secret has to hold to be an account."""

from __future__ import annotations

import pytest

from bridge.account import KEYS, LOGIN, PLACEHOLDER, SHORTEST_KEY, SWITCHES, account_of
from bridge.errors import Misconfigured
from bridge.promotional_hours import PromotionalHours
from tests.fakes.values import ACCOUNT_ID, AUTH_TOKEN, PASSWORD, account, secret


def faulty(fields: dict[str, str]) -> str:
    """What is said of a secret, after a look that it shows nothing of it."""
    with pytest.raises(Misconfigured) as caught:
        account_of(ACCOUNT_ID, fields)
    shown = f"{caught.value} {caught.value.args} {caught.value.__cause__}"
    assert [value for name, value in fields.items() if value in shown and value not in name] == []
    return str(caught.value)


def test_an_account_is_read_from_the_fields_of_its_secret():
    assert account_of(ACCOUNT_ID, secret()) == account()


def test_all_fields_are_read():
    held = account_of(ACCOUNT_ID, secret(country="ae", messageType="OTP", entityId="1107", authToken=AUTH_TOKEN))

    assert (held.country, held.message_type, held.entity_id, held.auth_token) == ("AE", "OTP", "1107", AUTH_TOKEN)


@pytest.mark.parametrize("field", LOGIN)
def test_a_missing_field_is_named(field: str):
    assert f"no field {field}" in faulty(secret(**{field: None}))


@pytest.mark.parametrize("field", [*LOGIN, "senderId", "callbackUrl", "apiKey", "receiptKey"])
def test_a_placeholder_is_named(field: str):
    with pytest.raises(Misconfigured, match=f"placeholder in {field}"):
        account_of(ACCOUNT_ID, secret(**{field: PLACEHOLDER}))


def test_with_a_pasted_token_neither_password_nor_email_are_needed():
    fields = secret(authToken=AUTH_TOKEN, password=PLACEHOLDER, email=None)

    assert account_of(ACCOUNT_ID, fields).auth_token == AUTH_TOKEN


def test_a_secret_without_fields_is_no_account():
    assert "not a JSON object" in faulty({})


@pytest.mark.parametrize("field", KEYS)
def test_a_key_that_can_be_guessed_is_named(field: str):
    assert field in faulty(secret(**{field: "k" * (SHORTEST_KEY - 1)}))
    assert account_of(ACCOUNT_ID, secret(**{field: "k" * SHORTEST_KEY}))


def test_a_country_that_is_no_iso_code_is_named():
    for country in ("India", "I", "91", "I1"):
        with pytest.raises(Misconfigured, match="in country"):
            account_of(ACCOUNT_ID, secret(country=country))


@pytest.mark.parametrize("url", ["eu1.cb.example", "ftp://eu1.cb.example", "httpx://eu1.cb.example"])
def test_a_callback_url_that_is_none_is_named(url: str):
    assert "callbackUrl" in faulty(secret(callbackUrl=url))


@pytest.mark.parametrize("pasted", ["first\nsecond", "tok\u2013en", "tok\ren"])
def test_a_pasted_token_that_cannot_stand_in_a_header_is_named(pasted: str):
    assert "authToken" in faulty(secret(authToken=pasted))


@pytest.mark.parametrize("field", ["password", "senderId", "anything"])
def test_half_a_character_is_named_and_does_not_break_every_later_call(field: str):
    assert field in faulty(secret(**{field: "half \udc00"}))


def test_an_account_keeps_its_secrets_out_of_its_repr():
    assert PASSWORD not in repr(account(auth_token=AUTH_TOKEN))
    assert AUTH_TOKEN not in repr(account(auth_token=AUTH_TOKEN))


@pytest.mark.parametrize("field", SWITCHES)
def test_a_switch_says_true_or_false(field: str):
    fields = secret(entityId="1107")
    attribute = {"requireTemplate": "require_template", "sandbox": "sandbox"}[field]

    assert getattr(account_of(ACCOUNT_ID, fields | {field: "True"}), attribute) is True  # JSON's true, as text
    assert getattr(account_of(ACCOUNT_ID, fields | {field: "off"}), attribute) is False
    assert getattr(account_of(ACCOUNT_ID, fields), attribute) is False
    assert f"neither true nor false in {field}" in faulty(fields | {field: "maybe"})


def test_a_sandbox_account_needs_no_credentials():
    fields = {"sandbox": "true", "customerId": PLACEHOLDER, "email": PLACEHOLDER, "password": PLACEHOLDER}

    assert account_of(ACCOUNT_ID, fields).sandbox
    assert account_of(ACCOUNT_ID, {"sandbox": "true"}).customer_id == ""


def test_templates_can_be_required_only_with_an_entity():
    assert "requireTemplate, and no entityId" in faulty(secret(requireTemplate="true"))


def test_promotional_hours_are_those_given_or_the_usual_ones():
    given = account_of(ACCOUNT_ID, secret(promotionalHours="09:00-20:30"))
    usual = account_of(ACCOUNT_ID, secret(promotionalHours="true"))

    assert given.promotional_hours == PromotionalHours(9 * 3_600, 20 * 3_600 + 1_800)
    assert usual.promotional_hours == PromotionalHours()
    assert account_of(ACCOUNT_ID, secret(promotionalHours="false")).promotional_hours is None
    assert "in promotionalHours" in faulty(secret(promotionalHours="day and night"))


# Limits


@pytest.mark.parametrize(("rate", "parts"), [("20", 20.0), ("0.5", 0.5), ("10000", 10_000.0), ("1.25", 1.25)])
def test_a_rate_is_a_number_of_parts_a_second(rate: str, parts: float):
    assert account_of(ACCOUNT_ID, secret(partsPerSecond=rate)).parts_per_second == parts


@pytest.mark.parametrize("rate", ["0", "0.0", "-1", "fast", "1e3", "10001", "nan", "inf", "1,5", "٣"])
def test_what_is_no_rate_is_named(rate: str):
    with pytest.raises(Misconfigured, match="in partsPerSecond"):
        account_of(ACCOUNT_ID, secret(partsPerSecond=rate))


@pytest.mark.parametrize("cap", ["0", "-5", "1.5", "many", "9999999999"])
def test_what_is_no_daily_cap_is_named(cap: str):
    with pytest.raises(Misconfigured, match="in partsPerDay"):
        account_of(ACCOUNT_ID, secret(partsPerDay=cap))


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [({}, 330), ({"country": "US"}, 0), ({"timeZone": "-08:00"}, -480), ({"country": "US", "timeZone": "+05:45"}, 345)],
)
def test_an_accounts_day_begins_in_india_unless_the_account_is_elsewhere(fields: dict[str, str], minutes: int):
    assert account_of(ACCOUNT_ID, secret(**fields)).utc_offset == minutes


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "5:30", "+5", "+15:00", "Z", "+05:60"])
def test_what_is_no_time_zone_is_named(zone: str):
    with pytest.raises(Misconfigured, match="in timeZone"):
        account_of(ACCOUNT_ID, secret(timeZone=zone))
