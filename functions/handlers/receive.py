"""`GET|POST /receipts/{account}/{receiptKey}`: Message Central's delivery reports, and those that were parked."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.app import App
from bridge.errors import AccountError, NothingAccepted, UnknownAccount
from bridge.receive import ReceiptCall
from bridge.telemetry import logger
from handlers.entry import lambda_handler
from handlers.http_api import HttpResponse, body_of, response
from handlers.sqs_event import failures, sqs_messages

if TYPE_CHECKING:
    from bridge.invocation import Invocation
    from bridge.receive import Receiver

RESPONSE_MARGIN = 0.5  # seconds of the function's time, to give the answer


def receive(receiver: Receiver, event: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Answer one call of Message Central's, or take up parked receipts from the queue."""
    if "Records" in event:
        messages = sqs_messages(event["Records"])
        answer = failures([message.id for message in messages if not receiver.retry(message, invocation)])
    else:
        answer = _answer(receiver, event, invocation)
    logger.info("received", status=answer.get("statusCode"), **invocation.metrics.summary())
    return answer


def _answer(receiver: Receiver, event: dict[str, Any], invocation: Invocation) -> HttpResponse:
    try:
        received = receiver.take(_call(event), invocation)
    except UnknownAccount:
        return response(404, {"message": "Not Found"})
    except (AccountError, NothingAccepted):
        return response(503, {"status": "error", "error": "try again later"})
    if received.unrecognised:
        errors = [asdict(one) for one in received.unrecognised]
        return response(400, {"status": "error", "processed": received.processed, "errors": errors})
    return response(200, {"status": "ok", "processed": received.processed})


def _call(event: dict[str, Any]) -> ReceiptCall:
    path = event.get("pathParameters") or {}
    query = event.get("rawQueryString") or ""
    return ReceiptCall(path.get("account", ""), path.get("receiptKey", ""), body_of(event), query)


handler = lambda_handler(partial(receive, App.from_environment().receive), RESPONSE_MARGIN)
