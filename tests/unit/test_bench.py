"""The bench: what it gives the functions, and what it writes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.bench import parts, work, world
from tests.bench.artifact import Artifacts
from tests.bench.cores import cores, on_core
from tests.bench.document import BEGIN, END, with_figures
from tests.bench.measure import Round
from tests.bench.table import Line, ratio_in_turn, text
from tests.unit import api_calls

HANDLERS = Path(__file__).parents[2] / "functions/handlers"


@pytest.mark.parametrize("function", world.FUNCTIONS)
def test_the_bench_gives_a_function_the_variables_that_it_reads(function: str):
    read = api_calls.variables_of(HANDLERS / f"{function}.py")

    assert read - {*world.environment(function, "http://127.0.0.1")} == set()


def test_the_table_is_three_columns_wide_and_says_what_each_figure_is_compared_with():
    lines = [
        Line("Dispatch", "messages", "900", "bare loop: 1,800", 0.5, "≥ 0.45", met=True),
        Line("Dispatch", "share", "9%"),
        Line("Dispatch", "changes", "1 ms", "a sum", 0.1449),
        Line("Growth", "dispatch", "1 ms", "before", 1.1, "≤ 1.03", met=False),
    ]

    assert text(lines).splitlines()[2:] == [
        "| **Dispatch** | | |",
        "| messages | 900 | bare loop: 1,800: **0.50** (≥ 0.45, met) |",
        "| share | 9% |  |",
        "| changes | 1 ms | a sum: **0.145** |",
        "| **Growth** | | |",
        "| dispatch | 1 ms | before: **1.10** (≤ 1.03, MISSED) |",
    ]


def test_a_ratio_is_of_rounds_in_turn_so_that_a_slower_minute_of_the_machine_changes_nothing():
    ours, theirs = [1.0, 1.0, 3.0, 3.0, 9.0], [2.0, 2.0, 6.0, 6.0, 2.0]

    assert ratio_in_turn(ours, theirs) == 0.5
    assert ratio_in_turn(ours[:3], theirs) == 0.5


def test_processes_at_once_begin_with_each_contestant_and_rounds_of_the_same_time_are_compared(
    monkeypatch: pytest.MonkeyPatch,
):
    firsts = []

    def measured(
        built: Artifacts, url: str, function: str, counts: dict[str, int], rounds: int
    ) -> dict[str, list[Round]]:
        firsts.append(next(iter(counts)))
        return {
            name: [Round(time + place, count, 0.0, 0.0, 0.0, 0.0) for time in range(0, 3 * rounds, 3)]
            for place, (name, count) in enumerate(counts.items())
        }

    monkeypatch.setattr(work, "measured", measured)
    nowhere = Artifacts(Path(), Path(), Path())

    found = work.at_once(nowhere, "http://127.0.0.1", {"ours": 1, "bare": 2, "limited": 3}, 2, 3)

    assert sorted(firsts) == ["bare", "limited", "ours"]
    assert all([one.begun for one in its] == [*range(6)] for its in found.values())
    assert [{one.count for one in its} for its in found.values()] == [{1}, {2}, {3}]
    assert [*found] == ["ours", "bare", "limited"]


def test_what_is_compared_runs_on_one_core_and_its_starter_goes_where_it_likes_again():
    before = cores()
    affinity = [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"]

    with on_core(len(before) + 1), ThreadPoolExecutor() as pool:
        places = [*pool.map(subprocess.check_output, [affinity] * 2)]

    assert [int(place) for place in places] == [before[1 % len(before)]] * 2
    assert cores() == before


def test_the_document_has_the_place_that_the_bench_writes_into_and_nothing_else_changes():
    document = (HANDLERS.parents[1] / "docs/performance.md").read_text()

    written = with_figures(document, r"| new \1 |")

    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    assert written == f"{before}{BEGIN}\n| new \\1 |\n\n{END}{after}"
    with pytest.raises(ValueError, match="0 places"):
        with_figures("nothing", "")


def test_what_a_part_needs_is_measured_before_it():
    order = list(parts.PARTS)

    assert all(order.index(needed) < order.index(name) for name, its in parts.NEEDED.items() for needed in its)
