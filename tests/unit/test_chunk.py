"""Chunks: as the text that SQS carries, and on the queue of their lane."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bridge.chunk import Chunk, ChunkQueue, Lane, decode, encode
from bridge.sqs import Queue, Queued
from tests.fakes.faults import UNREACHED
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, START, message

if TYPE_CHECKING:
    from bridge.log.row import Row
    from bridge.message import Message
    from tests.fakes.clock import Clock
    from tests.fakes.sqs import FakeSQS


def chunk(messages: list[Message], outcomes: list[Row] | None = None, attempts: int = 0, **changes: Any) -> Chunk:
    return Chunk(ACCOUNT_ID, START, attempts, messages, outcomes or [], "request-1", **changes)


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


@pytest.mark.fault("single-behind-batch", "account-slow")
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
