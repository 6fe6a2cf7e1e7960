"""DynamoDB: the stack's tables, each with a partition and a sort key."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any
from zlib import crc32

from bridge.log.row import Row
from tests.fakes.expressions import Expression, Item, invalid
from tests.fakes.faults import Neighbour, client_error
from tests.fakes.values import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

LOG, CAMPAIGNS = "SmsLog", "Campaigns"
KEYS = {LOG: ("recipient", "messageId"), CAMPAIGNS: ("account", "campaign")}
MOST_IN_BATCH = 25
MOST_IN_READ = 100
Key = tuple[str, str]


class FakeDynamoDB(Neighbour):
    """A client. Keeps each item's history, to see afterwards in which order its statuses came."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, dict[Key, Item]] = {name: {} for name in KEYS}
        self.history: list[tuple[Key, str | None, str]] = []
        """(key, status before, status after) of every write of the log's, in order."""
        self.unprocessed: deque[int] = deque()
        """How many items, from the end, the next batches leave unwritten."""
        self.unread: deque[int] = deque()
        """The same of batches that read."""

    @property
    def items(self) -> dict[Key, Item]:
        """The log's items."""
        return self.tables[LOG]

    def row(self, key: Key, account: str = ACCOUNT_ID) -> Row | None:
        """One row of the log, by its recipient and message id."""
        item = self.items.get((key[0], f"{account}/{key[1]}"))
        return None if item is None else Row.from_item(item)

    def rows(self) -> list[Row]:
        """All rows of the log."""
        return [Row.from_item(item) for item in [*self.items.values()]]  # others may write meanwhile

    def statuses(self) -> list[str]:
        """The statuses of all rows, sorted."""
        return sorted(row.status.value for row in self.rows())

    def put(self, row: Row) -> None:
        """Lay a row into the log."""
        self._write(LOG, row.to_item())

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
            old = self._table(TableName).get(_key(TableName, Item))
            expression = Expression(old, ExpressionAttributeNames, ExpressionAttributeValues)
            _demand(old, expression, ConditionExpression, ReturnValuesOnConditionCheckFailure)
            self._write(TableName, Item)
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
        ReturnValues: str = "NONE",  # noqa: N803
        ReturnValuesOnConditionCheckFailure: str = "NONE",  # noqa: N803
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            old = self._table(TableName).get(_key(TableName, Key))
            expression = Expression(old or Key, ExpressionAttributeNames, ExpressionAttributeValues)
            condition = Expression(old, ExpressionAttributeNames, ExpressionAttributeValues)
            if not condition.holds(ConditionExpression):  # first: the update may need what is not there
                raise _refused(old, ReturnValuesOnConditionCheckFailure)
            new = expression.updated(UpdateExpression)
            condition._used |= expression._used
            condition.all_used()
            self._write(TableName, new)
            return _returned(ReturnValues, new, old, expression.changed)

        return self._call("update_item", effect)

    def batch_write_item(self, *, RequestItems: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            [(table, requests)] = RequestItems.items()
            self._table(table)
            items = [request["PutRequest"]["Item"] for request in requests]
            if not 0 < len(items) <= MOST_IN_BATCH or len({_key(table, item) for item in items}) < len(items):
                raise invalid("too many items, none, or one twice")
            left = self.unprocessed.popleft() if self.unprocessed else 0
            for item in items[: len(items) - left]:
                self._write(table, item)
            unwritten = requests[len(requests) - left :]
            return {"UnprocessedItems": {table: unwritten} if unwritten else {}}

        return self._call("batch_write_item", effect)

    def delete_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Item,  # noqa: N803
        ConditionExpression: str | None = None,  # noqa: N803
        ExpressionAttributeNames: dict[str, str] | None = None,  # noqa: N803
        ExpressionAttributeValues: Item | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            old = self._table(TableName).get(_key(TableName, Key))
            expression = Expression(old, ExpressionAttributeNames, ExpressionAttributeValues)
            _demand(old, expression, ConditionExpression, "NONE")
            self._table(TableName).pop(_key(TableName, Key), None)
            return {}

        return self._call("delete_item", effect)

    def batch_get_item(self, *, RequestItems: dict[str, dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            [(table, request)] = RequestItems.items()
            keys = [_key(table, key) for key in request["Keys"]]
            if not 0 < len(keys) <= MOST_IN_READ or len({*keys}) < len(keys) or {*request} - {"Keys", "ConsistentRead"}:
                raise invalid("too many keys, none, one twice, or something unknown")
            read = len(keys) - (self.unread.popleft() if self.unread else 0)
            items = [item for key in keys[:read] if (item := self._table(table).get(key)) is not None]
            left = {table: request | {"Keys": request["Keys"][read:]}} if read < len(keys) else {}
            return {"Responses": {table: items}, "UnprocessedKeys": left}

        return self._call("batch_get_item", effect)

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
        IndexName: str = "",  # noqa: N803
        ConsistentRead: bool = False,  # noqa: N803
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if IndexName and (ConsistentRead or IndexName not in self.indexes):
                raise invalid("the table has no such index, or a consistent read was asked of it")
            found = []
            for key, item in sorted(self._table(TableName).items()):
                expression = Expression(item, ExpressionAttributeNames, ExpressionAttributeValues)
                matches = expression.holds(KeyConditionExpression)
                kept = expression.holds(FilterExpression)
                names = expression.paths(ProjectionExpression)
                expression.all_used()
                if matches and kept and (ExclusiveStartKey is None or key > _key(TableName, ExclusiveStartKey)):
                    found.append(item)
            page, rest = found[: self.page], found[self.page :]
            more = {"LastEvaluatedKey": _projected(page[-1], KEYS[TableName])} if rest else {}
            return {"Items": [_projected(item, names) for item in page], "Count": len(page), **more}

        return self._call("query", effect)

    indexes: frozenset[str] = frozenset()
    """The names of the log's indexes; each has all items."""

    def scan(
        self,
        *,
        TableName: str,  # noqa: N803
        FilterExpression: str | None = None,  # noqa: N803
        ProjectionExpression: str | None = None,  # noqa: N803
        ExpressionAttributeNames: dict[str, str] | None = None,  # noqa: N803
        ExpressionAttributeValues: Item | None = None,  # noqa: N803
        ExclusiveStartKey: Item | None = None,  # noqa: N803
        Segment: int = 0,  # noqa: N803
        TotalSegments: int = 1,  # noqa: N803
        **_options: Any,
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            start = ("", "") if ExclusiveStartKey is None else _key(TableName, ExclusiveStartKey)
            items = sorted(self._table(TableName).items())
            found = [item for key, item in items if key > start and crc32(key[0].encode()) % TotalSegments == Segment]
            page, rest = found[: self.page], found[self.page :]
            kept = []
            for item in page:
                expression = Expression(item, ExpressionAttributeNames, ExpressionAttributeValues)
                names = expression.paths(ProjectionExpression)
                if expression.holds(FilterExpression):
                    kept.append(_projected(item, names))
                expression.all_used()
            more = {"LastEvaluatedKey": _projected(page[-1], KEYS[TableName])} if rest else {}
            return {"Items": kept, "Count": len(kept), **more}

        return self._call("scan", effect)

    page = 1_000
    """How many items one answer to a query holds."""

    def _table(self, name: str) -> dict[Key, Item]:
        if name not in self.tables:
            raise client_error("ResourceNotFoundException")
        return self.tables[name]

    def _write(self, table: str, item: Item) -> None:
        _validate(table, item)
        key = _key(table, item)
        before = self.tables[table].get(key, {})
        self.tables[table][key] = item
        if table == LOG:
            self.history.append((key, before.get("status", {}).get("S"), item["status"]["S"]))


def _demand(old: Item | None, expression: Expression, condition: str | None, returned: str) -> None:
    held = expression.holds(condition)
    expression.all_used()
    if not held:
        raise _refused(old, returned)


def _refused(old: Item | None, returned: str) -> Exception:
    answer = {"Item": old} if returned == "ALL_OLD" and old else {}
    return client_error("ConditionalCheckFailedException", **answer)


def _returned(what: str, new: Item, old: Item | None, changed: list[str]) -> dict[str, Any]:
    updated = {name: new[name] for name in changed if name in new}
    known: dict[str, Item | None] = {"NONE": None, "ALL_NEW": new, "ALL_OLD": old, "UPDATED_NEW": updated}
    if what not in known:
        raise invalid(f"this fake does not return {what}")
    attributes = known[what]
    return {"Attributes": attributes} if attributes else {}


def _projected(item: Item, names: Iterable[str]) -> Item:
    return {name: item[name] for name in names or item if name in item}


def _key(table: str, item: Item) -> Key:
    partition, sort = KEYS[table]
    return item[partition]["S"], item[sort]["S"]


def _validate(table: str, item: Item) -> None:
    """What DynamoDB refuses: wrong types, impossible keys, text that is not text."""
    kinds = {"S": str, "N": str, "BOOL": bool, "L": list, "M": dict}
    for name, value in item.items():
        [(kind, plain)] = value.items()
        if kind not in kinds or type(plain) is not kinds[kind]:
            raise invalid(f"{name} is of a wrong type")
    try:
        json.dumps(item, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise client_error("SerializationException") from None
    partition, sort = _key(table, item)
    if not 0 < len(partition.encode()) <= 2_048 or not 0 < len(sort.encode()) <= 1_024:
        raise invalid("an impossible key")
