"""`POST /sms`, put together as on Lambda: every answer of docs/clevertap.md."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from bridge.authentication import GUESSES
from bridge.message_central.tokens import RENEW_SECONDS
from tests.fakes.faults import DENIED, LOST_AFTER, LOST_BEFORE, UNREACHED
from tests.fakes.values import (
    ACCOUNT_ID,
    API_KEY,
    CUSTOMER_ID,
    EMAIL,
    PASSWORD,
    VENDOR_TOKEN,
    message_id,
    number,
    secret,
    text,
)
from tests.fakes.vendor import MAYBE_SENT, NOT_SENT, answer
from tests.unit.harness import KEY_HEADERS, Context, Handlers, metrics

ONE = {"to": number(1), "text": text(), "messageId": message_id(1)}
NAME = f"bridge/{ACCOUNT_ID}"


def batch(count: int) -> dict[str, Any]:
    records = [{"to": number(n), "text": text(), "messageId": message_id(n)} for n in range(count)]
    return {"campaignId": "c-1", "messages": records}


# 200


def test_one_message_is_sent(handlers: Handlers):
    assert handlers.post(ONE) == (200, {"status": "sent", "messageId": message_id(1), "verificationId": "4711"})

    assert [(call["mobileNumber"], call["message"]) for call in handlers.transport.send_calls] == [
        ("9876500001", text())
    ]
    assert handlers.dynamodb.statuses() == ["sent"]


def test_the_answer_is_json(handlers: Handlers):
    assert handlers.raw(ONE)["headers"] == {"content-type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(ONE),
        json.dumps({"messages": [ONE]}),
        json.dumps([ONE]),
        urlencode(ONE),
        "\ufeff" + json.dumps(ONE),
    ],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_one_message_in_every_form(handlers: Handlers, body: str, encoded: bool):  # noqa: FBT001
    status, document = handlers.post(body, encoded=encoded)

    assert (status, document["status"]) == (200, "sent")


def test_a_message_without_an_id_gets_one_that_is_told(handlers: Handlers):
    _, document = handlers.post({"to": number(1), "text": text(), "messageId": "$$MessageID"})

    assert document["messageId"].startswith("bridge-")
    assert handlers.dynamodb.rows()[0].message_id == document["messageId"]
    assert handlers.dynamodb.rows()[0].report is False


@pytest.mark.fault("credentials-refused")
def test_a_changed_password_is_used_though_the_secret_with_the_old_one_is_remembered(handlers: Handlers):
    key = base64.b64encode(b"the new password").decode()
    given = answer(200, status=200, token=VENDOR_TOKEN)
    handlers.transport.token = lambda fields: given if fields["key"] == key else answer(401, 401)
    assert handlers.post(ONE)[1]["status"] == "queued"

    handlers.secrets.secrets[NAME] = secret(password="the new password")
    handlers.clock.sleep(RENEW_SECONDS)

    assert handlers.post(ONE | {"messageId": message_id(2)})[1]["status"] == "sent"


def test_one_message_while_the_vendor_cannot_be_reached_is_queued(handlers: Handlers):
    handlers.transport.sends.append(NOT_SENT)

    assert handlers.post(ONE) == (200, {"status": "queued", "messageId": message_id(1)})

    assert handlers.work() == []
    assert handlers.dynamodb.statuses() == ["sent"]


def test_one_message_with_a_wrong_password_is_queued_and_waits(handlers: Handlers, capsys: pytest.CaptureFixture[str]):
    handlers.transport.token = answer(status=400, error="password is wrong")

    assert handlers.post(ONE)[1]["status"] == "queued"

    assert '"CredentialsRefused"' in capsys.readouterr().out
    assert handlers.transport.send_calls == []


def test_one_message_without_an_answer_in_time_is_unknown(handlers: Handlers):
    handlers.transport.sends.append(MAYBE_SENT)

    assert handlers.post(ONE) == (200, {"status": "unknown", "messageId": message_id(1)})
    assert handlers.sqs.entries == []


def test_a_message_posted_twice_is_a_duplicate(handlers: Handlers):
    handlers.post(ONE)

    assert handlers.post(ONE) == (200, {"status": "duplicate", "messageId": message_id(1), "was": "sent"})
    assert len(handlers.transport.send_calls) == 1


def test_a_batch_is_queued(handlers: Handlers):
    assert handlers.post(batch(998)) == (200, {"status": "queued", "accepted": 998, "rejected": []})
    assert handlers.transport.send_calls == []

    assert handlers.work() == []
    assert handlers.dynamodb.statuses() == ["sent"] * 998
    assert {row.campaign_id for row in handlers.dynamodb.rows()} == {"c-1"}


def test_of_a_batch_the_bad_records_are_told_with_their_places(handlers: Handlers):
    records = batch(3)
    records["messages"][1]["to"] = "nobody"

    status, document = handlers.post(records)

    assert (status, document["status"], document["accepted"]) == (200, "queued", 2)
    [rejected] = document["rejected"]
    assert (rejected["index"], rejected["messageId"], rejected["code"]) == (1, message_id(1), "910")
    assert rejected["reason"]


# 422


def test_one_message_with_an_impossible_number_is_rejected(handlers: Handlers):
    status, document = handlers.post({**ONE, "to": "12"})

    assert (status, document["status"], document["code"]) == (422, "rejected", "910")
    assert {*document} == {"status", "code", "reason"}
    assert handlers.dynamodb.statuses() == ["rejected"]


def test_one_message_that_the_vendor_rejects_is_rejected(handlers: Handlers):
    handlers.transport.sends.append(answer(400, 400))

    status, document = handlers.post(ONE)

    assert (status, document["status"], document["code"]) == (422, "rejected", "910")


def test_a_batch_in_which_none_can_be_sent_is_rejected(handlers: Handlers):
    status, document = handlers.post([{"to": "1", "text": "x"}, {"to": number(1), "text": ""}])

    assert (status, document["status"], document["code"]) == (422, "rejected", "910")
    assert handlers.sqs.entries == []


# 400, 401, 413, 503


@pytest.mark.parametrize("body", ["", "hello", "{", "[]", '{"ciphertext": "x"}', "[[[]]]", json.dumps([ONE] * 1_001)])
def test_what_is_no_request_is_400(handlers: Handlers, body: str):
    status, document = handlers.post(body)

    assert (status, document["status"]) == (400, "error")
    assert document["error"]
    nothing_happened(handlers)


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"to": "\xff"}', b"\x00\x01\x02"])
def test_what_is_no_text_is_400(handlers: Handlers, body: bytes):
    assert handlers.post(body)[0] == 400


def test_lone_surrogates_in_the_body_are_400(handlers: Handlers):
    assert handlers.post('{"to": "\ud800"}')[0] == 400


@pytest.mark.parametrize("event", [{}, {"body": None}, {"headers": None}])
def test_a_request_with_nothing_in_it_is_refused(handlers: Handlers, event: dict[str, Any]):
    assert handlers.accept(event, Context())["statusCode"] == 401
    assert handlers.accept({**event, "headers": KEY_HEADERS}, Context())["statusCode"] == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Account": ACCOUNT_ID, "X-Api-Key": API_KEY},
        {"authorization": "Basic " + base64.b64encode(f"{ACCOUNT_ID}:{API_KEY}".encode()).decode()},
        {"account": ACCOUNT_ID, "customerId": CUSTOMER_ID, "email": EMAIL, "password": PASSWORD},
    ],
)
def test_each_of_the_three_ways_opens(handlers: Handlers, headers: dict[str, str]):
    assert handlers.post(ONE, headers)[0] == 200


@pytest.mark.fault("key-changed")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"account": ACCOUNT_ID},
        {"account": ACCOUNT_ID, "x-api-key": "wrong"},
        {"account": "UNKNOWN", "x-api-key": API_KEY},
        {"account": "../" + ACCOUNT_ID, "x-api-key": API_KEY},
        {"account": ACCOUNT_ID, "customerId": CUSTOMER_ID, "email": EMAIL, "password": "wrong"},
        {"account": ACCOUNT_ID, "customerId": CUSTOMER_ID, "email": EMAIL},
        {"authorization": "Basic " + base64.b64encode(f"{ACCOUNT_ID}:wrong".encode()).decode()},
        {"authorization": "Bearer x"},
    ],
)
def test_wrong_missing_and_unknown_get_the_same_401(handlers: Handlers, headers: dict[str, str]):
    answered = handlers.raw(ONE, headers)

    assert answered == handlers.raw(ONE, {"account": ACCOUNT_ID, "x-api-key": "wrong too"})
    assert (answered["statusCode"], json.loads(answered["body"])) == (
        401,
        {"status": "error", "error": "not authenticated"},
    )
    nothing_happened(handlers)


def test_who_may_not_call_learns_nothing_about_the_body(handlers: Handlers):
    assert handlers.post("no json", {})[0] == 401


def test_a_body_that_is_too_large_is_413(handlers: Handlers):
    assert handlers.post(" " * 5_000_001)[0] == 413
    nothing_happened(handlers)


def test_when_nothing_can_be_accepted_it_is_503_with_a_time_to_come_back(handlers: Handlers):
    handlers.sqs.down("send_message_batch", UNREACHED)

    answered = handlers.raw(batch(3))

    assert (answered["statusCode"], answered["headers"]["retry-after"]) == (503, "60")
    assert json.loads(answered["body"])["status"] == "error"


def test_one_message_that_can_be_neither_sent_nor_queued_is_503(handlers: Handlers):
    handlers.sqs.down("send_message_batch", UNREACHED)
    handlers.transport.sends.append(NOT_SENT)

    assert handlers.post(ONE)[0] == 503
    assert handlers.dynamodb.statuses() == ["rejected"]


@pytest.mark.fault("secret-malformed")
def test_an_account_that_is_not_filled_in_is_503_and_names_the_field(handlers: Handlers):
    handlers.secrets.secrets[NAME] = secret(password="REPLACE_ME")

    status, document = handlers.post(ONE)

    assert status == 503
    assert "password" in document["error"]
    nothing_happened(handlers)


@pytest.mark.fault("secret-unreachable")
def test_while_secrets_manager_does_not_answer_it_is_503(handlers: Handlers):
    handlers.secrets.down("get_secret_value", LOST_BEFORE)

    assert handlers.post(ONE)[0] == 503


@pytest.mark.fault("secret-unreachable")
def test_names_that_strangers_make_up_are_no_accounts_of_ours_in_the_metrics(
    handlers: Handlers, capsys: pytest.CaptureFixture[str]
):
    handlers.secrets.down("get_secret_value", DENIED)

    for n in range(GUESSES + 5):
        assert handlers.post(ONE, {"account": f"MADE-UP-{n}", "x-api-key": API_KEY})[0] == 503

    assert {*metrics(capsys.readouterr().out)} == {("-", "AcceptLatency")}


@pytest.mark.fault("accounts-guessed")
def test_an_instance_that_only_guesses_have_reached_lets_in_whoever_calls_from_elsewhere(handlers: Handlers):
    for n in range(GUESSES + 5):
        guess = {"account": f"MADE-UP-{n}", "x-api-key": API_KEY, "x-forwarded-for": f"192.0.2.{n}"}
        assert handlers.post(ONE, guess, source="198.51.100.7")[0] == 401

    assert handlers.post(ONE, source="198.51.100.7")[0] == 401, "who guessed waits"
    assert handlers.post(ONE)[0] == 200


@pytest.mark.parametrize("pasted", ["tok\nen", "tok\u2013en"])
def test_a_token_that_was_pasted_with_a_line_break_is_503_and_shows_nowhere(handlers: Handlers, pasted: str):
    handlers.secrets.secrets[NAME] = secret(authToken=pasted)

    status, document = handlers.post(ONE)

    assert status == 503
    assert pasted not in document["error"]
    nothing_happened(handlers)


def test_after_a_part_of_a_batch_is_queued_it_is_never_a_5xx(handlers: Handlers):
    handlers.sqs.refused.extend([{1}, {0}, {0}])
    handlers.dynamodb.down("put_item", LOST_AFTER)

    status, document = handlers.post(batch(150))

    assert (status, document["accepted"], len(document["rejected"])) == (200, 100, 50)
    assert {item["code"] for item in document["rejected"]} == {"904"}


# What is logged and counted


def test_one_line_is_logged_for_a_request(handlers: Handlers, capsys: pytest.CaptureFixture[str]):
    handlers.post(batch(3))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [logged] = [line for line in lines if "level" in line]
    assert (logged["status"], logged["account"], logged["counts"]) == (200, ACCOUNT_ID, {"MessagesAccepted": 3})
    [metrics] = [line for line in lines if "_aws" in line]
    assert (metrics["account"], metrics["service"], metrics["MessagesAccepted"]) == (ACCOUNT_ID, "test", [3.0])
    assert metrics["AcceptLatency"][0] > 0


def test_the_event_is_not_logged_even_where_the_environment_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    # Powertools would write headers and body, with key, number and text.
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    handlers = Handlers()

    handlers.post(ONE)

    assert API_KEY not in capsys.readouterr().out


def nothing_happened(handlers: Handlers) -> None:
    assert handlers.transport.send_calls == []
    assert handlers.transport.token_calls == []
    assert handlers.sqs.entries == []
    assert handlers.dynamodb.rows() == []


# Whatever is posted
