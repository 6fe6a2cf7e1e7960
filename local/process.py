"""Programs that run beside ours: started apart from the terminal, ended with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent

# Seconds a program has to end by itself.
GRACE = 5


def start(module: str, arguments: Sequence[str], *, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Run `python -m module` in a session of its own: Ctrl-C reaches us alone, and we end it in order.

    What it prints goes to the file `log`, or nowhere. Its standard input stays open as long as we live.
    """
    output = log.open("ab") if log else None
    try:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=output or subprocess.DEVNULL,
            stderr=subprocess.STDOUT if output else subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": search_path()},
        )
    finally:
        if output:
            output.close()


def search_path(*first: Path) -> str:
    """PYTHONPATH for a process of ours: `first`, then this repository."""
    return os.pathsep.join(str(directory) for directory in (*first, ROOT))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and wait for its end; by force when it does not listen."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went: its end of our stdin closes."""
    threading.Thread(target=_wait_for_end_of_input, daemon=True).start()


def _wait_for_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


def wait_for_signal(before: Callable[[], None] = lambda: None) -> None:
    """Return on SIGTERM or SIGINT. `before` runs once both are listened for."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    before()
    while not told.wait(1):  # a wait without end would keep Python from running the signal's function
        pass
