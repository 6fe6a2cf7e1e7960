"""How far a batch is: a bar at the foot of a terminal, now and then a line anywhere else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

if TYPE_CHECKING:
    from rich.console import Console

# Seconds between two lines where there is no terminal.
LINE_PAUSE = 5.0


class Bar:
    """Shown while chunks are in the queue. `expected` and `done` count messages, and start anew with each drain."""

    def __init__(self, console: Console) -> None:
        self.expected = 0
        self.done = 0
        self._console = console
        self._progress = Progress(TextColumn("[bold]{task.description}"), BarColumn(), console=console, transient=True)
        self._task = self._progress.add_task("", visible=False)
        self._said_at = 0.0

    def start(self) -> None:
        """Take the foot of the terminal, if there is one."""
        if self._console.is_terminal:
            self._progress.start()

    def stop(self) -> None:
        """Give it back."""
        self._progress.stop()

    def show(self, waiting: int, at_work: int, later: int) -> None:
        """Show where things stand, given the queue's chunks."""
        chunks = waiting + at_work + later
        text = f"{self.done} of {self.expected} messages; chunks: {waiting} waiting, {at_work} at work, {later} later"
        self._progress.update(
            self._task, description=text, total=self.expected, completed=self.done, visible=chunks > 0
        )
        if not chunks:
            self.expected = self.done = 0
        elif not self._console.is_terminal and time.monotonic() - self._said_at > LINE_PAUSE:
            self._said_at = time.monotonic()
            self._console.print(text)
