"""The messages of a day, taken out of the log."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from bridge.errors import Refused
from bridge.operations.export import write_csv, write_lines
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, number

if TYPE_CHECKING:
    from tests.unit.harness import Bridge


def test_the_messages_of_one_day_and_account_are_found(bridge: Bridge):
    bridge.dynamodb.page = 1
    for index, day in enumerate(["27", "28", "28", "29"]):
        bridge.dynamodb.put(row(index, accepted_at=f"2026-11-{day}T23:59:59.999Z"))
    bridge.dynamodb.put(row(7, accepted_at="2026-11-28T00:00:00.000Z", account="OTHER"))

    found = bridge.app_now.export.day("2026-11-28", ACCOUNT_ID)

    assert sorted(one.recipient for one in found) == [number(1), number(2)]


@pytest.mark.parametrize("day", ["", "today", "2026-11", "2026-11-28T10", "28.11.2026"])
def test_what_is_no_day_is_refused(bridge: Bridge, day: str):
    with pytest.raises(Refused, match="is not a day"):
        bridge.app_now.export.day(day, ACCOUNT_ID)


def test_lines_are_rows_as_the_table_has_them():
    to = io.StringIO()

    assert write_lines([row(1), row(2)], to) == 2
    assert [json.loads(line) for line in to.getvalue().splitlines()] == [row(1).to_document(), row(2).to_document()]


def test_a_spreadsheet_finds_columns_and_no_formulas():
    to = io.StringIO()
    hostile = ["=1+1", "+1+1", "@SUM(A1)", "-2", "\tx", "\0=1", "\n=1", "\uff1d1+1", "a\n,b"]

    assert write_csv([row(index, text=text) for index, text in enumerate(hostile)], to) == len(hostile)

    rows = list(csv.DictReader(io.StringIO(to.getvalue())))
    assert [one["text"] for one in rows] == [
        "'=1+1",
        "'+1+1",
        "'@SUM(A1)",
        "'-2",
        "'\tx",
        "'\0=1",
        "'\n=1",
        "'\uff1d1+1",
        "a\n,b",
    ]
    assert rows[0]["recipient"] == number(0), "a number stays one"


def test_a_text_begins_no_line_of_its_own():
    to = io.StringIO(newline="")

    write_csv([row(text="Hello\r=1+1"), row(1, text="a\r\nb")], to)

    rows = list(csv.DictReader(io.StringIO(to.getvalue(), newline="")))
    assert [one["text"] for one in rows] == ["Hello\r=1+1", "a\r\nb"]


def test_of_no_message_there_is_a_heading():
    to = io.StringIO()

    assert write_csv([], to) == 0
    assert to.getvalue().startswith("recipient,messageId,")
