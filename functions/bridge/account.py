"""A CleverTap account: its Message Central credentials and its settings, as its secret holds them.

The fields of a secret stand in docs/configuration.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.documents import json_object
from bridge.encodings import read_exactly
from bridge.errors import Misconfigured
from bridge.promotional_hours import INDIA, PROMOTIONAL, PromotionalHours

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.message import Message

PLACEHOLDER = "REPLACE_ME"
"""What the template writes into the fields of a new secret that a person has to fill in."""

LOGIN = ("customerId", "email", "password")
KEYS = ("apiKey", "receiptKey")
"""The fields that open an account to a caller."""
SHORTEST_KEY = 12  # characters: a shorter key can be guessed
ENCRYPTION_KEY_BYTES = 32  # AES-256
LONGEST_VERSION = 100  # characters; CleverTap's are UUIDs

YES, NO = ("true", "yes", "on"), ("false", "no", "off")
"""How a field that switches something says so; JSON's own true and false as well."""
SWITCHES = ("requireTemplate", "sandbox")

SLOWEST, FASTEST = 0.1, 10_000
"""Parts a second between which a rate may lie."""
INDIAN_TIME = "+05:30"

_COUNTRY = re.compile(r"[A-Z]{2}")
_RATE = re.compile(r"(?=.*[1-9])(0\.[1-9]\d?|[1-9]\d{0,3}(\.\d{1,2})?|10000)", re.ASCII)
_COUNT = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Account:
    """One CleverTap account. Its credentials stay out of its `repr`. `country` is an ISO code of two letters.

    `parts_per_second`, `parts_per_day`: the most that is sent; None: no limit. `utc_offset` of its days, in minutes.
    `require_template`: messages to India need DLT ids. `sandbox`: everything is done but the vendor's call.
    `encryption_keys` are CleverTap's by their versions, in the secret's order; the newest is added last.
    """

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
    promotional_hours: PromotionalHours | None = None
    require_template: bool = False
    sandbox: bool = False
    encryption_keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    parts_per_second: float | None = None
    parts_per_day: int | None = None
    utc_offset: int = 330

    def promotional_wait(self, message: Message, now: float, takes: float) -> float:
        """Seconds for which a message has to wait for promotional hours, from `now` in epoch seconds; 0.0: it may be
        sent now. Sending it `takes` so long.
        """
        if not self.promotional_hours or message.country_code != INDIA:
            return 0.0
        kind = message.message_type or self.message_type or ""
        # A space that slipped into CleverTap's form must not send messages at night.
        return self.promotional_hours.wait(now, takes) if kind.strip().upper() == PROMOTIONAL else 0.0


def account_of(account_id: str, secret: Mapping[str, str]) -> Account:
    """The account in the fields of its secret, in which absent and empty fields are left out.

    Raises:
        Misconfigured: the first fault found; the text names the field, never its value.
    """
    if fault := _fault(secret):
        raise Misconfigured(f"the secret of account {account_id} {fault}")
    return Account(
        id=account_id,
        customer_id=secret.get("customerId", ""),
        email=secret.get("email", ""),
        password=secret.get("password", ""),
        sender_id=secret.get("senderId"),
        country=_country(secret),
        message_type=secret.get("messageType"),
        entity_id=secret.get("entityId"),
        auth_token=secret.get("authToken"),
        receipt_key=secret.get("receiptKey"),
        callback_url=secret.get("callbackUrl"),
        promotional_hours=_promotional_hours(secret),
        require_template=_is_on(secret, "requireTemplate"),
        sandbox=_is_on(secret, "sandbox"),
        encryption_keys=_encryption_keys(secret),
        parts_per_second=float(secret["partsPerSecond"]) if "partsPerSecond" in secret else None,
        parts_per_day=int(secret["partsPerDay"]) if "partsPerDay" in secret else None,
        utc_offset=_utc_offset(secret),
    )


def _fault(secret: Mapping[str, str]) -> str | None:
    """What is wrong with a secret, as the end of a sentence about it."""
    if not secret:
        return "has no fields: it is not a JSON object, or an empty one"
    return (
        _switch(secret)
        or _missing(secret)
        or _short_key(secret)
        or _malformed(secret)
        or _indian(secret)
        or _limit(secret)
    )


