"""What can become of a send call, as data: chosen by the end of the number, or by rate.

The codes are those of Message Central's table (contract §2).
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
class Fate:
    """What the vendor does with one send call.

    `accepts`: the message goes out. `status`, `code`: HTTP status and `responseCode` of the answer; `code` None: the
    body has none; `raw` takes the place of the whole body. `drops`: the connection is cut instead of answered.
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
    times: int | None = None


OK = Fate("ok", "", "accepted", 200, 200, "SUCCESS", accepts=True)
BAD_REQUEST = Fate("bad_request", "99400", "refused 400: bad request", 400, 400, "BAD_REQUEST")
UNAUTHORIZED = Fate("unauthorized", "99401", "401 once, as an expired token", 401, 401, "UNAUTHORIZED", times=1)
BAD_CUSTOMER = Fate("bad_customer", "99501", "refused 501: customer id", 400, 501, "INVALID_CUSTOMER_ID")
REPEATED = Fate("repeated", "99506", "506 once: same number again", 400, 506, "REQUEST_ALREADY_EXISTS", times=1)
NO_CREDIT = Fate("no_credit", "99508", "refused 508: out of credit", 200, 508, "INSUFFICIENT_CREDITS")
BAD_COUNTRY = Fate("bad_country", "99511", "refused 511: country code", 400, 511, "INVALID_COUNTRY_CODE")

_PAGE = b"<html><body>Internal Server Error</body></html>"
_HALF = b'{"responseCode": 200, "message": "SUCCESS", "data": {"verificationId": "'

FATES = (
    OK,
    Fate("slow", "99001", "accepted, answered after slow_seconds", 200, 200, "SUCCESS", accepts=True, pause=Pause.SLOW),
    Fate("hang", "99002", "accepted, never answered", accepts=True, pause=Pause.HANG, drops=True),
    Fate("hang_unsent", "99003", "not accepted, never answered", pause=Pause.HANG, drops=True),
    Fate("drop", "99004", "accepted, then the connection is dropped", accepts=True, drops=True),
    Fate("drop_unsent", "99005", "the connection is dropped, nothing accepted", drops=True),
    Fate("garbage", "99006", "accepted, answered 200 with HTML", accepts=True, raw=_PAGE),
    Fate("half", "99007", "accepted, answered 200 with half a JSON", accepts=True, raw=_HALF),
    Fate("empty", "99008", "accepted, answered 200 with no body", accepts=True, raw=b""),
    Fate("no_code", "99009", "accepted, 200 without a responseCode", accepts=True, raw=b'{"message": "SUCCESS"}'),
    BAD_REQUEST,
    UNAUTHORIZED,
    Fate("forbidden", "99403", "403 once, as a refused token", 403, 403, "FORBIDDEN", times=1),
    Fate("duplicate", "99409", "refused 409: duplicate", 400, 409, "DUPLICATE_RESOURCE"),
    Fate("rate_limited", "99429", "HTTP 429 once, with Retry-After", 429, raw=b"{}", retry_after=True, times=1),
    Fate("server_error", "99500", "responseCode 500 once", 500, 500, "SERVER_ERROR", times=1),
    BAD_CUSTOMER,
    Fate("http_502", "99502", "HTTP 502 once, from a proxy", 502, raw=b"Bad Gateway", times=1),
    Fate("http_503", "99503", "HTTP 503 once, from a proxy", 503, raw=b"Service Unavailable", times=1),
    Fate("http_504", "99504", "accepted, but HTTP 504 from a proxy", 504, accepts=True, raw=b"Gateway Timeout"),
    REPEATED,
    NO_CREDIT,
    BAD_COUNTRY,
    Fate("http_500", "99600", "accepted, but HTTP 500 with HTML", 500, accepts=True, raw=_PAGE),
    Fate("repeated_200", "99606", "506 once, under HTTP 200", 200, 506, "REQUEST_ALREADY_EXISTS", times=1),
    Fate("no_credit_words", "99608", "out of credit, in words only", 400, message="Insufficient credits"),
    Fate("daily_limit", "99800", "refused 800: daily limit", 200, 800, "MAXIMUM_LIMIT_REACHED"),
    Fate("other", "99999", "refused with an unknown code", 200, 999, "SOMETHING_ELSE"),
)

BY_NAME = {fate.name: fate for fate in FATES}
BY_SUFFIX = {fate.suffix: fate for fate in FATES if fate.suffix}
SUFFIX_LENGTH = 5


def fate_of_number(number: str, earlier_calls: int) -> Fate:
    """What a number's end asks for, given how many send calls came for it before."""
    fate = BY_SUFFIX.get(number[-SUFFIX_LENGTH:], OK)
    return OK if fate.times is not None and earlier_calls >= fate.times else fate
