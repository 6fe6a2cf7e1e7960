"""Receipts that are not recognised: kept as they came, told by their shape alone, and read again once they can be."""

from __future__ import annotations

import base64
import json
import os
from typing import Any
from urllib.parse import urlencode

import pytest

from bridge import times
from bridge.errors import TooLarge
from bridge.kept import ReceiptCall
from bridge.message_central import receipts
from bridge.message_central.shapes import MOST_NAMES, NO_NAME, field_names, media_type
from bridge.pending import DAY_SECONDS
from tests.fakes.faults import LOST_BEFORE, NOT_APPLIED, THROTTLED, Fault
from tests.fakes.values import ACCOUNT_ID, START, number, text
from tests.unit.harness import metrics
from tests.unit.receipt_harness import SECRET, ReceiptHarness, receipt, row

XML = f"<dlr><id>v0</id><to>{number()}</to><stat>DELIVRD</stat></dlr>"
UNKNOWN = {"reqId": "v0", "to": number()[3:], "dlr": "DELIVRD"}


def kept_call(harness: ReceiptHarness) -> ReceiptCall:
    [entry] = harness.kept
    return ReceiptCall.decode(json.loads(entry.body))


def fix(monkeypatch: pytest.MonkeyPatch, **names: str) -> None:
    """As a person does who has seen the shape: the tables get further names."""
    fields = {name: (*known, *([names[name]] if name in names else [])) for name, known in receipts.FIELDS.items()}
    monkeypatch.setattr(receipts, "FIELDS", fields)


def log_lines(printed: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in printed.splitlines()]
    return [line for line in lines if "not recognised" in line.get("message", "")]


CALLS = {
    "json": {"body": json.dumps(UNKNOWN), "content_type": "application/json; charset=utf-8"},
    "form": {"body": urlencode(UNKNOWN), "content_type": "application/x-www-form-urlencoded"},
    "query": {"query": urlencode(UNKNOWN), "method": "GET"},
    "body and query": {"body": XML, "query": "account=2&x=%2B"},
    "xml": {"body": XML, "content_type": "application/xml"},
    "nothing": {},
    "bytes": {"body": base64.b64encode(bytes(range(256))).decode(), "isBase64Encoded": True},
    "half a character": {"body": '{"a": "\ud800"}'},
}


@pytest.mark.fault("receipt-unreadable")
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_not_recognised_is_kept_as_it_came_and_answered_200(harness: ReceiptHarness, name: str):
    call: dict[str, Any] = CALLS[name]

    code, answer = harness.post(**call)

    assert (code, answer) == (200, {"status": "ok", "processed": 0, "kept": 1})
    kept = kept_call(harness)
    body = call.get("body", "")
    raw = base64.b64decode(body) if call.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")
    assert (kept.account, kept.since, kept.body) == (ACCOUNT_ID, START, raw)
    assert kept.query == call.get("query", "")
    assert kept.method == call.get("method", "POST")
    assert kept.content_type == call.get("content_type", "")
    assert harness.counts == {"ReceiptsUnrecognised": 1}


def test_its_shape_is_logged_and_none_of_its_values(harness: ReceiptHarness, capsys: Any):
    document = {
        "to": number(),
        "Text": text(),
        "result": {"state": {"name": "Handed over", "code9876500000": 7}, "parts": [{"n": 1}, {"m": 2}]},
        text(): 1,
        "x" * 100: 1,
    }

    harness.post(
        [document, {"status": "LOST IN SPACE", **receipt(status=None)}], content_type="application/json;v=98765"
    )

    [line] = log_lines(capsys.readouterr().out)
    names = ["Text", "countryCode", "mobileNumber", "status", "to", "verificationId"]
    nested = ["result.parts.m", "result.parts.n", "result.state.code##########", "result.state.name"]
    assert line["fields"] == sorted([*names, *nested, NO_NAME])
    assert (line["method"], line["content_type"], line["account"]) == ("POST", "application/json", ACCOUNT_ID)
    assert [one["index"] for one in line["errors"]] == [0, 1]
    for value in ("SPACE", "Handed", "v0", "98765"):
        assert value not in json.dumps(line)


