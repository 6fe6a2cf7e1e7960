"""One change of a row, as the log's stream tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_ACCOUNT = "none"
"""Under which a malformed row is counted that names no account."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row before and after a write. `place` is the change's sequence number in the stream.

    The images are in DynamoDB's typed JSON; empty where there was, or is, no row.
    """

    place: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]

    @classmethod
    def from_record(cls, image: Mapping[str, Any]) -> RowChange:
        """What a record of the stream holds under `dynamodb`.

        Raises:
            KeyError: it is not a record of a stream.
        """
        return cls(image["SequenceNumber"], image.get("OldImage", {}), image.get("NewImage", {}))

    @property
    def account(self) -> str:
        """The account that the new row names, for a metric: CloudWatch takes no blank name."""
        match self.new.get("account"):
            case {"S": str(name)} if name.strip():
                return name
        return NO_ACCOUNT
