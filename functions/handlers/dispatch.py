"""The queues of chunks (SQS event, partial batch responses)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.app import App
from bridge.chunk import Chunk, decode
from bridge.telemetry import logger
from handlers.entry import lambda_handler
from handlers.sqs_event import failures

if TYPE_CHECKING:
    from bridge.dispatch import Dispatcher
    from bridge.invocation import Invocation

RESPONSE_MARGIN = 1.0  # seconds of the function's time, to give the answer


def dispatch(dispatcher: Dispatcher, event: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Process the chunks of one SQS event; those that failed are named, and delivered again."""
    chunks = {record["messageId"]: _chunk(record) for record in event["Records"]}
    readable = {name: chunk for name, chunk in chunks.items() if chunk}
    invocation.metrics.add("-", "Faults", len(chunks) - len(readable))  # nobody can tell whose they are
    done = dispatcher.dispatch(list(readable.values()), invocation)
    failed = {*chunks} - {name for name, finished in zip(readable, done, strict=True) if finished}
    logger.info(
        "dispatched",
        chunks=[_about(name, chunk) for name, chunk in readable.items()],
        **invocation.metrics.summary(),
        failed=sorted(failed),
    )
    return failures(sorted(failed))


def _about(name: str, chunk: Chunk) -> dict[str, Any]:
    return {
        "id": name,
        "request": chunk.request,
        "account": chunk.account,
        "messages": len(chunk.messages),
        "attempts": chunk.attempts,
    }


def _chunk(record: dict[str, Any]) -> Chunk | None:
    """Parse a chunk; None if malformed (the record is then retried and dead-lettered)."""
    try:
        return decode(record["body"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        logger.error("malformed chunk: retried, then dead-lettered", id=record["messageId"], error=type(error).__name__)
        return None


handler = lambda_handler(partial(dispatch, App.from_environment().dispatch), RESPONSE_MARGIN)
