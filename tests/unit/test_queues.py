from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.queues import MAX_BYTES, MAX_MESSAGES, Chunk, Queue, Queued, decode, encode
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
from tests.fakes.sqs import FakeSQS, _validate
from tests.fakes.values import ACCOUNT_ID, START, message

if TYPE_CHECKING:
    from bridge.message import Message
    from tests.fakes.clock import Clock

URL = "https://sqs.example/q"
YES, NO, IN_DOUBT = Queued.YES, Queued.NO, Queued.IN_DOUBT


@pytest.fixture
def queue(sqs: FakeSQS, clock: Clock) -> Queue:
    return Queue(URL, sqs, clock.sleep)


def chunk(messages: list[Message], outcomes: Any = (), attempts: int = 0) -> Chunk:
    return Chunk(ACCOUNT_ID, START, attempts, messages, outcomes, "request-1")


def same(message: Message) -> Message:
    return replace(message, unsent_claims=tuple(message.unsent_claims))


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
any_message = st.builds(
    message,
    index=st.integers(0, 99_999),
    text=words,
    segments=st.integers(1, 8),
    campaign_id=st.none() | words.filter(bool),
    template_id=st.none() | words.filter(bool),
    sender_id=st.none() | words.filter(bool),
    message_type=st.none() | words.filter(bool),
    message_id=words.filter(bool),
    unsent_claims=st.lists(st.text("abc/", min_size=1), max_size=3).map(tuple),
)
any_row = st.dictionaries(words.filter(bool), words | st.integers(0, 2**40) | st.booleans())


@given(st.lists(any_message, min_size=1, max_size=5), st.lists(any_row, max_size=3), st.integers(0, 20))
def test_what_was_encoded_is_decoded(messages: list[Message], outcomes: list[Any], attempts: int):
    messages = [replace(one, attempts=attempts) for one in messages]

    [(body, part)] = encode(chunk(messages, outcomes, attempts))
    again = decode(body)

    _validate(URL, [{"Id": "0", "MessageBody": body}])
    assert [same(one) for one in again.messages] == messages
    assert list(again.outcomes) == outcomes
    assert (again.account, again.accepted_at, again.attempts, again.request) == (
        ACCOUNT_ID,
        START,
        attempts,
        "request-1",
    )
    assert list(part.messages) == messages


@given(st.integers(0, 250), st.sampled_from(["a" * 10, "अ" * 536, "\f" * 600, "\x01" * 536, "\uffff\ufffe" * 200]))
def test_no_body_is_over_the_limits_and_none_is_missing(count: int, text: str):
    messages = [message(n, text=text, message_id="\x02" * 500 + str(n)) for n in range(count)]

    parts = list(encode(chunk(messages)))

    for body, part in parts:
        assert len(body.encode()) <= MAX_BYTES
        assert 0 < len(part.messages) <= MAX_MESSAGES
        assert [one.message_id for one in decode(body).messages] == [one.message_id for one in part.messages]
    assert [one for _, part in parts for one in part.messages] == messages


def test_1000_short_messages_are_10_chunks():
    assert [len(part.messages) for _, part in encode(chunk([message(n) for n in range(1_000)]))] == [100] * 10


def test_outcomes_travel_alone_or_with_messages():
    rows: list[Any] = [{"messageId": str(n), "attempts": 1, "report": True} for n in range(150)]

    parts = list(encode(chunk([message(1)], rows)))

    assert [(len(part.messages), len(part.outcomes)) for _, part in parts] == [(1, 99), (0, 51)]
    assert [row for body, _ in parts for row in decode(body).outcomes] == rows


def test_an_empty_chunk_has_no_body():
    assert list(encode(chunk([]))) == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "[]",
        "7",
        "null",
        "{}",
        '{"account": "a"}',
        '{"account": "a", "acceptedAt": "yesterday", "messages": []}',
        '{"account": "a", "acceptedAt": 5, "messages": []}',
        '{"account": "a", "acceptedAt": "2023-11-14T22:13:20.000Z", "messages": [{}]}',
        '{"account": "a", "acceptedAt": "2023-11-14T22:13:20.000Z", "messages": ["x"]}',
        '{"account": "a", "acceptedAt": "2023-11-14T22:13:20.000Z", "messages": [7]}',
        '{"account": "a", "acceptedAt": "2023-11-14T22:13:20.000Z", "messages": 7}',
        '{"account": "a", "acceptedAt": "2023-11-14T22:13:20.000Z", "attempts": "x", "messages": []}',
    ],
)
def test_what_is_no_chunk_is_refused(body: str):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        decode(body)


