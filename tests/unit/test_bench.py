"""The bench: what it gives the functions, and what it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import world
from tests.unit import api_calls

HANDLERS = Path(__file__).parents[2] / "functions/handlers"


@pytest.mark.parametrize("function", world.FUNCTIONS)
def test_the_bench_gives_a_function_the_variables_that_it_reads(function: str):
    read = api_calls.variables_of(HANDLERS / f"{function}.py")

    assert read - {*world.environment(function, "http://127.0.0.1")} == set()
