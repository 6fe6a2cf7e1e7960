"""A chunk: messages of one account that travel through SQS together, and how it gets there and back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bridge import times
from bridge.log.row import Row
from bridge.message import Message, Resend, Status
from bridge.sqs import MAX_BYTES, Body, Queued

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bridge.sqs import Queue
    from bridge.times import Deadline

MAX_MESSAGES = 100  # in a chunk

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
    "encryption": "encryption",
    "unsent_claims": "unsentClaims",
}
_RESEND_KEYS = {"by": "by", "at": "at", "status": "status", "claimed_by": "claimedBy", "final_at": "finalAt"}
# Characters that JSON lets stand and SQS refuses.
_REFUSED = {0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"}

_Entry = tuple[str, Any, str]  # of a chunk: "messages" or "outcomes", the value, and its JSON


class Lane(StrEnum):
    """Which queue a chunk travels through. Single messages never wait behind batches."""

    SINGLE = "single"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Messages of one account that were accepted together, and rows that could not be written to the log.

    `accepted_at` in epoch seconds; `attempts` counts how often these messages were tried; `request` is the id of the
    request that brought them, by which the log lines of all functions can be found together.
    """

    account: str
    accepted_at: float
    attempts: int
    messages: Sequence[Message]
    outcomes: Sequence[Row] = ()
    request: str = ""
    lane: Lane = Lane.BATCH
    held: bool = False
    """Whether a person has had them wait."""


class ChunkQueue:
    """The queues of the dispatch function, one a lane."""

    def __init__(self, lanes: Mapping[Lane, Queue]) -> None:
        self._lanes = lanes

    def put(self, chunks: Sequence[tuple[Chunk, int]], deadline: Deadline) -> list[list[tuple[Chunk, Queued]]]:
        """Queue chunks, each with its delay in seconds (at most 900).

        Returns for each the parts it was cut into, none over SQS's limits, and whether each is queued.
        """
        parts = [
            (place, part, Body(text, delay, chunk.account))
            for place, (chunk, delay) in enumerate(chunks)
            for text, part in encode(chunk)
        ]
        results: list[list[tuple[Chunk, Queued]]] = [[] for _ in chunks]
        for lane, queue in self._lanes.items():
            own = [entry for entry in parts if entry[1].lane is lane]
            sent = queue.send([body for _, _, body in own], deadline) if own else []
            for (place, part, _), queued in zip(own, sent, strict=True):
                results[place].append((part, queued))
        return results


def encode(chunk: Chunk) -> Iterator[tuple[str, Chunk]]:
    """A chunk as one or more SQS bodies, each with the part of the chunk it holds, none over the limits."""
    head = {
        "account": chunk.account,
        "acceptedAt": times.iso(chunk.accepted_at),
        "attempts": chunk.attempts,
        "request": chunk.request,
        "lane": chunk.lane,
        **({"held": True} if chunk.held else {}),
    }
    start = json.dumps(head, ensure_ascii=False)[:-1]
    entries: list[_Entry] = [("messages", message, _dumps(_pack(message))) for message in chunk.messages]
    entries += [("outcomes", row, _dumps(row.to_document())) for row in chunk.outcomes]
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
        ValueError, KeyError, TypeError, AttributeError: the body is malformed; nobody but us writes chunks.
    """
    document = json.loads(body)
    accepted_at, attempts = times.epoch(document["acceptedAt"]), int(document.get("attempts", 0))
    common = {"account": document["account"], "accepted_at": accepted_at, "attempts": attempts}
    messages = [_unpack(entry, common) for entry in document["messages"]]
    return Chunk(
        account=document["account"],
        accepted_at=accepted_at,
        attempts=attempts,
        messages=messages,
        outcomes=[Row.from_document(row) for row in document.get("outcomes", ())],
        request=document.get("request", ""),
        lane=Lane(document.get("lane", Lane.BATCH)),
        held=document.get("held", False),
    )


def _pack(message: Message) -> dict[str, Any]:
    values = ((key, getattr(message, name)) for name, key in _KEYS.items())
    packed = {key: value for key, value in values if value not in (None, ())}
    if message.waited_for and message.unsent_claims:
        packed["waitedFor"] = True  # that its claim stands is not sure: whoever claims it has it counted as accepted
    if message.resend:
        packed["resend"] = {key: getattr(message.resend, name) for name, key in _RESEND_KEYS.items()}
    return packed


def _unpack(entry: Mapping[str, Any], common: Mapping[str, Any]) -> Message:
    values = {name: entry[key] for name, key in _KEYS.items() if key in entry}
    if "waitedFor" in entry:
        values["waited_for"] = True
    if "resend" in entry:
        resend = Resend(**{name: entry["resend"][key] for name, key in _RESEND_KEYS.items()})
        values["resend"] = replace(resend, status=Status(resend.status))
    return Message(**common, **values)


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
