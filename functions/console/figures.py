"""A campaign's counters as people read them: groups, shares, rate and time left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge import times
from bridge.message import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.campaigns.counters import Campaign

_KNOWN: Mapping[str, Sequence[Status]] = {
    "delivered": (Status.DELIVERED,),
    "sent": (Status.SENT,),
    "waiting": (Status.SENDING, Status.RETRYING),
    "unknown": (Status.UNKNOWN,),
}
GROUPS: Mapping[str, Sequence[Status]] = {
    **_KNOWN,
    "failed": [status for status in Status if not any(status in members for members in _KNOWN.values())],
}
"""What a campaign's bar is made of, from left to right. `waiting` holds as well what is not in the log yet."""

TAKEN = (Status.SENT, Status.DELIVERED, Status.UNDELIVERED)
"""What Message Central has taken for sure."""

MEANINGS: Mapping[str, str] = {
    "sending": "a worker has it now",
    "sent": "taken by Message Central; no receipt yet",
    "delivered": "on the handset",
    "undelivered": "Message Central could not deliver it",
    "rejected": "cannot be sent, or was refused",
    "retrying": "surely not sent yet; tried again",
    "unknown": "may have been sent: nobody said. A receipt may still tell",
    "expired": "not sent within its validity",
    "cancelled": "stopped before it was sent",
}
"""What each status means."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bar: `start` and `width` in percent of the whole."""

    name: str
    count: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What is shown of a campaign. `rate` is in messages a second since its first message, `seconds_left` at that
    rate; None where there is nothing to say.
    """

    total: int
    groups: Mapping[str, int]
    taken: int
    rate: float | None
    seconds_left: float | None

    @property
    def bar(self) -> Sequence[Part]:
        """The parts of its bar; those of nothing are left out."""
        parts, start = [], 0.0
        for name, count in self.groups.items():
            if count:
                parts.append(Part(name, count, start, self.share(count)))
                start += self.share(count)
        return parts

    def share(self, count: int) -> float:
        """Percent of the whole."""
        return 100 * count / self.total if self.total else 0.0


def figures(campaign: Campaign) -> Figures:
    """The figures of a campaign."""
    counts = campaign.statuses
    total = campaign.total
    groups = {name: sum(counts.get(status, 0) for status in members) for name, members in GROUPS.items()}
    groups["waiting"] += total - campaign.rows
    done = total - groups["waiting"]
    seconds = _seconds(campaign.first_at, campaign.last_at)
    rate = done / seconds if done and seconds else None
    left = groups["waiting"] / rate if rate and groups["waiting"] else None
    return Figures(total, groups, sum(counts.get(status, 0) for status in TAKEN), rate, left)


def _seconds(first: str | None, last: str | None) -> float:
    return times.epoch(last) - times.epoch(first) if first and last else 0.0
