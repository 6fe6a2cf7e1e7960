"""What Message Central's answers mean: its code table as data (contracts/message_central.md §2)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.clevertap import codes
from bridge.message import Outcome, Status
from bridge.times import LONGEST_DELAY_SECONDS

if TYPE_CHECKING:
    from bridge.message_central.wire import Answer

SENT = Outcome(Status.SENT)
BAD_NUMBER = Outcome(Status.REJECTED, codes.INVALID_NUMBER, "Message Central: bad number or parameter")
DUPLICATE = Outcome(Status.REJECTED, codes.DUPLICATE, "Message Central: duplicate")
DAILY_LIMIT = Outcome(Status.REJECTED, codes.SUBSCRIBER_ERROR, "Message Central: daily limit reached")
REFUSED = Outcome(Status.REJECTED, codes.OTHER, "Message Central refused the message")
TOO_SOON = Outcome(Status.RETRYING, reason="Message Central: the same number again within a minute", retry_after=60)
CREDENTIALS_REFUSED = Outcome(
    Status.RETRYING, reason="Message Central refuses the credentials", outage=True, alarm="CredentialsRefused"
)
TOKEN_REFUSED = replace(CREDENTIALS_REFUSED, reason="Message Central refuses the token")
NO_CREDIT = Outcome(
    Status.RETRYING, reason="Message Central: insufficient credits", outage=True, alarm="CreditsExhausted"
)
BUSY = Outcome(Status.RETRYING, reason="Message Central could not take the message", outage=True)
UNREACHED = Outcome(Status.RETRYING, reason="Message Central could not be reached", outage=True)
NO_TIME = Outcome(Status.RETRYING, reason="no time was left to send", outage=True)
UNKNOWN = Outcome(Status.UNKNOWN, reason="Message Central's answer does not tell whether it was sent", outage=True)
LOST = Outcome(Status.UNKNOWN, reason="Message Central did not answer: it may have been sent", outage=True)

# (HTTP status, response code) -> verdict. None: any, or none. The first of these that is there counts: both, the code
# alone, the status alone. Either alone is wrong in the wild, so pairs that contradict each other stand here, too.
VERDICTS: dict[tuple[int | None, int | None], Outcome] = {
    (200, 200): SENT,
    (None, 200): UNKNOWN,  # an error that says it was a success
    (None, 400): BAD_NUMBER,
    (None, 511): BAD_NUMBER,
    (None, 409): DUPLICATE,
    (None, 401): TOKEN_REFUSED,
    (None, 403): TOKEN_REFUSED,
    (None, 501): CREDENTIALS_REFUSED,  # INVALID_CUSTOMER_ID
    (None, 506): TOO_SOON,  # nothing new was sent, and the verificationId in the body is the earlier one
    (None, 508): NO_CREDIT,
    (None, 800): DAILY_LIMIT,
    (None, 500): BUSY,
    (400, None): BAD_NUMBER,
    (401, None): TOKEN_REFUSED,
    (403, None): TOKEN_REFUSED,
    (409, None): DUPLICATE,
    (429, None): BUSY,
    (502, None): BUSY,
    (503, None): BUSY,
}
# Statuses that count whatever the body says: the gateway gave up waiting, and what is behind it may have gone on.
WHATEVER_THE_CODE = {504: UNKNOWN}
# What an answer without a code means when no line above speaks of its HTTP status, by the status's first digit.
WITHOUT_CODE = {2: UNKNOWN, 5: UNKNOWN}

SUCCESS = 200
_NO_CREDIT_WORDS = "insufficient credit"
_LONG_NUMBER = re.compile(r"\d{7,}")


@dataclass(frozen=True, slots=True)
class _Reply:
    """What a send call's answer says, as far as it can be read."""

    code: int | None = None
    verification_id: str | None = None
    timeout: int | None = None
    words: str = ""


def verdict(answer: Answer) -> Outcome:
    """What an answer to a send call means for the message."""
    reply = _read(answer.body)
    outcome = _look_up(answer.status, reply.code)
    if _NO_CREDIT_WORDS in reply.words.lower() and reply.code != SUCCESS and answer.status not in WHATEVER_THE_CODE:
        outcome = NO_CREDIT
    details: dict[str, Any] = {"vendor_code": str(reply.code or f"HTTP {answer.status}")}
    if outcome is SENT:
        details["verification_id"] = reply.verification_id
    elif outcome is TOO_SOON:
        details["retry_after"] = _wait(reply.timeout) or TOO_SOON.retry_after
    elif outcome is BUSY:
        details["retry_after"] = _wait(_integer(answer.retry_after))
    elif outcome.status is Status.REJECTED:
        said = _LONG_NUMBER.sub("…", f"{details['vendor_code']} {reply.words}").strip()
        details["reason"] = f"{outcome.reason} ({said})"
    return replace(outcome, **details)


def refuses_token(outcome: Outcome) -> bool:
    """Whether another token may help."""
    return outcome.reason == TOKEN_REFUSED.reason


def _look_up(status: int, code: int | None) -> Outcome:
    if status in WHATEVER_THE_CODE:
        return WHATEVER_THE_CODE[status]
    for key in ((status, code), (None, code), (status, None)):
        if key in VERDICTS:
            return VERDICTS[key]
    return REFUSED if code is not None else WITHOUT_CODE.get(status // 100, REFUSED)


def _read(body: bytes) -> _Reply:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return _Reply()
    if not isinstance(document, dict):
        return _Reply()
    data = document.get("data")
    data = data if isinstance(data, dict) else {}
    code = _integer(document.get("responseCode"))
    verification_id = data.get("verificationId")
    return _Reply(
        code=_integer(data.get("responseCode")) if code is None else code,
        verification_id=None if verification_id is None else _plain(verification_id),
        timeout=_integer(data.get("timeout")),
        words=" ".join(_plain(text) for text in (document.get("message"), data.get("errorMessage")) if text),
    )


def _plain(value: Any) -> str:
    """A value as a short text that can be written: JSON can hold half a character, DynamoDB and SQS cannot."""
    return str(value)[:100].encode("utf-8", "replace").decode()


def _integer(value: Any) -> int | None:
    """A whole number that may be written as a number or as text: the vendor does both."""
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _wait(seconds: int | None) -> int | None:
    return min(seconds, LONGEST_DELAY_SECONDS) if seconds and seconds > 0 else None
