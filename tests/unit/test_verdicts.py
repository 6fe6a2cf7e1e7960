"""Message Central's code table (docs/contracts/message_central.md), row by row."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.message import Cause, Failure, Outcome, Status
from bridge.message_central import verdicts
from bridge.message_central.verdicts import verdict
from bridge.transport import Response
from tests.fakes.vendor import accepted, answer, page

SENT, REJECTED, RETRYING, UNKNOWN = Status.SENT, Status.REJECTED, Status.RETRYING, Status.UNKNOWN


def test_http_200_with_code_200_is_sent_under_the_vendors_id():
    outcome = verdict(accepted("987"))

    assert outcome.status is SENT
    assert outcome.verification_id == "987"
    assert not outcome.outage


# HTTP status and response code (None: any other body) -> our status, and why.
TABLE: list[tuple[int, int | None, Status, Failure | Cause | None]] = [
    # The vendor's own word on this message.
    (200, 400, REJECTED, Failure.INVALID_NUMBER),
    (400, 400, REJECTED, Failure.INVALID_NUMBER),
    (500, 400, REJECTED, Failure.INVALID_NUMBER),
    (200, 511, REJECTED, Failure.INVALID_NUMBER),
    (200, 409, REJECTED, Failure.DUPLICATE),
    (409, 409, REJECTED, Failure.DUPLICATE),
    (200, 800, REJECTED, Failure.DAILY_LIMIT),
    (200, 999, REJECTED, Failure.REFUSED),
    (200, 0, REJECTED, Failure.REFUSED),
    (404, 999, REJECTED, Failure.REFUSED),
    (200, 501, RETRYING, Cause.CREDENTIALS),
    (200, 401, RETRYING, Cause.CREDENTIALS),
    (200, 403, RETRYING, Cause.CREDENTIALS),
    (400, 506, RETRYING, Cause.SAME_NUMBER),
    (200, 506, RETRYING, Cause.SAME_NUMBER),
    (200, 508, RETRYING, Cause.CREDITS),
    # Not taken, by HTTP's own meaning.
    (401, None, RETRYING, Cause.CREDENTIALS),
    (403, None, RETRYING, Cause.CREDENTIALS),
    (429, None, RETRYING, Cause.RATE),
    (429, 429, RETRYING, Cause.RATE),
    (503, None, RETRYING, Cause.BUSY),
    (503, 503, RETRYING, Cause.BUSY),
    # A proxy's word, or a wrong URL's.
    *[(status, None, RETRYING, Cause.GATEWAY) for status in (300, 301, 302, 304, 307, 308)],
    *[(status, None, RETRYING, Cause.GATEWAY) for status in (400, 404, 405, 408, 409, 410, 411, 413, 414, 415, 421)],
    *[(status, None, RETRYING, Cause.GATEWAY) for status in (426, 431, 444, 451, 494, 499)],
    # Perhaps sent.
    (200, 500, UNKNOWN, None),
    (400, 500, UNKNOWN, None),
    (500, 500, UNKNOWN, None),
    (503, 500, UNKNOWN, None),
    *[(status, None, UNKNOWN, None) for status in (500, 501, 502, 504, 505, 520, 521, 522, 524, 599, 999)],
    *[(502, code, UNKNOWN, None) for code in (200, 400, 429, 500, 502, 503, 506, 508)],
    *[(504, code, UNKNOWN, None) for code in (200, 400, 500, 504, 506, 508)],
    *[(status, None, UNKNOWN, None) for status in (101, 200, 201, 202, 204)],
    *[(status, 200, UNKNOWN, None) for status in (302, 400, 404, 429, 500, 503)],
]


@pytest.mark.parametrize(("status", "code", "expected", "why"), TABLE)
def test_each_row_of_the_contracts_table(status: int, code: int | None, expected: Status, why: Failure | Cause | None):
    outcome = verdict(answer(status, code))

    assert (outcome.status, outcome.failure or outcome.cause) == (expected, why)


@pytest.mark.parametrize(("status", "code", "_expected", "why"), TABLE)
def test_what_says_nothing_about_the_message_itself_is_an_outage(
    status: int, code: int | None, _expected: Any, why: Any
):
    # A rate is none: the vendor works. Nor is a refusal, or a number that comes too soon.
    no_outage = isinstance(why, Failure) or why in (Cause.RATE, Cause.SAME_NUMBER)

    assert verdict(answer(status, code)).outage is not no_outage


@pytest.mark.fault("gateway-page")
@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 404, 405, 408, 409, 413, 414, 431, 494, 499])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>moved", b"[]", b"null", b"{}", b'{"message": "no Route matched"}', b'{"status": 404, "error": "x"}'],
)
def test_a_proxys_page_never_rejects_a_message(status: int, body: bytes):
    # Seconds of a maintenance page used to burn a campaign, and an HTML 400 told CleverTap of bad numbers.
    outcome = verdict(Response(status, body))

    assert (outcome.status, outcome.failure, outcome.cause) == (RETRYING, None, Cause.GATEWAY)
    assert outcome.reason == "a proxy answered, not Message Central"


@pytest.mark.fault("vendor-502", "vendor-500")
@pytest.mark.parametrize("reply", [page(502), answer(200, 500), answer(500, 500), page(500), page(504)], ids=repr)
def test_what_may_have_been_sent_is_never_sent_again(reply: Response):
    # A 502 says that the gateway lost its backend, often after that had the request: it used to be sent 130 times.
    assert verdict(reply).status is UNKNOWN


@pytest.mark.fault("vendor-garbage", "vendor-503")
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"7", b"\xff", b'{"data": "x"}', b"[" * 100_000])
@pytest.mark.parametrize(("status", "expected"), [(200, UNKNOWN), (500, UNKNOWN), (503, RETRYING), (404, RETRYING)])
def test_an_unreadable_body_is_judged_by_its_status_alone(body: bytes, status: int, expected: Status):
    assert verdict(Response(status, body)).status is expected


def test_the_inner_code_counts_where_there_is_no_outer_one():
    assert verdict(answer(200, data={"responseCode": "200", "verificationId": 20})).verification_id == "20"
    assert verdict(answer(200, data={"responseCode": "800"})).failure is Failure.DAILY_LIMIT


def test_the_outer_code_counts_before_the_inner_one():
    assert verdict(answer(200, 800, data={"responseCode": "200"})).failure is Failure.DAILY_LIMIT


@pytest.mark.parametrize("code", [200, "200", 200.0, "200.0"])
def test_a_code_may_be_a_number_or_text(code: Any):
    assert verdict(answer(200, code)).status is SENT


def test_success_without_data_is_sent_without_an_id():
    outcome = verdict(answer(200, 200, data=None))

    assert (outcome.status, outcome.verification_id) == (SENT, None)


@pytest.mark.fault("same-number-again")
@pytest.mark.parametrize(
    ("timeout", "wait"),
    [("45", 45), (45, 45), (None, 60), ("", 60), ("0", 60), ("-3", 60), ("soon", 60), ("99999", 900), ("1e999", 60)],
)
def test_the_same_number_too_soon_waits_as_long_as_the_vendor_says(timeout: Any, wait: int):
    outcome = verdict(answer(400, 506, data={"timeout": timeout, "verificationId": "earlier"}))

    assert (outcome.status, outcome.retry_after, outcome.verification_id) == (RETRYING, wait, None)
    assert not outcome.outage


@pytest.mark.parametrize(
    ("header", "wait"),
    [("30", 30), (" 7 ", 7), ("99999", 900), (None, None), ("Wed, 21 Oct 2026", None), ("0", None), ("-1", None)],
)
@pytest.mark.parametrize("status", [429, 503, 404])
def test_a_retry_after_is_kept(status: int, header: str | None, wait: int | None):
    assert verdict(page(status, retry_after=header)).retry_after == wait


@pytest.mark.parametrize("reply", [page(502, retry_after="5"), answer(200, 800, retry_after="5")], ids=repr)
def test_what_does_not_wait_has_no_wait(reply: Response):
    assert verdict(reply).retry_after is None


@pytest.mark.fault("credits-gone")
@pytest.mark.parametrize(
    "reply",
    [
        answer(200, 508),
        answer(400, 777, message="Insufficient credits"),
        answer(400, 777, data={"errorMessage": "INSUFFICIENT CREDIT"}),
        answer(400, 400, message="INSUFFICIENT_CREDITS"),  # as the vendor writes its other words
        answer(400, message="insufficient credits"),
    ],
    ids=repr,
)
def test_no_credit_is_known_by_its_code_or_its_words(reply: Response):
    assert verdict(reply).cause is Cause.CREDITS


def test_only_a_refused_token_asks_for_another():
    assert verdict(answer(401)).token_refused
    assert verdict(page(403)).token_refused
    assert verdict(answer(403, 403)).token_refused
    assert not verdict(answer(403, 777)).token_refused, "the vendor refuses the message, not the token"
    assert not verdict(answer(200, 501)).token_refused
    assert not verdict(answer(200, 506)).token_refused


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        (accepted(), "200"),
        (answer(200, 0), "0"),
        (answer(200, "0"), "0"),
        (answer(400, 506), "506"),
        (answer(200), "HTTP 200"),
        (page(404), "HTTP 404"),
        (answer(200, "soon"), "HTTP 200"),
    ],
    ids=repr,
)
def test_the_vendors_code_is_shown_else_the_http_status(reply: Response, shown: str):
    assert verdict(reply).vendor_code == shown


def test_a_rejections_reason_has_the_vendors_words_without_long_numbers():
    outcome = verdict(answer(400, 400, message="bad number 919876500001 or 98765"))

    assert outcome.reason is not None
    assert "919876500001" not in outcome.reason
    assert outcome.reason.endswith("(400 bad number … or 98765)"), "and no None for the words that are not there"
    assert outcome.vendor_code == "400"


@pytest.mark.parametrize("status", [200, 400, 502, 504])
def test_words_about_credit_do_not_turn_a_success_or_a_doubt_into_a_retry(status: int):
    outcome = verdict(answer(status, 200, message="SUCCESS. Insufficient credits for the next message"))

    assert outcome.status is not RETRYING, "it would be sent twice"


@pytest.mark.parametrize("field", ["message", "verificationId"])
def test_half_characters_in_the_vendors_words_do_not_reach_the_log(field: str):
    body = b'{"responseCode": %d, "message": "\\ud800", "data": {"verificationId": "\\udc00x"}}'
    outcome = verdict(Response(200, body % (400 if field == "message" else 200)))

    # Neither DynamoDB nor SQS takes a lone surrogate: the outcome could never be written.
    ((outcome.reason or "") + (outcome.verification_id or "")).encode()


def every_verdict() -> list[Outcome]:
    return [outcome for outcome in vars(verdicts).values() if isinstance(outcome, Outcome)]


@pytest.mark.parametrize("outcome", every_verdict(), ids=lambda outcome: outcome.reason or "sent")
def test_every_verdict_says_why_a_message_is_rejected_or_has_to_wait(outcome: Outcome):
    assert outcome.status in (SENT, REJECTED, RETRYING, UNKNOWN)
    assert (outcome.failure is not None) == (outcome.status is REJECTED)
    assert (outcome.cause is not None) == (outcome.status is RETRYING)
    assert (outcome.reason is None) == (outcome.status is SENT)
