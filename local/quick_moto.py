"""moto made quick: what it works out anew for each request, though it is always the same, is kept.

Each of these gives what moto gives (tests/integration/test_quick_moto.py asks both). Nothing here knows the bridge.
"""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from moto.core import responses
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.comparisons import AttributeValue, ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

if TYPE_CHECKING:
    from collections.abc import Callable

    Method = Callable[..., Any]

LARGEST_LIMIT = 1_000
"""Records that GetRecords gives at most."""

LARGEST_ITEM = 405_000
"""Bytes of an item; moto's number."""

MOST_CONDITIONS = 1_000
"""Texts of conditions that are kept."""


def make_quick() -> None:
    """Replace what is slow in moto; for as long as this process runs."""
    anything: Any = DomainDispatcherApplication
    # It lists the directory of all services, and looks at each of 180, to find the one that a host names.
    anything.get_backend_for_host = cache(anything.get_backend_for_host)
    anything = responses
    # It looks at each method of a service's class to find the one that is called.
    anything.method_names_from_class = cache(anything.method_names_from_class)
    anything = ConditionExpressionParser
    anything.parse = parsed(anything.parse)
    anything = BaseJSONSerializer
    anything._serialize_type_structure = serialized(anything._serialize_type_structure)  # noqa: SLF001
    anything = Item
    anything.__init__ = new_item
    anything = Table
    anything.query = narrowed(anything.query)
    anything = DynamoDBStreamsHandler
    anything.get_records = get_records


# ── Conditions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def parsed(parse: Method) -> Method:
    """Make `ConditionExpressionParser.parse` quick: moto reads a condition's text twice for each PutItem (3 ms).

    What it makes of the text does not depend on the values, and nothing changes it later. So it is kept by the text and
    the names in it, and the values are put in. Whatever is wrong with an expression, moto itself says.
    """

    def parse_once(parser: ConditionExpressionParser) -> Any:
        if not parser.condition_expression:
            return parse(parser)
        values = parser.expression_attribute_values
        try:
            names = tuple((parser.expression_attribute_names or {}).items())
            tree, names_found, values_found = _tree(parser.condition_expression, names)
            condition = _WithValues(parser.condition_expression, None, values)._make_op_condition(tree)  # noqa: SLF001
        except Exception:  # noqa: BLE001 - moto raises the same, or another one first
            return parse(parser)
        parser.expr_attr_names_found.extend(names_found)
        parser.expr_attr_values_found.extend(values_found)
        return condition

    class _Tree(ConditionExpressionParser):
        """Keeps the tree of an expression."""

        def _lookup_expression_attribute_value(self, name: str) -> Any:
            return name

        def _make_op_condition(self, node: Any) -> Any:
            return node

    class _WithValues(ConditionExpressionParser):
        """Makes a condition of such a tree."""

        def _make_operand(self, node: Any) -> Any:
            if node.kind == self.Kind.EXPRESSION_ATTRIBUTE_VALUE:
                return AttributeValue(self.expression_attribute_values[node.value])  # type: ignore[index]
            return super()._make_operand(node)

    @lru_cache(MOST_CONDITIONS)
    def _tree(text: str, names: tuple[tuple[str, str], ...]) -> tuple[Any, list[str], list[str]]:
        reader = _Tree(text, dict(names), None)
        return parse(reader), reader.expr_attr_names_found, reader.expr_attr_values_found

    return parse_once


# ── Items ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def new_item(item: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
    """`Item.__init__`, made quick: moto adds up the size of the whole item once for each attribute (2 ms for 15).

    An item that is too large before its last attribute is so with it.
    """
    item.hash_key, item.range_key = hash_key, range_key
    item.attrs = LimitedSizeDict({name: DynamoType(value) for name, value in attrs.items()})
    if sum(bytesize(name) + value.size() for name, value in item.attrs.items()) > LARGEST_ITEM:
        raise ItemSizeTooLarge


def narrowed(query: Method) -> Method:
    """Make `Table.query` quick: moto sorts all items of the table for each query (25 ms with 1,000 messages).

    A copy of the table with only the wanted partition gives the same result.
    """

    def query_partition(table: Table, hash_key: Any, *arguments: Any, **options: Any) -> Any:
        if table.all_indexes():  # a query of an index is not about a partition of the table
            return query(table, hash_key, *arguments, **options)
        partition = copy.copy(table)
        partition.items = defaultdict(dict, {hash_key: table.items.get(hash_key, {})})
        return query(partition, hash_key, *arguments, **options)

    return query_partition


# ── Answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def serialized(serialize: Method) -> Method:
    """Make answers with items quick: moto looks in each value for each of the ten types it may have, by several names
    (2 ms for a row of the log).

    A plain value has one of them, by its name.
    """

    def serialize_value(serializer: Any, target: Any, value: Any, shape: Any, key: str) -> None:
        is_plain = shape.name == "AttributeValue" and type(value) is dict and value.keys() <= shape.members.keys()
        if not (is_plain and key):
            serialize(serializer, target, value, shape, key)
            return
        wrapper: dict[str, Any] = {}
        for type_name, member in value.items():
            if member is not None:
                serializer._serialize(wrapper, member, shape.members[type_name], type_name)  # noqa: SLF001
        serializer._default_serialize(target, wrapper, shape, key)  # noqa: SLF001

    return serialize_value


def get_records(handler: DynamoDBStreamsHandler) -> str:
    """GetRecords, made quick: moto looks up each value of each record in the service's description, though records are
    held as they are answered (1.8 s for 1,000 of the log).
    """
    asked = json.loads(handler.body)
    answer = handler.backend.get_records(asked["ShardIterator"], asked.get("Limit", LARGEST_LIMIT))
    return json.dumps(answer, default=datetime.timestamp)
