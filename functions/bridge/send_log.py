"""The log: table `SmsLog` in DynamoDB, one item per message (design §5).

Two kinds of writes, and both are safe to repeat:
* a **claim** is a conditional put that gives one worker the right to send; it carries an id of its own, so that a
  repeated put that finds its own claim knows that it won;
* an **outcome** replaces the claim's item. In a batch it is written without a condition, as only the claim's holder
  knows it; whenever it is not certain that a batch was written just once, it is repeated one by one on condition that
  the claim still stands: a receipt may have moved the message on meanwhile.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
)

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.message import LogUnavailable, Status
from bridge.rows import Claim, Row, Rows, from_item, to_item

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.dynamodb import DynamoDB
    from bridge.times import Deadline

BATCH = 25  # items in one BatchWriteItem, DynamoDB's limit
SETTLERS = 16  # threads that write rows one by one; at 5 ms a write, 1,000 take a third of a second
_PUT_PAUSES = (0.05, 0.2, 0.0)  # seconds after each try to put a row
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # seconds before a throttled or unprocessed batch is tried again

# Answers that say that nothing was written, and that later something will be.
_THROTTLED = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})


@dataclass(frozen=True, slots=True)
class Existing:
    """What the log already holds about a message whose claim was refused."""

    row: Row

    @property
    def status(self) -> Status:
        """Where the message stands."""
        return Status(str(self.row["status"]))

    @property
    def claimed_at(self) -> float:
        """When its last worker claimed it, in epoch seconds."""
        return times.epoch(str(self.row["claimedAt"]))


class SendLog(Rows):
    """The table as the bridge sees it."""

    def __init__(
        self,
        table: str,
        client: DynamoDB,
        *,
        retention_days: int,
        store_text: bool,
        clock: Callable[[], float],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock` gives epoch seconds."""
        super().__init__(retention_days=retention_days, store_text=store_text, clock=clock)
        self._table = table
        self._client = client
        self._pause = pause

    def claim(self, claim: Claim, deadline: Deadline) -> Existing | None:
        """Write a claim. None: it is granted. Else what became of the message before.

        Raises:
            LogUnavailable: DynamoDB did not say; the claim may stand if it was perhaps written.
        """
        condition = "attribute_not_exists(messageId) OR #status = :retrying"
        values = {":retrying": {"S": Status.RETRYING.value}}
        if claim.message.unsent_claims:
            unsent = {f":unsent{n}": {"S": name} for n, name in enumerate(claim.message.unsent_claims)}
            # `unknown`: somebody who did not know that it sent nothing found its worker gone.
            condition += f" OR (#status IN (:sending, :unknown) AND claimedBy IN ({', '.join(unsent)}))"
            values |= {":sending": {"S": Status.SENDING.value}, ":unknown": {"S": Status.UNKNOWN.value}, **unsent}
        item = self._put_if(claim.row, condition, values, deadline)
        # Our own put, repeated after its answer was lost, meets itself.
        return None if item is None or item.get("claimedBy") == claim.id else Existing(item)

    def give_up(self, existing: Existing, deadline: Deadline) -> None:
        """Call a message `unknown` whose worker died between its claim and its outcome.

        Raises:
            LogUnavailable: DynamoDB did not say.
        """
        reason = "the worker that was sending it ended before it noted the outcome"
        self.settle({**existing.row, "status": Status.UNKNOWN.value, "reason": reason}, deadline)

    def settle(self, row: Row, deadline: Deadline) -> Row | None:
        """Write one outcome, unless its claim no longer stands. None: it stands there; else what stands there instead.

        Repeating it changes nothing. `unknown` may still become anything but `retrying`: its chunk has ended.

        Raises:
            LogUnavailable: DynamoDB did not say.
        """
        condition = "attribute_not_exists(messageId)"
        values: dict[str, Any] = {}
        if "claimedBy" in row:
            condition += " OR (claimedBy = :claim AND #status IN (:sending, :unknown))"
            open_ = Status.SENDING if row["status"] == Status.RETRYING else Status.UNKNOWN
            values = {
                ":claim": {"S": row["claimedBy"]},
                ":sending": {"S": Status.SENDING.value},
                ":unknown": {"S": open_.value},
            }
        there = self._put_if(row, condition, values, deadline)
        return None if there == row else there

    def settle_all(self, rows: Sequence[Row], deadline: Deadline) -> tuple[list[Row], list[tuple[Row, Row]]]:
        """Write many outcomes one by one, several at once. Returns those that could not be written, and those in whose
        place something else stands, with what stands there.
        """
        broken = threading.Event()  # the table does not answer: the others would only wait for the same

        def settled(row: Row) -> Row | None:
            if broken.is_set():
                raise LogUnavailable("the log did not answer just now")
            try:
                return self.settle(row, deadline)
            except LogUnavailable:
                broken.set()
                raise

        unwritten: list[Row] = []
        superseded: list[tuple[Row, Row]] = []
        with ThreadPoolExecutor(max(1, min(SETTLERS, len(rows)))) as pool:
            for row, future in [(row, pool.submit(settled, row)) for row in rows]:
                try:
                    there = future.result()
                except LogUnavailable:
                    unwritten.append(row)
                else:
                    superseded += [(row, there)] if there else []
        return unwritten, superseded

    def record(self, rows: Sequence[Row], deadline: Deadline) -> list[Row]:
        """Write the outcomes of claims that this worker holds, in batches; those not written come back."""
        left: list[Row] = []
        for start in range(0, len(rows), BATCH):
            left += self._record_batch(rows[start : start + BATCH], deadline)
        return left

    def _record_batch(self, rows: Sequence[Row], deadline: Deadline) -> list[Row]:
        pending = {(row["recipient"], row["messageId"]): row for row in rows}
        for pause in _PAUSES:
            if not deadline.allows(CALL_SECONDS):
                break
            requests = [{"PutRequest": {"Item": to_item(row)}} for row in pending.values()]
            try:
                answer = self._client.batch_write_item(RequestItems={self._table: requests})
            except (ClientError, BotoCoreError) as error:
                if error_code(error) not in _THROTTLED:
                    # Perhaps it was written, and only the answer is lost.
                    return self.settle_all(list(pending.values()), deadline)[0]
            else:
                unprocessed = answer.get("UnprocessedItems", {}).get(self._table, [])
                items = [request["PutRequest"]["Item"] for request in unprocessed]
                keys = {(item["recipient"]["S"], item["messageId"]["S"]) for item in items}
                pending = {key: row for key, row in pending.items() if key in keys}
            if not pending:
                break
            self._wait(pause)
        return list(pending.values())

    def _put_if(self, row: Row, condition: str, values: dict[str, Any], deadline: Deadline) -> Row | None:
        """Put on a condition. None: done; else the item that is there instead."""
        extra: dict[str, Any] = {}
        if "#status" in condition:
            extra = {"ExpressionAttributeNames": {"#status": "status"}, "ExpressionAttributeValues": values}
        why, perhaps_written = "no time is left", False
        for pause in _PUT_PAUSES:
            if not deadline.allows(CALL_SECONDS):
                break
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=to_item(row),
                    ConditionExpression=condition,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **extra,
                )
            except (ClientError, BotoCoreError) as error:
                why = error_code(error)
                perhaps_written |= _perhaps_done(error)
                if isinstance(error, ClientError) and why == "ConditionalCheckFailedException":
                    return from_item(cast("dict[str, Any]", error.response.get("Item", {})))
                if not _passing(error):
                    break
            else:
                return None
            self._wait(pause)
        raise LogUnavailable(f"the log was not written: {why}", perhaps_written=perhaps_written)

    def _wait(self, pause: float) -> None:
        self._pause(pause * (0.5 + random.random() / 2))  # noqa: S311 - jitter, no secret


def _passing(error: ClientError | BotoCoreError) -> bool:
    """Whether the same request may do better in a moment. Every request here is safe to repeat."""
    if not isinstance(error, ClientError):
        return True
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
    return error_code(error) in _THROTTLED or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _perhaps_done(error: ClientError | BotoCoreError) -> bool:
    """Whether a request that ended like this may have been carried out."""
    if isinstance(error, ClientError):
        return error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
    return not isinstance(error, EndpointConnectionError | ConnectTimeoutError | ProxyConnectionError)


def error_code(error: ClientError | BotoCoreError) -> str:
    """What went wrong, in a word: AWS's error code, or the kind of failure on the way to it."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
