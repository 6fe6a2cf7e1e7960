"""How many messages of a campaign stand in each status: differences of the log's rows before and after each change.

A row that is deleted, because it expired or was forgotten, stays counted: the counters say what became of all messages
of a campaign, and the log holds those of the last weeks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from bridge.aws import CALL_SECONDS
from bridge.campaigns.counting import ACCEPTED, ACCEPTED_PARTS, CounterStep, padded
from bridge.campaigns.standing import MALFORMED, standing_of
from bridge.errors import LogUnavailable
from bridge.message import Status
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bridge.campaigns.counting import Counters
    from bridge.campaigns.standing import Standing
    from bridge.campaigns.table import Key
    from bridge.invocation import Invocation
    from bridge.log.change import RowChange


class CampaignCounter:
    """Counts what the log's stream tells."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def count(self, shard: str, changes: Sequence[RowChange], invocation: Invocation) -> str | None:
        """Count changes of one shard of the stream, given in its order.

        Returns the place of the first change that could not be counted, from which on they have to come again; None:
        all are counted.
        """
        campaigns: dict[Key, list[CounterStep]] = defaultdict(list)
        for change in changes:
            for key, step in self._steps(change, invocation):
                campaigns[key].append(step)
        left = self._add(shard, campaigns, invocation)
        logger.info("counted", changes=len(changes), campaigns=len(campaigns), left=len(left))
        return min((campaigns[key][0].place for key in left), key=padded, default=None)

    def _add(self, shard: str, campaigns: Mapping[Key, Sequence[CounterStep]], invocation: Invocation) -> list[Key]:
        """Count, one campaign after the other; those that could not be counted."""
        left = [*campaigns]
        while left and invocation.deadline.allows(CALL_SECONDS):
            try:
                self._counters.add(left[0], shard, campaigns[left[0]])
            except LogUnavailable as error:
                # The table is the same for all: the others would wait for nothing.
                logger.error(
                    "changes not counted yet: the stream delivers them again",
                    account=left[0][0],
                    campaign=left[0][1],
                    reason=str(error),
                    count=len(left),
                )
                break
            del left[0]
        return left

    def _steps(self, change: RowChange, invocation: Invocation) -> Iterator[tuple[Key, CounterStep]]:
        """What a change does to which campaigns: to one, unless the message came again with another's id.

        A row that nobody can read counts as none, before and after, so that the others are right whatever a person did
        to it; it is logged when it appears.
        """
        if not change.new:
            return
        try:
            after = [standing_of(change.new)]
        except MALFORMED as error:
            kind = type(error).__name__
            logger.error("malformed row in the stream: not counted", place=change.place, error=kind)
            invocation.metrics.add(change.account, "CountsMalformed")
            after = []
        for key, moved in _differences(_standing_before(change), after).items():
            if any(moved.values()):
                yield key, CounterStep(change.place, moved, change.new.get("acceptedAt", {}).get("S"))


def _standing_before(change: RowChange) -> list[Standing]:
    try:
        return [standing_of(change.old)] if change.old else []
    except MALFORMED:
        return []


def _differences(before: Sequence[Standing], after: Sequence[Standing]) -> dict[Key, Counter[str]]:
    moves: dict[Key, Counter[str]] = defaultdict(Counter)
    for standing in before:
        moves[standing.key].subtract(standing.counts)
    for standing in after:
        moves[standing.key].update(standing.counts)
    _count_accepted(before, after, moves)
    return moves


def _count_accepted(before: Sequence[Standing], after: Sequence[Standing], moves: Mapping[Key, Counter[str]]) -> None:
    """Count a message that accept sends at once when it is first claimed, one that was refused when it is sent again.
    And back, when it could not even be queued for another attempt, or its row cannot be read any more. Those that
    accept queues it counts itself, and another copy of a message counts no more.
    """
    was, now = (any(standing.counts_itself for standing in standings) for standings in (before, after))
    counted = any(standing.status is not Status.REJECTED for standing in before)
    if now and not was and not counted:
        moves[after[0].key].update({ACCEPTED: 1, ACCEPTED_PARTS: after[0].parts})
    elif was and not now and all(standing.status is Status.REJECTED for standing in after):
        moves[before[0].key].subtract({ACCEPTED: 1, ACCEPTED_PARTS: before[0].parts})
