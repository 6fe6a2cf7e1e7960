"""Authentication of the simulator: the token call's rules and the tokens it gave out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.simulator.settings import Settings

_SIGNING_KEY = b"simulator"


class Tokens:
    """Tokens in force, with the epoch second each ends at."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}

    def issue(self, customer_id: str, lifetime: float, now: float) -> str:
        """A JWT with `iat` and `exp`, as the vendor's are."""
        claims: dict[str, str | int] = {
            "sub": customer_id,
            "iat": int(now),
            "exp": int(now + lifetime),
            "jti": f"{len(self._ends) + 1}",
        }
        signed = f"{_part({'alg': 'HS256'})}.{_part(claims)}"
        token = f"{signed}.{_encoded(hmac.digest(_SIGNING_KEY, signed.encode(), hashlib.sha256))}"
        self._ends[token] = now + lifetime
        return token

    def holds(self, token: str, now: float) -> bool:
        """Whether the token was issued here and is in force."""
        return self._ends.get(token, 0.0) > now

    def expire(self) -> None:
        """End every token given out so far."""
        self._ends = dict.fromkeys(self._ends, 0.0)


def refusal(parameters: dict[str, str], settings: Settings) -> str | None:
    """Why the token call is refused, in the vendor's words; None when it is not."""
    if parameters.get("customerId") != settings.customer_id:
        return "customerId is invalid"
    if settings.refuse_password or _password(parameters.get("key", "")) != settings.password:
        return "password is wrong"
    if parameters.get("email") != settings.email:
        return "email is invalid"
    return None


def _password(key: str) -> str | None:
    try:
        return base64.b64decode(key, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _part(claims: dict[str, str | int]) -> str:
    return _encoded(json.dumps(claims).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
