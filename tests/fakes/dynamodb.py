"""DynamoDB, one table with a partition and a sort key."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from bridge.rows import Row, from_item
from tests.fakes.expressions import Expression, Item, invalid
from tests.fakes.faults import Neighbour, client_error

PARTITION, SORT = "recipient", "messageId"
MOST_IN_BATCH = 25
Key = tuple[str, str]


class FakeDynamoDB(Neighbour):
    """A client. Keeps each item's story, to see afterwards in which order its statuses came."""

    def __init__(self, table: str = "SmsLog") -> None:
        super().__init__()
        self.table = table
        self.items: dict[Key, Item] = {}
        self.story: list[tuple[Key, str | None, str]] = []
        """(key, status before, status after) of every write, in order."""
        self.unprocessed: deque[int] = deque()
        """How many items, from the end, the next batches leave unwritten."""

    def row(self, key: Key) -> Row | None:
        """An item as plain values."""
        item = self.items.get(key)
        return None if item is None else from_item(item)

    def rows(self) -> list[Row]:
        """All items."""
        return [from_item(item) for item in self.items.values()]

    def statuses(self) -> list[str]:
        """The statuses of all items, sorted."""
        return sorted(str(row["status"]) for row in self.rows())

    def put(self, row: Row) -> None:
        """Lay an item into the table."""
        item = {
            name: {"BOOL": value} if value is True or value is False
            else {"N": str(value)} if isinstance(value, int)
            else {"S": value}
            for name, value in row.items()
        }  # fmt: skip
        self._write(item)

    # The client's methods

    def put_item(
        self,
        *,
        TableName: str,  # noqa: N803 - boto3's names, here and below
        Item: Item,  # noqa: N803
        ConditionExpression: str | None = None,  # noqa: N803
        ExpressionAttributeNames: dict[str, str] | None = None,  # noqa: N803
        ExpressionAttributeValues: Item | None = None,  # noqa: N803
        ReturnValuesOnConditionCheckFailure: str = "NONE",  # noqa: N803
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self._check(TableName)
            key = _key(Item)
            expression = Expression(self.items.get(key), ExpressionAttributeNames, ExpressionAttributeValues)
            self._demand(key, expression, ConditionExpression, ReturnValuesOnConditionCheckFailure)
            self._write(Item)
            return {}

        return self._call("put_item", effect)

    def update_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Item,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ConditionExpression: str | None = None,  # noqa: N803
        ExpressionAttributeNames: dict[str, str] | None = None,  # noqa: N803
        ExpressionAttributeValues: Item | None = None,  # noqa: N803
        ReturnValuesOnConditionCheckFailure: str = "NONE",  # noqa: N803
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self._check(TableName)
            key = _key(Key)
            old = self.items.get(key)
            expression = Expression(old or Key, ExpressionAttributeNames, ExpressionAttributeValues)
            new = expression.updated(UpdateExpression)
            condition = Expression(old, ExpressionAttributeNames, ExpressionAttributeValues)
            condition._used = expression._used
            self._demand(key, condition, ConditionExpression, ReturnValuesOnConditionCheckFailure)
            self._write(new)
            return {}

        return self._call("update_item", effect)

    def batch_write_item(self, *, RequestItems: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            [(table, requests)] = RequestItems.items()
            self._check(table)
            items = [request["PutRequest"]["Item"] for request in requests]
            if not 0 < len(items) <= MOST_IN_BATCH or len({_key(item) for item in items}) < len(items):
                raise invalid("too many items, none, or one twice")
            left = self.unprocessed.popleft() if self.unprocessed else 0
            for item in items[: len(items) - left]:
                self._write(item)
            unwritten = requests[len(requests) - left :]
            return {"UnprocessedItems": {table: unwritten} if unwritten else {}}

        return self._call("batch_write_item", effect)

    def query(
        self,
        *,
        TableName: str,  # noqa: N803
        KeyConditionExpression: str,  # noqa: N803
        FilterExpression: str | None = None,  # noqa: N803
        ProjectionExpression: str | None = None,  # noqa: N803
        ExpressionAttributeNames: dict[str, str] | None = None,  # noqa: N803
        ExpressionAttributeValues: Item | None = None,  # noqa: N803
        ExclusiveStartKey: Item | None = None,  # noqa: N803
        **_options: Any,
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self._check(TableName)
            found = []
            for key, item in sorted(self.items.items()):
                expression = Expression(item, ExpressionAttributeNames, ExpressionAttributeValues)
                matches = expression.holds(KeyConditionExpression)
                kept = expression.holds(FilterExpression)
                names = expression.paths(ProjectionExpression)
                expression.all_used()
                if matches and kept and (ExclusiveStartKey is None or key > _key(ExclusiveStartKey)):
                    found.append({name: item[name] for name in names or item if name in item})
            page = found[: self.page]
            more = (
                {"LastEvaluatedKey": {name: page[-1][name] for name in (PARTITION, SORT)}} if found[self.page :] else {}
            )
            return {"Items": page, "Count": len(page), **more}

        return self._call("query", effect)

    page = 1_000
    """How many items one answer to a query holds."""

    def _demand(self, key: Key, expression: Expression, condition: str | None, returned: str) -> None:
        held = expression.holds(condition)
        expression.all_used()
        if not held:
            old = {"Item": self.items[key]} if returned == "ALL_OLD" and key in self.items else {}
            raise client_error("ConditionalCheckFailedException", **old)

    def _check(self, table: str) -> None:
        if table != self.table:
            raise client_error("ResourceNotFoundException")

    def _write(self, item: Item) -> None:
        _validate(item)
        key = _key(item)
        before = self.items.get(key, {}).get("status", {}).get("S")
        self.items[key] = item
        self.story.append((key, before, item["status"]["S"]))


def _key(item: Item) -> Key:
    return item[PARTITION]["S"], item[SORT]["S"]


def _validate(item: Item) -> None:
    """What DynamoDB refuses: wrong types, impossible keys, text that is no text."""
    kinds = {"S": str, "N": str, "BOOL": bool}
    for name, value in item.items():
        [(kind, plain)] = value.items()
        if kind not in kinds or type(plain) is not kinds[kind]:
            raise invalid(f"{name} is of a wrong type")
    try:
        json.dumps(item, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise client_error("SerializationException") from None
    partition, sort = _key(item)
    if not 0 < len(partition.encode()) <= 2_048 or not 0 < len(sort.encode()) <= 1_024:
        raise invalid("an impossible key")
