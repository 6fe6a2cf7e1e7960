"""The log over a fake table, and rows to lay into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge import times
from bridge.log.log import Log
from bridge.log.row import Row
from bridge.message import Status
from tests.fakes.values import ACCOUNT_ID, START, message_id, number

if TYPE_CHECKING:
    from tests.fakes.clock import Clock
    from tests.fakes.dynamodb import FakeDynamoDB


def new_log(dynamodb: FakeDynamoDB, clock: Clock, **changes: Any) -> Log:
    """The log, whose waits move the clock."""
    options: dict[str, Any] = {"retention_days": 30, "store_text": True, "clock": clock, "sleep": clock.sleep}
    return Log("SmsLog", dynamodb, **(options | changes))  # type: ignore[arg-type]


def row(index: int = 0, status: str = "sent", **changes: Any) -> Row:
    """The row of the message to test number `index`, as a worker left it."""
    fields: dict[str, Any] = {
        "recipient": number(index),
        "message_id": message_id(index),
        "account": ACCOUNT_ID,
        "status": Status(status),
        "segments": 1,
        "accepted_at": times.iso(START - 10),
        "claimed_at": times.iso(START - 5),
        "claimed_by": f"w/{index}",
        "attempts": 1,
        "report": True,
        "expires_at": int(START) + 86_400,
        "verification_id": f"v{index}" if status in ("sent", "delivered", "undelivered") else None,
    }
    return Row(**(fields | changes))