def test_of_a_call_that_is_half_recognised_only_the_rest_is_kept(harness: ReceiptHarness, capsys: Any):
    harness.put(row(1), row(2))
    calls = [UNKNOWN, receipt(1), receipt(3, "LOST IN SPACE"), {"data": [receipt(2), {"odd": 1}]}]

    code, answer = harness.post(calls, query="a=b", content_type="text/plain")

    assert (code, answer) == (200, {"status": "ok", "processed": 2, "kept": 3})
    assert (harness.status(1), harness.status(2)) == ("delivered", "delivered")
    kept = kept_call(harness)
    assert json.loads(kept.body) == [UNKNOWN, receipt(3, "LOST IN SPACE"), {"odd": "1"}]
    assert (kept.query, kept.content_type) == ("", "application/json")
    assert metrics(capsys.readouterr().out)[ACCOUNT_ID, "ReceiptsUnrecognised"] == [3]


@pytest.mark.parametrize("name", ["json", "form", "query"])
def test_once_the_table_is_mended_what_is_kept_is_read_by_the_same_code(
    harness: ReceiptHarness, monkeypatch: pytest.MonkeyPatch, name: str
):
    harness.put(row())
    harness.post(**CALLS[name])  # type: ignore[arg-type] # one of these
    assert harness.status() == "sent"
    harness.clock.sleep(5 * DAY_SECONDS)
    fix(monkeypatch, verification_id="reqId", number="to", status="dlr")

    assert harness.redrive() == []

    assert harness.status() == "delivered"
    assert harness.parked.entries == []


def test_what_is_still_not_recognised_goes_back_to_where_it_was_kept_and_does_not_circle(harness: ReceiptHarness):
    harness.post([UNKNOWN])
    before = kept_call(harness)
    harness.clock.sleep(3_600)

    assert harness.redrive() == []

    assert kept_call(harness) == before, "as it came, when it came"
    assert [entry.queue for entry in harness.parked.entries] == ["unrecognised"]


def test_a_redriven_receipt_without_a_known_id_concludes_only_what_it_could_when_it_came(
    harness: ReceiptHarness, monkeypatch: pytest.MonkeyPatch
):
    harness.post({"id": "new", "mobileNumber": number()[3:], "status": "DELIVRD"})
    harness.clock.sleep(2 * DAY_SECONDS)
    harness.put(row(0, "unknown", claimed_at=times.iso(harness.clock.now - 60)))
    fix(monkeypatch, verification_id="id")

    assert harness.redrive() == []

    assert harness.status() == "unknown", "a message that was sent after the receipt came"


def test_a_redriven_call_waits_for_its_account(harness: ReceiptHarness, monkeypatch: pytest.MonkeyPatch):
    harness.put(row())
    harness.post(UNKNOWN)
    fix(monkeypatch, verification_id="reqId", number="to", status="dlr")
    good = harness.secrets.secrets.pop(SECRET)
    harness.clock.sleep(3_600)
    [entry] = harness.kept

    assert harness.redrive() == ["sqs-0"], "SQS gives it again"
    harness.secrets.secrets[SECRET] = good
    harness.clock.sleep(3_600)
    assert harness.retry_parked(entry.body) == []

    assert harness.status() == "delivered"


def test_a_redriven_call_whose_message_cannot_be_looked_up_is_dead_lettered_whole(
    harness: ReceiptHarness, monkeypatch: pytest.MonkeyPatch
):
    harness.put(row())
    harness.post(UNKNOWN)
    harness.clock.sleep(5 * DAY_SECONDS)
    fix(monkeypatch, verification_id="reqId", number="to", status="dlr")
    harness.dynamodb.down("query", LOST_BEFORE)

    assert harness.redrive() == ["sqs-0"]


@pytest.mark.parametrize("fault", NOT_APPLIED, ids=repr)
def test_what_cannot_be_kept_has_to_come_again(harness: ReceiptHarness, fault: Fault):
    harness.parked.down("send_message_batch", fault)

    assert harness.post(UNKNOWN)[0] == 503

    assert harness.kept == []


