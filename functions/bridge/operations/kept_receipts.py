"""Receipts that were not recognised (`kept.py`): their shapes, and back through the code once it can read them."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.documents import json_object
from bridge.errors import BadRequest
from bridge.kept import ReceiptCall
from bridge.message_central.receipts import Unrecognised, documents_of, read_receipts
from bridge.message_central.shapes import field_names, media_type
from bridge.sqs import MAX_ENTRIES, Body, Queued
from bridge.times import Deadline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from bridge.sqs import Queue

MOST_PEEKED = 1_000  # SQS messages that are looked at
NO_ACCOUNT = "none"
HIDDEN_SECONDS = 120  # how long SQS gives a message to nobody else; over it is given again
SEND_SECONDS = 30.0  # for ten messages to be put on the other queue
WAIT_SECONDS = 1  # SQS asks all its servers only where it may wait


@dataclass(frozen=True, slots=True)
class Shape:
    """What kept calls have in common: what a person has to know to fix `receipts.py`, and nobody's values.

    `words` are the status words that are not in the table, their digits masked where they could be a number.
    """

    account: str
    method: str
    content_type: str
    fields: tuple[str, ...]
    errors: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def readable(self) -> bool:
        """Whether the code of today can read it, so that it only has to be redriven."""
        return not self.errors


def peek(client: SQSClient, kept_url: str, most: int = MOST_PEEKED, *, without_number: bool = False) -> Counter[Shape]:
    """The shapes of what is kept, each with how many calls have it. Everything stays where it is. `without_number`: the
    stack reads receipts that carry none.
    """
    seen: list[MessageTypeDef] = []
    while len(seen) < most and (batch := _receive(client, kept_url)):
        seen += batch
    _release(client, kept_url, seen)
    return Counter(_shape(message["Body"], without_number=without_number) for message in seen)


def redrive(client: SQSClient, kept_url: str, receipt_queue: Queue) -> int:
    """Give what is kept to receive once more; how many calls that were.

    What is still not recognised comes back to where it was kept: no more is taken than was there in the beginning. A
    call whose deletion fails is redriven twice, which does no harm.
    """
    attributes = client.get_queue_attributes(QueueUrl=kept_url, AttributeNames=["ApproximateNumberOfMessages"])
    left = int(attributes["Attributes"]["ApproximateNumberOfMessages"])
    moved = 0
    while moved < left:
        batch = _receive(client, kept_url, min(MAX_ENTRIES, left - moved))
        if not batch or not (gone := _move(client, kept_url, receipt_queue, batch)):
            break
        moved += gone
    return moved


def _move(client: SQSClient, kept_url: str, receipt_queue: Queue, batch: Sequence[MessageTypeDef]) -> int:
    """Put messages on the other queue, and delete those that are there; how many."""
    bodies = [Body(message["Body"], 0, _account(message["Body"])) for message in batch]
    queued = receipt_queue.send(bodies, Deadline.within(SEND_SECONDS, time.monotonic))
    there = [message for message, one in zip(batch, queued, strict=True) if one is Queued.YES]
    _release(client, kept_url, [message for message in batch if message not in there])
    if there:
        client.delete_message_batch(
            QueueUrl=kept_url,
            Entries=[{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(there)],
        )
    return len(there)


def _receive(client: SQSClient, url: str, most: int = MAX_ENTRIES) -> list[MessageTypeDef]:
    answer = client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=most, VisibilityTimeout=HIDDEN_SECONDS, WaitTimeSeconds=WAIT_SECONDS
    )
    return answer.get("Messages", [])


def _release(client: SQSClient, url: str, messages: Sequence[MessageTypeDef]) -> None:
    """Let SQS give messages to others at once."""
    for start in range(0, len(messages), MAX_ENTRIES):
        handles = [message["ReceiptHandle"] for message in messages[start : start + MAX_ENTRIES]]
        client.change_message_visibility_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": 0} for n, handle in enumerate(handles)
            ],
        )


def _shape(body: str, *, without_number: bool) -> Shape:
    try:
        call = ReceiptCall.decode(json.loads(body))
    except (ValueError, KeyError, TypeError):
        return Shape("", "", "", (), ("it is not a kept call",), ())
    found = _read(call, without_number=without_number)
    return Shape(
        account=call.account,
        method=call.method,
        content_type=media_type(call.content_type),
        fields=tuple(field_names(_documents(call))),
        errors=tuple(sorted({one.error for one in found})),
        words=tuple(sorted({one.word for one in found if one.word})),
    )


def _read(call: ReceiptCall, *, without_number: bool) -> list[Unrecognised]:
    try:
        parts = read_receipts(call.body, call.query, without_number=without_number)
    except BadRequest as error:
        return [Unrecognised(0, str(error))]
    return [one for one in parts if isinstance(one, Unrecognised)]


def _documents(call: ReceiptCall) -> list[Any]:
    try:
        return documents_of(call.body, call.query)
    except BadRequest:
        return []


def _account(body: str) -> str:
    """Whose call it is, for a fair queue."""
    kept = json_object(body).get("kept")
    return str(kept.get("account") or NO_ACCOUNT) if isinstance(kept, dict) else NO_ACCOUNT
