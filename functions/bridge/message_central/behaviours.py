"""How Message Central can treat a send call, as data, chosen by the last digits of the number: for sandbox
accounts, and for the simulator of `make run`.

The codes are those of Message Central's table (docs/contracts/message_central.md).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from enum import Enum


class Pause(Enum):
    """How long the answer takes, beside the latency that every answer has."""

    NONE = "none"
    SLOW = "slow"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the vendor does with a send call.

    `accepts`: the message goes out. `status`, `code`: HTTP status and `responseCode` of the answer; `code` None: the
    body has none; `raw` takes the place of the whole body. `drops`: the connection is cut instead of answered.
    `trickles`: the body comes byte by byte.
    `times`: a number ending in `suffix` meets this so many times and is well served afterwards; None: always.
    """

    name: str
    suffix: str
    says: str
    status: int = 200
    code: int | None = None
    message: str = ""
    _: KW_ONLY
    accepts: bool = False
    retry_after: bool = False
    raw: bytes | None = None
    pause: Pause = Pause.NONE
    drops: bool = False
    trickles: bool = False
    times: int | None = None


OK = Behaviour("ok", "", "accepted", 200, 200, "SUCCESS", accepts=True)
BAD_REQUEST = Behaviour("bad_request", "99400", "refused 400: bad request", 400, 400, "BAD_REQUEST")
UNAUTHORIZED = Behaviour("unauthorized", "99401", "401 once, as an expired token", 401, 401, "UNAUTHORIZED", times=1)
BAD_CUSTOMER = Behaviour("bad_customer", "99501", "refused 501: customer id", 400, 501, "INVALID_CUSTOMER_ID")
REPEATED = Behaviour("repeated", "99506", "506 once: same number again", 400, 506, "REQUEST_ALREADY_EXISTS", times=1)
NO_CREDIT = Behaviour("no_credit", "99508", "refused 508: out of credit", 200, 508, "INSUFFICIENT_CREDITS")
BAD_COUNTRY = Behaviour("bad_country", "99511", "refused 511: country code", 400, 511, "INVALID_COUNTRY_CODE")

_PAGE = b"<html><body>Internal Server Error</body></html>"
_HALF = b'{"responseCode": 200, "message": "SUCCESS", "data": {"verificationId": "'

BEHAVIOURS = (
    OK,
    Behaviour(
        "slow", "99001", "accepted, answered after slow_seconds", 200, 200, "SUCCESS", accepts=True, pause=Pause.SLOW
    ),
    Behaviour("hang", "99002", "accepted, never answered", accepts=True, pause=Pause.HANG, drops=True),
    Behaviour("hang_unsent", "99003", "not accepted, never answered", pause=Pause.HANG, drops=True),
    Behaviour("drop", "99004", "accepted, then the connection is dropped", accepts=True, drops=True),
    Behaviour("drop_unsent", "99005", "the connection is dropped, nothing accepted", drops=True),
    Behaviour("garbage", "99006", "accepted, answered 200 with HTML", accepts=True, raw=_PAGE),
    Behaviour("half", "99007", "accepted, answered 200 with half a JSON", accepts=True, raw=_HALF),
    Behaviour("empty", "99008", "accepted, answered 200 with no body", accepts=True, raw=b""),
    Behaviour("no_code", "99009", "accepted, 200 without a responseCode", accepts=True, raw=b'{"message": "SUCCESS"}'),
    Behaviour("trickle", "99010", "accepted, answered byte by byte", 200, 200, "SUCCESS", accepts=True, trickles=True),
    BAD_REQUEST,
    UNAUTHORIZED,
    Behaviour("forbidden", "99403", "403 once, as a refused token", 403, 403, "FORBIDDEN", times=1),
    Behaviour("duplicate", "99409", "refused 409: duplicate", 400, 409, "DUPLICATE_RESOURCE"),
    Behaviour("rate_limited", "99429", "HTTP 429 once, with Retry-After", 429, raw=b"{}", retry_after=True, times=1),
    Behaviour("server_error", "99500", "responseCode 500 once", 500, 500, "SERVER_ERROR", times=1),
    BAD_CUSTOMER,
    Behaviour("http_502", "99502", "HTTP 502 once, from a proxy", 502, raw=b"Bad Gateway", times=1),
    Behaviour("http_503", "99503", "HTTP 503 once, from a proxy", 503, raw=b"Service Unavailable", times=1),
    Behaviour("http_504", "99504", "accepted, but HTTP 504 from a proxy", 504, accepts=True, raw=b"Gateway Timeout"),
    REPEATED,
    NO_CREDIT,
    BAD_COUNTRY,
    Behaviour("http_500", "99600", "accepted, but HTTP 500 with HTML", 500, accepts=True, raw=_PAGE),
    Behaviour("repeated_200", "99606", "506 once, under HTTP 200", 200, 506, "REQUEST_ALREADY_EXISTS", times=1),
    Behaviour("no_credit_words", "99608", "out of credit, in words only", 400, message="Insufficient credits"),
    Behaviour("daily_limit", "99800", "refused 800: daily limit", 200, 800, "MAXIMUM_LIMIT_REACHED"),
    Behaviour("other", "99999", "refused with an unknown code", 200, 999, "SOMETHING_ELSE"),
)

BY_NAME = {one.name: one for one in BEHAVIOURS}
BY_SUFFIX = {one.suffix: one for one in BEHAVIOURS if one.suffix}
SUFFIX_LENGTH = 5


def behaviour_for(number: str, earlier_calls: int) -> Behaviour:
    """What the last digits of a number ask for, given how many send calls came for it before."""
    behaviour = BY_SUFFIX.get(number[-SUFFIX_LENGTH:], OK)
    return OK if behaviour.times is not None and earlier_calls >= behaviour.times else behaviour
