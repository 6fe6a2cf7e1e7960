"""The receive function with its real wiring."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.message_central.receipts import FIELDS, WORDS
from tests.fakes.faults import DENIED, LOST_BEFORE, THROTTLED
from tests.fakes.values import ACCOUNT_ID, RECEIPT_KEY, message_id, number, secret
from tests.unit.doors import Context
from tests.unit.receipt_doors import OTHER_ACCOUNT, OTHER_KEY, ReceiptDoors, receipt, row

NOT_FOUND = (404, {"message": "Not Found"})
LATER = (503, {"status": "error", "error": "try again later"})


@pytest.fixture
def doors(_environment: None, monkeypatch: pytest.MonkeyPatch) -> ReceiptDoors:
    return ReceiptDoors(monkeypatch)


def status(doors: ReceiptDoors, index: int = 0) -> Any:
    found = doors.dynamodb.row((number(index), message_id(index)))
    return found and found["status"]


def metrics(printed: str) -> dict[str, Any]:
    """All metrics that were written, by (account, name)."""
    documents = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    return {
        (one["account"], metric["Name"]): one[metric["Name"]]
        for one in documents
        for metric in one["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }


FORMS = {
    "json": {"body": json.dumps(receipt())},
    "array": {"body": json.dumps([receipt()])},
    "form": {"body": urlencode(receipt())},
    "encoded form": {"body": base64.b64encode(urlencode(receipt()).encode()).decode(), "isBase64Encoded": True},
    "query": {"query": urlencode(receipt())},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_receipt_is_taken_in_every_form(doors: ReceiptDoors, form: str):
    doors.dynamodb.put(row())

    assert doors.post(**FORMS[form]) == (200, {"status": "ok", "processed": 1})

    assert status(doors) == "delivered"


def test_an_event_without_body_or_query_is_refused(doors: ReceiptDoors):
    code, answer = doors.post()

    assert code == 400
    assert answer["errors"][0]["error"].startswith("no delivery report")


def test_a_get_as_api_gateway_sends_it(doors: ReceiptDoors):
    doors.dynamodb.put(row())
    parameters = {"account": ACCOUNT_ID, "receiptKey": RECEIPT_KEY}
    event = {"rawQueryString": urlencode(receipt()), "pathParameters": parameters, "isBase64Encoded": False}

    assert doors.receive.handler(event, Context())["statusCode"] == 200
    assert status(doors) == "delivered"


def test_what_is_not_recognised_is_told_logged_and_counted_and_the_rest_is_taken(doors: ReceiptDoors, capsys: Any):
    doors.dynamodb.put(row(1))

    code, answer = doors.post([{"status": "DELIVRD"}, receipt(1), receipt(2, "LOST IN SPACE")])

    assert code == 400
    assert answer["processed"] == 1
    assert [one["index"] for one in answer["errors"]] == [0, 2]
    assert "missing: verificationId or messageId or transactionId; mobileNumber" in answer["errors"][0]["error"]
    assert status(doors, 1) == "delivered"
    printed = capsys.readouterr().out
    assert "LOST IN SPACE" in printed
    assert metrics(printed)[ACCOUNT_ID, "ReceiptsUnrecognised"] == [2]
    assert metrics(printed)[ACCOUNT_ID, "ReceiptsDelivered"] == [1]


def test_a_body_that_is_nothing_is_counted_as_well(doors: ReceiptDoors, capsys: Any):
    assert doors.post("<xml/>")[0] == 400

    assert metrics(capsys.readouterr().out) == {(ACCOUNT_ID, "ReceiptsUnrecognised"): [1]}


# ── who may call ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("account", "key"),
    [
        (ACCOUNT_ID, "wrong"),
        (ACCOUNT_ID, RECEIPT_KEY + "x"),
        (ACCOUNT_ID, RECEIPT_KEY[:-1]),
        (ACCOUNT_ID, RECEIPT_KEY.lower()),
        (ACCOUNT_ID, ""),
        (ACCOUNT_ID, None),
        (ACCOUNT_ID, "\ud800"),
        (ACCOUNT_ID, OTHER_KEY),
        (OTHER_ACCOUNT, RECEIPT_KEY),
        ("NO-SUCH-ACCOUNT", RECEIPT_KEY),
        ("../other", RECEIPT_KEY),
        ("", RECEIPT_KEY),
        ("x" * 1_000, RECEIPT_KEY),
        ("WITHOUT-KEY", ""),
        ("WITHOUT-KEY", "None"),
    ],
)
def test_a_wrong_key_an_unknown_account_and_one_without_a_key_look_alike(
    doors: ReceiptDoors, account: str, key: str | None
):
    doors.secrets.secrets["bridge/WITHOUT-KEY"] = secret(receiptKey=None)
    doors.dynamodb.put(row())

    assert doors.post(receipt(), account=account, key=key) == NOT_FOUND

    assert status(doors) == "sent"
    assert doors.dynamodb.calls == {}


def test_an_event_without_path_parameters_is_not_found(doors: ReceiptDoors):
    assert doors.post(receipt(), pathParameters=None) == NOT_FOUND


def test_one_accounts_key_does_not_reach_anothers_messages(doors: ReceiptDoors):
    doors.dynamodb.put(row(0))
    doors.dynamodb.put(row(1, "unknown"))
    doors.dynamodb.put(row(2, account=OTHER_ACCOUNT))

    code, _ = doors.post([receipt(n) for n in range(3)], account=OTHER_ACCOUNT, key=OTHER_KEY)

    assert code == 200
    assert [status(doors, n) for n in range(3)] == ["sent", "unknown", "delivered"]


def test_an_account_whose_secret_is_broken_gets_its_receipts_again(doors: ReceiptDoors, capsys: Any):
    doors.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(password="REPLACE_ME")

    assert doors.post(receipt()) == LATER

    assert metrics(capsys.readouterr().out) == {(ACCOUNT_ID, "AccountMisconfigured"): [1]}


def test_while_secrets_manager_is_silent_receipts_come_again(doors: ReceiptDoors):
    doors.secrets.down("get_secret_value", DENIED)

    assert doors.post(receipt()) == LATER


# ── early, parked, lost ──────────────────────────────────────────────────────


def test_a_receipt_before_the_outcome_is_answered_200_parked_and_tried_again(doors: ReceiptDoors):
    doors.dynamodb.put(row(0, "sending"))

    assert doors.post(receipt())[0] == 200
    assert status(doors) == "sending"
    doors.dynamodb.put(row(0, "sent"))
    assert doors.retry_parked() == []

    assert status(doors) == "delivered"


def test_without_log_and_queue_the_vendor_is_told_to_come_again(doors: ReceiptDoors):
    doors.dynamodb.put(row())
    doors.dynamodb.down("query", THROTTLED)
    doors.parked.down("send_message_batch", LOST_BEFORE)

    assert doors.post(receipt()) == LATER

    doors.dynamodb.heal()
    doors.parked.heal()
    assert doors.post(receipt())[0] == 200
    assert status(doors) == "delivered"


def test_with_hardly_any_time_everything_is_parked(doors: ReceiptDoors):
    doors.dynamodb.put(row())

    assert doors.post(receipt(), milliseconds=5_000)[0] == 200

    assert (status(doors), len(doors.parked.entries)) == ("sent", 1)
    assert doors.dynamodb.calls == {}, "a call could last until the end"
    doors.retry_parked()
    assert status(doors) == "delivered"


def test_what_is_no_parked_receipt_fails_alone(doors: ReceiptDoors):
    doors.dynamodb.put(row(0, "sending"))
    doors.post(receipt())
    doors.dynamodb.put(row())
    [entry] = doors.parked.entries

    assert doors.retry_parked("", entry.body, "{}", "[7]") == ["sqs-0", "sqs-2", "sqs-3"]

    assert status(doors) == "delivered"


@pytest.mark.parametrize("broken", [secret(email=None), "no json", None])
def test_a_parked_receipt_waits_for_its_account(doors: ReceiptDoors, broken: Any):
    doors.dynamodb.put(row(0, "sending"))
    doors.post(receipt())
    doors.dynamodb.put(row())
    working, name = doors.secrets.secrets, f"bridge/{ACCOUNT_ID}"
    doors.receive.accounts._provider.clear_cache()
    doors.secrets.secrets = {name: broken} if broken else {}

    assert doors.retry_parked() == []
    assert len(doors.parked.entries) == 1
    doors.secrets.secrets = working
    doors.receive.accounts._provider.clear_cache()
    doors.receive.accounts._unknown.clear()
    assert doors.retry_parked() == []

    assert status(doors) == "delivered"


def test_an_event_without_records_is_done(doors: ReceiptDoors):
    assert doors.retry_parked() == []


# ── whatever comes ───────────────────────────────────────────────────────────

NAMES = st.sampled_from([name for names in FIELDS.values() for name in names] + ["countryCode", "errorCode"])
VALUES = st.none() | st.integers() | st.text() | st.sampled_from([*WORDS, number(), number()[3:], "v0"]) | st.floats()
DOCUMENTS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=10
)
BODIES = st.text() | DOCUMENTS.map(json.dumps) | st.dictionaries(NAMES, st.text()).map(
    lambda fields: urlencode(fields, errors="replace")
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    body=BODIES | st.binary(),
    query=BODIES,
    key=st.just(RECEIPT_KEY) | st.text(),
    account=st.just(ACCOUNT_ID) | st.text(),
)
def test_nothing_that_comes_makes_it_fail(doors: ReceiptDoors, body: str | bytes, query: str, key: str, account: str):
    doors.dynamodb.put(row(0, "unknown"))
    encoded = isinstance(body, bytes)
    text = base64.b64encode(body).decode() if isinstance(body, bytes) else body

    code, answer = doors.post(text, query=query, key=key, account=account, isBase64Encoded=encoded)

    assert code in (200, 400) if (account, key) == (ACCOUNT_ID, RECEIPT_KEY) else code == 404
    json.dumps(answer).encode()
