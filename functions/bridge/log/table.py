"""The calls of DynamoDB that the log is made of: what is tried again, and what an error means."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from bridge.dynamodb import CONDITION_FAILED
from bridge.errors import AlreadyClaimed, AwsError, AwsRefused, LogRefused, LogUnavailable, RowGone
from bridge.log.row import Row
from bridge.retry import passing, perhaps_done, tries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bridge.dynamodb import DynamoDB
    from bridge.log.conditions import Condition
    from bridge.times import Deadline

SCAN_SEGMENTS = 4  # read at once; more would take the table's capacity from those who send
BATCH = 25  # items in one BatchWriteItem, DynamoDB's limit
_PAUSES = (0.05, 0.2)  # seconds before a row is put once more


class LogTable:
    """One table of rows. Every call here is safe to repeat."""

    def __init__(self, name: str, client: DynamoDB, sleep: Callable[[float], None]) -> None:
        """`client` must not retry by itself."""
        self._name = name
        self._client = client
        self._sleep = sleep

    def put_if(self, row: Row, condition: Condition, deadline: Deadline) -> None:
        """Write a row on a condition. Our own put, repeated after its answer was lost, meets itself, and counts.

        Raises:
            AlreadyClaimed: the condition does not hold; the error has the row that stands there.
            RowGone: it does not hold, and no row stands there.
            LogUnavailable, LogRefused: DynamoDB did not say; it may have been written, as the error tells.
            ValueError, KeyError, TypeError: a person has edited the row that stands there.
        """
        failure = LogUnavailable("no time is left to write the log", perhaps_written=False)
        for _ in tries(_PAUSES, deadline, self._sleep):
            try:
                self._client.put_item(
                    TableName=self._name,
                    Item=row.to_item(),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **condition.parameters(),
                )
            except AwsError as error:
                if there := _standing(error):
                    if failure.perhaps_written and there == row:
                        return
                    raise AlreadyClaimed(there) from None
                failure = _failure(error, perhaps_written=failure.perhaps_written or perhaps_done(error))
                if not passing(error):
                    break
            else:
                return
        raise failure

    def put_batch(self, rows: Sequence[Row]) -> set[tuple[str, str]]:
        """Write up to 25 rows whatever stands there; the keys of those that DynamoDB left out. Not tried again.

        Raises:
            AwsError: DynamoDB did not say.
        """
        requests = [{"PutRequest": {"Item": row.to_item()}} for row in rows]
        answer = self._client.batch_write_item(RequestItems={self._name: requests})
        items = [request["PutRequest"]["Item"] for request in answer.get("UnprocessedItems", {}).get(self._name, [])]
        return {(item["recipient"]["S"], item["messageId"]["S"]) for item in items}

    def query(self, *, fresh: bool = True, **parameters: Any) -> Iterator[Row]:
        """Rows of one recipient; not `fresh`: as they were up to some seconds ago. Not tried again: the caller can.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
            ValueError, KeyError, TypeError: a person has edited a row.
        """
        return map(Row.from_item, self.look_up(ConsistentRead=fresh, **parameters))

    def look_up(self, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """Items of one partition, of the table or of an index of it. Not tried again.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
        """
        while True:
            try:
                page = self._client.query(TableName=self._name, **parameters)
            except AwsError as error:
                raise _failure(error, perhaps_written=False) from None
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def scan(self, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """Items of the whole table, read by several at once, in no order.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
        """

        def read(segment: int, start: Any) -> tuple[int, dict[str, Any]]:
            since = {"ExclusiveStartKey": start} if start else {}
            split = {"Segment": segment, "TotalSegments": SCAN_SEGMENTS}
            return segment, self._client.scan(TableName=self._name, **split, **parameters, **since)

        with ThreadPoolExecutor(SCAN_SEGMENTS) as pool:
            reading = {pool.submit(read, segment, None) for segment in range(SCAN_SEGMENTS)}
            while reading:
                ended, reading = wait(reading, return_when=FIRST_COMPLETED)
                for page in ended:
                    try:
                        segment, answer = page.result()
                    except AwsError as error:
                        raise _failure(error, perhaps_written=False) from None
                    if "LastEvaluatedKey" in answer:
                        reading.add(pool.submit(read, segment, answer["LastEvaluatedKey"]))
                    yield from answer["Items"]

    def delete_if(self, row: Row, condition: Condition) -> bool:
        """Delete a row; False: the condition does not hold. Not tried again.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say.
        """
        return self._holds(self._client.delete_item, row, **condition.parameters())

    def strip_if(self, row: Row, condition: Condition, expires_at: int) -> bool:
        """Take the texts, of the message and of a reply, out of a row, and have it deleted at a time in epoch seconds;
        False: the condition does not hold. Not tried again. Its claim stands no more: whoever knows it, or the end that
        a person wanted the message to be sent over, may not write over the row.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say.
        """
        parameters = condition.parameters()
        parameters["ExpressionAttributeNames"] = {**parameters["ExpressionAttributeNames"], "#text": "text"}
        values = {":expiresAt": {"N": str(expires_at)}, ":nobody": {"S": f"{row.worker}/forgotten"}}
        parameters["ExpressionAttributeValues"] = parameters["ExpressionAttributeValues"] | values
        update = "SET expiresAt = :expiresAt, claimedBy = :nobody REMOVE #text, replyText"
        return self._holds(self._client.update_item, row, UpdateExpression=update, **parameters)

    def update_if(self, row: Row, condition: Condition, changes: dict[str, str]) -> bool:
        """Set attributes (`#status` for the status) of a row that is there; False: the condition does not hold. Not
        tried again.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say.
        """
        values = {name.removeprefix("#"): value for name, value in changes.items()}
        update = "SET " + ", ".join(f"{name} = :{name.removeprefix('#')}" for name in changes)
        parameters = condition.given(**values).parameters()
        return self._holds(self._client.update_item, row, UpdateExpression=update, **parameters)

    def _holds(self, write: Callable[..., Any], row: Row, **parameters: Any) -> bool:
        """Make a conditional write to a row; whether its condition held."""
        key = {name: {"S": value} for name, value in zip(("recipient", "messageId"), row.key, strict=True)}
        try:
            write(TableName=self._name, Key=key, **parameters)
        except AwsError as error:
            if error.code == CONDITION_FAILED:
                return False
            raise _failure(error, perhaps_written=perhaps_done(error)) from None
        return True


def _standing(error: AwsError) -> Row | None:
    """The row that stands in the way, if that is what the error says.

    Raises:
        RowGone: there is none.
    """
    if not isinstance(error, AwsRefused) or error.code != CONDITION_FAILED:
        return None
    if "Item" not in error.document:
        raise RowGone("the row is gone") from None
    return Row.from_item(error.document["Item"])


def _failure(error: AwsError, *, perhaps_written: bool) -> LogUnavailable:
    """What an error says about the table: it may do better in a moment, or somebody has to fix something."""
    code = error.code
    if passing(error):
        return LogUnavailable(f"the log did not answer: {code}", perhaps_written=perhaps_written)
    return LogRefused(f"the log refuses: {code}", code, perhaps_written=perhaps_written)
