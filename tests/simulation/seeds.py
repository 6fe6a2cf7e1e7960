"""Runs by their seeds."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.simulation.ledger import Violation
from tests.simulation.plan import draw
from tests.simulation.world import World


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    green: bool
    text: str


def run_seed(seed: int, *, messages: int | None = None, hours: float | None = None) -> Result:
    """Draw a run by its seed, and make it."""
    rng = Random(f"size {seed}")
    size = messages or rng.choice([300, 600, 1_000])
    plan = draw(seed, messages=size, hours=hours or rng.choice([1.0, 3.0, 6.0]))
    try:
        return Result(green=True, text=str(World(plan, seed).run().summary()))
    except Violation as violation:
        return Result(green=False, text=str(violation))
