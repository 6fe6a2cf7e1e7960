"""The simulation sees what is missing: with a part of the bridge taken out it fails within a few seeds."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.seeds import run_seed

FEW = 30


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_bridge_with_a_part_taken_out_fails_within_a_few_seeds(mutant: str):
    with MUTANTS[mutant]():
        assert any(not run_seed(seed).green for seed in range(1, FEW))
