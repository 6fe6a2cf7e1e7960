"""Chunks: as the text that SQS carries, and on the queue of their lane."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.chunk import MAX_MESSAGES, Chunk, ChunkQueue, Lane, decode, encode
from bridge.sqs import MAX_BYTES, Queue, Queued
from tests.fakes.faults import UNREACHED
from tests.fakes.log import row
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, START, message

if TYPE_CHECKING:
    from bridge.log.row import Row
    from bridge.message import Message
    from tests.fakes.clock import Clock

URL = "https://sqs.example/q"


def chunk(messages: list[Message], outcomes: list[Row] | None = None, attempts: int = 0, **changes: Any) -> Chunk:
    return Chunk(ACCOUNT_ID, START, attempts, messages, outcomes or [], "request-1", **changes)


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
any_row = st.builds(
    row,
    index=st.integers(0, 99_999),
    status=st.sampled_from(["sent", "rejected", "retrying", "unknown"]),
    text=st.none() | words,
    reason=st.none() | words,
    attempts=st.integers(0, 99),
    report=st.booleans(),
)


@given(st.lists(any_message, min_size=1, max_size=5), st.lists(any_row, max_size=3), st.integers(0, 20))
def test_what_was_encoded_is_decoded(messages: list[Message], outcomes: list[Row], attempts: int):
    messages = [replace(one, attempts=attempts) for one in messages]

    [(body, part)] = encode(chunk(messages, outcomes, attempts))
    again = decode(body)

    FakeSQS().send_message_batch(QueueUrl=URL, Entries=[{"Id": "0", "MessageBody": body}])  # which refuses odd ones
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
    rows = [row(n) for n in range(150)]

    parts = list(encode(chunk([message(1)], rows)))

    assert [(len(part.messages), len(part.outcomes)) for _, part in parts] == [(1, 99), (0, 51)]
    assert [carried for body, _ in parts for carried in decode(body).outcomes] == rows


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


def test_the_keys_of_a_chunk_are_short():
    [(body, _)] = encode(chunk([message(1)]))

    assert {*json.loads(body)} == {"account", "acceptedAt", "attempts", "request", "lane", "messages"}
    assert {*json.loads(body)["messages"][0]} == {"to", "cc", "id", "text", "segments"}


def test_a_chunk_that_names_no_lane_is_one_of_a_batch():
    [(body, _)] = encode(chunk([message(1)], lane=Lane.SINGLE))
    document = json.loads(body)
    assert decode(body).lane is Lane.SINGLE

    del document["lane"]

    assert decode(json.dumps(document)).lane is Lane.BATCH


def test_a_row_of_a_status_that_nobody_knows_is_malformed():
    [(body, _)] = encode(chunk([], [row(1)]))

    with pytest.raises(ValueError, match="not a valid Status"):
        decode(body.replace('"sent"', '"teleported"'))


# On the queues


@pytest.fixture
def queue(sqs: FakeSQS, clock: Clock) -> ChunkQueue:
    return ChunkQueue({lane: Queue(f"https://sqs.example/{lane}", sqs, clock.sleep) for lane in Lane})


def test_each_chunk_goes_to_the_queue_of_its_lane_in_the_group_of_its_account(
    queue: ChunkQueue, sqs: FakeSQS, clock: Clock
):
    chunks = [
        (chunk([message(1)], lane=Lane.SINGLE), 3),
        (replace(chunk([message(2)]), account="OTHER"), 5),
    ]

    results = queue.put(chunks, clock.deadline(10))

    assert [[queued for _, queued in parts] for parts in results] == [[Queued.YES], [Queued.YES]]
    assert sorted((entry.queue, entry.group, entry.delay) for entry in sqs.entries) == [
        ("batch", "OTHER", 5),
        ("single", ACCOUNT_ID, 3),
    ]


def test_of_each_chunk_it_is_told_which_parts_are_queued(queue: ChunkQueue, sqs: FakeSQS, clock: Clock):
    sqs.refused.extend([{1}, {0}, {0}])  # the second part, each time it is given

    big, small = chunk([message(n) for n in range(150)]), chunk([message(200)])
    [of_big, of_small] = queue.put([(big, 0), (small, 0)], clock.deadline(10))

    assert [(len(part.messages), queued) for part, queued in of_big] == [(100, Queued.YES), (50, Queued.NO)]
    assert [(len(part.messages), queued) for part, queued in of_small] == [(1, Queued.YES)]


def test_a_lane_that_cannot_be_reached_does_not_touch_the_other(queue: ChunkQueue, sqs: FakeSQS, clock: Clock):
    sqs.fail("send_message_batch", UNREACHED, UNREACHED, UNREACHED)  # the first lane's

    [[(_, single)], [(_, batch)]] = queue.put(
        [(chunk([message(1)], lane=Lane.SINGLE), 0), (chunk([message(2)]), 0)], clock.deadline(10)
    )

    assert (single, batch) == (Queued.NO, Queued.YES)


def test_no_chunks_make_no_call(queue: ChunkQueue, sqs: FakeSQS, clock: Clock):
    assert queue.put([], clock.deadline(10)) == []
    assert sqs.batches == []


@pytest.mark.parametrize("character", ["\ufffe", "\uffff", "\x00", "\x1f", "\x7f", "\ud7ff", "\ue000", "\U0010ffff"])
def test_each_character_that_sqs_refuses_goes_through_it_and_arrives(
    queue: ChunkQueue, sqs: FakeSQS, clock: Clock, character: str
):
    queue.put([(chunk([message(1, text=character)]), 0)], clock.deadline(10))

    assert decode(sqs.entries[0].body).messages[0].text == character
