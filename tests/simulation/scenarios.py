"""Runs that are not drawn: outages and rates, of which docs/reliability.md tells what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from statistics import mean
from typing import TYPE_CHECKING

from tests.simulation.plan import HOUR, Decision, Plan, Post, Resending, Trouble
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


def resending(seed: int) -> World:
    """Half of a campaign is stopped and resumed, much of it in doubt, and four people have it sent again, some of them
    twice or cut short, while the vendor still loses answers and workers die.
    """
    rng = Random(f"resending {seed}")
    troubles = [Trouble("vendor", "drops", 3, 60), Trouble("vendor", "lossy", 60, HOUR, 0.3)]
    decisions = [Decision(5, "stopped", campaign="spring"), Decision(400, "running", campaign="spring")]
    resendings = [
        Resending(
            at=rng.uniform(450, 1_500),
            by=f"person-{number}",
            campaign="spring",
            unknown=number > 0,
            again=rng.random() < 0.5,
            thinks=rng.choice([1, 30]),
            pause=rng.choice([1, 90, 300]),
            dies_after=rng.choice([0, 5, 8]),
        )
        for number in range(4)
    ]
    world = World(
        Plan(
            [Post(0, count=300, campaign="spring")],
            troubles,
            decisions=decisions,
            resendings=resendings,
            concurrency=8,
            crashes=0.1,
            count_crashes=0.2,
            twice=0.1,
        ),
        seed,
    )
    world.run()
    return world


def rated(rate: int, retry_after: str | None, workers: int, seed: int) -> World:
    """3,000 messages for a vendor that takes so many a second; `retry_after` is what its 429 asks for."""
    limit = Trouble("vendor", "rate", 0, HOUR, options={"rate": rate, "retry_after": retry_after})
    world = World(Plan([Post(0, count=1_000) for _ in range(3)], [limit], workers=workers), seed)
    world.run()
    return world


def of_the_ideal(world: World) -> float:
    """How many times as long as such a vendor needs at least its messages took."""
    [limit] = world.plan.troubles
    taken = world.vendor.sent_at.values()
    return float((max(taken) - world.begin) / (len(taken) / limit.options["rate"]))


def rates() -> Iterator[str]:
    """How much of a rate is used, as Markdown: the mean and the worst of ten seeds."""
    yield "| a second | `Retry-After` | 1 worker | 2 workers | 4 workers |"
    yield "|---|---|---|---|---|"
    for rate in (50, 100):
        for retry_after in (None, "1"):
            cells = []
            for workers in (1, 2, 4):
                took = [of_the_ideal(rated(rate, retry_after, workers, seed)) for seed in range(1, 11)]
                cells.append(f"{mean(took):.2f} ({max(took):.2f})")
            yield f"| {rate} | {retry_after or '-'} | {' | '.join(cells)} |"


def outages(*, tokens: bool) -> Iterator[str]:
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
