"""An account's rate as one schedule for all its workers: `nextFreeAt` in its item of `CampaignTable`, in epoch
milliseconds.

    now ──── reserved ────▶ nextFreeAt ── parts ÷ rate ──▶ the next one's
             by others       a worker's slot begins        slot begins

A worker reserves a slot by moving that time on, in one conditional write, and sends its parts evenly within. Nobody
reserves what is far off: what came later and cannot wait then finds its place soon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.campaigns.keys import WHOLE_ACCOUNT
from bridge.errors import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.campaigns.table import CampaignTable, Item

_TRIES = 3  # of a write that another worker was quicker with


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to send so many parts evenly from `begin` to `end`, in epoch seconds.

    Without parts: others have all that is near, and at `begin` it is worth asking again.
    """

    begin: float
    end: float
    parts: int

    @classmethod
    def at(cls, begin: float, parts: int, rate: float) -> Slot:
        """The slot of so many parts at a rate, parts a second."""
        return cls(begin, begin + parts / rate, parts)


class RateSchedule:
    """The schedules of all accounts, each for its rate."""

    def __init__(self, table: CampaignTable, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._table = table
        self._clock = clock

    def reserve(self, account: str, parts: int, rate: float, near: float) -> Slot:
        """The next slot of an account, if it begins within `near` seconds.

        Raises:
            LogUnavailable: the table did not say; the slot may be reserved, and is lost then.
        """
        for _ in range(_TRIES):
            now = self._clock()
            try:
                return self._join(account, Slot.at(now, parts, rate), near)
            except ConditionFailed as failed:
                free_at = _free_at(failed.item)
            if free_at > now + near:
                return Slot(free_at - near, free_at - near, 0)
            try:
                return self._begin(account, Slot.at(now, parts, rate))
            except ConditionFailed:
                pass  # another worker has begun meanwhile
        return Slot(now, now, 0)

    def _join(self, account: str, slot: Slot, near: float) -> Slot:
        """Behind what others have reserved."""
        values = {":cost": slot.end - slot.begin, ":now": slot.begin, ":near": slot.begin + near}
        item = self._table.update(
            (account, WHOLE_ACCOUNT),
            "SET nextFreeAt = nextFreeAt + :cost",
            ConditionExpression="nextFreeAt >= :now AND nextFreeAt <= :near",
            ExpressionAttributeValues={name: _milliseconds(value) for name, value in values.items()},
            ReturnValues="UPDATED_NEW",
        )
        end = _free_at(item)
        return Slot(end - (slot.end - slot.begin), end, slot.parts)

    def _begin(self, account: str, slot: Slot) -> Slot:
        """Now, as nobody has reserved anything that is not over."""
        self._table.update(
            (account, WHOLE_ACCOUNT),
            "SET nextFreeAt = :end",
            ConditionExpression="attribute_not_exists(nextFreeAt) OR nextFreeAt < :now",
            ExpressionAttributeValues={":now": _milliseconds(slot.begin), ":end": _milliseconds(slot.end)},
        )
        return slot


def _milliseconds(seconds: float) -> dict[str, str]:
    return {"N": str(round(seconds * 1_000))}


def _free_at(item: Item) -> float:
    return int(item.get("nextFreeAt", {"N": 0})["N"]) / 1_000
