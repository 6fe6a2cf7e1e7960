"""Replies: what a person answered to a message, for CleverTap.

Message Central has not confirmed that it sends any, nor in what form.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bridge.clevertap.callbacks import reply_event
from bridge.errors import LogRefused, LogUnavailable
from bridge.match import last_message
from bridge.message import Cause
from bridge.pending import Pending, put
from bridge.telemetry import CAUSE_METRICS, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.account import Account
    from bridge.invocation import Invocation
    from bridge.log.log import Log
    from bridge.log.row import Row
    from bridge.message_central.receipts import TextBack
    from bridge.sqs import Queue


class Replies:
    """Gives replies to report, which tells CleverTap."""

    def __init__(self, log: Log, reports: Queue, clock: Callable[[], float]) -> None:
        """`reports` is the queue of delayed reports; `clock` gives epoch seconds."""
        self._log = log
        self._reports = reports
        self._clock = clock

    def pass_on(
        self, replies: Sequence[TextBack], account: Account, since: float, invocation: Invocation
    ) -> list[TextBack]:
        """Queue the events of replies, which came at `since`; those that have to wait come back."""
        if not account.callback_url:
            return []  # nobody is to be told
        return [reply for reply in replies if not self._pass_on(reply, account, since, invocation)]

    def _pass_on(self, reply: TextBack, account: Account, since: float, invocation: Invocation) -> bool:
        try:
            row = last_message(self._log, account, reply, since, invocation.deadline)
            event = reply_event(row, reply.text, reply.answered, since) if row else None
        except LogUnavailable as error:
            logger.error("log does not answer: replies wait", account=account.id, reason=str(error))
            if isinstance(error, LogRefused):
                invocation.metrics.add(account.id, CAUSE_METRICS[Cause.LOG_REFUSED])
            return False
        except (ValueError, KeyError, TypeError) as error:  # a person has edited the row
            logger.error(
                "malformed row: a reply waits until it is fixed", account=account.id, error=type(error).__name__
            )
            return False
        if not row or not event:
            invocation.metrics.add(account.id, "RepliesUnmatched")
            return True
        now = self._clock()
        if not put(self._reports, [Pending.new(account.id, [asdict(event)], now)], now, invocation.deadline):
            return False
        invocation.metrics.add(account.id, "RepliesReceived")
        self._note(row, reply.text, since)
        return True

    def _note(self, row: Row, text: str, at: float) -> None:
        try:
            self._log.note_reply(row, text, at)
        except LogUnavailable as error:  # CleverTap has it, which would count it twice
            logger.warning("reply not written into its message's row", account=row.account, reason=str(error))
