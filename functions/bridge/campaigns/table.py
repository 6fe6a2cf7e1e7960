"""The calls of DynamoDB that steering and counting are made of: `CampaignTable`'s items, read together and changed on
condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.dynamodb import CONDITION_FAILED
from bridge.errors import AwsError, AwsRefused, ConditionFailed, LogUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bridge.dynamodb import DynamoDB

    Key = tuple[str, str]
    Item = Mapping[str, Mapping[str, Any]]

MOST_KEYS = 100  # in one BatchGetItem, DynamoDB's limit

_READS = 2  # of what DynamoDB leaves unread


class CampaignTable:
    """The table of what an account's workers share."""

    def __init__(self, name: str, client: DynamoDB) -> None:
        self._name = name
        self._client = client

    def read(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """The items under these keys (account, and what `keys.py` makes), as they are at this moment; those that do
        not exist are left out. One call for each hundred.

        Raises:
            LogUnavailable: not all could be read.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[Key, Item] = {}
        for start in range(0, len(wanted), MOST_KEYS):
            found |= self._read(wanted[start : start + MOST_KEYS])
        return found

    def of_account(self, account: str) -> Iterator[Item]:
        """All items of an account, as they are at this moment, page by page.

        Raises:
            LogUnavailable: not all could be read.
        """
        query: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": "account = :account",
            "ExpressionAttributeValues": {":account": {"S": account}},
            "ConsistentRead": True,
        }
        while True:
            try:
                page = self._client.query(**query)
            except AwsError as error:
                raise LogUnavailable(f"campaigns cannot be read: {error.code}") from None
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def update(self, key: Key, update: str, **options: Any) -> Item:
        """Change an item, which need not be there; what was asked for by `ReturnValues`.

        Raises:
            ConditionFailed: the condition does not hold; the error has the item as it stands.
            LogUnavailable: DynamoDB did not say; it may have been changed.
        """
        if "ConditionExpression" in options:
            options["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        try:
            answer = self._client.update_item(TableName=self._name, Key=_typed(key), UpdateExpression=update, **options)
        except AwsError as error:
            if isinstance(error, AwsRefused) and error.code == CONDITION_FAILED:
                raise ConditionFailed(error.document.get("Item", {})) from None
            raise LogUnavailable(f"campaigns cannot be written: {error.code}") from None
        found: Item = answer.get("Attributes", {})
        return found

    def _read(self, keys: Sequence[Key]) -> dict[Key, Item]:
        request: Any = {self._name: {"Keys": [_typed(key) for key in keys], "ConsistentRead": True}}
        items: list[Item] = []
        for _ in range(_READS):
            try:
                answer = self._client.batch_get_item(RequestItems=request)
            except AwsError as error:
                raise LogUnavailable(f"campaigns cannot be read: {error.code}") from None
            items += answer.get("Responses", {}).get(self._name, [])
            request = answer.get("UnprocessedKeys")
            if not request:
                return {(item["account"]["S"], item["campaign"]["S"]): item for item in items}
        raise LogUnavailable("campaigns cannot be read: throttled")


def _typed(key: Key) -> dict[str, dict[str, str]]:
    return {"account": {"S": key[0]}, "campaign": {"S": key[1]}}