def test_a_redriven_call_that_cannot_be_kept_again_comes_again(harness: ReceiptHarness):
    harness.post(UNKNOWN)
    harness.parked.down("send_message_batch", THROTTLED)

    assert harness.redrive() == ["sqs-0"]


@pytest.mark.parametrize(
    "body", [XML * 10_000, json.dumps([UNKNOWN] * 1_000), "\x01" * 900_000], ids=["unreadable", "many", "escaped"]
)
def test_a_large_call_is_kept_compressed_in_one_message(harness: ReceiptHarness, body: str):
    assert harness.post(body)[0] == 200

    assert kept_call(harness).body.decode() == body


def test_what_sqs_cannot_take_at_all_is_refused_and_counted(harness: ReceiptHarness):
    noise = base64.b64encode(os.urandom(400_000)).decode()

    assert harness.post(noise, isBase64Encoded=True)[0] == 413

    assert harness.counts == {"ReceiptsUnrecognised": 1}
    assert harness.kept == []


def test_what_is_kept_tells_nobody_in_its_repr():
    kept = ReceiptCall(ACCOUNT_ID, XML.encode(), urlencode(UNKNOWN), "POST", "text/xml")

    assert number()[3:] not in repr(kept)


@pytest.mark.parametrize(
    "kept",
    [
        {},
        7,
        {"account": ACCOUNT_ID},
        {"encoding": "rot13"},
        {"encoding": "zlib", "body": "!"},
        {"encoding": "zlib", "body": base64.b64encode(b"no zlib").decode()},
        {"since": "once"},
    ],
    ids=repr,
)
def test_a_malformed_kept_call_is_dead_lettered(harness: ReceiptHarness, kept: Any):
    whole = json.loads(ReceiptCall(ACCOUNT_ID, b"x", "", "POST", "", START).encode())["kept"]
    kept = whole | kept if isinstance(kept, dict) and len(kept) > 0 else kept
    if kept == whole | {"account": ACCOUNT_ID}:
        kept = {"account": ACCOUNT_ID}

    assert harness.retry_parked(json.dumps({"kept": kept})) == ["sqs-0"]


def test_a_call_is_not_cut_to_be_kept():
    with pytest.raises(TooLarge):
        ReceiptCall(ACCOUNT_ID, os.urandom(300_000), "", "POST", "", START).encode()


@pytest.mark.parametrize(
    ("documents", "names"),
    [
        ([], []),
        ([7, "x", None, []], []),
        ([{"b": 1, "a": {"c": [1]}}], ["a.c", "b"]),
        ([{"": 1}], [NO_NAME]),
        ([{"a b": 1}], [NO_NAME]),
        ([{"919876500000": {"x": 1}}], ["############.x"]),
        ([{"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}], ["a.b.c.d"]),
        ([[{"a": [[{"b": 1}]]}]], ["a.b"]),
    ],
)
def test_the_names_of_a_shape(documents: list[Any], names: list[str]):
    assert field_names(documents) == names


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["arrays", "objects"])
def test_a_shape_is_told_however_deep_it_is_nested(wrap: Any):
    """Since Python 3.12 `json.loads` goes deeper than Python's own calls can."""
    document: Any = 1
    for _ in range(5_000):
        document = wrap(document)

    assert field_names([document, {"b": 1}])[-1] == "b"


def test_a_shape_is_short_whatever_comes():
    wide = {f"name{chr(97 + n % 26)}{'x' * (n // 26)}": {f"k{'y' * m}": 1 for m in range(50)} for n in range(1_000)}

    assert len(field_names([wide] * 100)) == MOST_NAMES


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("application/json", "application/json"),
        ("Text/XML; charset=utf-8", "text/xml"),
        ("multipart/form-data; boundary=919876500000", "multipart/form-data"),
        ("", ""),
        (number(), ""),
        (text(), ""),
    ],
)
def test_a_content_type_is_shown_without_what_may_follow(header: str, shown: str):
    assert media_type(header) == shown
