"""What is posted to CleverTap has the documented shape, and its answers are heeded (docs/contracts/clevertap.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.aes import encrypt
from bridge.clevertap.callbacks import MAX_SERVERS, Callbacks, Event, Reaction, Reply, event_of, payload
from bridge.clevertap.codes import CODES as BRIDGE_CODES
from bridge.message import Failure
from tests.fakes.clevertap import CODES, SILENCES, FakeCleverTap, answer, judge
from tests.fakes.clock import Clock
from tests.fakes.values import ACCOUNT_ID, START, message_id
from tests.unit.receipt_harness import URL, row

if TYPE_CHECKING:
    from bridge.errors import TransportFailure


def posted(*events: Event) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(json.dumps(payload(events)))
    judge(found)
    return found


DELIVERED = Event(ACCOUNT_ID, message_id(0), int(START), "Delivered to handset")
FAILED = Event(ACCOUNT_ID, message_id(1), int(START), "Undelivered", "914")


def test_the_documented_example_is_what_is_posted():
    delivered = Event(ACCOUNT_ID, "m-1.", 1435322805, "Delivered to handset")
    failed = Event(ACCOUNT_ID, "m-2.", 1654512921, "DND Failure", "901")

    assert posted(delivered, failed) == [
        {"event": "delivered", "data": [{"ts": 1435322805, "meta": "m-1.", "description": "Delivered to handset"}]},
        {"event": "failed", "data": [{"ts": 1654512921, "meta": "m-2.", "code": "901", "description": "DND Failure"}]},
    ]


@pytest.mark.parametrize(("events", "names"), [([DELIVERED], ["delivered"]), ([FAILED, FAILED], ["failed"])])
def test_an_event_without_items_is_left_out(events: list[Event], names: list[str]):
    assert [call["event"] for call in posted(*events)] == names


@pytest.mark.parametrize("status", ["rejected", "expired", "cancelled", "delivered", "undelivered"])
def test_a_final_row_becomes_an_event_of_the_documented_shape(status: str):
    code = None if status == "delivered" else "914"

    event = event_of(row(0, status, code=code, reason="why"), START)

    [call] = posted(event)
    assert call["event"] == ("delivered" if status == "delivered" else "failed")
    assert call["data"][0]["meta"] == message_id(0)
    assert call["data"][0]["ts"] == int(START + 1.5)


def test_a_delivery_that_was_in_doubt_before_is_told_without_that_reason():
    event = event_of(row(0, "delivered", reason="Message Central did not answer", code="904"), START)

    assert (event.description, event.code) == ("Delivered to handset", None)


def test_a_failure_without_code_and_reason_is_told_all_the_same():
    event = event_of(row(0, "rejected"), START)

    assert (event.code, event.description) == ("900", "not sent")


@pytest.mark.parametrize("final_at", [None, "", "yesterday", "0001-01-01"])
def test_an_end_without_a_readable_time_is_told_with_the_time_of_now(final_at: str | None):
    assert event_of(row(0, "delivered", final_at=final_at), START + 7.9).ts == START + 7


def test_a_long_reason_is_cut():
    assert len(event_of(row(0, "rejected", reason="long " * 500), START).description) == 200


def test_every_failure_has_one_of_clevertaps_codes():
    assert {*BRIDGE_CODES} == {*Failure}
    assert {*BRIDGE_CODES.values()} <= CODES


def test_an_event_names_the_worker_for_the_log_and_not_for_clevertap():
    event = event_of(row(0, "delivered", claimed_by="request-id/claim-id"), START)

    assert event.worker == "request-id"
    assert "request-id" not in json.dumps(payload([event]))


def test_a_record_that_never_had_a_worker_names_none():
    assert event_of(row(0, "rejected", claimed_by=None), START).worker == ""


# ── its answers ──────────────────────────────────────────────────────────────


@pytest.fixture
def clevertap() -> FakeCleverTap:
    return FakeCleverTap()


@pytest.fixture
def callbacks(clevertap: FakeCleverTap) -> Callbacks:
    return Callbacks(clevertap.transport, Clock(), encrypt)


def post(callbacks: Callbacks, url: str = URL) -> Reply:
    return callbacks.post(url, [DELIVERED, FAILED], Clock().deadline(60))


@pytest.mark.parametrize(
    ("status", "reaction", "refused"),
    [
        (200, Reaction.ACCEPTED, 0),
        (202, Reaction.ACCEPTED, 0),
        (301, Reaction.RETRY, 2),
        (307, Reaction.RETRY, 2),
        (400, Reaction.REJECTED, 2),
        (401, Reaction.RETRY, 2),
        (403, Reaction.RETRY, 2),
        (404, Reaction.RETRY, 2),
        (405, Reaction.RETRY, 2),
        (410, Reaction.RETRY, 2),
        (413, Reaction.REJECTED, 2),
        (422, Reaction.REJECTED, 2),
        (429, Reaction.RETRY, 0),
        (500, Reaction.RETRY, 0),
        (502, Reaction.RETRY, 0),
        (503, Reaction.RETRY, 0),
        (504, Reaction.RETRY, 0),
        (599, Reaction.RETRY, 0),
    ],
)
def test_a_status_decides_whether_it_is_posted_again_and_whether_a_person_is_needed(
    callbacks: Callbacks, clevertap: FakeCleverTap, status: int, reaction: Reaction, refused: int
):
    clevertap.default = answer(status)

    assert post(callbacks) == Reply(reaction, status, refused)
    [(url, items)] = clevertap.calls
    assert url == URL
    assert [item["meta"] for item in items] == [message_id(0), message_id(1)]


@pytest.mark.parametrize("silence", SILENCES, ids=lambda one: type(one).__name__)
def test_no_answer_means_again(callbacks: Callbacks, clevertap: FakeCleverTap, silence: TransportFailure):
    clevertap.default = silence

    assert post(callbacks) == Reply(Reaction.RETRY)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"status": "partial", "processed": 1, "unprocessed": [{"status": "fail", "code": 400}]}', 1),
        (b'{"status": "fail", "processed": 0, "unprocessed": [{}, {}]}', 2),
        (b'{"unprocessed": [{"code": 400, "record": {"event": "failed", "data": [{"ts": 1}]}}]}', 1),
        (b'{"unprocessed": [{"code": 400, "record": {"event": "failed", "data": [{"ts": 1}, {"ts": 2}]}}]}', 2),
        (b'{"unprocessed": [{"record": "x"}]}', 1),
        (b'{"unprocessed": [{"record": {"data": []}}]}', 1),
        (b'{"status": "success", "processed": 2, "unprocessed": []}', 0),
        (b'{"status": "success", "message": "Callback processed successfully", "data": {"processed_events": 2}}', 0),
        (b'{"status": "success"}', 0),
        (b'{"unprocessed": null}', 0),
        (b'{"unprocessed": 7}', 0),
        (b'{"unprocessed": [1, 2, 3]}', 2),
        (b"[]", 0),
        (b"null", 0),
        (b"", 0),
        (b"<html>", 0),
        (b"\xff\xfe", 0),
        (b"[" * 100_000, 0),
    ],
    ids=lambda value: str(value)[:40],
)
def test_items_that_were_not_processed_are_counted(
    callbacks: Callbacks, clevertap: FakeCleverTap, body: bytes, count: int
):
    clevertap.default = answer(200, body)

    assert post(callbacks) == Reply(Reaction.ACCEPTED, 200, count)


@pytest.mark.parametrize("url", ["http://", "https://[bad", "httpx://nowhere", "http://host:99999/", "https:///path"])
def test_a_malformed_url_means_again_and_a_person(callbacks: Callbacks, clevertap: FakeCleverTap, url: str):
    assert post(callbacks, url) == Reply(Reaction.RETRY, refused=2)
    assert clevertap.calls == []


# ── connections and time ─────────────────────────────────────────────────────


def test_one_servers_connections_are_kept_for_all_its_urls(callbacks: Callbacks, clevertap: FakeCleverTap):
    urls = ["https://eu1.cb.example/a?account=1", "https://eu1.cb.example/b", "https://eu1.cb.example"]

    for url in urls:
        post(callbacks, url)

    assert clevertap.servers == ["https://eu1.cb.example"]
    assert [url for url, _ in clevertap.calls] == [*urls[:2], "https://eu1.cb.example/"]


def test_schemes_and_ports_are_told_apart(callbacks: Callbacks, clevertap: FakeCleverTap):
    for url in ("https://host.example/", "http://host.example/", "http://host.example:8080/"):
        post(callbacks, url)

    assert clevertap.servers == ["https://host.example", "http://host.example", "http://host.example:8080"]


def test_the_servers_that_are_kept_are_those_used_last(callbacks: Callbacks, clevertap: FakeCleverTap):
    for n in range(MAX_SERVERS):
        post(callbacks, f"https://s{n}.example/")
    post(callbacks, "https://s0.example/")
    post(callbacks, "https://one-more.example/")  # in place of s1
    before = len(clevertap.servers)

    post(callbacks, "https://s0.example/")
    assert len(clevertap.servers) == before
    post(callbacks, "https://s1.example/")
    assert len(clevertap.servers) == before + 1


@pytest.mark.parametrize(("left", "allowed"), [(60.0, 10.0), (10.0, 10.0), (4.0, 4.0), (0.0, 0.0)])
def test_a_call_is_over_after_ten_seconds_and_by_the_deadline(
    callbacks: Callbacks, clevertap: FakeCleverTap, left: float, allowed: float
):
    callbacks.post(URL, [DELIVERED], Clock().deadline(left))

    assert clevertap.allowed == [pytest.approx(allowed)]
