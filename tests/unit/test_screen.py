"""What `make run` shows: how much is waiting, and with VERBOSE=1 what a vendor or CleverTap wrote, as it is."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from local import screen
from local.screen import Screen, line
from tests.fakes.aws import FakeAws
from tests.fakes.dynamodb import CAMPAIGNS, LOG, FakeDynamoDB
from tests.fakes.log import row
from tests.fakes.stream import way
from tests.fakes.values import ACCOUNT_ID


@pytest.mark.parametrize("words", ["no such [/red] thing", "[bold]loud", "a\\[b"])
def test_words_that_look_like_markup_are_shown_and_end_nothing(words: str):
    shown = io.StringIO()
    document = row(1, "rejected", reason=words, verification_id="[/]v").to_document()

    Console(file=shown, highlight=False).print(line(document, datetime.now(UTC)), soft_wrap=True)

    assert shown.getvalue().endswith(f"rejected    [/]v {words}\n")


def test_what_others_wrote_cannot_steer_the_terminal():
    shown = io.StringIO()
    document = row(1, "rejected", reason="a\x1b[2Jb\x9b2J", verification_id="\x1b]0;owned\x07").to_document()

    Console(file=shown, highlight=False).print(line(document | {"recipient": "\x1b[2J"}, datetime.now(UTC)))

    assert all(letter.isprintable() or letter == "\n" for letter in shown.getvalue()), shown.getvalue()


def test_what_was_refused_and_came_again_is_not_waited_for_once_it_is_sent(monkeypatch: pytest.MonkeyPatch):
    dynamodb, shown = FakeDynamoDB(), io.StringIO()
    dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, "-"] = {"accepted": {"N": "1"}}
    records = way(row(1, "rejected", attempts=0), row(1, "sending"), row(1, "sent"))
    monkeypatch.setattr(screen, "StreamReader", lambda *_: SimpleNamespace(read=lambda: records))
    stack = SimpleNamespace(tables={"CampaignTable": SimpleNamespace(name=CAMPAIGNS)})
    bridge: Any = SimpleNamespace(aws=FakeAws(dynamodb, None, None), table=LOG, stack=stack)  # type: ignore[arg-type]

    Screen(bridge, Console(file=shown, highlight=False)).poll()

    assert shown.getvalue().endswith("1 messages: 1 sent\n")
