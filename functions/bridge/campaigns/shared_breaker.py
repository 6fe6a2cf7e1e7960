"""An account's breaker, as all its workers see it: attributes of the item `campaign = "*"` in `CampaignTable`.

Closed, the item has none of them. Open, it says when the vendor may be probed next; whoever moves that time on by a
conditional write has the right to probe, so that all workers together probe once in each interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from bridge.campaigns.keys import WHOLE_ACCOUNT
from bridge.errors import ConditionFailed

if TYPE_CHECKING:
    from bridge.campaigns.table import CampaignTable, Item

FIRST_PROBE_SECONDS = 5
LONGEST_PROBE_SECONDS = 60
LONGEST_LOSS_SECONDS = 900

_FIELDS = ("breakerLevel", "probeAt", "probes", "losses")


class Level(IntEnum):
    """How far a breaker has closed again."""

    OPEN = 0
    """Nothing is sent but a probe, and after it one message."""
    HALF_OPEN = 1
    """That one message was taken: now a few."""


@dataclass(frozen=True, slots=True)
class BreakerState:
    """A breaker that is not closed. `probe_at` in epoch milliseconds: when the next worker may reserve the probe.

    `probes` counts the probes since it opened, `losses` the messages that failed though a probe had worked.
    """

    level: Level
    probe_at: int
    probes: int = 0
    losses: int = 0

    def is_due(self, now: float) -> bool:
        """Whether the probe may be reserved now."""
        return self.probe_at <= now * 1_000

    @classmethod
    def due(cls, now: float, level: Level, probes: int, losses: int) -> BreakerState:
        """The state whose next probe is due when the interval is over that these counts ask for."""
        return cls(level, int((now + interval(probes, losses)) * 1_000), probes, losses)


def interval(probes: int, losses: int) -> int:
    """Seconds from one probe to the next: 5, doubling up to a minute; where each probe worked and the message after it
    failed, doubling up to a quarter of an hour, as each such round may leave one message in doubt.
    """
    probing = min(LONGEST_PROBE_SECONDS, FIRST_PROBE_SECONDS << min(probes, 10))
    return max(probing, min(LONGEST_LOSS_SECONDS, 30 << min(losses, 10)) if losses else 0)


def breaker_of(item: Item) -> BreakerState | None:
    """The breaker in an account's item; None while it is closed. What a person took out of it, or wrote wrongly, is
    nought: an error here would fail the chunks of all accounts. Without a time nobody could ever probe: then it is
    closed, and the next failures open it.
    """
    level, probe_at, probes, losses = (_count(item, name) for name in _FIELDS)
    if probe_at is None:
        return None
    level = Level.HALF_OPEN if level == Level.HALF_OPEN else Level.OPEN
    return BreakerState(level, probe_at, probes or 0, losses or 0)


def _count(item: Item, name: str) -> int | None:
    try:
        count = int(item[name]["N"])
    except (KeyError, ValueError):
        return None
    return count if count >= 0 else None


class SharedBreaker:
    """Writes the breakers of all accounts."""

    def __init__(self, table: CampaignTable) -> None:
        self._table = table

    def write(self, account: str, state: BreakerState) -> None:
        """Say how it stands.

        Raises:
            LogUnavailable: the table cannot be written.
        """
        self._write(account, state, {}, {})

    def reserve(self, account: str, seen: BreakerState, then: BreakerState) -> bool:
        """Change it from what was seen; False when another worker was quicker.

        Raises:
            LogUnavailable: the table cannot be written.
        """
        seen_at = {":seen": {"N": str(seen.probe_at)}}
        try:
            self._write(account, then, seen_at, {"ConditionExpression": "probeAt = :seen"})
        except ConditionFailed:
            return False
        return True

    def close(self, account: str) -> None:
        """The vendor takes messages again.

        Raises:
            LogUnavailable: the table cannot be written.
        """
        self._table.update((account, WHOLE_ACCOUNT), f"REMOVE {', '.join(_FIELDS)}")

    def _write(self, account: str, state: BreakerState, values: dict[str, Any], options: dict[str, Any]) -> None:
        counts = (int(state.level), state.probe_at, state.probes, state.losses)
        named = {f":{name}": {"N": str(count)} for name, count in zip(_FIELDS, counts, strict=True)}
        update = f"SET {', '.join(f'{name} = :{name}' for name in _FIELDS)}"
        self._table.update((account, WHOLE_ACCOUNT), update, ExpressionAttributeValues=named | values, **options)
