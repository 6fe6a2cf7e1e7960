"""The rows of the log: how a message stands in the table (design §5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge import times
from bridge.message import FINAL, OWN_ID_PREFIX, Message, Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.message import Rejection

_DAY = 86_400
_TYPES = {str: "S", int: "N", bool: "BOOL"}

Row = dict[str, str | int | bool]
"""An item of the table as plain values; absent attributes are left out."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one worker to send a message, and how its row looks meanwhile."""

    message: Message
    id: str
    row: Row


class Rows:
    """Makes rows: what is kept in them, and for how long."""

    def __init__(self, *, retention_days: int, store_text: bool, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._retention = retention_days * _DAY
        self._store_text = store_text
        self._clock = clock

    def new_claim(self, message: Message, claim_id: str, *, report: bool, status: Status = Status.SENDING) -> Claim:
        """A claim that `claim` can write; `report` says whether CleverTap wants to be told."""
        now = self._clock()
        row: Row = {
            "recipient": message.recipient,
            "messageId": message.message_id,
            "account": message.account,
            "status": status.value,
            "segments": message.segments,
            "acceptedAt": times.iso(message.accepted_at),
            "claimedAt": times.iso(now),
            "claimedBy": claim_id,
            "attempts": message.attempts + 1,
            "report": report and not message.message_id.startswith(OWN_ID_PREFIX),
            "expiresAt": int(now) + self._retention,
        }
        optional = {
            "text": message.text if self._store_text else None,
            "campaignId": message.campaign_id,
            "senderId": message.sender_id,
            "templateId": message.template_id,
            "messageType": message.message_type,
        }
        row.update({name: value for name, value in optional.items() if value is not None})
        return Claim(message, claim_id, row)

    def outcome_row(self, claim: Claim, outcome: Outcome, *, told: bool = False) -> Row:
        """How a claim's row looks with its outcome; `told` when CleverTap has it in the answer and needs no report."""
        now = times.iso(self._clock())
        row: Row = {**claim.row, "status": outcome.status.value}
        if told:
            row["report"] = False
        if outcome.status is Status.SENT:
            row["sentAt"] = now
        if outcome.status in FINAL:
            row["finalAt"] = now
        optional = {"verificationId": outcome.verification_id, "code": outcome.code, "reason": outcome.reason}
        row.update({name: value for name, value in optional.items() if value})
        return row

    def rejection_row(self, rejection: Rejection, account: str, accepted_at: float, *, report: bool) -> Row:
        """The row of a record that never became a message."""
        now = self._clock()
        row: Row = {
            "recipient": rejection.recipient,
            "messageId": rejection.message_id,
            "account": account,
            "status": Status.REJECTED.value,
            "code": rejection.code,
            "reason": rejection.reason,
            "acceptedAt": times.iso(accepted_at),
            "finalAt": times.iso(now),
            "attempts": 0,
            "report": report and not rejection.message_id.startswith(OWN_ID_PREFIX),
            "expiresAt": int(now) + self._retention,
        }
        if rejection.text and self._store_text:
            row["text"] = rejection.text
        if rejection.unsent_claim:
            row["claimedBy"] = rejection.unsent_claim
        if rejection.campaign_id:
            row["campaignId"] = rejection.campaign_id
        return row


def to_item(row: Row) -> dict[str, Any]:
    """A row in DynamoDB's typed form."""
    return {name: {_TYPES[type(value)]: str(value) if type(value) is int else value} for name, value in row.items()}


def from_item(item: dict[str, Any]) -> Row:
    """A row out of DynamoDB's typed form."""
    return {name: int(value["N"]) if "N" in value else next(iter(value.values())) for name, value in item.items()}
