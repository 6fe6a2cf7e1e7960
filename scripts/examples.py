"""The `curl` examples of a Markdown document, with the answers that it promises.

In a block of shell code, a command that begins with `curl` and, in the line after it, a comment with status and body:

    curl http://127.0.0.1:3000/sms -d '{"to": "919876543210", "text": "Welcome"}'
    # 200 {"status": "sent"}
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from dataclasses import dataclass, replace
from typing import Any

ENDPOINT = "http://127.0.0.1:3000"
"""Where the documents say that `make run` listens."""

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CURL = re.compile(r"^curl (?:[^\n]*\\\n)*[^\n]*\n", re.MULTILINE)
_ANSWER = re.compile(r"# (\d{3}) (\{.*\})\n")


@dataclass(frozen=True, slots=True)
class ExampleAnswer:
    """An answer over HTTP: its status, and its body as it was written."""

    status: int
    body: str

    def document(self) -> Any:
        """The body's JSON. Raises ValueError where it is none."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Example:
    """A command and the answer that stands below it."""

    command: str
    promised: ExampleAnswer

    def at(self, url: str) -> Example:
        """The same for a bridge that listens elsewhere."""
        return replace(self, command=self.command.replace(ENDPOINT, url))

    def run(self) -> ExampleAnswer:
        """Run the command. Raises CalledProcessError when `curl` gets no answer."""
        command = self.command.replace("\\\n", " ")
        arguments = [*shlex.split(command), "--silent", "--show-error", "--write-out", "\n%{http_code}"]
        done = subprocess.run(arguments, check=True, capture_output=True, text=True)
        body, _, status = done.stdout.rpartition("\n")
        return ExampleAnswer(int(status), body)


def examples(markdown: str) -> list[Example]:
    """The examples that call `make run`'s endpoint and promise an answer, in order."""
    found = []
    for block in _BLOCK.findall(markdown):
        for match in _CURL.finditer(block):
            answer = _ANSWER.match(block, match.end())
            if answer and ENDPOINT in match[0]:
                found.append(Example(match[0].rstrip("\n"), ExampleAnswer(int(answer[1]), answer[2])))
    return found


def keeps(promised: Any, given: Any) -> bool:
    """Whether an answer's JSON holds all that was promised. Texts with `…` and the vendor's ids may be any."""
    if isinstance(promised, dict):
        return isinstance(given, dict) and all(
            name in given and (name == "verificationId" or keeps(value, given[name]))
            for name, value in promised.items()
        )
    if isinstance(promised, list):
        return (
            isinstance(given, list)
            and len(given) == len(promised)
            and all(keeps(one, other) for one, other in zip(promised, given, strict=True))
        )
    if isinstance(promised, str) and "…" in promised:
        return isinstance(given, str) and given.startswith(promised.partition("…")[0])
    return bool(promised == given)
