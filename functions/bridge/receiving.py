"""Delivery reports: matched with their messages, or parked until the message's outcome is in the log (design §7)."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from phonenumbers import country_code_for_region

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.delivery import CLOCK_SKEW_SECONDS
from bridge.message import LogUnavailable, Status
from bridge.message_central.receipts import WORDS, Receipt
from bridge.phone import read_number
from bridge.queues import Queued
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bridge.accounts import Account
    from bridge.message_central.receipts import Meaning
    from bridge.queues import Queue
    from bridge.receipt_log import ReceiptLog
    from bridge.rows import Row
    from bridge.telemetry import Tally
    from bridge.times import Deadline

PARKED_SECONDS = 900.0
"""How long a receipt waits for its message; a worker lives for a minute, and its chunk is with the next in six."""

GIVE_UP_SECONDS = 86_400.0
"""How long a receipt waits while the log or its account's secret cannot be read; then it is a dead letter."""

PARK_SECONDS = 5.0  # kept back to park what there was no time to look up: 1,000 receipts are 100 calls of SQS
THREADS = 10  # receipts of one call that are looked up at once

RECEIPT_METRICS = {Status.DELIVERED: "ReceiptsDelivered", Status.UNDELIVERED: "ReceiptsUndelivered"}

OPEN = frozenset({Status.SENT, Status.UNKNOWN})
"""Statuses that a receipt concludes."""


class Match(Enum):
    """What a receipt did."""

    CONCLUDED = "concluded"
    INTERMEDIATE = "intermediate"
    REPEATED = "repeated"
    UNMATCHED = "unmatched"
    EARLY = "early"
    """A message to the same recipient is being sent, and the receipt may be its; or the log did not answer."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A receipt that waits; `since` in epoch seconds, `attempts` how often it was tried."""

    account: str
    receipt: Receipt
    since: float
    attempts: int

    def encode(self) -> str:
        """As an SQS body."""
        return json.dumps({**asdict(self), "since": times.iso(self.since)})


