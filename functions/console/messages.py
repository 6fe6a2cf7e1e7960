"""The pages of messages: all to a number, and one with what happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge import times
from bridge.campaigns.keys import campaign_key
from bridge.operations.messages import history
from console.campaigns import name_of
from console.pages import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.log.row import Row
    from bridge.operations.logs_insights import LogsInsights
    from bridge.operations.messages import HistoryEntry, Messages
    from console.request import Request

MOST_MESSAGES = 100  # to one number, on one page
BEFORE_SECONDS, AFTER_SECONDS = 60, 3_600  # in which a worker logs what it does, and report what CleverTap was told

GONE = "The log holds no such message of this account. Rows go after their retention, or when a person is forgotten."


class MessagePages:
    """Shows messages."""

    def __init__(self, messages: Messages, logs: LogsInsights | None) -> None:
        """`logs`: where the functions' log lines are, if there is such a place."""
        self._messages = messages
        self._logs = logs

    def found(self, request: Request) -> str:
        """The messages to a number that was typed, or to that of a button.

        Raises:
            LogUnavailable: the log cannot be read.
            MalformedRow: somebody edited a row.
        """
        number, message_id = request.field("number") or request.parameter("number"), request.field("message_id")
        if message_id and number:
            row = self._messages.one(number, request.account, message_id)
            rows = [row] if row else []
        else:
            rows = self._messages.to(number, request.account) if number else []
        return page(
            "messages.html",
            request,
            number=request.field("number"),
            message_id=message_id,
            problem=_problem(number, rows),
            found=len(rows),
            rows=rows[:MOST_MESSAGES],
        )

    def one(self, request: Request) -> str:
        """One message.

        Raises:
            LogUnavailable: the log cannot be read.
            MalformedRow: somebody edited a row.
        """
        number, message_id = request.parameter("number"), request.parameter("message_id")
        row = self._messages.one(number, request.account, message_id)
        if not row:
            return gone(request)
        return page(
            "message.html",
            request,
            row=row,
            history=timed(history(row)),
            campaign=name_of(request, campaign_key(row.campaign_id)),
            key=campaign_key(row.campaign_id),
            worker=row.worker,
            logs=self._link(row),
        )

    def _link(self, row: Row) -> str | None:
        """To the log lines of the worker that had a message, from its acceptance to what CleverTap was told."""
        if not (self._logs and row.claimed_by):
            return None
        last = max(filter(None, (row.accepted_at, row.claimed_at, row.sent_at, row.final_at)))
        begin, end = times.epoch(row.accepted_at) - BEFORE_SECONDS, times.epoch(last) + AFTER_SECONDS
        return self._logs.of_request(row.worker, times.iso(begin), times.iso(end))


def gone(request: Request) -> str:
    """The page about a message that the log does not hold."""
    return page("problem.html", request, title="No such message", problem=GONE)


def timed(entries: Sequence[HistoryEntry]) -> list[tuple[HistoryEntry, float]]:
    """The entries of a history, each with the seconds since the one before."""
    at = [times.epoch(entry.at) for entry in entries]
    return [(entry, now - before) for entry, before, now in zip(entries, [*at[:1], *at], at, strict=False)]


def _problem(number: str, rows: Sequence[Row]) -> str:
    if not number:
        return "Type a number, with its country code."
    return "" if rows else GONE
