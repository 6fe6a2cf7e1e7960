"""Texts on one queue: what is given again, and what stays in doubt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bridge.sqs import Body, Queue, Queued
from tests.fakes.faults import (
    APPLIED,
    BROKEN_BEFORE,
    CONNECT_TIMEOUT,
    DENIED,
    LOST_AFTER,
    LOST_BEFORE,
    NOT_APPLIED,
    THROTTLED,
    UNREACHED,
    Fault,
)

if TYPE_CHECKING:
    from tests.fakes.clock import Clock
    from tests.fakes.sqs import FakeSQS

YES, NO, IN_DOUBT = Queued.YES, Queued.NO, Queued.IN_DOUBT


@pytest.fixture
def queue(sqs: FakeSQS, clock: Clock) -> Queue:
    return Queue("https://sqs.example/q", sqs, clock.sleep)


def body(text: str, delay: int = 0, group: str = "A") -> Body:
    return Body(text, delay, group)


def test_all_is_sent_in_calls_of_ten_with_its_delay(queue: Queue, sqs: FakeSQS, clock: Clock):
    results = queue.send([body(f"body {n}", n) for n in range(25)], clock.deadline(10))

    assert results == [YES] * 25
    assert [len(batch) for batch in sqs.batches] == [10, 10, 5]
    assert [(entry.body, entry.delay) for entry in sqs.entries] == [(f"body {n}", n) for n in range(25)]


def test_one_call_carries_no_more_than_its_bytes(queue: Queue, sqs: FakeSQS, clock: Clock):
    assert queue.send([body("x" * 100_000)] * 5, clock.deadline(10)) == [YES] * 5
    assert [len(batch) for batch in sqs.batches] == [2, 2, 1]


def test_nothing_to_send_is_sent_at_once(queue: Queue, sqs: FakeSQS, clock: Clock):
    assert queue.send([], clock.deadline(10)) == []
    assert sqs.batches == []


def test_only_what_was_refused_is_given_again(queue: Queue, sqs: FakeSQS, clock: Clock):
    sqs.refused.extend([{1, 3}, {0}])

    assert queue.send([body(f"b{n}") for n in range(5)], clock.deadline(10)) == [YES] * 5
    assert [[entry["MessageBody"] for entry in batch] for batch in sqs.batches] == [
        ["b0", "b1", "b2", "b3", "b4"],
        ["b1", "b3"],
        ["b1"],
    ]


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_what_sqs_says_when_it_takes_nothing_is_told_by_its_code_and_nothing_of_the_texts(
    queue: Queue, sqs: FakeSQS, clock: Clock, fault: Fault, capsys: pytest.CaptureFixture[str]
):
    sqs.down("send_message_batch", fault)

    queue.send([body("a text")], clock.deadline(10))

    printed = capsys.readouterr().out
    lines = [json.loads(line) for line in printed.splitlines()]
    assert {(one["level"], one["reason"]) for one in lines} == {("WARNING", str(fault.error()))}
    assert "a text" not in printed


def test_what_is_refused_out_of_a_call_is_told_too(
    queue: Queue, sqs: FakeSQS, clock: Clock, capsys: pytest.CaptureFixture[str]
):
    sqs.refused.append({1, 2})

    queue.send([body(f"b{n}") for n in range(3)], clock.deadline(10))

    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["reason"], line["count"]) == ("WARNING", "InternalError", 2)


def test_what_is_refused_three_times_is_not_there(queue: Queue, sqs: FakeSQS, clock: Clock):
    sqs.refused.extend([{1}, {0}, {0}])

    assert queue.send([body("a"), body("b")], clock.deadline(10)) == [YES, NO]
    assert [entry.body for entry in sqs.entries] == ["a"]


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_a_call_that_failed_once_is_made_again(queue: Queue, sqs: FakeSQS, clock: Clock, fault: Fault):
    sqs.fail("send_message_batch", fault)

    assert queue.send([body("a")], clock.deadline(10)) == [YES]


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (UNREACHED, NO),
        (CONNECT_TIMEOUT, NO),
        (DENIED, NO),
        (THROTTLED, NO),
        (LOST_BEFORE, IN_DOUBT),
        (LOST_AFTER, IN_DOUBT),
        (BROKEN_BEFORE, IN_DOUBT),
    ],
)
def test_a_queue_that_stays_away_leaves_a_doubt_only_where_there_is_one(
    queue: Queue, sqs: FakeSQS, clock: Clock, fault: Fault, result: Queued
):
    sqs.down("send_message_batch", fault)

    assert queue.send([body("a"), body("b")], clock.deadline(10)) == [result] * 2


def test_a_doubt_stays_one_when_the_next_call_never_gets_there(queue: Queue, sqs: FakeSQS, clock: Clock):
    sqs.fail("send_message_batch", LOST_AFTER, UNREACHED, UNREACHED)

    assert queue.send([body("a")], clock.deadline(10)) == [IN_DOUBT]


def test_without_time_nothing_is_sent(queue: Queue, sqs: FakeSQS, clock: Clock):
    assert queue.send([body("a")], clock.deadline(2.9)) == [NO]
    assert sqs.batches == []


def test_a_slow_queue_does_not_use_up_more_than_the_time_there_is(queue: Queue, sqs: FakeSQS, clock: Clock):
    sqs.down("send_message_batch", LOST_BEFORE)
    sqs.around = lambda point: clock.sleep(2) if point.startswith("before") else None
    start = clock.now

    assert queue.send([body(f"b{n}") for n in range(40)], clock.deadline(6)) == [IN_DOUBT] * 20 + [NO] * 20
    assert clock.now - start <= 6


def test_each_body_is_in_its_group(queue: Queue, sqs: FakeSQS, clock: Clock):
    queue.send([body("a", group="A"), body("b", group="B")], clock.deadline(10))

    assert [(entry.body, entry.group) for entry in sqs.entries] == [("a", "A"), ("b", "B")]


def test_a_text_whose_characters_take_more_bytes_counts_as_what_it_takes(queue: Queue, sqs: FakeSQS, clock: Clock):
    assert queue.send([body("अ" * 40_000)] * 3, clock.deadline(10)) == [YES] * 3
    assert [len(batch) for batch in sqs.batches] == [2, 1]