def decode(body: str) -> Parked:
    """The parked receipt in an SQS body.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    document = json.loads(body)
    receipt = Receipt(**document["receipt"])
    if receipt.status not in WORDS:
        raise ValueError("its status is no longer in the table")
    return Parked(document["account"], receipt, times.epoch(document["since"]), int(document["attempts"]))


class Receiver:
    """Takes receipts."""

    def __init__(self, log: ReceiptLog, queue: Queue, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._log = log
        self._queue = queue
        self._clock = clock

    def take(self, receipts: Sequence[Receipt], account: Account, end: Deadline, tally: Tally) -> bool:
        """Take an account's receipts; False when some could neither be noted nor parked, and have to come again."""
        now = self._clock()
        silent = threading.Event()  # the log does not answer: the others would only wait for the same

        def match(receipt: Receipt) -> Match:
            try:
                return Match.EARLY if silent.is_set() else self._match(receipt, account, now, end)
            except LogUnavailable:
                silent.set()
                return Match.EARLY

        final = [receipt for receipt in receipts if receipt.meaning]
        with ThreadPoolExecutor(max(1, min(THREADS, len(final)))) as pool:
            matches = list(zip(final, pool.map(match, final), strict=True))
        for receipt, found in matches:
            _count(receipt, found, account.id, tally)
        early = [Parked(account.id, receipt, now, 0) for receipt, found in matches if found is Match.EARLY]
        return self._park(early, end, tally)

    def retry(self, parked: Parked, account: Account, end: Deadline, tally: Tally) -> bool:
        """Take a parked receipt once more; False as with `take`."""
        try:
            match = self._match(parked.receipt, account, parked.since, end)
        except LogUnavailable:
            match = Match.EARLY
        _count(parked.receipt, match, account.id, tally)
        return match is not Match.EARLY or self.postpone(parked, end, tally)

    def postpone(self, parked: Parked, end: Deadline, tally: Tally) -> bool:
        """Let a parked receipt wait on; False as with `take`, and when it has waited for a day."""
        if self._clock() - parked.since > GIVE_UP_SECONDS:
            logger.error("a receipt could not be matched for a day", account=parked.account, attempts=parked.attempts)
            return False
        return self._park([replace(parked, attempts=parked.attempts + 1)], end, tally)

    def _match(self, receipt: Receipt, account: Account, since: float, end: Deadline) -> Match:
        """Find a receipt's message, and conclude it. `since`: when the receipt came.

        Raises:
            LogUnavailable: DynamoDB did not answer, or no time is left to ask it.
        """
        if not receipt.meaning:
            return Match.INTERMEDIATE
        rows: list[Row] = []
        for number in _recipients(receipt, account):
            _leave_time(end)
            rows += self._log.messages(number, account.id)
            own = next((row for row in rows if row.get("verificationId") == receipt.verification_id), None)
            if own:
                return self._conclude(own, receipt, receipt.meaning, end) if own["status"] in OPEN else Match.REPEATED
        return self._match_doubtful(rows, receipt, receipt.meaning, since, end)

    def _match_doubtful(
        self, rows: Sequence[Row], receipt: Receipt, meaning: Meaning, since: float, end: Deadline
    ) -> Match:
        """The message of a receipt whose id the log does not hold (yet)."""
        before = [row for row in rows if str(row.get("claimedAt", "~")) <= times.iso(since + CLOCK_SKEW_SECONDS)]
        sending = [row for row in before if row["status"] == Status.SENDING]
        if sending and self._clock() - since < PARKED_SECONDS:
            return Match.EARLY
        # The vendor's answer was lost, and with it the id, or held none: if just one message may be meant, it is that.
        # One that is still `sending` so long after its receipt came was sent by a worker that died.
        doubtful = [row for row in before if row["status"] in OPEN and "verificationId" not in row] + sending
        return self._conclude(doubtful[0], receipt, meaning, end) if len(doubtful) == 1 else Match.UNMATCHED

    def _conclude(self, row: Row, receipt: Receipt, meaning: Meaning, end: Deadline) -> Match:
        _leave_time(end)
        # Where the row has changed meanwhile, it is read again.
        return Match.CONCLUDED if self._log.conclude(row, receipt.verification_id, meaning) else Match.EARLY

    def _park(self, parked: Sequence[Parked], end: Deadline, tally: Tally) -> bool:
        if parked:
            tally.add(parked[0].account, "ReceiptsParked", len(parked))
        bodies = [(item.encode(), times.backoff(item.attempts + 1, 0.0)) for item in parked]
        return all(queued is Queued.YES for queued in self._queue.send(bodies, end))


def _leave_time(end: Deadline) -> None:
    """Ask the log only while there is time to park what it does not answer."""
    if not end.allows(CALL_SECONDS + PARK_SECONDS):
        raise LogUnavailable("no time is left to ask the log")


def _count(receipt: Receipt, match: Match, account: str, tally: Tally) -> None:
    if match is Match.CONCLUDED and receipt.meaning:
        tally.add(account, RECEIPT_METRICS[receipt.meaning.status])
    elif match is Match.UNMATCHED:
        tally.add(account, "ReceiptsUnmatched")


def _recipients(receipt: Receipt, account: Account) -> Iterator[str]:
    """The numbers, E.164, that the receipt may mean, the likeliest first."""
    written = [
        # The national number with its country, or the international one, or, though its first digits could be some
        # other country's (6591234567), the national one of the account's country.
        f"+{receipt.country_code.lstrip('+0')}{receipt.number}" if receipt.country_code else "",
        receipt.number,
        f"+{country_code_for_region(account.country)}{receipt.number}",
    ]
    seen: set[str] = set()
    for text in written:
        number = read_number(text, account.country)
        if number and number.e164 not in seen:
            seen.add(number.e164)
            yield number.e164
