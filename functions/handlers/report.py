"""SmsLog's stream: what became of messages, for CleverTap; and what waits for it in ReportQueue."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.app import App
from bridge.log.change import RowChange
from handlers.entry import lambda_handler
from handlers.sqs_event import failures, sqs_messages

if TYPE_CHECKING:
    from bridge.invocation import Invocation
    from bridge.report import Reporter

RESPONSE_MARGIN = 1.0  # seconds of the function's time, to give the answer


def report(reporter: Reporter, event: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Report one batch of the stream's, or of the queue's; what failed is named, and comes again."""
    records = event["Records"]
    if records and "dynamodb" in records[0]:
        changes = [RowChange.from_record(record["dynamodb"]) for record in records]
        return failures(reporter.report(changes, invocation)[:1])
    return failures([one.id for one in sqs_messages(records) if not reporter.retry(one, invocation)])


handler = lambda_handler(partial(report, App.from_environment().report), RESPONSE_MARGIN)
