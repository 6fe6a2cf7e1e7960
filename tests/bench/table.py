"""The table that `make bench` prints: every line says what it is compared with in the same run."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.measure import Round


SMALL = 0.2
"""A ratio under it has three decimals, as two would be 5 % apart."""
figures: dict[str, float] = {}
"""What later parts reckon with of earlier ones: seconds."""


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


def ratio_in_turn(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios, round by round, of those who took turns; where one has fewer rounds, of these.

    What else the machine does mostly lasts for longer than a round, and hits both of a pair. On one with a load of 9,
    18 runs of 16 rounds gave dispatch's ratio to the bare loop within 9 % of their mean in this way, and within 13 % as
    the ratio of medians or of the least quarters, which may be of different minutes.
    """
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=False))


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
    """The table in Markdown, three columns wide."""
    rows = ["| what | figure | compared in the same run: ratio (target) |", "|---|---|---|"]
    part = ""
    for line in lines:
        if line.part != part:
            part = line.part
            rows.append(f"| **{part}** | | |")
        rows.append(f"| {line.what} | {line.figure} | {_compared(line)} |")
    return "\n".join(rows)


def _compared(line: Line) -> str:
    ratio = "" if line.ratio is None else f"**{line.ratio:.{3 if line.ratio < SMALL else 2}f}**"
    mark = {True: ", met", False: ", MISSED", None: ""}[line.met]
    words = [f"{line.compared}:" if line.compared and ratio else line.compared, ratio]
    target = f"({line.target}{mark})" if line.target else ""
    return " ".join(word for word in (*words, target) if word)
