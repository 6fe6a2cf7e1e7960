"""CleverTap's error codes for what the bridge says in its own words (`docs/contracts/clevertap.md`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.message import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES: Mapping[Failure, str] = {
    Failure.INVALID_NUMBER: "910",
    Failure.INVALID_RECORD: "900",
    Failure.REFUSED: "900",
    Failure.DUPLICATE: "918",
    Failure.DAILY_LIMIT: "905",
    Failure.NOT_QUEUED: "904",
    Failure.EXPIRED: "916",
    Failure.STOPPED: "915",
    Failure.UNDELIVERED: "914",
    Failure.DROPPED: "915",
    Failure.NETWORK: "900",
    Failure.NO_TEMPLATE: "908",
}
"""Each failure's code. 900 is CleverTap's word for what has no code of its own."""
