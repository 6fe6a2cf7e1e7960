"""Runs that are not drawn: the outages of which docs/reliability.md promises what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulation.plan import HOUR, Plan, Post, Trouble
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("drops", "hangs", "trickles", "502")
SIZES = ((1_000, 2), (10_000, 10))
HOURS = (1, 6, 24)
BEGINS = 4.0
"""When the vendor begins to fail: the campaign, which was posted at 0, is well under way."""


@dataclass(frozen=True)
class Cost:
    """What became of a campaign's messages."""

    sent: int
    unknown: int
    expired: int
    bound: int


def outage(kind: str, hours: float, messages: int, workers: int, *, tokens: bool) -> World:
    """A campaign in the middle of which the vendor fails for hours; `tokens`: its token call works all the while."""
    posts = [Post(at=place * 0.1, count=1_000) for place in range(messages // 1_000)]
    trouble = Trouble("vendor", kind, BEGINS, hours * HOUR, options={"tokens": tokens})
    plan = Plan(posts, [trouble], workers=workers, concurrency=32)
    world = World(plan, seed=1)
    world.run()
    return world


def cost(world: World) -> Cost:
    """In what a run has ended."""
    [trouble] = world.plan.troubles
    summary = world.ledger.summary()
    window = world.vendor.windows[trouble]
    sent, unknown, expired = (summary.get(name, 0) for name in ("sent", "unknown", "expired"))
    return Cost(sent, unknown, expired, world.ledger.bound(trouble, window))


def table(*, tokens: bool) -> Iterator[str]:
    """What each outage costs, as Markdown."""
    yield "| vendor | hours | messages | workers | unknown (promised) | sent | expired |"
    yield "|---|---|---|---|---|---|---|"
    for kind in KINDS:
        for messages, workers in SIZES:
            for hours in HOURS:
                came = cost(outage(kind, hours, messages, workers, tokens=tokens))
                yield (
                    f"| {kind} | {hours} | {messages:,} | {workers} | {came.unknown} ({came.bound}) "
                    f"| {came.sent:,} | {came.expired:,} |"
                )
