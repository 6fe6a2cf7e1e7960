"""The table at the end of the suite: for each fault what became of the messages."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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

    def join(self, other: Line) -> None:
        for name in ("runs", "messages", "twice", "lost", "unknown", "bound"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Scoreboard:
    """Adds up what the tests find."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def add(self, fault: str, findings: Findings, bound: int) -> None:
        self._lines.setdefault(fault, Line(fault)).add(findings, bound)

    def lines(self) -> list[dict[str, Any]]:
        """As plain values, for another process's `join`."""
        return [asdict(line) for line in self._lines.values()]

    def join(self, lines: Sequence[dict[str, Any]]) -> None:
        """Add what another process found."""
        for line in lines:
            self._lines.setdefault(line["fault"], Line(line["fault"])).join(Line(**line))

    def table(self) -> list[str]:
        """As Markdown, faults in the order in which they came."""
        head = ["| fault | runs | messages | sent twice | lost | unknown (bound) |", "|---|---|---|---|---|---|"]
        return [*head, *_rows(self._lines.values()), *_rows([self._total()])]

    def _total(self) -> Line:
        total = Line("**all**")
        for line in self._lines.values():
            total.join(line)
        return total

    def __bool__(self) -> bool:
        return bool(self._lines)


def _rows(lines: Iterable[Line]) -> list[str]:
    return [
        f"| {one.fault} | {one.runs} | {one.messages:,} | {one.twice} | {one.lost} | {one.unknown} ({one.bound}) |"
        for one in lines
    ]
