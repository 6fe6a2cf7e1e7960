"""Chunks of any messages go through SQS and come back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.chunk import MAX_MESSAGES, Chunk, decode, encode
from bridge.sqs import MAX_BYTES
from tests.fakes.log import row
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, START, message

if TYPE_CHECKING:
    from bridge.log.row import Row
    from bridge.message import Message


URL = "https://sqs.example/q"


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
    encryption=st.none() | words.filter(bool),
    message_id=words.filter(bool),
    unsent_claims=st.lists(st.text("abc/", min_size=1), max_size=3).map(tuple),
)
any_row = st.builds(
    row,
    index=st.integers(0, 99_999),
    status=st.sampled_from(["sent", "rejected", "retrying", "unknown"]),
    text=st.none() | words,
    reason=st.none() | words,
    encryption=st.none() | words,
    attempts=st.integers(0, 99),
    report=st.booleans(),
)


@given(st.lists(any_message, min_size=1, max_size=5), st.lists(any_row, max_size=3), st.integers(0, 20))
def test_what_was_encoded_is_decoded(messages: list[Message], outcomes: list[Row], attempts: int):
    messages = [replace(one, attempts=attempts) for one in messages]

    [(body, part)] = encode(Chunk(ACCOUNT_ID, START, attempts, messages, outcomes, "request-1"))
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


@settings(deadline=None)  # 250 of the longest texts take as long as the machine lets them
@given(st.integers(0, 250), st.sampled_from(["a" * 10, "अ" * 536, "\f" * 600, "\x01" * 536, "\uffff\ufffe" * 200]))
def test_no_body_is_over_the_limits_and_none_is_missing(count: int, text: str):
    messages = [message(n, text=text, message_id="\x02" * 500 + str(n)) for n in range(count)]

    parts = list(encode(Chunk(ACCOUNT_ID, START, 0, messages)))

    for body, part in parts:
        assert len(body.encode()) <= MAX_BYTES
        assert 0 < len(part.messages) <= MAX_MESSAGES
        assert [one.message_id for one in decode(body).messages] == [one.message_id for one in part.messages]
    assert [one for _, part in parts for one in part.messages] == messages
