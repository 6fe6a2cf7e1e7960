"""The log as people work with it: whole rows, with their texts, by number, campaign or day; and how they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge import times
from bridge.errors import MalformedRow
from bridge.log.conditions import unchanged
from bridge.log.row import Row
from bridge.log.table import LogTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bridge.dynamodb import DynamoDB


class Reader:
    """Reads rows of one account, and forgets them. Nothing is tried again: the person can ask again."""

    def __init__(self, table: str, client: DynamoDB, sleep: Callable[[float], None]) -> None:
        self._table = LogTable(table, client, sleep)

    def rows_to(self, recipient: str, account: str) -> list[Row]:
        """All messages to a recipient, those that were accepted last first.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
            MalformedRow: somebody edited one of them.
        """
        items = self._table.look_up(
            ConsistentRead=True,
            KeyConditionExpression="recipient = :recipient AND begins_with(messageId, :account)",
            ExpressionAttributeValues={":recipient": {"S": recipient}, ":account": {"S": f"{account}/"}},
        )
        return sorted(map(_row, items), key=lambda row: row.accepted_at, reverse=True)

    def row_of(self, recipient: str, account: str, message_id: str) -> Row | None:
        """One message; None: the log does not hold it.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
            MalformedRow: somebody edited it.
        """
        items = self._table.look_up(
            ConsistentRead=True,
            KeyConditionExpression="recipient = :recipient AND messageId = :message",
            ExpressionAttributeValues={":recipient": {"S": recipient}, ":message": {"S": f"{account}/{message_id}"}},
        )
        return next(map(_row, items), None)

    def rows_of_campaign(self, account: str, campaign_id: str | None) -> Iterator[Row]:
        """All messages of a campaign, or those without one. It reads the whole table, and that costs its size.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
            MalformedRow: somebody edited one of them.
        """
        values = {":account": {"S": account}}
        if campaign_id is None:
            campaign = "attribute_not_exists(campaignId)"
        else:
            campaign = "campaignId = :campaign"
            values[":campaign"] = {"S": campaign_id}
        condition = f"account = :account AND {campaign}"
        return map(_row, self._table.scan(FilterExpression=condition, ExpressionAttributeValues=values))

    def rows_of_day(self, account: str, day: str) -> Iterator[Row]:
        """All messages that were accepted on a day in UTC (`2026-11-28`). It reads the whole table.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not answer.
            MalformedRow: somebody edited one of them.
        """
        items = self._table.scan(
            FilterExpression="account = :account AND begins_with(acceptedAt, :day)",
            ExpressionAttributeValues={":account": {"S": account}, ":day": {"S": day}},
        )
        return map(_row, items)

    def delete_row(self, row: Row) -> bool:
        """Delete a row, unless it has changed since it was read: False.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say.
        """
        return self._table.delete_if(row, unchanged(row))

    def empty_row(self, row: Row, expires_at: int) -> bool:
        """Take a row's text out, and have it deleted at a time in epoch seconds, unless it has changed: False.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say.
        """
        return self._table.strip_if(row, unchanged(row), expires_at)


def _row(item: Mapping[str, Any]) -> Row:
    try:
        row = Row.from_item(item)
        for at in filter(None, (row.accepted_at, row.claimed_at, row.sent_at, row.final_at, row.replied_at)):
            times.epoch(at)
    except (KeyError, TypeError, ValueError):
        raise MalformedRow(item.get("acceptedAt", {}).get("S", "an unknown time")) from None
    return row
