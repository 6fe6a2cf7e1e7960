"""What the command line prints: tables for people, JSON for machines; and what it asks."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from local.terminal import on_one_line, printable
from scripts.operators.errors import NotConfirmed

if TYPE_CHECKING:
    from collections.abc import Sequence


class Output:
    """Prints results to stdout. Questions and remarks go to stderr, so that a result can be piped."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def show(self, document: Any, text: str) -> None:
        """A result: as JSON, or as the text for people."""
        print(_json(document) if self.as_json else printable(text))

    def remark(self, text: str) -> None:
        """Tell a person something beside the result."""
        print(printable(text), file=sys.stderr)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something is changed. Raises NotConfirmed."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise NotConfirmed(f"{question} There is no terminal to ask in: use --yes.")
        print(f"{printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise NotConfirmed("Nothing was changed.")


class TerminalWriter:
    """Where rows are written that a person looks at: as a terminal's stdout, but nothing in them steers it."""

    def write(self, text: str) -> int:
        """Write a text. Lines may end as CSV's do."""
        return sys.stdout.write(printable(text.replace("\r\n", "\n")))


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns under their heads; numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    numeric = [bool(rows) and all(isinstance(row[place], int) for row in rows) for place in range(len(heads))]

    def line(texts: Sequence[str]) -> str:
        padded = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(texts, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join(line(one) for one in (heads, *cells))


def fields(pairs: Sequence[tuple[str, Any]]) -> str:
    """Names and values below each other; what is None is left out."""
    given = [(name, _cell(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in given), default=0) + 2
    return "\n".join(f"{name:{width}}{text}" for name, text in given)


def _cell(value: Any) -> str:
    """A value on one line. What others wrote may hold line breaks, or steer a terminal."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    return on_one_line(text)


def _json(document: Any) -> str:
    """JSON that reads well in every script; what would steer a terminal is escaped, as JSON itself does with some."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)
