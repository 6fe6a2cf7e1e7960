"""Takes the messages of a day out of the log, for a spreadsheet or another program."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

from bridge.errors import Refused
from bridge.log.row import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed import SupportsWrite

    from bridge.log.reader import Reader
    from bridge.log.row import Row

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"\+?\d+", re.ASCII)
# What a spreadsheet takes for a formula's begin, or passes over before one: OWASP's ASVS 1.2.10, line ends, and the
# wide forms that some languages' spreadsheets take for the same.
_FORMULA = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")


class Exporter:
    """Takes rows out."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def day(self, day: str, account: str) -> Iterator[Row]:
        """The messages that were accepted on a day in UTC (`2026-11-28`), in no order; it reads the whole log.

        Raises:
            Refused: it is written otherwise.
            LogUnavailable, LogRefused: the log did not answer.
            MalformedRow: somebody edited one of the rows.
        """
        if not _is_day(day):
            raise Refused(f"{day} is not a day like 2026-11-28")
        return self._reader.rows_of_day(account, day)


def write_csv(rows: Iterable[Row], to: SupportsWrite[str]) -> int:
    """Write rows with a heading, under the names of the table's attributes; how many those were."""
    count = 0
    # RFC 4180's line ends: Python 3.11 quotes a text with a lone CR only where CR is one of them.
    writer = csv.DictWriter(to, ATTRIBUTES, lineterminator="\r\n")
    writer.writeheader()
    for count, row in enumerate(rows, 1):  # noqa: B007 - counted
        writer.writerow({name: _cell(value) for name, value in row.to_document().items()})
    return count


def write_lines(rows: Iterable[Row], to: SupportsWrite[str]) -> int:
    """Write rows as JSON, one a line; how many those were."""
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - counted
        to.write(json.dumps(row.to_document(), ensure_ascii=False) + "\n")
    return count


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return bool(_DAY.fullmatch(text))


def _cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: texts, ids and numbers are as others sent them."""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
