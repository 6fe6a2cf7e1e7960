"""The report function with its real wiring."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from bridge.message import FINAL, Status
from bridge.reporting import Delayed
from tests.fakes.clevertap import Answer
from tests.fakes.faults import LOST_BEFORE
from tests.fakes.values import ACCOUNT_ID, START, message_id, secret
from tests.unit.doors import Context
from tests.unit.receipt_doors import OTHER_ACCOUNT, OTHER_URL, URL, ReceiptDoors, change, row
from tests.unit.test_callbacks import judge
from tests.unit.test_receive import metrics

DOWN = Answer(503, b"")


@pytest.fixture
def doors(_environment: None, monkeypatch: pytest.MonkeyPatch) -> ReceiptDoors:
    return ReceiptDoors(monkeypatch)


def delivered(index: int, **changes: Any) -> dict[str, Any]:
    return change(row(index, "delivered", **changes), row(index, "sent", **changes), sequence=index + 1)


def test_a_batch_of_the_stream_is_reported_in_one_call(doors: ReceiptDoors, capsys: Any):
    assert doors.stream(*[delivered(n) for n in range(100)]) == []

    [(url, items)] = doors.clevertap.calls
    assert url == URL
    assert [item["meta"] for item in items] == [message_id(n) for n in range(100)]
    assert metrics(capsys.readouterr().out) == {(ACCOUNT_ID, "ReportsPosted"): [100]}


def test_what_is_posted_has_the_documented_shape(doors: ReceiptDoors, monkeypatch: pytest.MonkeyPatch):
    bodies: list[Any] = []
    request = doors.clevertap.request

    def noting(*arguments: Any, **options: Any) -> Answer:
        bodies.append(json.loads(options["body"]))
        return request(*arguments, **options)

    monkeypatch.setattr(doors.clevertap, "request", noting)
    rows = [row(n, status, code="910", reason="why") for n, status in enumerate(sorted(FINAL))]

    doors.stream(*[change(one, sequence=n) for n, one in enumerate(rows)])

    [posted] = bodies
    judge(posted)
    assert [(call["event"], len(call["data"])) for call in posted] == [("delivered", 1), ("failed", 3)]


def test_changes_that_are_no_news_are_passed_over(doors: ReceiptDoors):
    changes = [
        change(row(0, "sent"), row(0, "sending"), 1),
        change(row(1, "delivered", text="x"), row(1, "delivered"), 2),
        change(row(2, "delivered", report=False), row(2, "sent"), 3),
        change(None, row(3, "delivered"), 4),
        delivered(4),
    ]

    assert doors.stream(*changes) == []

    assert doors.clevertap.metas == {message_id(4): 1}


def test_the_way_of_a_message_through_the_log_is_one_event(doors: ReceiptDoors):
    way = [None, "sending", "retrying", "sending", "unknown", "delivered", "delivered"]
    rows = [row(0, status) if status else None for status in way]

    doors.stream(*[change(new, old, n) for n, (old, new) in enumerate(pairwise(rows))])

    assert doors.clevertap.metas == {message_id(): 1}


@pytest.mark.parametrize("status", sorted(FINAL - {Status.DELIVERED}))
def test_what_was_final_from_the_start_is_reported(doors: ReceiptDoors, status: str):
    doors.stream(change(row(0, status, code="910", reason="to is no possible phone number")))

    [item] = doors.clevertap.taken
    assert (item["event"], item["code"], item["description"]) == ("failed", "910", "to is no possible phone number")


def test_two_accounts_do_not_mix(doors: ReceiptDoors):
    doors.stream(*[delivered(n, account=OTHER_ACCOUNT if n % 3 else ACCOUNT_ID) for n in range(30)])

    told = {url: [item["meta"] for item in items] for url, items in doors.clevertap.calls}
    assert told == {
        URL: [message_id(n) for n in range(30) if n % 3 == 0],
        OTHER_URL: [message_id(n) for n in range(30) if n % 3],
    }


def test_while_clevertap_is_down_reports_wait_in_the_queue(doors: ReceiptDoors, capsys: Any):
    doors.clevertap.default = DOWN

    assert doors.stream(*[delivered(n) for n in range(10)]) == []
    assert metrics(capsys.readouterr().out) == {(ACCOUNT_ID, "ReportsRetried"): [10]}
    doors.clock.sleep(600)
    doors.clevertap.default = Answer()
    assert doors.retry_delayed() == []

    assert doors.clevertap.metas == {message_id(n): 1 for n in range(10)}
    assert doors.delayed.entries == []


def test_what_is_lost_is_named_by_its_first_sequence_number(doors: ReceiptDoors):
    """Lambda goes on from there; what was posted before that stays posted."""
    doors.clevertap.by_url[OTHER_URL] = DOWN
    doors.delayed.down("send_message_batch", LOST_BEFORE)
    batch = [delivered(n, account=OTHER_ACCOUNT if n in (4, 7) else ACCOUNT_ID) for n in range(10)]

    assert doors.stream(*batch) == ["5"]


def test_the_queue_alone_may_be_down(doors: ReceiptDoors):
    doors.delayed.down("send_message_batch", LOST_BEFORE)

    assert doors.stream(*[delivered(n) for n in range(3)]) == []


def test_two_changes_that_look_alike_fail_together(doors: ReceiptDoors):
    doors.clevertap.default = DOWN
    doors.delayed.down("send_message_batch", LOST_BEFORE)

    assert doors.stream(delivered(0), delivered(1)) == ["1"]


def test_a_row_that_is_broken_is_set_aside_before_anything_is_posted(doors: ReceiptDoors):
    broken = delivered(1, finalAt="yesterday")

    with pytest.raises(ValueError, match="yesterday"):
        doors.stream(delivered(0), broken)

    assert doors.clevertap.calls == [], "else the retry, or the half of the batch, would post it twice"


def test_what_are_no_reports_fails_alone(doors: ReceiptDoors):
    event = {"account": ACCOUNT_ID, "meta": "m.", "ts": 1, "description": "x", "code": None}
    body = json.dumps({"account": ACCOUNT_ID, "events": [event], "since": "2026-01-01T00:00:00.000Z",
                       "due": "2020-01-01T00:00:00.000Z", "wait": 600})  # fmt: skip

    assert doors.retry_delayed("", body, "{}", "[1]") == ["sqs-0", "sqs-2", "sqs-3"]

    assert doors.clevertap.metas == {"m.": 1}


def test_after_a_day_reports_pass_on_to_the_dead_letters(doors: ReceiptDoors):
    doors.clevertap.default = DOWN
    doors.stream(delivered(0))
    first = Delayed(ACCOUNT_ID, [], START, START, 600)
    while doors.delayed.entries:
        letter = doors.delayed.entries[0].body
        doors.clock.now = max(entry.due for entry in doors.delayed.entries)
        failed = doors.retry_delayed()
    calls = len(doors.clevertap.calls)

    assert failed == ["sqs-0"]
    assert doors.clock.now == first.since + 86_400
    assert doors.retry_delayed(letter, receives=2) == ["sqs-0"]
    assert len(doors.clevertap.calls) == calls


@pytest.mark.parametrize("broken", ["no json", secret(callbackUrl="ftp://x"), secret(password="REPLACE_ME")])
def test_a_broken_secret_is_counted_and_its_reports_wait(doors: ReceiptDoors, broken: Any, capsys: Any):
    working, doors.secrets.secrets = doors.secrets.secrets, {f"bridge/{ACCOUNT_ID}": broken}

    assert doors.stream(delivered(0)) == []
    assert metrics(capsys.readouterr().out)[ACCOUNT_ID, "AccountMisconfigured"] == [1]
    doors.secrets.secrets = working
    doors.report.reporter._accounts._provider.clear_cache()
    doors.clock.sleep(600)
    assert doors.retry_delayed() == []

    assert doors.clevertap.metas == {message_id(): 1}


def test_with_hardly_any_time_reports_are_queued_at_once(doors: ReceiptDoors):
    assert doors.stream(delivered(0), milliseconds=10_000) == []

    assert doors.clevertap.calls == []
    assert [entry.delay for entry in doors.delayed.entries] == [0]
    doors.retry_delayed()
    assert doors.clevertap.metas == {message_id(): 1}


def test_an_event_without_records_is_done(doors: ReceiptDoors):
    assert doors.report.handler({"Records": []}, Context()) == {"batchItemFailures": []}
