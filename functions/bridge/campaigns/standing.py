"""How a row of the log is counted: its campaign, and what it adds to that campaign's counters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.campaigns.counting import CODE, MESSAGES, PARTS, REFUSED
from bridge.campaigns.keys import campaign_key
from bridge.message import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.campaigns.table import Key

    Image = Mapping[str, Any]

LONGEST_KEY = 2_048  # bytes of a partition key, DynamoDB's limit
MOST_PARTS = 100  # more than any text has that is let in
LONGEST_CODE = 10

MALFORMED = (ValueError, KeyError, TypeError)
"""What reading a malformed row raises."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a row is counted: its campaign, its status, its parts and its code. `refused`: it was never accepted.
    `counts_itself`: accept did not count it as accepted, so its row does.
    """

    key: Key
    status: Status
    parts: int
    code: str | None
    counts_itself: bool
    refused: bool

    @property
    def counts(self) -> dict[str, int]:
        """What it adds to its campaign's counters."""
        counts = {MESSAGES + self.status: 1, PARTS + self.status: self.parts}
        if self.code is not None:
            counts[CODE + self.code] = 1
        if self.refused:
            counts[REFUSED] = 1
        return counts


def standing_of(row: Image) -> Standing:
    """How a row, in DynamoDB's typed JSON, is counted.

    Raises:
        ValueError, KeyError, TypeError: the row is malformed.
    """
    account, code = row["account"]["S"], row["code"]["S"] if "code" in row else None
    if not 0 < len(account.strip().encode()) <= len(account.encode()) <= LONGEST_KEY:
        raise ValueError("an impossible account")
    if code is not None and not 0 < len(code) <= LONGEST_CODE:
        raise ValueError("an impossible code")
    key = account, campaign_key(row["campaignId"]["S"] if "campaignId" in row else None)
    status = Status(row["status"]["S"])
    refused = status is Status.REJECTED and row.get("attempts") == {"N": "0"}
    counts_itself = "waitedFor" in row or "resentBy" in row
    return Standing(key, status, _parts(row), code, counts_itself, refused)


def _parts(row: Image) -> int:
    parts = int(row.get("segments", {"N": "0"})["N"])
    if not 0 <= parts <= MOST_PARTS:
        raise ValueError("an impossible number of parts")
    return parts
