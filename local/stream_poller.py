"""The event source mapping of a table's stream: filters, collects, invokes, and repeats what failed."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

from local.errors import FunctionError
from local.patterns import matches
from local.poller import PAUSE, Poller
from local.queue_poller import reported_failures
from local.stream import StreamReader
from local.tumbling import TumblingWindow

if TYPE_CHECKING:
    from local.aws import LocalAws
    from local.event_sources import StreamSource
    from local.function import Function

logger = logging.getLogger(__name__)


class StreamPoller(Poller):
    """Feeds a function from a stream, one batch after the other. What is given up is reported to the failure queue."""

    def __init__(self, aws: LocalAws, source: StreamSource, function: Function) -> None:
        super().__init__(f"poll stream of {source.table_name}")
        self._source = source
        self._function = function
        self._sqs = aws.sqs()
        self._reader = StreamReader(aws, source.table_name, from_start=source.starting_position == "TRIM_HORIZON")
        self._window = TumblingWindow(source.tumbling, self._reader) if source.tumbling else None
        self._waiting: list[dict[str, Any]] = []
        self._since = 0.0

    def poll(self) -> bool:
        """Read what is new; invoke when a batch is full or has waited for the window."""
        records = [record for record in self._reader.read() if self._is_wanted(record)]
        if records and not self._waiting:
            self._since = time.monotonic()
        self._waiting += records
        while self._is_due():
            batch = self._waiting[: self._source.batch_size]
            self._process(batch)
            del self._waiting[: len(batch)]
        return bool(records)

    def _is_wanted(self, record: dict[str, Any]) -> bool:
        return not self._source.patterns or any(matches(one, record) for one in self._source.patterns)

    def _is_due(self) -> bool:
        is_full = len(self._waiting) >= self._source.batch_size
        has_waited = time.monotonic() - self._since >= self._source.window
        return not self.stopping.is_set() and bool(self._waiting) and (is_full or has_waited)

    def _process(self, batch: list[dict[str, Any]], attempt: int = 0) -> None:
        """Invoke until the batch is done or given up. The stream waits meanwhile, as on AWS."""
        while batch and not self.stopping.is_set():
            rest, has_failed = self._invoke(batch)
            if not rest:
                return
            attempt += 1
            if 0 <= self._source.retries < attempt:
                self._give_up(rest, attempt)
                return
            # Where the function names the first record that failed, the batch is cut there, and not in the middle.
            if self._source.bisects and has_failed and len(rest) > 1:
                middle = len(rest) // 2
                self._process(rest[:middle], attempt)
                self._process(rest[middle:], attempt)
                return
            batch = rest
            self.stopping.wait(PAUSE)

    def _invoke(self, batch: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
        """The part of the batch that is still to be done, and whether the function failed."""
        try:
            result = self._answer(batch)
        except FunctionError as error:
            if not self.stopping.is_set():
                logger.warning("%s: batch of %d failed: %s", self.name, len(batch), error)
            return batch, True
        return (unfinished(result, batch) if self._source.reports_failures else []), False

    def _answer(self, batch: list[dict[str, Any]]) -> Any:
        """What the function answers; with a tumbling window it is told of the shard, and of the window's end."""
        if not self._window:
            return self._function.invoke({"Records": batch})
        now = time.time()
        if last := self._window.ended(now):
            self._window.close(self._function.invoke(last))
        return self._window.keep(self._function.invoke(self._window.event(batch, now)))

    def _give_up(self, batch: list[dict[str, Any]], attempts: int) -> None:
        logger.error("%s: %d records given up after %d attempts", self.name, len(batch), attempts)
        if self._source.failures_arn:
            url = self._sqs.get_queue_url(QueueName=self._source.failures_arn.rpartition(":")[2])["QueueUrl"]
            self._sqs.send_message(QueueUrl=url, MessageBody=json.dumps(self._where(batch, attempts)))

    def _where(self, batch: list[dict[str, Any]], attempts: int) -> dict[str, Any]:
        """What Lambda sends to a failure destination: the place in the stream, not the records."""
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        return {
            "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": attempts},
            "version": "1.0",
            "DDBStreamBatchInfo": {
                "shardId": self._reader.shard_id,
                "startSequenceNumber": numbers[0],
                "endSequenceNumber": numbers[-1],
                "batchSize": len(batch),
                "streamArn": self._reader.arn,
            },
        }


def unfinished(result: Any, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records from the first that the function reports as failed; all when its result is malformed.

    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    failed = reported_failures(result)
    if failed is None:
        return batch
    places = [place for place, one in enumerate(batch) if one["dynamodb"]["SequenceNumber"] in failed]
    return batch[min(places, default=0) :] if failed else []
