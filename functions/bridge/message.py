"""The words of the bridge: a message, its status, and the outcome of one attempt to send it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN_ID_PREFIX = "bridge-"
"""Begins the message ids that we make because CleverTap gave none; CleverTap cannot be told about them."""


class Status(StrEnum):
    """Where a message stands in the log. `log/transitions.py` says which may follow which."""

    SENDING = "sending"
    SENT = "sent"
    REJECTED = "rejected"
    RETRYING = "retrying"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


class Failure(StrEnum):
    """Why a message came to a bad end. `clevertap/codes.py` has CleverTap's code for each."""

    INVALID_NUMBER = "invalid number"
    INVALID_RECORD = "invalid record"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    DAILY_LIMIT = "daily limit"
    NOT_QUEUED = "not queued"
    EXPIRED = "expired"
    STOPPED = "stopped"
    UNDELIVERED = "undelivered"
    DROPPED = "dropped"
    NO_TEMPLATE = "no template"
    NETWORK = "network"


class Cause(StrEnum):
    """Why a message waits. Each postponement is counted by its cause, so that nothing waits in silence."""

    CREDENTIALS = "credentials refused"
    CREDITS = "credits exhausted"
    UNREACHABLE = "vendor unreachable"
    BUSY = "vendor busy"
    RATE = "vendor's rate limit"
    GATEWAY = "gateway answered"
    SAME_NUMBER = "same number again"
    BREAKER = "breaker open"
    PAUSED = "paused"
    ACCOUNT_RATE = "account's rate"
    ACCOUNT = "account unusable"
    LOG = "log unavailable"
    LOG_REFUSED = "log refused"
    NO_TIME = "no time left"
    HOURS = "outside promotional hours"
    IN_FLIGHT = "claimed by another worker"


@dataclass(frozen=True, slots=True)
class Resend:
    """A person's word that a message be sent again over the end it came to, and that end as the person saw it.

    `by` is who said it, `at` when (`times.iso`). A row comes to an end under one claim, or at one moment, only once:
    `status`, `claimed_by` and `final_at` name it.
    """

    by: str
    at: str
    status: Status
    claimed_by: str | None = None
    final_at: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One text to one recipient; its key is recipient, account and message id.

    `recipient` is E.164 with the plus, `country_code` its country calling code without (`91`).
    `encryption`, of one that came encrypted, is how (`clevertap.encryption.Seal`): its report goes back likewise.
    `accepted_at` is in epoch seconds. `attempts` counts the attempts made before now.
    `unsent_claims` names claims under which the message was surely not sent: while one of them stands, the message may
    be claimed again. `resend`: it came to an end before, and is sent again on a person's word.
    `waited_for`: CleverTap waits, or waited, for what becomes of it, so that its row counts it as accepted.
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
    encryption: str | None = None
    attempts: int = 0
    unsent_claims: Sequence[str] = ()
    resend: Resend | None = None
    waited_for: bool = False

    @property
    def sent_in_doubt(self) -> bool:
        """Whether it may be out already and is sent anyway, on a person's word: whatever comes of it but an end
        at the vendor, nobody knows more of it than that it is `unknown`.
        """
        return self.resend is not None and self.resend.status is Status.UNKNOWN

    @property
    def national_number(self) -> str:
        """The number without the country calling code, as Message Central wants it."""
        return self.recipient[1 + len(self.country_code) :]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt ended in: `sent`, `rejected`, `retrying` or `unknown`; or, without an attempt, `expired` or
    `cancelled`.

    `failure` says why it ended badly, `cause` why it has to wait; `reason` says either in words.
    `vendor_code` is what Message Central said, for the dashboard. `retry_after` is the vendor's own wait in seconds.
    `outage`: the failure says nothing about this message, but that the next one will fail as well.
    `token_refused`: another token may help.
    """

    status: Status
    failure: Failure | None = None
    cause: Cause | None = None
    reason: str | None = None
    verification_id: str | None = None
    vendor_code: str | None = None
    retry_after: int | None = None
    outage: bool = False
    token_refused: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that cannot become a message. `index` is its place in the request, from 0, and `accepted_at` when that
    came, in epoch seconds.

    `recipient` and `message_id` are the key of its row in the log: what CleverTap gave, as far as it can be a key.
    """

    index: int
    recipient: str
    message_id: str
    failure: Failure
    reason: str
    accepted_at: float
    text: str = ""
    campaign_id: str | None = None
    segments: int | None = None
    template_id: str | None = None
    sender_id: str | None = None
    message_type: str | None = None
    encryption: str | None = None
    unsent_claims: Sequence[str] = ()
    """Claims of the same request that may stand in the log, and under which surely nothing was sent."""
