"""Receipts: matched with their messages, or parked until the message's outcome is in the log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bridge.errors import AccountError, BadRequest, LogRefused, NothingAccepted, UnknownAccount
from bridge.match import Match, Matcher
from bridge.message import Cause, Status
from bridge.message_central.receipts import STATUS_WORDS, Receipt, Unrecognised, read_receipts
from bridge.pending import PARKED_RECEIPTS, Pending, put
from bridge.telemetry import CAUSE_METRICS, logger
from bridge.waiting import account_or_none, note_unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.account import Account
    from bridge.invocation import Invocation
    from bridge.log.log import Log
    from bridge.pending import SqsMessage
    from bridge.secrets import Secrets
    from bridge.sqs import Queue

THREADS = 10  # receipts of one call that are looked up at once

RECEIPT_METRICS = {Status.DELIVERED: "ReceiptsDelivered", Status.UNDELIVERED: "ReceiptsUndelivered"}


@dataclass(frozen=True, slots=True)
class ReceiptCall:
    """One call of Message Central's: whose receipts it says it brings, with which key, and what holds them."""

    account: str
    key: str
    body: bytes
    query: str


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a call's receipts: how many are processed or parked, and which were not recognised."""

    processed: int
    unrecognised: Sequence[Unrecognised]


class Receiver:
    """Takes receipts."""

    def __init__(self, secrets: Secrets, log: Log, queue: Queue, clock: Callable[[], float]) -> None:
        """`queue` holds parked receipts; `clock` gives epoch seconds."""
        self._secrets = secrets
        self._log = log
        self._queue = queue
        self._clock = clock

    def take(self, call: ReceiptCall, invocation: Invocation) -> Received:
        """Take the receipts of one call.

        Raises:
            UnknownAccount: there is no such account, or the key is not its.
            AccountError: the account's secret cannot be used now.
            NothingAccepted: some could be neither written nor parked; all have to come again.
        """
        account = self._authenticated(call, invocation)
        found = _read(call)
        receipts = [one for one in found if isinstance(one, Receipt)]
        unrecognised = [one for one in found if isinstance(one, Unrecognised)]
        now = self._clock()
        early = self._apply(receipts, account, now, invocation)
        if not self._park([Pending.new(account.id, [asdict(receipt)], now) for receipt in early], invocation):
            raise NothingAccepted("receipts could be neither written nor parked")
        if unrecognised:
            invocation.metrics.add(account.id, "ReceiptsUnrecognised", len(unrecognised))
            errors = [asdict(one) for one in unrecognised[:10]]
            logger.warning("receipts not recognised: answered 400", account=account.id, errors=errors)
        return Received(len(receipts), unrecognised)

    def retry(self, message: SqsMessage, invocation: Invocation) -> bool:
        """Take a parked receipt once more; False when SQS has to give it again, and in the end to the dead letters."""
        try:
            pending, receipt = _decode(message.body)
        except (ValueError, KeyError, TypeError) as error:
            kind = type(error).__name__
            logger.error("malformed receipt job: retried, then dead-lettered", id=message.id, error=kind)
            return False
        account = account_or_none(self._secrets, pending.account, invocation, "receipts")
        if account and not self._apply([receipt], account, pending.since, invocation):
            return True
        return self._park([pending], invocation)

    def _authenticated(self, call: ReceiptCall, invocation: Invocation) -> Account:
        try:
            return self._secrets.authenticate_receipts(call.account, call.key)
        except UnknownAccount:
            raise
        except AccountError as error:
            note_unusable(error, call.account, invocation, "receipts")
            raise

    def _apply(
        self, receipts: Sequence[Receipt], account: Account, since: float, invocation: Invocation
    ) -> list[Receipt]:
        """Write what final receipts say into the log; those that have to wait come back. `since`: when they came."""
        matcher = Matcher(self._log, account, since, self._clock())
        final = [receipt for receipt in receipts if receipt.delivery]
        with ThreadPoolExecutor(max(1, min(THREADS, len(final)))) as pool:
            matches = list(pool.map(lambda receipt: matcher.match(receipt, invocation.deadline), final))
        for receipt, match in zip(final, matches, strict=True):
            _count(receipt, match, account.id, invocation)
        _note_faults(matcher, account.id, invocation)
        return [receipt for receipt, match in zip(final, matches, strict=True) if match is Match.EARLY]

    def _park(self, pending: Sequence[Pending], invocation: Invocation) -> bool:
        """Let receipts wait on; False when SQS does not take them, or when they have waited for a day."""
        now = self._clock()
        for one in pending:
            if one.over(now, PARKED_RECEIPTS):
                logger.error("receipt not matched for a day: dead-lettered", account=one.account, attempts=one.attempts)
                return False
            invocation.metrics.add(one.account, "ReceiptsParked")
        later = [one.after_failure(now, PARKED_RECEIPTS) for one in pending]
        return put(self._queue, later, now, invocation.deadline)


def _read(call: ReceiptCall) -> list[Receipt | Unrecognised]:
    try:
        return read_receipts(call.body, call.query)
    except BadRequest as error:
        return [Unrecognised(0, str(error))]


def _decode(body: str) -> tuple[Pending, Receipt]:
    """A parked receipt.

    Raises:
        ValueError, KeyError, TypeError: the body is malformed.
    """
    pending = Pending.decode(body)
    [item] = pending.items
    receipt = Receipt(**item)
    if receipt.status not in STATUS_WORDS:
        raise ValueError("its status is no longer in the table")
    return pending, receipt


def _count(receipt: Receipt, match: Match, account_id: str, invocation: Invocation) -> None:
    if match is Match.CONCLUDED and receipt.delivery:
        invocation.metrics.add(account_id, RECEIPT_METRICS[receipt.delivery.status])
    elif match is Match.UNMATCHED:
        invocation.metrics.add(account_id, "ReceiptsUnmatched")


def _note_faults(matcher: Matcher, account_id: str, invocation: Invocation) -> None:
    """Log once a call why receipts have to wait."""
    if matcher.malformed:
        faults = sorted({*matcher.malformed})
        logger.error(
            "malformed rows in the log: their receipts wait until they are mended", account=account_id, faults=faults
        )
    for error in matcher.failures[:1]:
        logger.error("receipts wait for the log", account=account_id, reason=str(error))
        if isinstance(error, LogRefused):
            invocation.metrics.add(account_id, CAUSE_METRICS[Cause.LOG_REFUSED])
