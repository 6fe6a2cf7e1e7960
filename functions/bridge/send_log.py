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

from botocore.exceptions import BotoCoreError, ClientError

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.message import FINAL, OWN_ID_PREFIX, LogUnavailable, Message, Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

    from bridge.message import Rejection
    from bridge.times import Deadline

BATCH = 25  # items in one BatchWriteItem, DynamoDB's limit
_DAY = 86_400
SETTLERS = 16  # threads that write rows one by one; at 5 ms a write, 1,000 take a third of a second
_PUT_PAUSES = (0.05, 0.2, 0.0)  # seconds after each try to put a row
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # seconds before a throttled or unprocessed batch is tried again
_TYPES = {str: "S", int: "N", bool: "BOOL"}

# Answers that say that nothing was written, and that later something will be.
_THROTTLED = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})

Row = dict[str, str | int | bool]
"""An item of the table as plain values; absent attributes are left out."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one worker to send a message, and how its row looks meanwhile."""

    message: Message
    id: str
    row: Row


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


class SendLog:
    """The table as the bridge sees it."""

    def __init__(
        self,
        table: str,
        client: DynamoDBClient,
        *,
        retention_days: int,
        store_text: bool,
        clock: Callable[[], float],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`client` must not retry by itself; `clock` gives epoch seconds."""
        self._table = table
        self._client = client
        self._retention = retention_days * _DAY
        self._store_text = store_text
        self._clock = clock
        self._pause = pause

    def new_claim(self, message: Message, claim_id: str, *, report: bool, status: Status = Status.SENDING) -> Claim:
        """A claim that `claim` can write; `report` says whether CleverTap wants to be told."""
        now = self._clock()
        row: Row = {
            "recipient": message.recipient,
            "messageId": message.message_id,
            "account": message.account,
            "status": status.value,
            "segments": message.segments,
            "acceptedAt": times.iso(message.accepted_at),
            "claimedAt": times.iso(now),
            "claimedBy": claim_id,
            "attempts": message.attempts + 1,
            "report": report and not message.message_id.startswith(OWN_ID_PREFIX),
            "expiresAt": int(now) + self._retention,
        }
        optional = {
            "text": message.text if self._store_text else None,
            "campaignId": message.campaign_id,
            "senderId": message.sender_id,
            "templateId": message.template_id,
            "messageType": message.message_type,
        }
        row.update({name: value for name, value in optional.items() if value is not None})
        return Claim(message, claim_id, row)

    def claim(self, claim: Claim, deadline: Deadline) -> Existing | None:
        """Write a claim. None: it is granted. Else what became of the message before.

        Raises:
            LogUnavailable: DynamoDB did not say; the claim may or may not stand.
        """
        condition = "attribute_not_exists(messageId) OR #status = :retrying"
        values = {":retrying": {"S": Status.RETRYING.value}}
        if claim.message.unsent_claims:
            unsent = {f":unsent{n}": {"S": name} for n, name in enumerate(claim.message.unsent_claims)}
            condition += f" OR (#status = :sending AND claimedBy IN ({', '.join(unsent)}))"
            values |= {":sending": {"S": Status.SENDING.value}, **unsent}
        item = self._put_if(claim.row, condition, values, deadline)
        # Our own put, repeated by the client after its answer was lost, meets itself.
        return None if item is None or item.get("claimedBy") == claim.id else Existing(item)

    def give_up(self, existing: Existing, deadline: Deadline) -> None:
        """Call a message `unknown` whose worker died between its claim and its outcome.

        Raises:
            LogUnavailable: DynamoDB did not say.
        """
        reason = "the worker that was sending it ended before it noted the outcome"
        self.settle({**existing.row, "status": Status.UNKNOWN.value, "reason": reason}, deadline)

    def outcome_row(self, claim: Claim, outcome: Outcome, *, told: bool = False) -> Row:
        """How a claim's row looks with its outcome; `told` when CleverTap has it in the answer and needs no report."""
        now = times.iso(self._clock())
        row: Row = {**claim.row, "status": outcome.status.value}
        if told:
            row["report"] = False
        if outcome.status is Status.SENT:
            row["sentAt"] = now
        if outcome.status in FINAL:
            row["finalAt"] = now
        optional = {"verificationId": outcome.verification_id, "code": outcome.code, "reason": outcome.reason}
        row.update({name: value for name, value in optional.items() if value})
        return row

    def rejection_row(self, rejection: Rejection, account: str, accepted_at: float, *, report: bool) -> Row:
        """The row of a record that never became a message."""
        now = self._clock()
        row: Row = {
            "recipient": rejection.recipient,
            "messageId": rejection.message_id,
            "account": account,
            "status": Status.REJECTED.value,
            "code": rejection.code,
            "reason": rejection.reason,
            "acceptedAt": times.iso(accepted_at),
            "finalAt": times.iso(now),
            "attempts": 0,
            "report": report and not rejection.message_id.startswith(OWN_ID_PREFIX),
            "expiresAt": int(now) + self._retention,
        }
        if rejection.text and self._store_text:
            row["text"] = rejection.text
        if rejection.unsent_claim:
            row["claimedBy"] = rejection.unsent_claim
        if rejection.campaign_id:
            row["campaignId"] = rejection.campaign_id
        return row

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
            requests: list[WriteRequestTypeDef] = [{"PutRequest": {"Item": to_item(row)}} for row in pending.values()]
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
        why = "no time is left"
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
                if isinstance(error, ClientError) and why == "ConditionalCheckFailedException":
                    return from_item(cast("dict[str, Any]", error.response.get("Item", {})))
                if not _passing(error):
                    break
            else:
                return None
            self._wait(pause)
        raise LogUnavailable(f"the log was not written: {why}")

    def _wait(self, pause: float) -> None:
        self._pause(pause * (0.5 + random.random() / 2))  # noqa: S311 - jitter, no secret


def _passing(error: ClientError | BotoCoreError) -> bool:
    """Whether the same request may do better in a moment. Every request here is safe to repeat."""
    if not isinstance(error, ClientError):
        return True
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
    return error_code(error) in _THROTTLED or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def to_item(row: Row) -> dict[str, Any]:
    """A row in DynamoDB's typed form."""
    return {name: {_TYPES[type(value)]: str(value) if type(value) is int else value} for name, value in row.items()}


def from_item(item: dict[str, Any]) -> Row:
    """A row out of DynamoDB's typed form."""
    return {name: int(value["N"]) if "N" in value else next(iter(value.values())) for name, value in item.items()}


def error_code(error: ClientError | BotoCoreError) -> str:
    """What went wrong, in a word: AWS's error code, or the kind of failure on the way to it."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
