"""Receipts: matched with their messages, parked until the message's outcome is in the log, or, where they were not
recognised, kept until the tables are fixed.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.aws import CALL_SECONDS
from bridge.errors import AccountError, BadRequest, LogRefused, NothingAccepted, TooLarge, UnknownAccount
from bridge.kept import ReceiptCall
from bridge.match import Match, Matcher
from bridge.message import Cause, Status
from bridge.message_central.receipts import STATUS_WORDS, Receipt, TextBack, Unrecognised, read_receipts
from bridge.message_central.shapes import field_names, media_type
from bridge.pending import PARKED_RECEIPTS, Pending, put
from bridge.sqs import Body, Queued
from bridge.telemetry import CAUSE_METRICS, logger
from bridge.waiting import LOOK_UP_SECONDS, account_or_none, note_unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.account import Account
    from bridge.authentication import Authenticator
    from bridge.invocation import Invocation
    from bridge.log.log import Log
    from bridge.message_central.receipts import Part
    from bridge.pending import SqsMessage
    from bridge.replies import Replies
    from bridge.secrets import Secrets
    from bridge.sqs import Queue

THREADS = 10  # receipts of one call that are looked up at once

RECEIPT_METRICS = {Status.DELIVERED: "ReceiptsDelivered", Status.UNDELIVERED: "ReceiptsUndelivered"}


REPLY = "reply"  # under which a parked reply stands; a parked receipt stands for itself
SHOWN_ERRORS = 10  # of one call, in its log line


@dataclass(frozen=True, slots=True)
class ReceiptCounts:
    """How many of a call's receipts are processed or parked, and how many of its parts are kept as they came."""

    processed: int
    kept: int


