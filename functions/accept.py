"""`POST /sms`: CleverTap's requests (API Gateway HTTP API, payload 2.0)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import wiring
from bridge.clevertap.credentials import read_credentials
from bridge.clevertap.requests import read_messages, read_records
from bridge.intake import Fate, Intake, Taken
from bridge.message import BridgeError, Misconfigured, NotAuthenticated, RequestError
from bridge.telemetry import Tally, logger, with_context
from bridge.times import Deadline
from http_api import HttpResponse, body_of, headers_of, response

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from bridge.accounts import Account

SPARE_SECONDS = 0.5  # of the function's time, to give the answer
RETRY_AFTER_SECONDS = 60

intake = Intake(wiring.delivery(), wiring.send_log(), wiring.dispatch_queue(), time.time)
accounts = wiring.accounts()


@with_context
def handler(event: dict[str, Any], context: LambdaContext) -> HttpResponse:
    """Answer one request of CleverTap's, whatever it holds."""
    tally, started = Tally(), time.monotonic()
    end = Deadline.within(context.get_remaining_time_in_millis() / 1_000 - SPARE_SECONDS, time.monotonic)
    account, why = "", None
    try:
        credentials = read_credentials(headers_of(event))
        account = credentials.account
        answer = _take(body_of(event), accounts.authenticate(credentials), context.aws_request_id, end, tally)
    except NotAuthenticated as error:
        return _logged(_refusal(error), reason=str(error))  # not counted by account: anybody may name any
    except BridgeError as error:
        answer, why = _refusal(error), str(error)
        if isinstance(error, Misconfigured):
            tally.add(account, "AccountMisconfigured")
    tally.latencies[account, "AcceptLatency"].append((time.monotonic() - started) * 1_000)
    tally.emit()
    return _logged(answer, reason=why, account=account, **tally.summary())


def _take(body: bytes, account: Account, worker: str, end: Deadline, tally: Tally) -> HttpResponse:
    readings = read_messages(read_records(body), account, time.time())
    if not readings.single:
        return _answer_many(intake.take_many(readings, account, worker, end, tally))
    if readings.messages:
        return _answer_one(intake.take_one(readings.messages[0], account, worker, end, tally))
    return _answer_one(intake.reject_one(readings.rejections[0], account, end, tally))


def _answer_one(fate: Fate) -> HttpResponse:
    if fate.status == "rejected":
        return response(422, {"status": "rejected", "code": fate.code, "reason": fate.reason})
    body = {
        "status": fate.status,
        "messageId": fate.message_id,
        "verificationId": fate.verification_id,
        "was": fate.was,
    }
    return response(200, {name: value for name, value in body.items() if value is not None})


def _answer_many(taken: Taken) -> HttpResponse:
    rejected = [
        {"index": item.index, "messageId": item.message_id, "code": item.code, "reason": item.reason}
        for item in taken.rejected
    ]
    if not taken.accepted:
        first = taken.rejected[0]
        body = {"status": "rejected", "code": first.code, "reason": first.reason, "rejected": rejected}
        return response(422, body)
    return response(200, {"status": "queued", "accepted": taken.accepted, "rejected": rejected})


def _refusal(error: BridgeError) -> HttpResponse:
    """The answer to a request of which nothing was taken."""
    if isinstance(error, RequestError):
        return response(error.status, {"status": "error", "error": str(error)})
    return response(503, {"status": "error", "error": str(error)}, retry_after=str(RETRY_AFTER_SECONDS))


def _logged(answer: HttpResponse, **fields: Any) -> HttpResponse:
    logger.info("answered", status=answer["statusCode"], **fields)
    return answer
