"""Forgets a person: deletes the rows of all messages to a number; what stays are the campaigns' counts.

A row is also what keeps its message from being sent again, when a copy of its chunk turns up: SQS may deliver one
twice, and people redrive dead letters. No worker sends what is older than its validity, so a row may go once the
longest validity is over. Until then it is emptied of its text, and DynamoDB deletes it by itself when it is time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge import times
from bridge.campaigns.keys import WHOLE_ACCOUNT
from bridge.log.transitions import UNSETTLED
from bridge.operations.messages import recipient_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.campaigns.control import Controls
    from bridge.log.reader import Reader
    from bridge.log.row import Row

LONGEST_VALIDITY_HOURS = 72
"""The most that the stack's parameter MessageValidityHours allows."""

_KEPT_SECONDS = LONGEST_VALIDITY_HOURS * 3_600 + 3_600  # and an hour for the last worker, and for clocks


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of the rows of a number.

    `deleted` are gone. `emptied` have no text any more, and delete themselves: the last one at `gone_by` (`times.iso`).
    `under_way` are still being sent, or changed at this moment: they are as they were.
    """

    deleted: int
    emptied: int
    under_way: int
    gone_by: str | None


class Forgetter:
    """Forgets people."""

    def __init__(self, reader: Reader, controls: Controls, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._reader = reader
        self._controls = controls
        self._clock = clock

    def find(self, number: str, account: str) -> list[Row]:
        """The rows of a number (as `recipient_of` reads it) in an account.

        Raises:
            LogUnavailable, LogRefused: the log did not answer.
            MalformedRow: somebody edited one of the rows.
        """
        return self._reader.rows_to(recipient_of(number), account)

    def forget(self, rows: Sequence[Row], by: str) -> Forgotten:
        """Delete rows of an account, or empty them where they are still needed, on the word of a person. Doing it again
        does no harm.

        Raises:
            LogUnavailable, LogRefused: the log did not answer; do it again.
        """
        forgotten = self._forget(rows)
        if done := forgotten.deleted + forgotten.emptied:
            self._controls.note((rows[0].account, WHOLE_ACCOUNT), f"messages of a number forgotten: {done}", by=by)
        return forgotten

    def _forget(self, rows: Sequence[Row]) -> Forgotten:
        deleted = emptied = 0
        gone_by = 0.0
        for row in rows:
            needed_until = times.epoch(row.accepted_at) + _KEPT_SECONDS
            if needed_until <= self._clock():
                deleted += self._reader.delete_row(row)
            elif row.status not in UNSETTLED and self._reader.empty_row(row, int(needed_until)):
                emptied += 1
                gone_by = max(gone_by, needed_until)
        under_way = len(rows) - deleted - emptied
        return Forgotten(deleted, emptied, under_way, times.iso(gone_by) if gone_by else None)
