"""The parts of `make bench`, in the order in which they are measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.console import console
from tests.bench.promises import costs, latency, memory_settings
from tests.bench.starts import cold, logs, memory, size
from tests.bench.work import accept, dispatch, growing, growth, limits, receipts, slow_vendor, tls, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.artifact import Artifacts
    from tests.bench.table import Line

PARTS: dict[str, Callable[[Artifacts], Iterator[Line]]] = {
    part.__name__: part
    for part in (
        cold,
        # Beside accept's and dispatch's 100,000 messages, which take one core for three minutes.
        *(growing, dispatch, tls, slow_vendor, accept, receipts, size, memory, logs),
        # With the machine to themselves: what needs both cores.
        *(limits, workers, latency, growth),
        *(memory_settings, costs),
    )
}
ALONE = {"console": console}
"""Parts that are measured when they are named, and else left out: what they need takes minutes."""
NEEDED = {
    "growth": ("growing",),
    "costs": ("logs", "accept", "workers", "receipts"),
    "memory_settings": ("cold", "logs", "accept", "workers", "receipts"),
}
"""Parts whose figures another one reckons with."""
