"""Makes the picture of `make run` at work that the README shows.

    python -m scripts.picture_of_make_run docs/pictures/make_run.svg

Starts `make run`'s program on free ports, runs the README's examples and a batch with troubled numbers against it, and
saves what a terminal would show. The ports in the picture are the ones that `make run` has by default.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from local.ports import free_port
from scripts.examples import ENDPOINT, Example, ExampleAnswer, examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
PORTS = {"PORT": 3000, "AWS_PORT": 4566, "SIMULATOR_PORT": 4010, "SINK_PORT": 4020}
WIDTH = 112
START_SECONDS = 60
SHOW_SECONDS = 40

# Ends of numbers that ask the simulator for something: delivered, delivered, refused, undelivered, answer lost.
NUMBERS = ("9876500123", "9876500456", "9876599409", "9876598001", "9876599004")
COLOURS = {
    r"\b(sent|delivered)\b": "green",
    r"\b(rejected|undelivered|expired)\b": "red",
    r"\b(retrying|queued)\b": "yellow",
    r"\bunknown\b": "magenta",
}
# One line of what passes: time, masked number, status …
_PASSING = re.compile(r"^\d\d:\d\d:\d\d  \+\d+\*+\d+  (\w+)")
_SETTLED = {"delivered", "undelivered", "rejected", "unknown", "expired", "cancelled"}


class Program:
    """`python -m local` on free ports; its lines as they come, with the default ports in them."""

    def __init__(self, logs: str) -> None:
        self._ports = {name: free_port() for name in PORTS}
        variables = {name: str(port) for name, port in self._ports.items()}
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "local"],
            cwd=ROOT,
            env={**os.environ, **variables, "LOGS": logs, "VERBOSE": "1", "NO_COLOR": "1", "COLUMNS": str(WIDTH)},
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def url(self) -> str:
        """Where its endpoint is."""
        return f"http://127.0.0.1:{self._ports['PORT']}"

    def passing(self) -> list[str]:
        """The lines about messages."""
        return [line for line in self.lines if _PASSING.match(line)]

    def ended(self) -> int:
        """How many messages have come to an end, as far as it shows."""
        return sum(found[1] in _SETTLED for line in self.lines if (found := _PASSING.match(line)))

    def wait(self, what: str, seconds: float, ready: int = 1) -> None:
        """Wait until so many lines begin like this. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while sum(line.startswith(what) for line in self.lines) < ready:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise TimeoutError(f"make run did not print {what!r}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(START_SECONDS)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            shown = line.rstrip("\n")
            for name, port in self._ports.items():
                shown = shown.replace(f":{port}", f":{PORTS[name]}")
            self.lines.append(shown)


def main(arguments: Sequence[str]) -> int:
    """Make the picture."""
    target = Path(arguments[0])
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    with tempfile.TemporaryDirectory() as logs, _running(logs) as program:
        program.wait("What became of them", START_SECONDS)
        _show(console, "$ VERBOSE=1 make run")
        _show(console, *_places(program.lines))
        for example in [*examples((ROOT / "README.md").read_text()), _batch()]:
            _show(console, "", *f"$ {example.command}".splitlines(), example.at(program.url).run().body)
        deadline = time.monotonic() + SHOW_SECONDS
        while program.ended() < len(NUMBERS) + 1 and time.monotonic() < deadline:
            time.sleep(0.2)
        _show(console, "", *program.passing())
    console.save_svg(str(target), title="make run")
    return 0


@contextmanager
def _running(logs: str) -> Iterator[Program]:
    program = Program(logs)
    try:
        yield program
    finally:
        program.stop()


def _batch() -> Example:
    messages = [{"to": number, "text": "Hello"} for number in NUMBERS]
    body = shlex.quote(json.dumps({"messages": messages}).replace("}, {", "},\n                    {"))
    headers = "-H 'account: LOCAL-ACCOUNT' -H 'x-api-key: local-api-key'"
    return Example(f"curl {ENDPOINT}/sms {headers} \\\n  -d {body}", ExampleAnswer(200, "{}"))


def _places(lines: Sequence[str]) -> list[str]:
    """What it says of where everything is: its first paragraph, without the logs' directory."""
    first = lines[: lines.index("")]
    return [line for line in first if "/tmp" not in line and tempfile.gettempdir() not in line]  # noqa: S108 - shown, not used


def _show(console: Console, *lines: str) -> None:
    for line in lines:
        text = Text(line)
        if line.startswith("$ "):
            text.stylize("bold")
        elif _PASSING.match(line) or line.startswith("{"):
            for pattern, colour in COLOURS.items():
                text.highlight_regex(pattern, colour)
        console.print(text, soft_wrap=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
