"""SQS. All queues are one list here; each entry names its own."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.faults import Neighbour, client_error

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_ENTRIES, MOST_BYTES, LONGEST_DELAY = 10, 262_144, 900
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
_GROUP = re.compile(r"[!-~]{1,128}")
_ALLOWED = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


@dataclass(frozen=True)
class Entry:
    """A message on a queue, by the last part of its URL; `due` when its delay is over."""

    id: str
    body: str
    delay: int
    due: float
    queue: str
    group: str
    hidden: list[float] = field(default_factory=lambda: [0.0], compare=False)
    """Until when SQS gives it to nobody else."""

    @property
    def chunk(self) -> dict[str, Any]:
        """The body as JSON."""
        document: dict[str, Any] = json.loads(self.body)
        return document


class FakeSQS(Neighbour):
    """A client. What is sent stays in `entries` until a test takes it out."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__()
        self._clock = clock
        self._made = 0
        self.entries: list[Entry] = []
        self.refused: deque[set[int]] = deque()
        """Of the next batches, the places whose entries fail."""
        self.batches: list[list[dict[str, Any]]] = []
        """The entries of every call that got here."""

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            _validate(QueueUrl, Entries)
            self.batches.append(Entries)
            refused = self.refused.popleft() if self.refused else set()
            answer: dict[str, Any] = {"Successful": [], "Failed": []}
            for place, entry in enumerate(Entries):
                if place in refused:
                    answer["Failed"].append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
                else:
                    self._add(QueueUrl, entry)
                    answer["Successful"].append({"Id": entry["Id"], "MessageId": self.entries[-1].id})
            return {name: found for name, found in answer.items() if found}

        return self._call("send_message_batch", effect)

    # What an operator's command reads. A queue with a visibility timeout; the handle is the id.

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        [name] = AttributeNames
        return self._call("get_queue_attributes", lambda: {"Attributes": {name: str(len(self._visible(QueueUrl)))}})

    def receive_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        MaxNumberOfMessages: int,  # noqa: N803
        VisibilityTimeout: int,  # noqa: N803
        WaitTimeSeconds: int,  # noqa: ARG002, N803
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            assert 1 <= MaxNumberOfMessages <= MOST_ENTRIES
            given = self._visible(QueueUrl)[:MaxNumberOfMessages]
            for entry in given:
                entry.hidden[0] = self._clock() + VisibilityTimeout
            return {"Messages": [{"Body": one.body, "ReceiptHandle": one.id} for one in given]} if given else {}

        return self._call("receive_message", effect)

    def delete_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803, ARG002
        def effect() -> dict[str, Any]:
            gone = {entry["ReceiptHandle"] for entry in Entries}
            self.entries = [entry for entry in self.entries if entry.id not in gone]
            return {}

        return self._call("delete_message_batch", effect)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803, ARG002
        def effect() -> dict[str, Any]:
            assert len(Entries) <= MOST_ENTRIES
            seconds = {entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in Entries}
            for entry in self.entries:
                if entry.id in seconds:
                    entry.hidden[0] = self._clock() + seconds[entry.id]
            return {}

        return self._call("change_message_visibility_batch", effect)

    def _visible(self, url: str) -> list[Entry]:
        now, queue = self._clock(), url.rpartition("/")[2]
        return [entry for entry in self.entries if entry.queue == queue and max(entry.due, entry.hidden[0]) <= now]

    def _add(self, url: str, entry: dict[str, Any]) -> None:
        self._made += 1
        delay, queue = entry.get("DelaySeconds", 0), url.rpartition("/")[2]
        due = self._clock() + delay
        self.entries.append(
            Entry(f"sqs-{self._made}", entry["MessageBody"], delay, due, queue, entry.get("MessageGroupId", ""))
        )

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """The bodies of all entries."""
        return [entry.chunk for entry in self.entries]


def _validate(url: str, entries: list[dict[str, Any]]) -> None:
    if not url.startswith("https://"):
        raise client_error("QueueDoesNotExist")
    if not 0 < len(entries) <= MOST_ENTRIES or len({entry["Id"] for entry in entries}) < len(entries):
        raise client_error("TooManyEntriesInBatchRequest")
    if sum(len(entry["MessageBody"].encode()) for entry in entries) > MOST_BYTES:
        raise client_error("BatchRequestTooLong")
    for entry in entries:
        delay = entry.get("DelaySeconds", 0)
        if type(delay) is not int or not 0 <= delay <= LONGEST_DELAY:
            raise client_error("InvalidParameterValue")
        if not _GROUP.fullmatch(entry.get("MessageGroupId", "-")):
            raise client_error("InvalidParameterValue")
        if not entry["MessageBody"] or not _ALLOWED.fullmatch(entry["MessageBody"]):
            raise client_error("InvalidMessageContents")
