"""SQS events and the answer to them, partial batch responses.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.pending import SqsMessage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def sqs_messages(records: Sequence[Mapping[str, Any]]) -> list[SqsMessage]:
    """The messages of an SQS event."""
    return [
        SqsMessage(record["messageId"], record["body"], int(record["attributes"]["ApproximateReceiveCount"]))
        for record in records
    ]


def failures(ids: Sequence[str]) -> dict[str, Any]:
    """The answer that lets only these come again; of a stream, everything from the first of them."""
    return {"batchItemFailures": [{"itemIdentifier": name} for name in ids]}
