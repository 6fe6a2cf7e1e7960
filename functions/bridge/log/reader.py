"""The log as people read it: whole rows, with their texts, by number and message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.log.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.dynamodb import DynamoDB
    from bridge.log.row import Row


class Reader:
    """Reads rows of one account. Nothing is tried again: who asks can ask once more."""

    def __init__(self, table: str, client: DynamoDB, sleep: Callable[[float], None]) -> None:
        self._table = Table(table, client, sleep)

    def rows_to(self, recipient: str, account: str) -> list[Row]:
        """All messages to a recipient, those that were accepted last first.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
        """
        rows = self._table.query(
            KeyConditionExpression="recipient = :recipient AND begins_with(messageId, :account)",
            ExpressionAttributeValues={":recipient": {"S": recipient}, ":account": {"S": f"{account}/"}},
        )
        return sorted(rows, key=lambda row: row.accepted_at, reverse=True)

    def row_of(self, recipient: str, account: str, message_id: str) -> Row | None:
        """One message; None: the log does not hold it.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
        """
        rows = self._table.query(
            KeyConditionExpression="recipient = :recipient AND messageId = :message",
            ExpressionAttributeValues={":recipient": {"S": recipient}, ":message": {"S": f"{account}/{message_id}"}},
        )
        return next(iter(rows), None)
