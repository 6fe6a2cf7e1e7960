"""What the bridge writes about a message, and what it reads back.

Two kinds of writes, and both are safe to repeat:
* a **claim** is a conditional put that gives one worker the right to send; it carries an id of its own, so that a
  repeated put that finds its own claim knows that it won;
* an **outcome** replaces the claim's item. In a batch it is written without a condition, as only the claim's holder
  knows it; whenever it is not certain that a batch was written just once, it is repeated one by one on condition that
  the claim still stands: a receipt may have moved the message on meanwhile.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bridge import times
from bridge.clevertap.codes import CODES
from bridge.errors import AlreadyClaimed, AwsError, LogUnavailable
from bridge.log.conditions import abandoned, claimable, one_stands, recordable, reopenable, unchanged
from bridge.log.row import ATTRIBUTES, Claim, Row
from bridge.log.rows import Rows
from bridge.log.table import BATCH, LogTable
from bridge.log.transitions import FOLLOWS
from bridge.message import Status
from bridge.retry import THROTTLED, tries

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.dynamodb import DynamoDB
    from bridge.message import Message, Outcome
    from bridge.message_central.receipts import DeliveryStatus
    from bridge.times import Deadline

BY_VERIFICATION_ID = "ByVerificationId"
"""The index of the table, where the stack was made with it."""
RECORD_THREADS = 16  # that write rows one by one; at 5 ms a write, 1,000 take a third of a second

_BATCH_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds before a throttled or unprocessed batch is tried again
_WORKER_DIED = "the worker that was sending it ended before it noted the outcome"

# Names that DynamoDB reserves, as an expression may write them.
_RESERVED = {"#status": "status", "#segments": "segments"}
_WITHOUT_TEXT = ", ".join(f"#{name}" if f"#{name}" in _RESERVED else name for name in ATTRIBUTES if name != "text")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of rows that were recorded one by one: those that could not be written, and those in whose place
    something else stands, each with what stands there. All others were written.
    """

    unwritten: list[Row] = field(default_factory=list)
    superseded: list[tuple[Row, Row]] = field(default_factory=list)


