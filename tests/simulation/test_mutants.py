"""The simulation sees what is missing: with a part of the bridge taken out it fails within a few seeds."""

from __future__ import annotations

import pytest

from tests.simulation.ledger import Violation
from tests.simulation.mutants import (
    MUTANTS,
    breaker_clock_stands,
    days_have_no_end,
    rates_are_not_kept,
    sent_again_on_any_condition,
    sent_again_over_any_end,
)
from tests.simulation.plan import Plan, Post
from tests.simulation.scenarios import resending
from tests.simulation.seeds import run_seed
from tests.simulation.world import World

FEW = 30


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_bridge_with_a_part_taken_out_fails_within_a_few_seeds(mutant: str):
    with MUTANTS[mutant]():
        assert any(not run_seed(seed).green for seed in range(1, FEW))


def test_a_bridge_whose_breakers_clock_stands_fails_within_a_few_short_runs():
    # Short ones: in a long run its messages come and go for hours, which takes minutes here, too.
    with breaker_clock_stands():
        assert any(not run_seed(seed, messages=300, hours=1).green for seed in range(1, FEW))


@pytest.mark.parametrize(
    ("mutant", "limits"), [(rates_are_not_kept, {"partsPerSecond": "5"}), (days_have_no_end, {"partsPerDay": "600"})]
)
def test_an_account_that_is_not_kept_to_its_limits_is_seen(mutant, limits: dict[str, str]):
    with mutant(), pytest.raises(Violation, match=r"of ACC-0 (begin|are sent) in"):
        World(Plan([Post(0, count=1_000)], limits={0: limits}), seed=1).run()


@pytest.mark.parametrize("mutant", [sent_again_over_any_end, sent_again_on_any_condition])
def test_messages_that_are_sent_again_without_the_condition_are_sent_twice_within_a_few_seeds(mutant):
    def fails(seed: int) -> bool:
        try:
            resending(seed)
        except Violation as violation:
            return "took message" in str(violation) or "from sent to sending" in str(violation)
        return False

    with mutant():
        assert any(map(fails, range(1, 6)))