# Sending


def test_all_is_sent_in_calls_of_ten_with_its_delay(queue: Queue, sqs: FakeSQS, clock: Clock):
    results = queue.send([(f"body {n}", n) for n in range(25)], clock.deadline(10))

    assert results == [YES] * 25
    assert [len(batch) for batch in sqs.batches] == [10, 10, 5]
    assert [(entry.body, entry.delay) for entry in sqs.entries] == [(f"body {n}", n) for n in range(25)]


def test_one_call_carries_no_more_than_its_bytes(queue: Queue, sqs: FakeSQS, clock: Clock):
    assert queue.send([("x" * 100_000, 0)] * 5, clock.deadline(10)) == [YES] * 5
    assert [len(batch) for batch in sqs.batches] == [2, 2, 1]


def test_nothing_to_send_is_sent_at_once(queue: Queue, sqs: FakeSQS, clock: Clock):
    assert queue.send([], clock.deadline(10)) == []
    assert sqs.batches == []


def test_only_what_was_refused_is_given_again(queue: Queue, sqs: FakeSQS, clock: Clock):
    sqs.refused.extend([{1, 3}, {0}])

    assert queue.send([(f"b{n}", 0) for n in range(5)], clock.deadline(10)) == [YES] * 5
    assert [[entry["MessageBody"] for entry in batch] for batch in sqs.batches] == [
        ["b0", "b1", "b2", "b3", "b4"],
        ["b1", "b3"],
        ["b1"],
    ]


def test_what_is_refused_three_times_is_not_there(queue: Queue, sqs: FakeSQS, clock: Clock):
    sqs.refused.extend([{1}, {0}, {0}])

    assert queue.send([("a", 0), ("b", 0)], clock.deadline(10)) == [YES, NO]
    assert [entry.body for entry in sqs.entries] == ["a"]


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_a_call_that_failed_once_is_made_again(queue: Queue, sqs: FakeSQS, clock: Clock, fault: Fault):
    sqs.fail("send_message_batch", fault)

    assert queue.send([("a", 0)], clock.deadline(10)) == [YES]


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

    assert queue.send([("a", 0), ("b", 0)], clock.deadline(10)) == [result] * 2


def test_a_doubt_stays_one_when_the_next_call_never_gets_there(queue: Queue, sqs: FakeSQS, clock: Clock):
    sqs.fail("send_message_batch", LOST_AFTER, UNREACHED, UNREACHED)

    assert queue.send([("a", 0)], clock.deadline(10)) == [IN_DOUBT]


def test_without_time_nothing_is_sent(queue: Queue, sqs: FakeSQS, clock: Clock):
    assert queue.send([("a", 0)], clock.deadline(2.9)) == [NO]
    assert sqs.batches == []


def test_a_slow_queue_does_not_use_up_more_than_the_time_there_is(queue: Queue, sqs: FakeSQS, clock: Clock):
    sqs.down("send_message_batch", LOST_BEFORE)
    sqs.around = lambda point: clock.sleep(2) if point.startswith("before") else None
    start = clock.now

    assert queue.send([(f"b{n}", 0) for n in range(40)], clock.deadline(6)) == [IN_DOUBT] * 20 + [NO] * 20
    assert clock.now - start <= 6


def test_the_keys_of_a_chunk_are_short():
    [(body, _)] = encode(chunk([message(1)]))

    assert {*json.loads(body)} == {"account", "acceptedAt", "attempts", "request", "messages"}
    assert {*json.loads(body)["messages"][0]} == {"to", "cc", "id", "text", "segments"}


@pytest.mark.parametrize("character", ["\ufffe", "\uffff", "\x00", "\x1f", "\x7f", "\ud7ff", "\ue000", "\U0010ffff"])
def test_each_character_that_sqs_refuses_goes_through_it_and_arrives(
    queue: Queue, sqs: FakeSQS, clock: Clock, character: str
):
    [(body, _)] = encode(chunk([message(1, text=character)]))

    assert queue.send([(body, 0)], clock.deadline(10)) == [YES]
    assert decode(sqs.entries[0].body).messages[0].text == character
