"""Where processes run: those that are compared with each other share one core."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def cores() -> list[int]:
    """Those that this process may use."""
    return sorted(os.sched_getaffinity(0))


@contextmanager
def on_core(place: int) -> Iterator[None]:
    """What this thread starts meanwhile runs on one core, that of this place among them.

    Two cores of one machine may take half as long again for the same work, and change places within seconds. Processes
    that take turns on one core every few milliseconds are as fast as each other.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[place % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
