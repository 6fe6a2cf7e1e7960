"""The event source mapping of a queue: receives, invokes, deletes what succeeded."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from local.errors import FunctionError
from local.names import REGION
from local.poller import Poller

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from local.aws import LocalAws
    from local.event_sources import QueueSource
    from local.function import Function

logger = logging.getLogger(__name__)

# The most messages in one ReceiveMessage or DeleteMessageBatch.
SQS_BATCH = 10


class QueuePoller(Poller):
    """Feeds a function from a queue, with `workers` batches at the same time at most (all that the function has).

    A batch whose invocation fails stays in the queue and comes back after the visibility timeout, as on AWS.
    """

    def __init__(self, aws: LocalAws, source: QueueSource, function: Function, workers: int | None = None) -> None:
        super().__init__(f"poll {source.queue_name}")
        self._source = source
        self._function = function
        self._sqs = aws.sqs()
        self._url = self._sqs.get_queue_url(QueueName=source.queue_name)["QueueUrl"]
        concurrency = min(source.maximum_concurrency, workers or function.concurrency)
        self._places = threading.Semaphore(concurrency)
        self._pool = ThreadPoolExecutor(concurrency, f"invoke {function.description.name}")

    def poll(self) -> bool:
        """Receive one batch and pass it on, if a worker is free for it."""
        if not self._places.acquire(timeout=1):
            return True
        messages: list[MessageTypeDef] = []
        try:
            messages = self._receive()
        finally:
            if not messages:
                self._places.release()
        if messages:
            self._pool.submit(self._process, messages)
        return bool(messages)

    def join(self) -> None:
        """Wait for the batches under way as well."""
        super().join()
        self._pool.shutdown()

    def _receive(self) -> list[MessageTypeDef]:
        messages: list[MessageTypeDef] = []
        while len(messages) < self._source.batch_size:
            wanted = min(SQS_BATCH, self._source.batch_size - len(messages))
            received = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=wanted, MessageSystemAttributeNames=["All"]
            )
            messages += received.get("Messages", [])
            if len(received.get("Messages", [])) < wanted:
                break
        return messages

    def _process(self, messages: list[MessageTypeDef]) -> None:
        try:
            event = {"Records": [record(message, self._source.arn) for message in messages]}
            result = self._function.invoke(event)
            failed = failed_items(result, messages) if self._source.reports_failures else set()
            self._delete([message for message in messages if message["MessageId"] not in failed])
        except FunctionError as error:
            if not self.stopping.is_set():
                logger.warning("%s: %d messages stay for later: %s", self.name, len(messages), error)
        except Exception:
            if not self.stopping.is_set():
                logger.exception("%s: %d messages stay for later", self.name, len(messages))
        finally:
            self._places.release()

    def _delete(self, messages: list[MessageTypeDef]) -> None:
        for start in range(0, len(messages), SQS_BATCH):
            part = messages[start : start + SQS_BATCH]
            self._sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": one["MessageId"], "ReceiptHandle": one["ReceiptHandle"]} for one in part],
            )


def record(message: MessageTypeDef, queue_arn: str) -> dict[str, Any]:
    """A received message as a record of Lambda's SQS event."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def failed_items(result: Any, messages: list[MessageTypeDef]) -> set[str]:
    """The ids of the messages that failed: all of them when the function's result is malformed.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    everything = {message["MessageId"] for message in messages}
    failed = reported_failures(result)
    return everything if failed is None or failed - everything else failed


def reported_failures(result: Any) -> set[str] | None:
    """The ids that a function reports as failed; None when its result is malformed. Nothing reported: no failures."""
    try:
        failures = (result or {}).get("batchItemFailures") or []
        return {failure["itemIdentifier"] for failure in failures}
    except (AttributeError, KeyError, TypeError):
        return None
