"""Finds the message that a receipt is about, and concludes it."""

from __future__ import annotations

import threading
from enum import Enum
from typing import TYPE_CHECKING

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.errors import LogUnavailable
from bridge.log.transitions import CONCLUDED_BY_RECEIPT
from bridge.message import OWN_ID_PREFIX, Status
from bridge.phone import calling_code, read_number
from bridge.send import CLOCK_SKEW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.account import Account
    from bridge.log.log import Log
    from bridge.log.row import Row
    from bridge.message_central.receipts import Receipt, TextBack
    from bridge.times import Deadline

OUTCOME_SECONDS = 900.0
"""How long a receipt waits for its message's outcome: a worker lives for a minute, and what it left is taken up by the
next one in six."""

DOUBTFUL_SECONDS = 72 * 3_600.0
"""How long before a receipt a message may have been claimed that it concludes without a known id. Networks try to
deliver for 72 hours at most; a later receipt belongs to another system that uses the same vendor account."""

PARK_SECONDS = 5.0  # kept back to park what there was no time to look up: 1,000 receipts are 100 calls of SQS


REACHED_THE_VENDOR = frozenset(
    {Status.SENDING, Status.SENT, Status.UNKNOWN, Status.DELIVERED, Status.UNDELIVERED},
)
"""How a message can stand that somebody has answered."""


class Match(Enum):
    """What a receipt did."""

    CONCLUDED = "concluded"
    REPEATED = "repeated"
    UNMATCHED = "unmatched"
    EARLY = "early"
    """A message to the same recipient is being sent, and the receipt may be its; or the log cannot be read."""


class Matcher:
    """Matches receipts of one account that came together, in many threads."""

    def __init__(self, log: Log, account: Account, since: float, now: float) -> None:
        """`since`: when the receipts came, in epoch seconds as `now`."""
        self._log = log
        self._account = account
        self._outcome_overdue = now - since >= OUTCOME_SECONDS
        self._earliest = times.iso(since - DOUBTFUL_SECONDS)
        self._latest = times.iso(since + CLOCK_SKEW_SECONDS)
        self._silent = threading.Event()
        self.failures: list[LogUnavailable] = []
        """What the log said in place of an answer."""
        self.malformed: list[str] = []
        """The kinds of faults of rows that cannot be read."""

    def match(self, receipt: Receipt, deadline: Deadline) -> Match:
        """Find a final receipt's message, and conclude it."""
        if self._silent.is_set():  # the log does not answer: another call would only wait for the same
            return Match.EARLY
        try:
            return self._match(receipt, deadline)
        except LogUnavailable as error:
            self.failures.append(error)
            self._silent.set()
        except (ValueError, KeyError, TypeError) as error:  # a person has edited the row
            self.malformed.append(type(error).__name__)
        return Match.EARLY

    def _match(self, receipt: Receipt, deadline: Deadline) -> Match:
        rows: list[Row] = []
        for number in self._recipients(receipt, deadline):
            # Nearly always the message was sent seconds ago, and the cheap read shows it; it is concluded on condition
            # that it still is as it was read. Only what the table holds at this moment says that there is none.
            for fresh in (False, True):
                _leave_time(deadline)
                found = self._log.messages_to(number, self._account.id, fresh=fresh)
                own = next((row for row in found if row.verification_id == receipt.verification_id), None)
                if own:
                    return self._conclude(own, receipt, deadline) if _is_open(own) else Match.REPEATED
            rows += found
        if receipt.number is None:  # its message's outcome is not written yet, or the index does not have it yet
            return Match.UNMATCHED if self._outcome_overdue else Match.EARLY
        return self._match_doubtful(rows, receipt, deadline)

    def _recipients(self, receipt: Receipt, deadline: Deadline) -> Iterator[str]:
        """The numbers, E.164, that a receipt may mean."""
        if receipt.number is not None:
            return _written(receipt.number, receipt.country_code, self._account)
        _leave_time(deadline)
        return iter(self._log.recipients_of(receipt.verification_id))

    def _match_doubtful(self, rows: Sequence[Row], receipt: Receipt, deadline: Deadline) -> Match:
        """The message of a receipt whose id the log does not hold (yet)."""
        possible = [row for row in rows if self._earliest <= (row.claimed_at or "") <= self._latest]
        sending = [row for row in possible if row.status is Status.SENDING]
        if sending and not self._outcome_overdue:
            return Match.EARLY
        # The vendor's answer was lost, and with it the id, or held none. If exactly one message could match, assume it
        # is that one. One that is still `sending` so long after its receipt came was sent by a worker that died.
        doubtful = [row for row in possible if _is_open(row) and not row.verification_id] + sending
        return self._conclude(doubtful[0], receipt, deadline) if len(doubtful) == 1 else Match.UNMATCHED

    def _conclude(self, row: Row, receipt: Receipt, deadline: Deadline) -> Match:
        _leave_time(deadline)
        # Where the row has changed meanwhile, it is read again.
        concluded = receipt.delivery and self._log.apply_receipt(row, receipt.verification_id, receipt.delivery)
        return Match.CONCLUDED if concluded else Match.EARLY


def last_message(log: Log, account: Account, reply: TextBack, since: float, deadline: Deadline) -> Row | None:
    """The message that a reply, which came at `since`, most likely answers: the last to that number of which CleverTap
    knows. None: there is none.

    Raises:
        LogUnavailable, LogRefused: DynamoDB did not answer, or there is no time left to ask it.
        ValueError, KeyError, TypeError: a person has edited a row.
    """
    latest = times.iso(since + CLOCK_SKEW_SECONDS)
    for number in _written(reply.number, reply.country_code, account):
        _leave_time(deadline)
        rows = [row for row in log.messages_to(number, account.id) if _answerable(row, latest)]
        if rows:
            return max(rows, key=lambda row: row.claimed_at or "")
    return None


def _answerable(row: Row, latest: str) -> bool:
    known = not row.message_id.startswith(OWN_ID_PREFIX)
    return known and row.status in REACHED_THE_VENDOR and (row.claimed_at or "~") <= latest


def _is_open(row: Row) -> bool:
    return row.status in CONCLUDED_BY_RECEIPT


def _leave_time(deadline: Deadline) -> None:
    """Ask the log only while there is time to park what it does not answer."""
    if not deadline.allows(CALL_SECONDS + PARK_SECONDS):
        raise LogUnavailable("no time is left to ask the log", perhaps_written=False)


def _written(number: str, country_code: str | None, account: Account) -> Iterator[str]:
    """The numbers, E.164, that one as the vendor wrote it may mean, the likeliest first."""
    written = [
        # The national number with its country, or the one that these digits most likely are. Digits can be two
        # countries' (6591234567): the national number of the account's country, or the international one.
        f"+{country_code.lstrip('+0')}{number}" if country_code else "",
        number,
        f"+{calling_code(account.country)}{number}",
        f"+{number}",
    ]
    seen: set[str] = set()
    for text in written:
        found = read_number(text, account.country)
        if found and found.e164 not in seen:
            seen.add(found.e164)
            yield found.e164
