"""DynamoDB's calls (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.aws_api.service import JsonService


CONDITION_FAILED = "ConditionalCheckFailedException"
"""The code of a write whose condition does not hold."""


class DynamoDB:
    """The calls that the bridge makes, with boto3's names, parameters and answers. Nothing is tried twice.

    Each raises:
        AwsError: it did not answer, or with an error.
    """

    def __init__(self, service: JsonService) -> None:
        self._call = service.call

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Write one item, on a condition."""
        return self._call("PutItem", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Change one item, on a condition."""
        return self._call("UpdateItem", request)

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        """Write up to 25 items."""
        return self._call("BatchWriteItem", request)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        """Delete one item, on a condition."""
        return self._call("DeleteItem", request)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Read up to 100 items."""
        return self._call("BatchGetItem", request)

    def query(self, **request: Any) -> dict[str, Any]:
        """Read the items of one partition, a page of them."""
        return self._call("Query", request)

    def scan(self, **request: Any) -> dict[str, Any]:
        """Read the items of a whole table, a page of them."""
        return self._call("Scan", request)
