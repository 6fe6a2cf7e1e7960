"""Message Central's code table (contracts/message_central.md §2), row by row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.message import Status
from bridge.message_central import verdicts
from bridge.message_central.verdicts import refuses_token, verdict
from bridge.message_central.wire import Answer
from tests.fakes.vendor import accepted, answer

SENT, REJECTED, RETRYING, UNKNOWN = Status.SENT, Status.REJECTED, Status.RETRYING, Status.UNKNOWN


def test_http_200_with_code_200_is_sent_under_the_vendors_id():
    outcome = verdict(accepted("987"))

    assert outcome.status is SENT
    assert outcome.verification_id == "987"
    assert not outcome.outage


@pytest.mark.parametrize(
    ("status", "code", "expected", "clevertap_code"),
    [
        (400, None, REJECTED, "910"),
        (200, 400, REJECTED, "910"),
        (400, 400, REJECTED, "910"),
        (200, 511, REJECTED, "910"),
        (409, None, REJECTED, "918"),
        (200, 409, REJECTED, "918"),
        (200, 800, REJECTED, "905"),
        (200, 999, REJECTED, "900"),
        (404, None, REJECTED, "900"),
        (200, 501, RETRYING, None),
        (400, 506, RETRYING, None),
        (200, 506, RETRYING, None),
        (200, 508, RETRYING, None),
        (200, 500, RETRYING, None),
        (500, 500, RETRYING, None),
        (429, None, RETRYING, None),
        (502, None, RETRYING, None),
        (503, None, RETRYING, None),
        (401, None, RETRYING, None),
        (403, None, RETRYING, None),
        (200, 401, RETRYING, None),
        (504, None, UNKNOWN, None),
        (504, 200, UNKNOWN, None),
        (504, 400, UNKNOWN, None),
        (200, None, UNKNOWN, None),
        (201, None, UNKNOWN, None),
        (500, None, UNKNOWN, None),
        (520, None, UNKNOWN, None),
        (500, 200, UNKNOWN, None),
        (400, 200, UNKNOWN, None),
    ],
)
def test_each_row_of_the_contracts_table(status: int, code: int | None, expected: Status, clevertap_code: str | None):
    outcome = verdict(answer(status, code))

    assert (outcome.status, outcome.code) == (expected, clevertap_code)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"7", b"\xff", b'{"data": "x"}', b"[" * 100_000])
@pytest.mark.parametrize(("status", "expected"), [(200, UNKNOWN), (500, UNKNOWN), (503, RETRYING), (404, REJECTED)])
def test_an_unreadable_body_is_judged_by_its_status_alone(body: bytes, status: int, expected: Status):
    assert verdict(Answer(status, body)).status is expected


def test_the_inner_code_counts_where_there_is_no_outer_one():
    assert verdict(answer(200, data={"responseCode": "200", "verificationId": 20})).verification_id == "20"
    assert verdict(answer(200, data={"responseCode": "800"})).code == "905"


def test_the_outer_code_counts_before_the_inner_one():
    assert verdict(answer(200, 800, data={"responseCode": "200"})).code == "905"


@pytest.mark.parametrize("code", [200, "200", 200.0, "200.0"])
def test_a_code_may_be_a_number_or_text(code: Any):
    assert verdict(answer(200, code)).status is SENT


def test_success_without_data_is_sent_without_an_id():
    outcome = verdict(answer(200, 200, data=None))

    assert (outcome.status, outcome.verification_id) == (SENT, None)


@pytest.mark.parametrize(
    ("timeout", "wait"),
    [("45", 45), (45, 45), (None, 60), ("", 60), ("0", 60), ("-3", 60), ("soon", 60), ("99999", 900), ("1e999", 60)],
)
def test_the_same_number_too_soon_waits_as_long_as_the_vendor_says(timeout: Any, wait: int):
    outcome = verdict(answer(400, 506, data={"timeout": timeout, "verificationId": "earlier"}))

    assert (outcome.status, outcome.retry_after, outcome.verification_id) == (RETRYING, wait, None)
    assert not outcome.outage


@pytest.mark.parametrize(("header", "wait"), [("30", 30), (None, None), ("Wed, 21 Oct 2026", None), ("0", None)])
def test_a_busy_vendors_retry_after_is_kept(header: str | None, wait: int | None):
    outcome = verdict(answer(429, retry_after=header))

    assert (outcome.retry_after, outcome.outage) == (wait, True)


def test_no_credit_and_refused_credentials_raise_alarms_and_are_outages():
    for reply, alarm in [(answer(200, 508), "CreditsExhausted"), (answer(200, 501), "CredentialsRefused")]:
        outcome = verdict(reply)
        assert (outcome.alarm, outcome.outage) == (alarm, True)
    assert verdict(answer(400, 777, message="Insufficient credits")).alarm == "CreditsExhausted"
    assert verdict(answer(400, 777, data={"errorMessage": "INSUFFICIENT CREDIT"})).alarm == "CreditsExhausted"


def test_only_a_refused_token_asks_for_another():
    assert refuses_token(verdict(answer(401)))
    assert refuses_token(verdict(answer(403, 777))) is True
    assert not refuses_token(verdict(answer(200, 501)))
    assert not refuses_token(verdict(answer(200, 506)))


def test_a_rejections_reason_has_the_vendors_words_without_long_numbers():
    outcome = verdict(answer(400, 400, message="bad number 919876500001 or 98765"))

    assert outcome.reason is not None
    assert "919876500001" not in outcome.reason
    assert "bad number … or 98765" in outcome.reason
    assert outcome.vendor_code == "400"


@pytest.mark.parametrize("status", [200, 504])
def test_words_about_credit_do_not_turn_a_success_or_a_doubt_into_a_retry(status: int):
    outcome = verdict(answer(status, 200, message="SUCCESS. Insufficient credits for the next message"))

    assert outcome.status is not RETRYING, "it would be sent twice"


@pytest.mark.parametrize("field", ["message", "verificationId"])
def test_half_characters_in_the_vendors_words_do_not_reach_the_log(field: str):
    body = b'{"responseCode": %d, "message": "\\ud800", "data": {"verificationId": "\\udc00x"}}'
    outcome = verdict(Answer(200, body % (400 if field == "message" else 200)))

    # Neither DynamoDB nor SQS takes a lone surrogate: the outcome could never be written.
    ((outcome.reason or "") + (outcome.verification_id or "")).encode()


names = st.sampled_from(["responseCode", "data", "message", "errorMessage", "verificationId", "timeout", "x"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
)


@given(status=st.integers(200, 599), document=json_values, retry_after=st.none() | st.text())
def test_whatever_the_vendor_says_is_a_verdict(status: int, document: Any, retry_after: str | None):
    outcome = verdict(Answer(status, json.dumps(document).encode(), retry_after))

    assert outcome.status in (SENT, REJECTED, RETRYING, UNKNOWN)
    assert (outcome.code is not None) == (outcome.status is REJECTED)
    assert outcome.retry_after is None or 0 < outcome.retry_after <= 900


@given(status=st.integers(200, 599), body=st.binary())
def test_nothing_but_the_contracts_success_is_sent(status: int, body: bytes):
    assert verdict(Answer(status, body)).status is not SENT


def test_every_entry_of_the_table_is_an_outcome_that_a_message_can_have():
    for outcome in verdicts.VERDICTS.values():
        assert outcome.status in (SENT, REJECTED, RETRYING, UNKNOWN)
