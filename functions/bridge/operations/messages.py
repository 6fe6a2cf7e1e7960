"""Looks up messages: all to one number, or one with what happened to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.log.transitions import FINAL, TRANSITIONS, Write
from bridge.message import Status
from bridge.phone import read_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.log.reader import Reader
    from bridge.log.row import Row

_DIGITS = re.compile(r"[0-9()\-./\s]+", re.ASCII)

_NO_COUNTRY = "001"  # what is read here is international
_ENDED_BY_CLAIM = TRANSITIONS[Write.CLAIM][None] & FINAL  # nobody began to send them
_SHOWN = 8  # digits of a masked number that stand


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened to a message; `at` as `times.iso` writes it, `text`: what a person wrote then."""

    at: str
    what: str
    text: str | None = None


class Messages:
    """Messages of the log, for people."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def to(self, number: str, account: str) -> list[Row]:
        """All messages of an account to a number (as `recipient_of` reads it), those that were accepted last first.

        Raises:
            LogUnavailable, LogRefused: the log did not answer.
            MalformedRow: somebody edited one of the rows.
        """
        return self._reader.rows_to(recipient_of(number), account)

    def one(self, number: str, account: str, message_id: str) -> Row | None:
        """One message, by its number and CleverTap's id or ours; None: the log does not hold it.

        Raises:
            LogUnavailable, LogRefused: the log did not answer.
            MalformedRow: somebody edited one of the rows.
        """
        return self._reader.row_of(recipient_of(number), account, message_id)

    def of_campaign(self, campaign_id: str | None, account: str) -> Iterator[Row]:
        """All messages of a campaign, or those without one; it reads the whole log.

        Raises:
            LogUnavailable, LogRefused: the log did not answer.
            MalformedRow: somebody edited one of the rows.
        """
        return self._reader.rows_of_campaign(account, campaign_id)


def recipient_of(number: str) -> str:
    """The partition of the log under which messages to a number stand: E.164 for a number that was written with its
    country's code, with or without the plus; anything else as it is, for so a record's impossible number is kept.
    """
    written = number.strip()
    bare = _DIGITS.fullmatch(written) and not written.startswith("00")
    found = read_number(f"+{written}" if bare else written, _NO_COUNTRY)
    return found.e164 if found else number


def masked(number: str) -> str:
    """A number with its middle hidden, of the same length."""
    shown = len(number) > _SHOWN
    return number[:5] + "*" * (len(number) - _SHOWN) + number[-3:] if shown else "*" * len(number)


def history(row: Row) -> list[HistoryEntry]:
    """What happened to a message, as far as its row says, in order."""
    return sorted(_entries(row), key=lambda entry: entry.at)


def _entries(row: Row) -> Iterator[HistoryEntry]:
    yield HistoryEntry(row.accepted_at, f"sent again by {row.resent_by}" if row.resent_at else "accepted")
    if row.claimed_at and row.status not in _ENDED_BY_CLAIM:
        attempt = f", attempt {row.attempts}" if row.attempts > 1 else ""
        yield HistoryEntry(row.claimed_at, f"a worker began to send it{attempt}")
    if row.sent_at:
        yield HistoryEntry(row.sent_at, f"taken by Message Central, which calls it {row.verification_id}")
    if row.final_at:
        yield HistoryEntry(row.final_at, _end(row))
    elif row.status in (Status.RETRYING, Status.UNKNOWN) and row.claimed_at:
        yield HistoryEntry(row.claimed_at, ": ".join(filter(None, (row.status, row.reason))))
    if row.replied_at:
        yield HistoryEntry(row.replied_at, "replied", row.reply_text)


def _end(row: Row) -> str:
    told = "CleverTap is told" if row.report and row.status in FINAL else ""
    ending = " ".join(filter(None, (row.status, row.code)))
    return "; ".join(filter(None, (": ".join(filter(None, (ending, row.reason))), told)))
