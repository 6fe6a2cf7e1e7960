"""Forbids messages whose chunk SQS neither took nor refused. Their request is about to be answered "not accepted": if
the chunk turns up anyway, its messages must find a row that forbids sending them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.aws import CALL_SECONDS
from bridge.message import Failure, Rejection
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.log.log import Log
    from bridge.log.row import Row
    from bridge.message import Message
    from bridge.times import Deadline

NOT_QUEUED = "the bridge could not queue the message"


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What became of messages that were to be forbidden."""

    rejections: list[Rejection]
    """They are `rejected` now, or the log did not say."""
    known: list[tuple[Rejection, Row]]
    """The log had them already: a worker was quicker, or they were there before."""


class Forbidder:
    """Forbids messages."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def forbid(self, doubtful: Sequence[Rejection], account: str, deadline: Deadline) -> Forbidden:
        """Reject messages in the log, without a report: a 503 may still tell CleverTap. Where it does not, the caller
        writes them again with one.
        """
        rows = [self._log.rejection_row(item, account, report=False) for item in doubtful]
        recorded = self._log.record(rows, deadline)
        if recorded.unwritten:
            count = len(recorded.unwritten)
            logger.error(
                "messages may be sent though CleverTap was told otherwise: the log does not answer",
                account=account,
                count=count,
            )
        known = {row.key: there for row, there in recorded.superseded}
        pairs = [(item, known.get(row.key)) for item, row in zip(doubtful, rows, strict=True)]
        return Forbidden(
            rejections=[item for item, there in pairs if there is None],
            known=[(item, there) for item, there in pairs if there],
        )


def deadline_for_sqs(deadline: Deadline) -> Deadline:
    """By when SQS must have answered, so that there is time to forbid what it leaves in doubt."""
    return deadline.before(2 * CALL_SECONDS) if deadline.allows(3 * CALL_SECONDS) else deadline


def not_queued(message: Message, index: int) -> Rejection:
    """A message that could not be queued, as a rejected record."""
    return Rejection(
        index=index,
        recipient=message.recipient,
        message_id=message.message_id,
        failure=Failure.NOT_QUEUED,
        reason=NOT_QUEUED,
        accepted_at=message.accepted_at,
        text=message.text,
        campaign_id=message.campaign_id,
        segments=message.segments,
        template_id=message.template_id,
        sender_id=message.sender_id,
        message_type=message.message_type,
        encryption=message.encryption,
        unsent_claims=message.unsent_claims,
    )
