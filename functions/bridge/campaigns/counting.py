"""The counters of campaigns, as they are written: each step of the log's stream once, whatever comes twice.

The stream has shards. In a shard the changes of the log stand in order, and are given in that order the first time;
later they may come again, cut into other batches. So a campaign's item keeps, for each shard, the sequence number of
the last change that it counted, and the update that counts more is made on condition of it: what is not after that
place was counted before.

Sequence numbers have up to 40 digits and DynamoDB's numbers 38, so they are kept as texts, padded with zeros.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from bridge import times
from bridge.errors import ConditionFailed, LogUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bridge.campaigns.table import CampaignTable, Item, Key

PLACE = "at_"
"""Begins the names of the attributes that hold a shard's place."""

PLACE_SECONDS = 26 * 3_600
"""How long a place is kept after it was last moved. DynamoDB keeps a stream's records for 24 hours, and Lambda gives
none that is older than 22 (MaximumRecordAgeInSeconds): nothing before such a place can come again.
"""

MESSAGES, PARTS, CODE = "n_", "parts_", "code_"
"""What the names of the counters by status, and of those by code, begin with."""
ACCEPTED, ACCEPTED_PARTS = "accepted", "acceptedParts"
REFUSED = "refused"
"""Rows of the log that were never accepted: so many of its rows are not among `accepted`."""
FIRST_AT, LAST_AT = "firstAt", "lastAt"

MOST_TIDIED = 500
"""Attributes that are taken out of an item at once: their names have to fit into an expression's 4 KB."""

_EXPIRES_AT = "expiresAt"
_HELD = ({"S": "paused"}, {"S": "stopped"})
_DIGITS = 40
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class CounterStep:
    """What one change of the log does to one campaign: by how much it moves each counter.

    `place` is its sequence number; `accepted_at` when the message was accepted, if the change says so.
    """

    place: str
    counts: Mapping[str, int]
    accepted_at: str | None = None


class Counters:
    """Writes the counters of campaigns. Keys are an account with what `keys.campaign_key` makes of a campaign's id."""

    def __init__(self, table: CampaignTable, *, retention_days: int, clock: Callable[[], float]) -> None:
        """A campaign is kept so many days after it was last counted. `clock` gives epoch seconds."""
        self._table = table
        self._retention = retention_days * _DAY
        self._clock = clock

    def add(self, key: Key, shard: str, steps: Sequence[CounterStep]) -> int:
        """Count steps of one shard, given in its order; how many of them had not been counted before.

        Raises:
            LogUnavailable: DynamoDB did not say; they may be counted. Repeating it counts nothing twice.
        """
        left = [*steps]
        while left:
            try:
                item = self._update(key, _counted(shard, left, self._clock()))
            except ConditionFailed as there:
                last = _place_in(there.item, shard)
                left = [step for step in left if padded(step.place) > last]
            else:
                self._tidy(key, item)
                break
        return len(left)

    def accept(self, key: Key, messages: int, parts: int) -> None:
        """Count messages that were accepted. Not safe to repeat.

        Raises:
            LogUnavailable: DynamoDB did not say; they may be counted.
        """
        now = {"S": times.iso(self._clock())}
        update = _Update()
        update.add({ACCEPTED: messages, ACCEPTED_PARTS: parts})
        update.set(LAST_AT, now)
        update.set_once(FIRST_AT, now)
        self._update(key, update)

    def _update(self, key: Key, update: _Update) -> Item:
        """Make an update; the item as it then is."""
        update.set(_EXPIRES_AT, {"N": str(int(self._clock()) + self._retention)})
        return self._table.update(key, update.expression(), ReturnValues="ALL_NEW", **update.options())

    def _tidy(self, key: Key, item: Item) -> None:
        """Take out what an item should not have any more. What fails here, or is too much, is done the next time."""
        needless = islice(_needless(item, self._clock()), MOST_TIDIED)
        names = {f"#n{number}": name for number, name in enumerate(needless)}
        if names:
            with suppress(LogUnavailable):
                self._table.update(key, f"REMOVE {', '.join(names)}", ExpressionAttributeNames=names)


class _Update:
    """An update of an item, put together from its parts."""

    def __init__(self) -> None:
        self._adds: list[str] = []
        self._sets: list[str] = []
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._condition: dict[str, str] = {}

    def add(self, counts: Mapping[str, int]) -> None:
        """Add to counters."""
        for name, count in counts.items():
            if count:
                self._adds.append(" ".join(self._placeholders(name, {"N": str(count)})))

    def set(self, name: str, value: Any) -> None:
        """Set an attribute."""
        self._sets.append(" = ".join(self._placeholders(name, value)))

    def set_once(self, name: str, value: Any) -> None:
        """Set an attribute, unless it is there."""
        name, placeholder = self._placeholders(name, value)
        self._sets.append(f"{name} = if_not_exists({name}, {placeholder})")

    def only_after(self, name: str, place: str) -> None:
        """On condition that an attribute, if it is there, is before a place."""
        name, placeholder = self._placeholders(name, {"S": place})
        self._condition = {"ConditionExpression": f"attribute_not_exists({name}) OR {name} < {placeholder}"}

    def expression(self) -> str:
        """The update expression."""
        return f"SET {', '.join(self._sets)}" + (f" ADD {', '.join(self._adds)}" if self._adds else "")

    def options(self) -> dict[str, Any]:
        """What goes with the expression."""
        return {
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
            **self._condition,
        }

    def _placeholders(self, name: str, value: Any) -> tuple[str, str]:
        number = len(self._values)
        self._names[f"#n{number}"], self._values[f":v{number}"] = name, value
        return f"#n{number}", f":v{number}"


def padded(place: str) -> str:
    """A sequence number as a text that sorts as the number does."""
    return place.zfill(_DIGITS)


def _counted(shard: str, steps: Sequence[CounterStep], now: float) -> _Update:
    """The update that counts steps, unless the first of them was counted before."""
    update = _Update()
    update.add(_totals(steps))
    update.set(PLACE + shard, {"S": f"{padded(steps[-1].place)} {int(now)}"})
    update.set(LAST_AT, {"S": times.iso(now)})
    accepted = [step.accepted_at for step in steps if step.accepted_at]
    if accepted:
        update.set_once(FIRST_AT, {"S": min(accepted)})
    update.only_after(PLACE + shard, padded(steps[0].place))
    return update


def _totals(steps: Iterable[CounterStep]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for step in steps:
        for name, count in step.counts.items():
            totals[name] += count
    return totals


def _place_in(item: Item, shard: str) -> str:
    """A shard's last place in a campaign's item."""
    place: str = item[PLACE + shard]["S"]
    return place[:_DIGITS]


def _needless(item: Item, now: float) -> Iterable[str]:
    """The attributes that an item should not have any more: places that nothing can come again from, and the end of a
    campaign that is paused or stopped, and has to stay so.
    """
    for name, value in item.items():
        if name.startswith(PLACE) and float(value["S"][_DIGITS:]) < now - PLACE_SECONDS:
            yield name
    if item.get("state") in _HELD and _EXPIRES_AT in item:
        yield _EXPIRES_AT
