"""What is posted to CleverTap has the documented shape, and its answers are heeded (contracts/clevertap.md §4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.clevertap.callbacks import Callbacks, Event, Reaction, Reply, event_of, payload
from bridge.message_central import receipts, verdicts
from bridge.message_central.verdicts import VERDICTS
from tests.fakes.clevertap import SILENCES, Answer, FakeCleverTap
from tests.fakes.values import ACCOUNT_ID, START, message_id
from tests.unit.receipt_doors import URL, row

if TYPE_CHECKING:
    from urllib3.exceptions import HTTPError

# The documentation, copied out.
CODES = {str(code) for code in [*range(900, 911), *range(912, 921)]}
KEYS = {"delivered": {"ts", "meta", "description"}, "failed": {"ts", "meta", "description", "code"}}


def judge(posted: Any) -> None:
    """Hold what is posted against the documented shape, types included."""
    assert type(posted) is list
    assert posted
    assert sum(len(call["data"]) for call in posted) <= 100
    for call in posted:
        assert {*call} == {"event", "data"}
        assert type(call["data"]) is list
        assert call["data"]
        for item in call["data"]:
            assert {*item} == KEYS[call["event"]]
            assert type(item["ts"]) is int
            assert 1_000_000_000 <= item["ts"] < 10_000_000_000, "seconds, not milliseconds"
            assert type(item["meta"]) is str
            assert item["meta"]
            assert type(item["description"]) is str
            assert item["description"]
            if call["event"] == "failed":
                assert type(item["code"]) is str
                assert item["code"] in CODES


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


META = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


@given(st.lists(st.tuples(META, st.booleans()), min_size=1, max_size=100))
def test_every_id_comes_out_once_and_to_the_letter(items: list[tuple[str, bool]]):
    events = [Event(ACCOUNT_ID, meta, int(START), "x", "914" if failed else None) for meta, failed in items]

    found = [(item["meta"], call["event"] == "failed") for call in posted(*events) for item in call["data"]]

    assert sorted(found) == sorted(items)


@pytest.mark.parametrize("status", ["rejected", "expired", "delivered", "undelivered"])
def test_a_final_row_becomes_an_event_of_the_documented_shape(status: str):
    code = None if status == "delivered" else "914"

    event = event_of(row(0, status, code=code, reason="why"))

    [call] = posted(event)
    assert call["event"] == ("delivered" if status == "delivered" else "failed")
    assert call["data"][0]["meta"] == message_id(0)
    assert call["data"][0]["ts"] == int(START + 1.5)


def test_a_delivery_that_was_in_doubt_before_is_told_without_that_reason():
    event = event_of(row(0, "delivered", reason="Message Central did not answer", code="904"))

    assert (event.description, event.code) == ("Delivered to handset", None)


def test_a_failure_without_code_and_reason_is_told_all_the_same():
    event = event_of(row(0, "rejected"))

    assert (event.code, event.description) == ("900", "not sent")


def test_a_long_reason_is_cut():
    assert len(event_of(row(0, "rejected", reason="long " * 500)).description) == 200


def test_every_code_that_the_bridge_has_for_a_failure_is_one_of_clevertaps():
    of_sends = {outcome.code for outcome in VERDICTS.values() if outcome.code} | {verdicts.REFUSED.code}
    of_receipts = {meaning.code for meaning in receipts.WORDS.values() if meaning and meaning.code}

    assert of_sends == {"900", "905", "910", "918"}
    assert of_receipts == {"900", "914", "915", "916"}
    assert of_sends | of_receipts <= CODES


# ── its answers ──────────────────────────────────────────────────────────────


@pytest.fixture
def clevertap() -> FakeCleverTap:
    return FakeCleverTap()


@pytest.fixture
def callbacks(clevertap: FakeCleverTap) -> Callbacks:
    made = Callbacks()
    made._http = clevertap
    return made


@pytest.mark.parametrize(
    ("status", "reaction"),
    [
        (200, Reaction.TAKEN),
        (202, Reaction.TAKEN),
        (301, Reaction.REFUSED),
        (307, Reaction.REFUSED),
        (400, Reaction.REFUSED),
        (401, Reaction.REFUSED),
        (404, Reaction.REFUSED),
        (413, Reaction.REFUSED),
        (429, Reaction.LATER),
        (500, Reaction.LATER),
        (502, Reaction.LATER),
        (503, Reaction.LATER),
        (504, Reaction.LATER),
        (599, Reaction.LATER),
    ],
)
def test_a_status_decides_whether_it_is_posted_again(
    callbacks: Callbacks, clevertap: FakeCleverTap, status: int, reaction: Reaction
):
    clevertap.default = Answer(status)

    assert callbacks.post(URL, [DELIVERED, FAILED]) == Reply(reaction, status)
    [(url, items)] = clevertap.calls
    assert url == URL
    assert [item["meta"] for item in items] == [message_id(0), message_id(1)]


@pytest.mark.parametrize("silence", SILENCES, ids=lambda one: type(one).__name__)
def test_no_answer_means_later(callbacks: Callbacks, clevertap: FakeCleverTap, silence: HTTPError):
    clevertap.default = silence

    assert callbacks.post(URL, [DELIVERED]) == Reply(Reaction.LATER)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"status": "partial", "processed": 1, "unprocessed": [{"status": "fail", "code": 400}]}', 1),
        (b'{"status": "fail", "processed": 0, "unprocessed": [{}, {}]}', 2),
        (b'{"status": "success", "processed": 2, "unprocessed": []}', 0),
        (b'{"status": "success"}', 0),
        (b'{"unprocessed": null}', 0),
        (b'{"unprocessed": 7}', 0),
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
    clevertap.default = Answer(200, body)

    assert callbacks.post(URL, [DELIVERED, FAILED]) == Reply(Reaction.TAKEN, 200, count)


@given(st.binary())
def test_no_answer_is_too_strange(body: bytes):
    made, strange = Callbacks(), FakeCleverTap()
    made._http = strange
    strange.default = Answer(200, body)

    assert made.post(URL, [DELIVERED]).reaction is Reaction.TAKEN


@pytest.mark.parametrize("url", ["http://", "https://[bad", "httpx://nowhere", "http://host:99999/", "http://%zz:x/"])
def test_a_url_that_is_none_means_later(url: str):
    assert Callbacks().post(url, [DELIVERED]) == Reply(Reaction.LATER)


def test_an_event_names_the_worker_for_the_log_and_not_for_clevertap():
    event = event_of(row(0, "delivered", claimedBy="request-id/claim-id"))

    assert event.worker == "request-id"
    assert "request-id" not in json.dumps(payload([event]))


def test_a_record_that_never_had_a_worker_names_none():
    assert event_of(row(0, "rejected", claimedBy=None)).worker == ""
