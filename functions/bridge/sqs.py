"""One SQS queue that the bridge writes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from bridge.aws import CALL_SECONDS
from bridge.errors import AwsError
from bridge.retry import perhaps_done, tries
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bridge.aws_clients import Sqs
    from bridge.times import Deadline

MAX_BYTES = 256_000  # of one body, and of one SendMessageBatch together
MAX_ENTRIES = 10  # in one SendMessageBatch, SQS's limit
_PAUSES = (0.1, 0.4)  # seconds before what SQS has not taken is given to it again


@dataclass(frozen=True, slots=True)
class Body:
    """The text of an SQS message, its delay in seconds (at most 900), and its group: on a standard queue SQS lets no
    group wait behind another's backlog
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html).
    """

    text: str
    delay: int
    group: str


class Queued(Enum):
    """Whether SQS took a body."""

    YES = "yes"
    NO = "no"
    IN_DOUBT = "in doubt"
    """It did not say: the body may turn up."""


class Queue:
    """Writes to one queue."""

    def __init__(self, url: str, client: Sqs, sleep: Callable[[float], None]) -> None:
        """`client` must not retry by itself."""
        self._url = url
        self._client = client
        self._sleep = sleep

    def send(self, bodies: Sequence[Body], deadline: Deadline) -> list[Queued]:
        """Put texts on the queue; tells for each whether it is there.

        What SQS did not surely take is given to it again: a text that is there twice does no harm, claims decide.
        """
        results = [Queued.NO] * len(bodies)
        for _ in tries(_PAUSES, deadline, self._sleep):
            waiting = [index for index, queued in enumerate(results) if queued is not Queued.YES]
            for batch in _batches(waiting, [len(body.text.encode()) for body in bodies]):
                if not deadline.allows(CALL_SECONDS):
                    return results
                for index, queued in zip(batch, self._send_batch([bodies[index] for index in batch]), strict=True):
                    if queued is Queued.YES or results[index] is Queued.NO:
                        results[index] = queued
            if all(queued is Queued.YES for queued in results):
                break
        return results

    def _send_batch(self, bodies: Sequence[Body]) -> list[Queued]:
        entries = [
            {
                "Id": str(index),
                "MessageBody": body.text,
                "DelaySeconds": body.delay,
                "MessageGroupId": body.group,
            }
            for index, body in enumerate(bodies)
        ]
        try:
            # 200 does not mean that all was taken: the failures are listed in the answer.
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except AwsError as error:
            _note(error.code, len(bodies))
            return [Queued.IN_DOUBT if perhaps_done(error) else Queued.NO] * len(bodies)
        taken = {entry["Id"] for entry in answer.get("Successful", [])}
        if refused := answer.get("Failed"):
            _note(refused[0].get("Code", ""), len(refused))
        return [Queued.YES if entry["Id"] in taken else Queued.NO for entry in entries]


def _note(code: str, count: int) -> None:
    logger.warning("queue did not take messages: given to it again, twice at most", reason=code, count=count)


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
