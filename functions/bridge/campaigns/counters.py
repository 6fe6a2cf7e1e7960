"""The counters of campaigns, as they are read: how many messages of a campaign stand in each status.

They stand flat on a campaign's item in `CampaignTable`, so that one UpdateItem moves them all: `n_<status>` and
`parts_<status>`, `code_<code>`, `accepted` and `acceptedParts`, `refused`, `firstAt` and `lastAt`. `counting.py` writes
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.campaigns.control import control_of
from bridge.campaigns.counting import ACCEPTED, ACCEPTED_PARTS, CODE, FIRST_AT, LAST_AT, MESSAGES, PARTS, REFUSED
from bridge.campaigns.keys import campaign_id_of, campaign_key, is_campaign
from bridge.message import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.campaigns.control import Control
    from bridge.campaigns.table import CampaignTable, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """All messages of an account with one campaign id; `id` None: those without one.

    `accepted` were queued for sending, or sent at once; `refused` are rows of what was not. `statuses` counts the rows
    of the log by where they stand now, `parts` their parts, `codes` those that have one of CleverTap's codes; what is 0
    is left out. Rows that expired or were forgotten stay counted. `first_at` and `last_at` (`times.iso`): when its
    first message was accepted, and when something was last counted; of several readers of the log the last to write
    has its say, so take both as about.
    """

    account: str
    id: str | None
    accepted: int
    accepted_parts: int
    refused: int
    statuses: Mapping[Status, int]
    parts: Mapping[Status, int]
    codes: Mapping[str, int]
    first_at: str | None
    last_at: str | None
    control: Control

    @property
    def rows(self) -> int:
        """How many of its messages are, or were, in the log."""
        return sum(self.statuses.values())

    @property
    def total(self) -> int:
        """How many messages it has, in the log or still on their way there."""
        return max(self.accepted + self.refused, self.rows)

    @classmethod
    def from_item(cls, item: Item, now: float) -> Campaign:
        """A campaign's item in DynamoDB's typed JSON, at a time in epoch seconds."""
        codes = {name.removeprefix(CODE): _number(item, name) for name in item if name.startswith(CODE)}
        return cls(
            account=item["account"]["S"],
            id=campaign_id_of(item["campaign"]["S"]),
            accepted=_number(item, ACCEPTED),
            accepted_parts=_number(item, ACCEPTED_PARTS),
            refused=_number(item, REFUSED),
            statuses=_by_status(item, MESSAGES),
            parts=_by_status(item, PARTS),
            codes={code: count for code, count in codes.items() if count},
            first_at=_text(item, FIRST_AT),
            last_at=_text(item, LAST_AT),
            control=control_of(item, now),
        )


class Campaigns:
    """Reads the campaigns of accounts."""

    def __init__(self, table: CampaignTable, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._table = table
        self._clock = clock

    def list(self, account: str) -> list[Campaign]:
        """An account's campaigns, those that changed last first.

        Raises:
            LogUnavailable: they cannot be read.
        """
        items = (item for item in self._table.of_account(account) if is_campaign(item["campaign"]["S"]))
        found = [Campaign.from_item(item, self._clock()) for item in items]
        return sorted(found, key=lambda one: (one.last_at or "", one.id or ""), reverse=True)

    def get(self, account: str, campaign_id: str | None) -> Campaign | None:
        """One campaign; None: nothing is known of it.

        Raises:
            LogUnavailable: it cannot be read.
        """
        key = account, campaign_key(campaign_id)
        item = self._table.read([key]).get(key)
        return Campaign.from_item(item, self._clock()) if item else None


def _by_status(item: Item, prefix: str) -> dict[Status, int]:
    counts = {status: _number(item, prefix + status) for status in Status}
    return {status: count for status, count in counts.items() if count}


def _number(item: Item, name: str) -> int:
    return int(item.get(name, {}).get("N", 0))


def _text(item: Item, name: str) -> str | None:
    return item.get(name, {}).get("S")