def _switch(secret: Mapping[str, str]) -> str | None:
    for name in SWITCHES:
        if secret.get(name, "false").lower() not in YES + NO:
            return f"holds neither true nor false in {name}"
    return None


def _missing(secret: Mapping[str, str]) -> str | None:
    needed = _needed(secret)
    for name in needed:
        if name not in secret:
            return f"has no field {name}"
    for name, value in secret.items():
        if value == PLACEHOLDER and (name in needed or name not in LOGIN):
            return f"still holds a placeholder in {name}"
    return None


def _needed(secret: Mapping[str, str]) -> tuple[str, ...]:
    if _is_on(secret, "sandbox"):
        return ()  # there is no vendor to log in to: an account can be tried before it has credentials
    # A pasted token takes the place of email and password.
    return ("customerId",) if "authToken" in secret else LOGIN


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
    return _fault_of_encryption_keys(secret)


def _encryption_keys(secret: Mapping[str, str]) -> dict[str, bytes]:
    keys = json_object(secret.get("encryptionKeys", "{}"))
    return {version: _key(text) for version, text in keys.items()}


def _key(text: str) -> bytes:
    """A key as 32 bytes: as it is, in hex or in base64.

    Raises:
        ValueError: it is none.
    """
    raw = text.strip().encode()
    return raw if len(raw) == ENCRYPTION_KEY_BYTES else read_exactly(text.strip(), ENCRYPTION_KEY_BYTES)[1]


def _fault_of_encryption_keys(secret: Mapping[str, str]) -> str | None:
    text = secret.get("encryptionKeys", "{}")
    keys = json_object(text)
    if not keys and text != "{}":
        return "has no JSON object {version: key} in encryptionKeys"
    for place, (version, key) in enumerate(keys.items(), 1):
        if not (version.isascii() and version.isprintable() and 0 < len(version) <= LONGEST_VERSION):
            return f"has no version that a header can carry before key {place} of encryptionKeys"
        if not _is_key(key):
            return f"has no AES-256 key (32 characters, 64 of hex or 44 of base64) as key {place} of encryptionKeys"
    return None


def _indian(secret: Mapping[str, str]) -> str | None:
    if _is_on(secret, "requireTemplate") and "entityId" not in secret:
        return "has requireTemplate, and no entityId"
    try:
        _promotional_hours(secret)
    except ValueError as error:
        return f"holds no span of a day in promotionalHours: {error}"
    return None


def _limit(secret: Mapping[str, str]) -> str | None:
    if not _RATE.fullmatch(secret.get("partsPerSecond", "1")):
        return f"holds no number from {SLOWEST} to {FASTEST} in partsPerSecond"
    if not _COUNT.fullmatch(secret.get("partsPerDay", "1")):
        return "holds no whole number from 1 to 999999999 in partsPerDay"
    if not _OFFSET.fullmatch(_time_zone(secret)):
        return "holds no offset from UTC in timeZone: expected +HH:MM or -HH:MM"
    return None


def _utc_offset(secret: Mapping[str, str]) -> int:
    sign, hours, minutes = _OFFSET.fullmatch(_time_zone(secret)).groups()  # type: ignore[union-attr] # it was looked at
    return int(f"{sign}1") * (60 * int(hours) + int(minutes))


def _time_zone(secret: Mapping[str, str]) -> str:
    return secret.get("timeZone", INDIAN_TIME if _country(secret) == "IN" else "+00:00")


def _promotional_hours(secret: Mapping[str, str]) -> PromotionalHours | None:
    value = secret.get("promotionalHours", "false").lower()
    if value in NO:
        return None
    return PromotionalHours() if value in YES else PromotionalHours.parse(value)


def _is_on(secret: Mapping[str, str], name: str) -> bool:
    return secret.get(name, "false").lower() in YES


def _is_key(text: Any) -> bool:
    try:
        return bool(_key(text))
    except (ValueError, AttributeError):
        return False


def _country(secret: Mapping[str, str]) -> str:
    return secret.get("country", "IN").upper()


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
