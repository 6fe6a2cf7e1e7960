"""What Message Central's answers to a send call mean: its code table as data (docs/contracts/message_central.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.documents import json_object, writable
from bridge.message import Cause, Failure, Outcome, Status
from bridge.times import LONGEST_DELAY_SECONDS

if TYPE_CHECKING:
    from bridge.transport import Response

SENT = Outcome(Status.SENT)

BAD_NUMBER = Outcome(Status.REJECTED, Failure.INVALID_NUMBER, reason="Message Central: bad number or parameter")
DUPLICATE = Outcome(Status.REJECTED, Failure.DUPLICATE, reason="Message Central: duplicate")
DAILY_LIMIT = Outcome(Status.REJECTED, Failure.DAILY_LIMIT, reason="Message Central: daily limit reached")
REFUSED = Outcome(Status.REJECTED, Failure.REFUSED, reason="Message Central refused the message")

# May have been sent, so it is never sent again.
UNKNOWN = Outcome(Status.UNKNOWN, reason="Message Central's answer does not tell whether it was sent", outage=True)
LOST = Outcome(Status.UNKNOWN, reason="Message Central did not answer: it may have been sent", outage=True)

TOO_SOON = Outcome(
    Status.RETRYING,
    cause=Cause.SAME_NUMBER,
    reason="Message Central: the same number again within a minute",
    retry_after=60,
)
RATE = Outcome(Status.RETRYING, cause=Cause.RATE, reason="Message Central takes no more messages a second")
NO_TIME = Outcome(Status.RETRYING, cause=Cause.NO_TIME, reason="no time was left to send")


def _outage(cause: Cause, reason: str) -> Outcome:
    """Surely not sent, and the next message will fare no better."""
    return Outcome(Status.RETRYING, cause=cause, reason=reason, outage=True)


BUSY = _outage(Cause.BUSY, "Message Central could not take the message")
UNREACHED = _outage(Cause.UNREACHABLE, "Message Central could not be reached")
GATEWAY = _outage(Cause.GATEWAY, "a proxy answered, not Message Central")
NO_CREDIT = _outage(Cause.CREDITS, "Message Central: insufficient credits")
CREDENTIALS_REFUSED = _outage(Cause.CREDENTIALS, "Message Central refuses the credentials")
TOKEN_REFUSED = replace(CREDENTIALS_REFUSED, reason="Message Central refuses the token", token_refused=True)

# (HTTP status, response code) -> verdict. None: any status; or no code. The first of these that is there counts: both,
# the code alone, the status without a code, the status's class without a code. Either alone is wrong in the wild, so
# pairs that contradict each other stand here, too.
VERDICTS: dict[tuple[int | None, int | None], Outcome] = {
    (200, 200): SENT,
    (None, 200): UNKNOWN,  # an error that says it was a success
    (None, 400): BAD_NUMBER,
    (None, 401): TOKEN_REFUSED,
    (None, 403): TOKEN_REFUSED,
    (None, 409): DUPLICATE,
    (None, 500): UNKNOWN,  # SERVER_ERROR: whether before or after it was sent, nobody says
    (None, 501): CREDENTIALS_REFUSED,  # INVALID_CUSTOMER_ID
    (None, 506): TOO_SOON,  # nothing new was sent, and the verificationId in the body is the earlier one
    (None, 508): NO_CREDIT,
    (None, 511): BAD_NUMBER,  # INVALID_COUNTRY_CODE
    (None, 800): DAILY_LIMIT,
    (429, 429): RATE,  # the status written twice, and no code of the vendor's
    (503, 503): BUSY,
    (401, None): TOKEN_REFUSED,
    (403, None): TOKEN_REFUSED,
    (429, None): RATE,
    (503, None): BUSY,
}
# Statuses that count whatever the body says: a gateway lost what is behind it, often after that had the request.
WHATEVER_THE_CODE = {502: UNKNOWN, 504: UNKNOWN}
# What a response without a code means when no line above speaks of its status, by the status's first digit. A redirect,
# a "not found", an HTML "bad request" is a proxy's or a wrong URL's word, not the vendor's on this message.
WITHOUT_CODE = {3: GATEWAY, 4: GATEWAY}

SUCCESS = 200
_NO_CREDIT_WORDS = "insufficient credit"
_LONG_NUMBER = re.compile(r"\d{7,}")


@dataclass(frozen=True, slots=True)
class _Reply:
    """What a response's body says, as far as it can be read."""

    code: int | None
    verification_id: str | None
    timeout: int | None
    words: str


def verdict(response: Response) -> Outcome:
    """What the response to a send call means for the message."""
    reply = _read(response.body)
    outcome = _look_up(response.status, reply)
    code = f"HTTP {response.status}" if reply.code is None else str(reply.code)
    return replace(outcome, vendor_code=code, **_details(outcome, reply, code, response.retry_after))


def _look_up(status: int, reply: _Reply) -> Outcome:
    if status in WHATEVER_THE_CODE:
        return WHATEVER_THE_CODE[status]
    if _NO_CREDIT_WORDS in reply.words.lower().replace("_", " ") and reply.code != SUCCESS:
        return NO_CREDIT
    for key in ((status, reply.code), (None, reply.code)):
        if key in VERDICTS:
            return VERDICTS[key]
    return WITHOUT_CODE.get(status // 100, UNKNOWN) if reply.code is None else REFUSED


def _details(outcome: Outcome, reply: _Reply, code: str, retry_after: str | None) -> dict[str, Any]:
    """What the response adds to a verdict."""
    if outcome.status is Status.SENT:
        return {"verification_id": reply.verification_id}
    if outcome.status is Status.REJECTED:
        said = _LONG_NUMBER.sub("…", f"{code} {reply.words}").strip()
        return {"reason": f"{outcome.reason} ({said})"}
    if outcome.status is Status.RETRYING:
        wait = reply.timeout if outcome.cause is Cause.SAME_NUMBER else _integer(retry_after)
        return {"retry_after": _wait(wait) or outcome.retry_after}
    return {}


def _read(body: bytes) -> _Reply:
    document = json_object(body)
    data = document.get("data")
    data = data if isinstance(data, dict) else {}
    code = _integer(document.get("responseCode"))
    verification_id = data.get("verificationId")
    return _Reply(
        code=_integer(data.get("responseCode")) if code is None else code,
        verification_id=None if verification_id is None else writable(verification_id),
        timeout=_integer(data.get("timeout")),
        words=" ".join(writable(text) for text in (document.get("message"), data.get("errorMessage")) if text),
    )


def _integer(value: Any) -> int | None:
    """A whole number that may be written as a number or as text: the vendor does both."""
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _wait(seconds: int | None) -> int | None:
    return min(seconds, LONGEST_DELAY_SECONDS) if seconds and seconds > 0 else None