class Log:
    """The table as the bridge sees it. The rows that it makes are those of `Rows`."""

    def __init__(
        self,
        table: str,
        client: DynamoDB,
        *,
        retention_days: int,
        store_text: bool,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        """`clock` gives epoch seconds."""
        self._table = LogTable(table, client, sleep)
        self._clock = clock
        self._sleep = sleep
        self._store_text = store_text
        rows = Rows(retention_days=retention_days, store_text=store_text, clock=clock)
        self.new_claim, self.outcome_row, self.rejection_row = rows.new_claim, rows.outcome_row, rows.rejection_row

    def claim(self, claim: Claim, deadline: Deadline) -> None:
        """Write a claim. When this returns, its holder may send the message.

        Raises:
            AlreadyClaimed: it is not granted; the error has the message's row.
            RowGone: the message was to be sent again, and was forgotten meanwhile.
            LogUnavailable, LogRefused: DynamoDB did not say; the claim may stand if it was perhaps written.
        """
        try:
            self._table.put_if(claim.row, claimable(claim), deadline)
        except AlreadyClaimed as found:
            if found.row != claim.row:
                raise

    def end(self, message: Message, claim_id: str, outcome: Outcome, deadline: Deadline, *, report: bool) -> None:
        """End a message that is not to be sent, unless it was sent before: its claim is its outcome. One that was sent
        again in doubt stays `unknown`.

        Raises:
            AlreadyClaimed, RowGone, LogUnavailable, LogRefused: as with `claim`.
        """
        claim = self.new_claim(message, claim_id, report=report)
        if not message.sent_in_doubt:
            self.claim(replace(claim, row=self.outcome_row(claim, outcome)), deadline)
        elif message.unsent_claims:  # one of them may stand; else the row says `unknown` anyway
            unknown = replace(claim.row, status=Status.UNKNOWN)
            self._table.put_if(unknown, reopenable(message.unsent_claims, Status.UNKNOWN), deadline)

    def record_batch(self, outcomes: Sequence[tuple[Claim, Outcome]], deadline: Deadline) -> list[Row]:
        """Write the outcomes of claims that this worker holds, in batches; the rows that could not be written.

        A message that is to be tried again must not be on the queue before this returns: whoever claimed it meanwhile
        would be overwritten.
        """
        rows = [self.outcome_row(claim, outcome) for claim, outcome in outcomes]
        unwritten: list[Row] = []
        for start in range(0, len(rows), BATCH):
            unwritten += self._record_blindly(rows[start : start + BATCH], deadline)
        return unwritten

    def record(self, rows: Sequence[Row], deadline: Deadline) -> Recorded:
        """Write outcomes and rejections one by one, several at once, each on condition that its claim still stands, or
        that nothing does. Repeating it changes nothing.
        """
        silent = threading.Event()  # the table does not answer: the others would only wait for the same

        def write(row: Row) -> None:
            if silent.is_set():
                raise LogUnavailable("the log did not answer just now", perhaps_written=False)
            try:
                self._table.put_if(row, recordable(row), deadline)
            except LogUnavailable:
                silent.set()
                raise

        recorded = Recorded()
        with ThreadPoolExecutor(max(1, min(RECORD_THREADS, len(rows)))) as pool:
            for row, written in [(row, _begun(pool, write, row)) for row in rows]:
                try:
                    written()
                except LogUnavailable:
                    recorded.unwritten.append(row)
                except AlreadyClaimed as found:
                    if found.row != row:
                        recorded.superseded.append((row, found.row))
        return recorded

    def reopen(self, message: Message) -> None:
        """Let anybody claim a message again one of whose unsent claims stands: it goes on without naming them. One that
        was sent again in doubt is `unknown` again, under the claim over which the person wanted it to be sent.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say.
        """
        row = self.new_claim(message, "", report=True).row
        status = Status.UNKNOWN if message.sent_in_doubt else Status.RETRYING
        seen = message.resend.claimed_by if message.resend and message.sent_in_doubt else None
        changes = {"#status": status.value} | ({"claimedBy": seen} if seen else {})
        self._table.update_if(row, reopenable(message.unsent_claims, status), changes)

    def gather(self, message: Message) -> None:
        """Have the last of a message's unsent claims stand in the place of that one of them which does, if one does:
        from then on its name is all that the message has to know.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say.
        """
        row = self.new_claim(message, "", report=True).row
        self._table.update_if(row, one_stands(message.unsent_claims), {"claimedBy": message.unsent_claims[-1]})

    def mark_unknown(self, row: Row, deadline: Deadline) -> bool:
        """Call a message `unknown` whose worker died between its claim and its outcome. `row` as `AlreadyClaimed` has
        it: whole.

        True if this call did it, so that each such message is counted once; False if somebody was quicker, or its
        worker lives.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say.
        """
        try:
            unknown = replace(row, status=Status.UNKNOWN, reason=_WORKER_DIED)
            self._table.put_if(unknown, abandoned(row), deadline)
        except AlreadyClaimed:
            return False
        return True

    def messages_to(self, recipient: str, account_id: str, *, fresh: bool = True) -> list[Row]:
        """All messages of an account to a recipient, without their texts. Not `fresh`: for half the price, as they were
        up to some seconds ago.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
            ValueError, KeyError, TypeError: a person has edited a row.
        """
        return list(
            self._table.query(
                fresh=fresh,
                KeyConditionExpression="recipient = :recipient",
                FilterExpression="account = :account",
                ProjectionExpression=_WITHOUT_TEXT,
                ExpressionAttributeNames=_RESERVED,
                ExpressionAttributeValues={":recipient": {"S": recipient}, ":account": {"S": account_id}},
            )
        )

    def recipients_of(self, verification_id: str) -> list[str]:
        """Whose messages have the vendor's id, by the index that is there where receipts carry no number. It follows
        the table within a second.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
        """
        items = self._table.look_up(
            IndexName=BY_VERIFICATION_ID,
            KeyConditionExpression="verificationId = :id",
            ProjectionExpression="recipient",
            ExpressionAttributeValues={":id": {"S": verification_id}},
        )
        return sorted({item["recipient"]["S"] for item in items})

    def apply_receipt(self, row: Row, verification_id: str, delivery: DeliveryStatus) -> bool:
        """Give a message its final status; False when it has one already, or is no longer as `row` says.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say.
        """
        if delivery.status not in FOLLOWS[row.status]:
            return False
        changes = {
            "#status": delivery.status.value,
            "finalAt": times.iso(self._clock()),
            "verificationId": verification_id,
            "reason": delivery.description,
        }
        if delivery.failure:
            changes["code"] = CODES[delivery.failure]
        return self._table.update_if(row, unchanged(row), changes)

    def note_reply(self, row: Row, text: str, at: float) -> None:
        """Show in a message's row that it was answered; the text where texts are kept. Not where the row has changed.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say.
        """
        changes = {"repliedAt": times.iso(at)} | ({"replyText": text} if self._store_text else {})
        self._table.update_if(row, unchanged(row), changes)

    def _record_blindly(self, rows: Sequence[Row], deadline: Deadline) -> list[Row]:
        pending = {row.key: row for row in rows}
        for _ in tries(_BATCH_PAUSES, deadline, self._sleep):
            try:
                left = self._table.put_batch(list(pending.values()))
            except AwsError as error:
                if error.code not in THROTTLED:
                    # Perhaps it was written, and only the answer is lost.
                    return self.record(list(pending.values()), deadline).unwritten
            else:
                pending = {key: row for key, row in pending.items() if key in left}
            if not pending:
                break
        return list(pending.values())


def _begun(pool: ThreadPoolExecutor, write: Callable[[Row], None], row: Row) -> Callable[[], None]:
    """Have a thread write a row, and wait for it with what this gives. Where there can be no more threads, it is then
    written here; and perhaps by a thread as well, which changes nothing.
    """
    try:
        return pool.submit(write, row).result
    except RuntimeError:
        return partial(write, row)
