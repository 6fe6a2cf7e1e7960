"""Authentication of the simulator: the rules of the token call and the tokens it has issued."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.simulator.settings import SimulatorSettings


class IssuedTokens:
    """The issued tokens, with the epoch second at which each expires."""

    def __init__(self) -> None:
        self._expiry: dict[str, float] = {}

    def issue(self, customer_id: str, lifetime: float, now: float) -> str:
        """A JWT with `iat` and `exp`, as the vendor's are."""
        claims: dict[str, str | int] = {
            "sub": customer_id,
            "iat": int(now),
            "exp": int(now + lifetime),
            "jti": f"{len(self._expiry) + 1}",
        }
        token = f"{_part({'alg': 'HS256'})}.{_part(claims)}.nobody-checks-the-signature"
        self._expiry[token] = now + lifetime
        return token

    def holds(self, token: str, now: float) -> bool:
        """Whether the token was issued here and has not expired."""
        return self._expiry.get(token, 0.0) > now

    def expire(self) -> None:
        """Expire every token issued so far."""
        self._expiry = dict.fromkeys(self._expiry, 0.0)


def refusal(parameters: dict[str, str], settings: SimulatorSettings) -> str | None:
    """Why the token call is refused, in the vendor's words; None when it is accepted."""
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
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
