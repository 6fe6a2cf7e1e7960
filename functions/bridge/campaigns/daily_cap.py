"""How many parts an account may send in a day: counted in `parts` of the day's item (`*#2026-11-28`) in
`CampaignTable`, where workers reserve some at a time.

When they are used up the account pauses itself until the next day, once for each cap: `reachedCap` says for which. A
person who resumes the account overrules the cap for the rest of the day; one who raises it has the account pause again
at the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from bridge import times
from bridge.campaigns.control import State
from bridge.campaigns.keys import WHOLE_ACCOUNT, date_of, day_key
from bridge.errors import BridgeError, ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.account import Account
    from bridge.campaigns.control import Control, Controls
    from bridge.campaigns.table import CampaignTable, Item, Key

BY = "daily cap"
"""Who pauses an account whose parts are used up."""

KEPT_DAYS = 40  # of a day's item, so that a month can be looked at
ALMOST = 0.8
"""The share of a cap at which somebody is told."""

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Grant:
    """So many parts of a day (its key) may be sent; `almost`: with them most of the day's are gone. Without a day they
    were not counted.
    """

    day: Key | None
    parts: int
    almost: bool = False


class CapReached(BridgeError):
    """An account's parts of the day are used up: under `key` it is held by `control`. `first`: this made it so."""

    def __init__(self, key: Key, control: Control, *, first: bool) -> None:
        super().__init__("the account's parts of the day are used up")
        self.key = key
        self.control = control
        self.first = first


class DailyCaps:
    """The caps of all accounts."""

    def __init__(self, table: CampaignTable, controls: Controls, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._table = table
        self._controls = controls
        self._clock = clock

    def reserve(self, account: Account, wanted: int, least: int) -> Grant:
        """As many of today's parts as are `wanted`, or as are left if these are at least `least`.

        Raises:
            CapReached: fewer are left, and the account is paused.
            LogUnavailable: the table did not say; they may count as sent.
        """
        cap = account.parts_per_day or 0
        key, left = (account.id, day_key(self._day(account))), cap
        for _ in range(_TRIES):
            parts = min(wanted, left)
            if parts < least:
                break
            try:
                total = self._add(key, parts, most=cap - parts)
            except ConditionFailed as failed:
                left = cap - _parts(failed.item)
            else:
                return Grant(key, parts, almost=total >= ALMOST * cap > total - parts)
        return self._overrule(account, key, wanted)

    def give_back(self, grant: Grant, parts: int) -> None:
        """Some were not sent.

        Raises:
            LogUnavailable: the table did not say; they may count as sent.
        """
        if grant.day:
            values = {":unsent": {"N": str(-parts)}}
            self._table.update(grant.day, "ADD parts :unsent", ExpressionAttributeValues=values)

    def _overrule(self, account: Account, day: Key, wanted: int) -> Grant:
        """Beyond the cap, if a person has resumed the account since it was reached."""
        key, cap = (account.id, WHOLE_ACCOUNT), account.parts_per_day or 0
        if int(self._table.read([day]).get(day, {}).get("reachedCap", {"N": 0})["N"]) < cap:
            control, first = self._pause(account, key, day)
            raise CapReached(key, control, first=first)
        control = self._controls.read([key])[key]
        if control.state is not State.RUNNING:
            raise CapReached(key, control, first=False)
        self._add(day, wanted)
        return Grant(day, wanted)

    def _pause(self, account: Account, key: Key, day: Key) -> tuple[Control, bool]:
        """First the pause, then the note that it was made: a worker that dies between the two leaves it to be made
        again, and not a day without a cap.
        """
        date = date_of(day[1])  # not today's, which another day may have become meanwhile
        note = f"all {account.parts_per_day} parts of {date} are used up"
        paused = self._controls.pause_running(key, by=BY, note=note, until=times.iso(_end(date, account)))
        values = {":cap": {"N": str(account.parts_per_day)}}
        self._table.update(day, "SET reachedCap = :cap", ExpressionAttributeValues=values)
        return paused

    def _add(self, key: Key, parts: int, most: int | None = None) -> int:
        """Count parts, if there are at most so many yet; how many there are then."""
        expires = int(self._clock()) + KEPT_DAYS * 86_400
        values = {":parts": {"N": str(parts)}, ":expires": {"N": str(expires)}}
        options = {}
        if most is not None:
            values[":most"] = {"N": str(most)}
            options["ConditionExpression"] = "attribute_not_exists(parts) OR parts <= :most"
        update = "SET expiresAt = :expires ADD parts :parts"
        item = self._table.update(key, update, ExpressionAttributeValues=values, ReturnValues="UPDATED_NEW", **options)
        return _parts(item)

    def _day(self, account: Account) -> str:
        """The day in the account's own time."""
        return datetime.fromtimestamp(self._clock(), UTC).astimezone(_time_zone(account)).date().isoformat()


def _end(date: str, account: Account) -> float:
    """When a day of the account ends, in epoch seconds."""
    midnight = datetime.fromisoformat(date).replace(tzinfo=_time_zone(account))
    return (midnight + timedelta(days=1)).timestamp()


def _time_zone(account: Account) -> timezone:
    return timezone(timedelta(minutes=account.utc_offset))


def _parts(item: Item) -> int:
    return int(item.get("parts", {"N": 0})["N"])
