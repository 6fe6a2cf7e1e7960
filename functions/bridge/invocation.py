"""What one invocation of a function carries through the layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.telemetry import InvocationMetrics
    from bridge.times import Deadline


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation: its request id, by which a worker is known in the log; its deadline; what it counts."""

    id: str
    deadline: Deadline
    metrics: InvocationMetrics
