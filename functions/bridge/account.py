"""A CleverTap account: its Message Central credentials and its settings, as its secret holds them.

The fields of a secret stand in docs/configuration.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDER = "REPLACE_ME"
"""What the template writes into the fields of a new secret that a person has to fill in."""

LOGIN = ("customerId", "email", "password")
KEYS = ("apiKey", "receiptKey")
"""The fields that open an account to a caller."""
SHORTEST_KEY = 12  # characters: a shorter key can be guessed

_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Account:
    """One CleverTap account. Its credentials stay out of its `repr`. `country` is an ISO code of two letters."""

    id: str
    customer_id: str
    email: str
    password: str = field(repr=False)
    sender_id: str | None = None
    country: str = "IN"
    message_type: str | None = None
    entity_id: str | None = None
    auth_token: str | None = field(default=None, repr=False)
    receipt_key: str | None = field(default=None, repr=False)
    callback_url: str | None = None


def account_of(account_id: str, secret: Mapping[str, str]) -> Account:
    """The account in the fields of its secret, in which absent and empty fields are left out.

    Raises:
        Misconfigured: the first fault found; the text names the field, never its value.
    """
    if fault := _fault(secret):
        raise Misconfigured(f"the secret of account {account_id} {fault}")
    return Account(
        id=account_id,
        customer_id=secret["customerId"],
        email=secret.get("email", ""),
        password=secret.get("password", ""),
        sender_id=secret.get("senderId"),
        country=_country(secret),
        message_type=secret.get("messageType"),
        entity_id=secret.get("entityId"),
        auth_token=secret.get("authToken"),
        receipt_key=secret.get("receiptKey"),
        callback_url=secret.get("callbackUrl"),
    )


def _fault(secret: Mapping[str, str]) -> str | None:
    """What is wrong with a secret, as the end of a sentence about it."""
    if not secret:
        return "has no fields: it is no JSON object, or an empty one"
    return _missing(secret) or _short_key(secret) or _malformed(secret)


def _missing(secret: Mapping[str, str]) -> str | None:
    # A pasted token takes the place of email and password.
    needed = ("customerId",) if "authToken" in secret else LOGIN
    for name in needed:
        if name not in secret:
            return f"has no field {name}"
    for name, value in secret.items():
        if value == PLACEHOLDER and (name in needed or name not in LOGIN):
            return f"still holds a placeholder in {name}"
    return None


def _short_key(secret: Mapping[str, str]) -> str | None:
    for name in KEYS:
        if name in secret and len(secret[name]) < SHORTEST_KEY:
            return f"has fewer than {SHORTEST_KEY} characters in {name}"
    return None


def _malformed(secret: Mapping[str, str]) -> str | None:
    for name, value in secret.items():
        if not _encodable(value):
            return f"holds half a character (a lone surrogate) in {name}"
    if not _COUNTRY.fullmatch(_country(secret)):
        return "has no ISO country code of two letters in country"
    token = secret.get("authToken", "-")
    if not (token.isascii() and token.isprintable()):
        return "has an authToken that no header can carry"
    if not secret.get("callbackUrl", "http://").startswith(("http://", "https://")):
        return "has no URL in callbackUrl"
    return None


def _country(secret: Mapping[str, str]) -> str:
    return secret.get("country", "IN").upper()


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
