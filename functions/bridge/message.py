"""The words of the bridge: a message, its status, the outcome of one attempt to send it, and its errors.

BridgeError
├── RequestError           what CleverTap posted is wrong; has an HTTP status
│   ├── BadRequest         400
│   ├── NotAuthenticated   401
│   └── TooLarge           413
├── AccountError           the account's secret cannot be used; messages wait
│   ├── UnknownAccount
│   ├── AccountUnavailable
│   └── Misconfigured
├── LogUnavailable         DynamoDB did not answer or refused
└── NothingAccepted        503: neither the log nor the queue took anything
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN_ID_PREFIX = "bridge-"
"""Message ids that we make because CleverTap gave none; CleverTap cannot be told about them."""


class Status(StrEnum):
    """Where a message stands in the log."""

    SENDING = "sending"
    SENT = "sent"
    REJECTED = "rejected"
    RETRYING = "retrying"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


FINAL = frozenset({Status.REJECTED, Status.EXPIRED, Status.DELIVERED, Status.UNDELIVERED})
"""Statuses that nothing changes any more, and of which CleverTap is told."""


@dataclass(frozen=True, slots=True)
class Message:
    """One text to one recipient; its key is `(recipient, message_id)`.

    `recipient` is E.164 with the plus, `country_code` its country calling code without (`91`).
    `accepted_at` is in epoch seconds. `attempts` counts the attempts made before now.
    `unsent_claims` names claims under which the message was surely not sent: while one of them stands, the message may
    be claimed again.
    """

    account: str
    recipient: str
    country_code: str
    message_id: str
    text: str
    segments: int
    accepted_at: float
    campaign_id: str | None = None
    template_id: str | None = None
    sender_id: str | None = None
    message_type: str | None = None
    attempts: int = 0
    unsent_claims: Sequence[str] = ()

    @property
    def national_number(self) -> str:
        """The number without the country calling code, as Message Central wants it."""
        return self.recipient[1 + len(self.country_code) :]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt ended in: `sent`, `rejected`, `retrying` or `unknown` (or `expired`, without an attempt).

    `code` is CleverTap's error code (contracts/clevertap.md §4), `reason` says it in words.
    `vendor_code` is what Message Central said, for the dashboard. `retry_after` is the vendor's own wait in seconds.
    `outage` is true when the failure says nothing about this message, but that the next one will fail as well.
    """

    status: Status
    code: str | None = None
    reason: str | None = None
    verification_id: str | None = None
    vendor_code: str | None = None
    retry_after: int | None = None
    outage: bool = False
    alarm: str | None = None
    """The metric that calls for a person: `CredentialsRefused` or `CreditsExhausted`."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that cannot become a message. `index` is its place in the request, from 0.

    `recipient` and `message_id` are the key of its row in the log: what CleverTap gave, as far as it can be a key.
    """

    index: int
    recipient: str
    message_id: str
    code: str
    reason: str
    text: str = ""
    campaign_id: str | None = None
    unsent_claim: str | None = None
    """A claim of the same request that may stand in the log, and under which surely nothing was sent."""


class BridgeError(Exception):
    """What the bridge itself can say went wrong. Its text is safe to show and to log."""


class RequestError(BridgeError):
    """What CleverTap posted is wrong."""

    status: ClassVar[int] = 400


class BadRequest(RequestError):
    """The request holds no messages that could be read; the text says what is wrong and where."""


class NotAuthenticated(RequestError):
    """Wrong key, missing key or unknown account: all three look alike from outside."""

    status = 401


class TooLarge(RequestError):
    """The body is larger than a request of 1,000 messages can be."""

    status = 413


class AccountError(BridgeError):
    """An account's secret cannot be used now."""


class UnknownAccount(AccountError):
    """There is no secret for the account."""


class AccountUnavailable(AccountError):
    """Secrets Manager did not answer, and the secret is not in memory."""


class Misconfigured(AccountError):
    """The secret is malformed; the text names the field, never its value."""


class LogUnavailable(BridgeError):
    """DynamoDB did not answer or refused. `perhaps_written`: whether the write may have been made all the same."""

    def __init__(self, text: str, *, perhaps_written: bool = True) -> None:
        super().__init__(text)
        self.perhaps_written = perhaps_written


class NothingAccepted(BridgeError):
    """Neither the log nor the queue took the request: CleverTap may try again."""
