"""Python processes that run beside this one: started apart from the terminal, ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent

# Seconds a program has to end by itself.
GRACE = 5


def start(module: str, arguments: Sequence[str], *, log: Path | None = None, **options: Any) -> subprocess.Popen[bytes]:
    """Run `python -m module` in a session of its own, so that Ctrl-C reaches only us and we end it in order.

    What it prints goes to the file `log`, or nowhere. `options` are Popen's.
    """
    with (log or Path(os.devnull)).open("ab") as output:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options)


def search_path(*first: Path) -> str:
    """PYTHONPATH for a process of ours: `first`, then this repository."""
    return os.pathsep.join(str(directory) for directory in (*first, ROOT))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and wait for its end; kill it after GRACE seconds."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program that holds nothing worth a word with it."""
    process.kill()
    process.wait()
    if process.stdin:
        process.stdin.close()


def end_with_parent() -> None:
    """End this process when its parent is gone, even if that was killed: then our standard input closes."""
    threading.Thread(target=_wait_for_end_of_input, daemon=True).start()


def _wait_for_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


def wait_for_signal(before: Callable[[], None] = lambda: None) -> None:
    """Return on SIGTERM or SIGINT. `before` runs once both are handled."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    before()
    while not ended.wait(1):  # a wait without end would keep Python from running the signal's function
        pass
