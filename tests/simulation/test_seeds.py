"""Runs by chance. What a seed has found once is kept in regressions.txt."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from tests.simulation.seeds import run_seed

REGRESSIONS = [
    int(line.split()[0])
    for line in Path(__file__).with_name("regressions.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
FIXED = range(1, 18)
DRAWN = [int(seed) for seed in os.environ.get("SIMULATION_SEEDS", "").split()] or [
    1_000 + secrets.randbelow(1_000_000_000) for _ in range(3)
]


@pytest.mark.parametrize("seed", [*FIXED, *REGRESSIONS])
def test_a_run_by_chance_keeps_every_promise(seed: int):
    result = run_seed(seed)

    assert result.green, result.text


@pytest.mark.parametrize("place", range(len(DRAWN)))
def test_a_run_that_nobody_has_seen_before_keeps_every_promise(place: int):
    seed = DRAWN[place]  # no parameter: each process draws its own
    print(f"SIMULATION_SEEDS={seed} plays this again")  # noqa: T201 - so that it can be played again
    result = run_seed(seed)

    assert result.green, f"make simulate SEED={seed}\n{result.text}"


def test_the_same_seed_is_the_same_run():
    assert run_seed(3).text == run_seed(3).text
