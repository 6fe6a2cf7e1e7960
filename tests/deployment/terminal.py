"""A person at a terminal: runs a command and answers what it asks."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

GRACE = 60  # seconds for a command to end that says nothing more
# "Stack Name [clevertap-sms]: ", and then it waits.
_QUESTION = re.compile(r"([^\r\n]*) \[[^\]\r\n]*\]: $")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def converse(
    command: Sequence[str],
    answer: Callable[[str], str],
    *,
    directory: Path,
    variables: Mapping[str, str],
    seconds: float,
) -> str:
    """Run a command at a terminal; what stood there at its end. A failure raises with it.

    `answer` is given a question's text and says what to type: "" is Enter.
    """
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        command, cwd=directory, env=dict(variables), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        said = _conversation(ours, answer, time.monotonic() + seconds)
        running.wait(GRACE)
    finally:
        with suppress(ProcessLookupError):  # all is over
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        os.close(ours)
    assert running.returncode == 0, f"{' '.join(command)}\n{said}"
    return said


def _conversation(terminal: int, answer: Callable[[str], str], end: float) -> str:
    said, answered = "", 0
    while heard := _heard(terminal, end):
        said += _COLOUR.sub("", heard)
        if question := _QUESTION.search(said, answered):
            os.write(terminal, f"{answer(question[1].strip())}\n".encode())
            answered = len(said)
    return said


def _heard(terminal: int, end: float) -> str:
    """What was said next; empty at the end, or when nothing was said in time."""
    ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
    try:
        return os.read(terminal, 65_536).decode(errors="replace") if ready else ""
    except OSError:  # the other side is gone
        return ""
