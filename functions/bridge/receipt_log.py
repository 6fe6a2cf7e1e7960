"""The log as a delivery report needs it: which message it is about, and its final status (design §7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from bridge import times
from bridge.message import LogUnavailable
from bridge.rows import Row, from_item
from bridge.send_log import error_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.dynamodb import DynamoDB
    from bridge.message_central.receipts import Meaning


class ReceiptLog:
    """Reads a recipient's messages and concludes them."""

    def __init__(self, table: str, client: DynamoDB, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._table = table
        self._client = client
        self._clock = clock

    def messages(self, recipient: str, account: str) -> list[Row]:
        """All messages of an account to a recipient, without their texts.

        Raises:
            LogUnavailable: DynamoDB did not answer.
        """
        rows: list[Row] = []
        more: dict[str, Any] = {}
        while True:
            try:
                page = self._client.query(
                    TableName=self._table,
                    ConsistentRead=True,
                    KeyConditionExpression="recipient = :recipient",
                    FilterExpression="account = :account",
                    ProjectionExpression="recipient, messageId, #status, verificationId, claimedAt, claimedBy",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={":recipient": {"S": recipient}, ":account": {"S": account}},
                    **more,
                )
            except (ClientError, BotoCoreError) as error:
                raise LogUnavailable(f"the log cannot be read: {error_code(error)}") from None
            rows += [from_item(item) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return rows
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def conclude(self, row: Row, verification_id: str, meaning: Meaning) -> bool:
        """Give a message its final status; False when it has one already, or is no longer as `row` says.

        Raises:
            LogUnavailable: DynamoDB did not answer.
        """
        values = {
            ":seen": {"S": str(row["status"])},
            ":claim": {"S": str(row["claimedBy"])},
            ":status": {"S": meaning.status.value},
            ":final": {"S": times.iso(self._clock())},
            ":id": {"S": verification_id},
            ":reason": {"S": meaning.description},
        }
        update = "SET #status = :status, finalAt = :final, verificationId = :id, reason = :reason"
        if meaning.code:
            update += ", code = :code"
            values[":code"] = {"S": meaning.code}
        try:
            self._client.update_item(
                TableName=self._table,
                Key={name: {"S": str(row[name])} for name in ("recipient", "messageId")},
                UpdateExpression=update,
                ConditionExpression="#status = :seen AND claimedBy = :claim",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=values,
            )
        except (ClientError, BotoCoreError) as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise LogUnavailable(f"the log refused a write: {error_code(error)}") from None
        return True
