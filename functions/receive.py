"""`GET|POST /receipts/{account}/{receiptKey}`: Message Central's delivery reports, and those that were parked."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import wiring
from bridge import aws, receiving
from bridge.message import AccountError, BadRequest, Misconfigured, UnknownAccount
from bridge.message_central.receipts import Receipt, Unrecognised, read_receipts
from bridge.queues import Queue
from bridge.receipt_log import ReceiptLog
from bridge.telemetry import Tally, logger, with_context
from bridge.times import Deadline
from http_api import HttpResponse, body_of, response

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from bridge.accounts import Account

SPARE_SECONDS = 0.5  # of the function's time, to give the answer

accounts = wiring.accounts()
receiver = receiving.Receiver(
    ReceiptLog(os.environ["SMS_LOG_TABLE"], aws.dynamodb(10), time.time),
    Queue(os.environ["RECEIPT_QUEUE_URL"], aws.sqs()),
    time.time,
)


@with_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one call of Message Central's, or take up parked receipts from the queue."""
    tally = Tally()
    end = Deadline.within(context.get_remaining_time_in_millis() / 1_000 - SPARE_SECONDS, time.monotonic)
    answer = _parked(event["Records"], end, tally) if "Records" in event else _posted(event, end, tally)
    tally.emit()
    logger.info("received", status=answer.get("statusCode"), **tally.summary())
    return answer


def _posted(event: dict[str, Any], end: Deadline, tally: Tally) -> HttpResponse:
    parameters = event.get("pathParameters") or {}
    try:
        account = accounts.of_receipts(parameters.get("account", ""), parameters.get("receiptKey", ""))
    except UnknownAccount:
        return response(404, {"message": "Not Found"})
    except AccountError as error:
        logger.error("receipts cannot be taken", reason=str(error))
        if isinstance(error, Misconfigured):
            tally.add(parameters["account"], "AccountMisconfigured")
        return response(503, {"status": "error", "error": "try again later"})
    try:
        readings = read_receipts(body_of(event), event.get("rawQueryString") or "")
    except BadRequest as error:
        readings = [Unrecognised(0, str(error))]
    return _take(readings, account, end, tally)


def _take(readings: list[Receipt | Unrecognised], account: Account, end: Deadline, tally: Tally) -> HttpResponse:
    receipts = [reading for reading in readings if isinstance(reading, Receipt)]
    unrecognised = [reading for reading in readings if isinstance(reading, Unrecognised)]
    if not receiver.take(receipts, account, end, tally):
        return response(503, {"status": "error", "error": "try again later"})
    if unrecognised:
        tally.add(account.id, "ReceiptsUnrecognised", len(unrecognised))
        errors = [{"index": reading.index, "error": reading.error} for reading in unrecognised]
        logger.warning("receipts were not recognised", account=account.id, errors=errors[:10])
        return response(400, {"status": "error", "processed": len(receipts), "errors": errors})
    return response(200, {"status": "ok", "processed": len(receipts)})


def _parked(records: list[dict[str, Any]], end: Deadline, tally: Tally) -> dict[str, Any]:
    failed = [record["messageId"] for record in records if not _retried(record, end, tally)]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}


def _retried(record: dict[str, Any], end: Deadline, tally: Tally) -> bool:
    try:
        parked = receiving.decode(record["body"])
    except (ValueError, KeyError, TypeError) as error:
        logger.error("no parked receipt", id=record["messageId"], error=type(error).__name__)
        return False
    try:
        account = accounts.get(parked.account)
    except AccountError as error:
        logger.error("a parked receipt waits for its account", account=parked.account, reason=str(error))
        if isinstance(error, Misconfigured):
            tally.add(parked.account, "AccountMisconfigured")
        return receiver.postpone(parked, end, tally)
    return receiver.retry(parked, account, end, tally)
