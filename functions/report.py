"""SmsLog's stream: final fates for CleverTap, and those that wait for it in ReportQueue."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import wiring
from bridge import aws, reporting
from bridge.clevertap.callbacks import Callbacks
from bridge.queues import Queue
from bridge.rows import from_item
from bridge.telemetry import Tally, logger, with_context
from bridge.times import Deadline

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from bridge.clevertap.callbacks import Event

SPARE_SECONDS = 1.0  # of the function's time, to give the answer

reporter = reporting.Reporter(
    wiring.accounts(), Callbacks(), Queue(os.environ["REPORT_QUEUE_URL"], aws.sqs()), time.time
)


@with_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Report one batch of the stream's, or of the queue's; what failed is named, and comes again."""
    tally = Tally()
    end = Deadline.within(context.get_remaining_time_in_millis() / 1_000 - SPARE_SECONDS, time.monotonic)
    records = event["Records"]
    failed = _stream(records, end, tally) if "dynamodb" in (records or [{}])[0] else _queue(records, end, tally)
    tally.emit()
    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}


def _stream(records: list[dict[str, Any]], end: Deadline, tally: Tally) -> list[str]:
    """The first record that could neither be reported nor queued: Lambda goes on from there."""
    events = {record["dynamodb"]["SequenceNumber"]: _event(record["dynamodb"]) for record in records}
    lost = reporter.report([event for event in events.values() if event], end, tally)
    return [number for number, event in events.items() if event in lost][:1] if lost else []


def _event(change: dict[str, Any]) -> Event | None:
    return reporting.final_event(from_item(change.get("NewImage", {})), from_item(change.get("OldImage", {})))


def _queue(records: list[dict[str, Any]], end: Deadline, tally: Tally) -> list[str]:
    return [record["messageId"] for record in records if not _retried(record, end, tally)]


def _retried(record: dict[str, Any], end: Deadline, tally: Tally) -> bool:
    try:
        delayed = reporting.decode(record["body"])
    except (ValueError, KeyError, TypeError) as error:
        logger.error("no reports", id=record["messageId"], error=type(error).__name__)
        return False
    return reporter.retry(delayed, int(record["attributes"]["ApproximateReceiveCount"]), end, tally)
