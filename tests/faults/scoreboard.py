"""The table at the end of the suite: for each fault what became of the messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.ledger import Findings


@dataclass(slots=True)
class Line:
    """One fault. `bound`: how many messages may be unknown at most."""

    fault: str
    runs: int = 0
    messages: int = 0
    twice: int = 0
    lost: int = 0
    unknown: int = 0
    bound: int = 0

    def add(self, findings: Findings, bound: int) -> None:
        self.runs += 1
        self.messages += findings.messages
        self.twice += len(findings.twice)
        self.lost += len(findings.lost) + len(findings.untrue)
        self.unknown += findings.unknown
        self.bound += bound


class Scoreboard:
    """Adds up what the tests find."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def add(self, fault: str, findings: Findings, bound: int) -> None:
        self._lines.setdefault(fault, Line(fault)).add(findings, bound)

    def table(self) -> list[str]:
        """As Markdown, faults in the order in which they came."""
        head = ["| fault | runs | messages | sent twice | lost | unknown (bound) |", "|---|---|---|---|---|---|"]
        return [*head, *_rows(self._lines.values()), *_rows([self._total()])]

    def _total(self) -> Line:
        lines = list(self._lines.values())
        sums = {name: sum(getattr(one, name) for one in lines) for name in ("runs", "messages", "twice", "lost")}
        unknown, bound = sum(one.unknown for one in lines), sum(one.bound for one in lines)
        return Line("**all**", **sums, unknown=unknown, bound=bound)

    def __bool__(self) -> bool:
        return bool(self._lines)


def _rows(lines: Iterable[Line]) -> list[str]:
    return [
        f"| {one.fault} | {one.runs} | {one.messages:,} | {one.twice} | {one.lost} | {one.unknown} ({one.bound}) |"
        for one in lines
    ]
