"""What the log writes into a row, and for how long it is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge import times
from bridge.clevertap.codes import CODES
from bridge.log.row import Claim, Row
from bridge.log.transitions import FINAL
from bridge.message import OWN_ID_PREFIX, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.message import Message, Outcome, Rejection

_DAY = 86_400


class Rows:
    """Makes rows."""

    def __init__(self, *, retention_days: int, store_text: bool, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._retention = retention_days * _DAY
        self._store_text = store_text
        self._clock = clock

    def new_claim(self, message: Message, claim_id: str, *, report: bool) -> Claim:
        """A claim that can be written; `report` says whether CleverTap wants to be told how the message ends."""
        now = self._clock()
        row = Row(
            recipient=message.recipient,
            message_id=message.message_id,
            account=message.account,
            status=Status.SENDING,
            segments=message.segments,
            text=message.text if self._store_text else None,
            campaign_id=message.campaign_id,
            sender_id=message.sender_id,
            template_id=message.template_id,
            message_type=message.message_type,
            encryption=message.encryption,
            accepted_at=times.iso(message.accepted_at),
            claimed_at=times.iso(now),
            claimed_by=claim_id,
            attempts=message.attempts + 1,
            report=report and not message.message_id.startswith(OWN_ID_PREFIX),
            expires_at=int(now) + self._retention,
            resent_by=message.resend.by if message.resend else None,
            resent_at=message.resend.at if message.resend else None,
            waited_for=message.waited_for or None,
        )
        return Claim(message, claim_id, row)

    def outcome_row(self, claim: Claim, outcome: Outcome, *, already_reported: bool = False) -> Row:
        """How a claim's row looks with its outcome; `already_reported` when CleverTap has it in the answer."""
        now = times.iso(self._clock())
        # What was surely not sent this time may still be out since the time before.
        unsure = outcome.status is Status.RETRYING and claim.message.sent_in_doubt
        return replace(
            claim.row,
            status=Status.UNKNOWN if unsure else outcome.status,
            report=claim.row.report and not already_reported,
            sent_at=now if outcome.status is Status.SENT else None,
            final_at=now if outcome.status in FINAL else None,
            verification_id=outcome.verification_id or None,
            code=CODES[outcome.failure] if outcome.failure else None,
            reason=outcome.reason or None,
        )

    def rejection_row(self, rejection: Rejection, account_id: str, *, report: bool) -> Row:
        """The row of a record that never became a message, or of a message that was not queued."""
        now = self._clock()
        return Row(
            recipient=rejection.recipient,
            message_id=rejection.message_id,
            account=account_id,
            status=Status.REJECTED,
            code=CODES[rejection.failure],
            reason=rejection.reason,
            segments=rejection.segments,
            text=rejection.text if rejection.text and self._store_text else None,
            campaign_id=rejection.campaign_id or None,
            sender_id=rejection.sender_id,
            template_id=rejection.template_id,
            message_type=rejection.message_type,
            encryption=rejection.encryption,
            claimed_by=next(iter(rejection.unsent_claims), None),
            accepted_at=times.iso(rejection.accepted_at),
            final_at=times.iso(now),
            attempts=0,
            report=report and not rejection.message_id.startswith(OWN_ID_PREFIX),
            expires_at=int(now) + self._retention,
        )
