"""The lines of `make run` with VERBOSE=1: what a vendor or CleverTap wrote is shown as it is."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from local.screen import line
from tests.fakes.log import row


@pytest.mark.parametrize("words", ["no such [/red] thing", "[bold]loud", "a\\[b"])
def test_words_that_look_like_markup_are_shown_and_end_nothing(words: str):
    shown = io.StringIO()
    document = row(1, "rejected", reason=words, verification_id="[/]v").to_document()

    Console(file=shown, highlight=False).print(line(document, datetime.now(UTC)), soft_wrap=True)

    assert shown.getvalue().endswith(f"rejected    [/]v {words}\n")
