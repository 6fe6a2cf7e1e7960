"""Work that waits in SQS: chunks of messages for the dispatch function (design §6)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from bridge.rows import Row
    from bridge.times import Deadline

MAX_MESSAGES = 100  # in a chunk
MAX_BYTES = 256_000  # of a chunk, and of one SendMessageBatch together
MAX_ENTRIES = 10  # in one SendMessageBatch, SQS's limit
_PAUSES = (0.1, 0.4, 0.0)  # seconds after each round of giving SQS what it has not taken

# The chunk's keys for a message's fields. Short, as SQS bills by 64 KB.
_KEYS = {
    "recipient": "to",
    "country_code": "cc",
    "message_id": "id",
    "text": "text",
    "segments": "segments",
    "campaign_id": "campaignId",
    "template_id": "templateId",
    "sender_id": "senderId",
    "message_type": "messageType",
    "unsent_claims": "unsentClaims",
}
# Characters that JSON lets stand and SQS refuses.
_REFUSED = {0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"}


_Entry = tuple[str, Any, str]  # of a chunk: "messages" or "outcomes", the value, and its JSON


@dataclass(frozen=True, slots=True)
class Chunk:
    """Messages of one account that were accepted together, and outcomes that could not be written to the log.

    `accepted_at` in epoch seconds; `attempts` counts how often these messages were tried; `request` is the id of the
    request that brought them, by which the log lines of all functions can be found together.
    """

    account: str
    accepted_at: float
    attempts: int
    messages: Sequence[Message]
    outcomes: Sequence[Row] = ()
    request: str = ""


class Queued(Enum):
    """Whether SQS took a chunk."""

    YES = "yes"
    NO = "no"
    IN_DOUBT = "in doubt"
    """It did not say: the chunk may turn up."""


def encode(chunk: Chunk) -> Iterator[tuple[str, Chunk]]:
    """A chunk as one or more SQS bodies, each with the part of the chunk it holds, none over the limits."""
    head = {
        "account": chunk.account,
        "acceptedAt": times.iso(chunk.accepted_at),
        "attempts": chunk.attempts,
        "request": chunk.request,
    }
    start = json.dumps(head, ensure_ascii=False)[:-1]
    entries: list[_Entry] = [("messages", message, _dumps(_pack(message))) for message in chunk.messages]
    entries += [("outcomes", row, _dumps(row)) for row in chunk.outcomes]
    for group in _groups(entries, MAX_BYTES - 200 - len(start)):
        lists: dict[str, list[Any]] = {"messages": [], "outcomes": []}
        texts: dict[str, list[str]] = {"messages": [], "outcomes": []}
        for kind, value, text in group:
            lists[kind].append(value)
            texts[kind].append(text)
        body = f'{start}, "messages": [{",".join(texts["messages"])}]'
        if texts["outcomes"]:
            body += f', "outcomes": [{",".join(texts["outcomes"])}]'
        yield body + "}", replace(chunk, messages=lists["messages"], outcomes=lists["outcomes"])


def decode(body: str) -> Chunk:
    """The chunk in an SQS body.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: nobody but us writes chunks, and this is none.
    """
    document = json.loads(body)
    accepted_at, attempts = times.epoch(document["acceptedAt"]), int(document.get("attempts", 0))
    common = {"account": document["account"], "accepted_at": accepted_at, "attempts": attempts}
    messages = [
        Message(**common, **{name: entry[key] for name, key in _KEYS.items() if key in entry})
        for entry in document["messages"]
    ]
    outcomes = document.get("outcomes", ())
    return Chunk(document["account"], accepted_at, attempts, messages, outcomes, document.get("request", ""))


def _pack(message: Message) -> dict[str, Any]:
    values = ((key, getattr(message, name)) for name, key in _KEYS.items())
    return {key: value for key, value in values if value not in (None, ())}


def _dumps(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text.translate(_REFUSED) if "\ufffe" in text or "\uffff" in text else text


def _groups(entries: Sequence[_Entry], room: int) -> Iterator[list[_Entry]]:
    group: list[_Entry] = []
    size = 0
    for entry in entries:
        length = len(entry[2].encode()) + 1
        if group and (len(group) == MAX_MESSAGES or size + length > room):
            yield group
            group, size = [], 0
        group.append(entry)
        size += length
    if group:
        yield group


class Queue:
    """One SQS queue that the bridge writes to."""

    def __init__(self, url: str, client: SQSClient, pause: Callable[[float], None] = time.sleep) -> None:
        """`client` must not retry by itself."""
        self._url = url
        self._client = client
        self._pause = pause

    def send(self, bodies: Sequence[tuple[str, int]], deadline: Deadline) -> list[Queued]:
        """Put texts on the queue, each with its delay in seconds (at most 900); tells for each whether it is there.

        What SQS did not surely take is given to it again: a chunk that is there twice does no harm, claims decide.
        """
        results = [Queued.NO] * len(bodies)
        sizes = [len(body.encode()) for body, _ in bodies]
        for pause in _PAUSES:
            waiting = [index for index, queued in enumerate(results) if queued is not Queued.YES]
            for batch in _batches(waiting, sizes):
                if not deadline.allows(CALL_SECONDS):
                    return results
                for index, queued in zip(batch, self._send_batch([bodies[index] for index in batch]), strict=True):
                    if queued is Queued.YES or results[index] is Queued.NO:
                        results[index] = queued
            if all(queued is Queued.YES for queued in results):
                break
            self._pause(pause)
        return results

    def _send_batch(self, bodies: Sequence[tuple[str, int]]) -> list[Queued]:
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(index), "MessageBody": body, "DelaySeconds": delay} for index, (body, delay) in enumerate(bodies)
        ]
        try:
            # 200 does not mean that all was taken: the failures are listed in the answer.
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except ClientError as error:
            lost = error.response["ResponseMetadata"]["HTTPStatusCode"] >= HTTPStatus.INTERNAL_SERVER_ERROR
            return [Queued.IN_DOUBT if lost else Queued.NO] * len(bodies)
        except (EndpointConnectionError, ConnectTimeoutError):
            return [Queued.NO] * len(bodies)  # it never got there
        except BotoCoreError:
            return [Queued.IN_DOUBT] * len(bodies)
        taken = {entry["Id"] for entry in answer.get("Successful", [])}
        return [Queued.YES if entry["Id"] in taken else Queued.NO for entry in entries]


def _batches(indexes: Sequence[int], sizes: Sequence[int]) -> Iterator[list[int]]:
    """Indexes in groups that one SendMessageBatch may carry."""
    batch: list[int] = []
    for index in indexes:
        if batch and (len(batch) == MAX_ENTRIES or sum(sizes[i] for i in (*batch, index)) > MAX_BYTES):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