class Receiver:
    """Takes receipts."""

    def __init__(
        self,
        secrets: Secrets,
        log: Log,
        *,
        authenticator: Authenticator,
        parked: Queue,
        kept: Queue,
        replies: Replies,
        without_number: bool,
        clock: Callable[[], float],
    ) -> None:
        """`parked` holds receipts that wait, `kept` calls that were not recognised; `without_number`: the log has the
        index by which a receipt without a number is matched; `clock` gives epoch seconds.
        """
        self._authenticator = authenticator
        self._secrets = secrets
        self._log = log
        self._parked = parked
        self._kept = kept
        self._replies = replies
        self._without_number = without_number
        self._clock = clock

    def take(self, call: ReceiptCall, key: str, invocation: Invocation) -> ReceiptCounts:
        """Take the receipts and replies of one call, which was made with this key.

        Raises:
            UnknownAccount: there is no such account, or the key is not its.
            AccountError: the account's secret cannot be used now.
            NothingAccepted: some could be neither written, parked nor kept; all have to come again.
            TooLarge: what was not recognised is too large to be kept.
        """
        account = self._authenticated(call, key, invocation)
        return self._take(replace(call, since=self._clock()), account, invocation)

    def _take(self, call: ReceiptCall, account: Account, invocation: Invocation) -> ReceiptCounts:
        found = self._read(call)
        receipts = [one for one in found if isinstance(one, Receipt)]
        replies = [one for one in found if isinstance(one, TextBack)]
        unrecognised = [one for one in found if isinstance(one, Unrecognised)]
        early = self._apply(receipts, account, call.since, invocation)
        self._park_new([asdict(receipt) for receipt in early], account, call.since, invocation)
        if unrecognised:
            self._keep(_part(call, found), unrecognised, invocation)
        # Last: CleverTap counts a repeated reply, and the call comes again where the others could not be taken.
        waiting = self._replies.pass_on(replies, account, call.since, invocation)
        self._park_new([{REPLY: asdict(reply)} for reply in waiting], account, call.since, invocation)
        return ReceiptCounts(len(receipts) + len(replies), len(unrecognised))

    def _park_new(
        self, items: Sequence[Mapping[str, Any]], account: Account, since: float, invocation: Invocation
    ) -> None:
        if not self._park([Pending.new(account.id, [item], since) for item in items], invocation):
            raise NothingAccepted("receipts could be neither written nor parked")

    def retry(self, message: SqsMessage, invocation: Invocation) -> bool:
        """Take up a parked receipt or a kept call; False when SQS has to give it again, or to the dead letters."""
        try:
            document = json.loads(message.body)
            if "kept" in document:
                return self._read_again(ReceiptCall.decode(document), invocation)
            pending, waiting = _decode(document)
        except (ValueError, KeyError, TypeError) as error:
            kind = type(error).__name__
            logger.error("malformed receipt job: retried, then dead-lettered", id=message.id, error=kind)
            return False
        account = None
        if invocation.deadline.allows(LOOK_UP_SECONDS + CALL_SECONDS):  # and to park it again
            account = account_or_none(self._secrets, pending.account, invocation, "receipts")
        if account and self._take_up(waiting, account, pending.since, invocation):
            return True
        return self._park([pending], invocation)

    def _take_up(self, waiting: Receipt | TextBack, account: Account, since: float, invocation: Invocation) -> bool:
        if isinstance(waiting, TextBack):
            return not self._replies.pass_on([waiting], account, since, invocation)
        return not self._apply([waiting], account, since, invocation)

    def _read_again(self, call: ReceiptCall, invocation: Invocation) -> bool:
        """Take a kept call that was redriven. What is still not recognised goes back to where it was kept."""
        account = account_or_none(self._secrets, call.account, invocation, "receipts")
        try:
            return account is not None and bool(self._take(call, account, invocation))
        except (NothingAccepted, TooLarge):
            return False

    def _authenticated(self, call: ReceiptCall, key: str, invocation: Invocation) -> Account:
        try:
            return self._authenticator.authenticate_receipts(call.account, key, call.source)
        except UnknownAccount:
            raise
        except AccountError as error:
            # Anybody may name any account: only one that was found before is counted by its name.
            known = call.account if self._authenticator.knows(call.account) else "-"
            note_unusable(error, known, invocation, "receipts")
            raise

    def _read(self, call: ReceiptCall) -> list[Part]:
        try:
            return read_receipts(call.body, call.query, without_number=self._without_number)
        except BadRequest as error:
            return [Unrecognised(0, str(error))]

    def _keep(self, call: ReceiptCall, unrecognised: Sequence[Unrecognised], invocation: Invocation) -> None:
        """Keep a call as it came, and tell its shape: fields' names, no values."""
        invocation.metrics.add(call.account, "ReceiptsUnrecognised", len(unrecognised))
        logger.warning(
            "receipts not recognised: kept, to be redriven once receipts.py can read them",
            account=call.account,
            method=call.method,
            content_type=media_type(call.content_type),
            fields=field_names(one.document for one in unrecognised),
            errors=[{"index": one.index, "error": one.error} for one in unrecognised[:SHOWN_ERRORS]],
        )
        bodies = [Body(call.encode(), 0, call.account)]
        if self._kept.send(bodies, invocation.deadline) != [Queued.YES]:
            raise NothingAccepted("receipts were not recognised, and could not be kept")

    def _apply(
        self, receipts: Sequence[Receipt], account: Account, since: float, invocation: Invocation
    ) -> list[Receipt]:
        """Write what final receipts say into the log; those that have to wait come back. `since`: when they came."""
        matcher = Matcher(self._log, account, since, self._clock())
        final = [receipt for receipt in receipts if receipt.delivery]
        look_up = partial(matcher.match, deadline=invocation.deadline)
        if len(final) > 1:
            with ThreadPoolExecutor(min(THREADS, len(final))) as pool:
                matches = list(pool.map(look_up, final))
        else:  # nearly always: a thread costs as much as its call
            matches = list(map(look_up, final))
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
        return put(self._parked, later, now, invocation.deadline)


def _part(call: ReceiptCall, found: Sequence[Part]) -> ReceiptCall:
    """What of a call is kept: all of it, or those documents that were not recognised, as JSON."""
    left = [one.document for one in found if isinstance(one, Unrecognised)]
    if len(left) == len(found):
        return call
    return replace(call, body=json.dumps(left).encode(), query="", content_type="application/json")


def _decode(document: dict[str, Any]) -> tuple[Pending, Receipt | TextBack]:
    """A parked receipt or reply.

    Raises:
        ValueError, KeyError, TypeError: the document is malformed.
    """
    pending = Pending.from_document(document)
    [item] = pending.items
    if REPLY in item:
        return pending, TextBack(**item[REPLY])
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
            "malformed rows in the log: their receipts wait until they are fixed", account=account_id, faults=faults
        )
    for error in matcher.failures[:1]:
        logger.error("log does not answer: receipts wait", account=account_id, reason=str(error))
        if isinstance(error, LogRefused):
            invocation.metrics.add(account_id, CAUSE_METRICS[Cause.LOG_REFUSED])
