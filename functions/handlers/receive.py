"""`GET|POST /receipts/{account}/{receiptKey}`: Message Central's delivery reports, and what waits of them."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from bridge.app import App
from bridge.errors import AccountError, NothingAccepted, TooLarge, UnknownAccount
from bridge.kept import ReceiptCall
from bridge.telemetry import logger
from handlers.entry import lambda_handler
from handlers.http_api import HttpResponse, body_of, headers_of, response, source_of
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
    said = {"status": answer.get("statusCode"), **invocation.metrics.summary()}
    if said["status"] == HTTPStatus.OK:  # the metrics' record tells the same, and receipts are as many as messages
        logger.debug("received", **said)
    else:
        logger.info("received", **said)
    return answer


def _answer(receiver: Receiver, event: dict[str, Any], invocation: Invocation) -> HttpResponse:
    path = event.get("pathParameters") or {}
    try:
        received = receiver.take(_call(event, path.get("account", "")), path.get("receiptKey", ""), invocation)
    except UnknownAccount:
        return response(404, {"message": "Not Found"})
    except TooLarge as error:
        return response(error.status, {"status": "error", "error": str(error)})
    except (AccountError, NothingAccepted):
        return response(503, {"status": "error", "error": "try again later"})
    return response(200, {"status": "ok", **asdict(received)})


def _call(event: dict[str, Any], account: str) -> ReceiptCall:
    return ReceiptCall(
        account=account,
        body=body_of(event),
        query=event.get("rawQueryString") or "",
        method=(event.get("requestContext") or {}).get("http", {}).get("method", ""),
        content_type=headers_of(event).get("content-type", ""),
        source=source_of(event),
    )


handler = lambda_handler(partial(receive, App.from_environment().receive), RESPONSE_MARGIN)
