"""docs/deploy.md as somebody follows it: what it says to answer when `make deploy` asks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests import documents

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT = (documents.ROOT / "docs/deploy.md").read_text()
ENTER = ""

# Each row of the page's table, words of the questions that it is about, and the answer that it tells. The first that
# fits is meant.
ROWS = {
    "Stack Name": ("Stack Name", ENTER),
    "AWS Region": ("AWS Region", ENTER),
    "Parameter AccountId": ("Parameter AccountId", "6K9-XXX-XX7Z"),
    "Parameter AlarmEmail": ("Parameter AlarmEmail", "somebody@example.com"),
    "all other parameters": ("Parameter ", ENTER),
    "Confirm changes before deploy": ("Confirm changes before deploy", ENTER),
    "Allow SAM CLI IAM role creation": ("Allow SAM CLI IAM role creation", "y"),
    "Disable rollback": ("Disable rollback", "n"),
    '"… has no authentication. Is this okay?", three times': ("has no authentication. Is this okay?", "y"),
    "Save arguments to configuration file": ("Save arguments to configuration file", "y"),
    "file, environment": ("SAM configuration ", ENTER),
    "Deploy this changeset?": ("Deploy this changeset?", "y"),
}


def questions() -> set[str]:
    """What `sam deploy --guided` asks, by the page's table."""
    table = documents.section(TEXT, "Deploy").partition("| question | answer |")[2]
    return {row[1] for row in re.finditer(r"^\| (.+?) \|", table, re.MULTILINE) if not row[1].startswith("---")}


@dataclass
class Reader:
    """Answers as the page tells; `instead` by the words of a question. `asked`: the rows that were needed."""

    instead: Mapping[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def answer(self, question: str) -> str:
        """What to type."""
        for words, other in self.instead.items():
            if words in question:
                return other
        for row, (words, answer) in ROWS.items():
            if words in question:
                self.asked.add(row)
                return answer
        raise AssertionError(f"docs/deploy.md says nothing of this question: {question}")
