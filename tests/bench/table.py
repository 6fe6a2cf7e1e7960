"""The table that `make bench` prints: every line says what it is compared with in the same run."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.measure import Round


@dataclass(frozen=True)
class Line:
    """One measurement. `ratio` is to what it is `compared` with; `met` tells whether it is within its target."""

    part: str
    what: str
    figure: str
    compared: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None


def undisturbed_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The ratio of the means of the least quarters: what else the machine does can only add."""
    return _least_quarter(ours) / _least_quarter(theirs)


def _least_quarter(values: Sequence[float]) -> float:
    return statistics.mean(sorted(values)[: max(1, len(values) // 4)])


def cpu_ms(rounds: Sequence[Round]) -> float:
    """CPU milliseconds a message."""
    return statistics.median(one.cpu / one.count for one in rounds) * 1_000


def wall(rounds: Sequence[Round]) -> float:
    """Wall seconds a round."""
    return statistics.median(one.wall for one in rounds)


def stub_share(rounds: Sequence[Round]) -> float:
    """How much of one core the stub used meanwhile."""
    return statistics.median(one.stub / one.wall for one in rounds)


def text(lines: Sequence[Line]) -> str:
    """The table in Markdown."""
    rows = [("", "figure", "compared in the same run with", "ratio", "target", "")]
    part = ""
    for line in lines:
        if line.part != part:
            part = line.part
            rows.append((f"**{part}**", "", "", "", "", ""))
        mark = {True: "met", False: "MISSED", None: ""}[line.met]
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        rows.append((line.what, line.figure, line.compared, ratio, line.target, mark))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    written = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    written.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(written)
