"""DispatchQueue: chunks of messages (SQS event, partial batch responses)."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import wiring
from bridge.dispatching import Dispatcher
from bridge.queues import Chunk, decode
from bridge.telemetry import Tally, logger, with_context
from bridge.times import Deadline

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SPARE_SECONDS = 1.0  # of the function's time, to give the answer

dispatcher = Dispatcher(
    wiring.delivery(),
    wiring.send_log(),
    wiring.dispatch_queue(),
    wiring.accounts(),
    concurrency=wiring.send_concurrency(),
    validity_seconds=float(os.environ["MESSAGE_VALIDITY_HOURS"]) * wiring.HOUR,
    clock=time.time,
)


@with_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Work off the chunks of one SQS event; those that failed are named, and delivered again."""
    tally = Tally()
    end = Deadline.within(context.get_remaining_time_in_millis() / 1_000 - SPARE_SECONDS, time.monotonic)
    chunks = {record["messageId"]: _chunk(record) for record in event["Records"]}
    readable = {name: chunk for name, chunk in chunks.items() if chunk}
    done = dispatcher.dispatch(list(readable.values()), context.aws_request_id, end, tally)
    failed = {*chunks} - {name for name, finished in zip(readable, done, strict=True) if finished}
    tally.emit()
    logger.info(
        "dispatched",
        chunks=[_about(name, chunk) for name, chunk in readable.items()],
        **tally.summary(),
        failed=sorted(failed),
    )
    return {"batchItemFailures": [{"itemIdentifier": name} for name in sorted(failed)]}


def _about(name: str, chunk: Chunk) -> dict[str, Any]:
    return {
        "id": name,
        "request": chunk.request,
        "account": chunk.account,
        "messages": len(chunk.messages),
        "attempts": chunk.attempts,
    }


def _chunk(record: dict[str, Any]) -> Chunk | None:
    """The chunk in an SQS record; what is none fails, and ends in the dead-letter queue."""
    try:
        return decode(record["body"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        logger.error("no chunk", id=record["messageId"], error=type(error).__name__)
        return None
