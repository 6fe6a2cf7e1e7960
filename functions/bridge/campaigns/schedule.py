"""An account's rate as one schedule for all its workers: `nextFreeAt` in its item of `CampaignTable`, in epoch
milliseconds.

    now ──── reserved ────▶ nextFreeAt ── parts ÷ rate ──▶ the next one's
             by others       a worker's slot begins        slot begins

A worker reserves a slot by moving that time on, in one conditional write, and sends its parts evenly within. Nobody
reserves what is far off: what came later and cannot wait then finds its place soon.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.campaigns.keys import WHOLE_ACCOUNT
from bridge.errors import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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

    def __init__(
        self, table: CampaignTable, clock: Callable[[], float], fraction: Callable[[], float] = random.random
    ) -> None:
        """`clock` gives epoch seconds; `fraction` by chance, in [0, 1)."""
        self._table = table
        self._clock = clock
        self._fraction = fraction

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
        now, cost = _milliseconds(slot.begin), self._cost(slot)
        item = self._table.update(
            (account, WHOLE_ACCOUNT),
            "SET nextFreeAt = nextFreeAt + :cost",
            ConditionExpression="nextFreeAt >= :now AND nextFreeAt <= :near",
            ExpressionAttributeValues=_numbers({":cost": cost, ":now": now, ":near": now + _milliseconds(near)}),
            ReturnValues="UPDATED_NEW",
        )
        end = _free_at(item)
        return Slot(end - (slot.end - slot.begin), end, slot.parts)

    def _begin(self, account: str, slot: Slot) -> Slot:
        """Now, as nobody has reserved anything that is not over."""
        now, cost = _milliseconds(slot.begin), self._cost(slot)
        self._table.update(
            (account, WHOLE_ACCOUNT),
            "SET nextFreeAt = :end",
            ConditionExpression="attribute_not_exists(nextFreeAt) OR nextFreeAt < :now",
            ExpressionAttributeValues=_numbers({":now": now, ":end": now + cost}),
        )
        return slot

    def _cost(self, slot: Slot) -> int:
        """How many milliseconds a slot takes; a part of one is one or none, by chance. A single message has a slot of
        its own, and what is always rounded off adds up: at 700 a second each would take 1 ms instead of 1.43.
        """
        return math.floor(round((slot.end - slot.begin) * 1_000, 3) + self._fraction())


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1_000)


def _numbers(values: Mapping[str, int]) -> dict[str, dict[str, str]]:
    return {name: {"N": str(value)} for name, value in values.items()}


def _free_at(item: Item) -> float:
    return int(item.get("nextFreeAt", {"N": 0})["N"]) / 1_000
