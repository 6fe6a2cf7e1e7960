"""SmsLog's stream once more: how many messages of each campaign stand in each status."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.app import App
from bridge.log.change import RowChange
from handlers.entry import lambda_handler
from handlers.sqs_event import failures

if TYPE_CHECKING:
    from bridge.count import CampaignCounter
    from bridge.invocation import Invocation

RESPONSE_MARGIN = 1.0  # seconds of the function's time, to give the answer


def count(counter: CampaignCounter, event: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Count one batch of a shard; what could not be counted comes again, from the first such change on.

    The shard is named because the event source has a tumbling window, which also wants a state, and ends with an event
    without records (https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html).
    """
    changes = [RowChange.from_record(record["dynamodb"]) for record in event.get("Records", ())]
    left = counter.count(event["shardId"], changes, invocation) if changes else None
    return {"state": {}, **failures([left] if left else [])}


handler = lambda_handler(partial(count, App.from_environment().count), RESPONSE_MARGIN)
