"""What the sink is set to do, and what it has received."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from local.sink.rules import FINAL_EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a setting `answer` may be, with the HTTP status that goes with it.
REFUSALS = {"fail_400": 400, "error_500": 500, "unavailable_503": 503}
ANSWERS = ("success", "partial", "slow", "drop", *REFUSALS)


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """How the sink answers.

    `answer`: one of ANSWERS, for the next `times` calls (None: always). "partial" processes every second item and
    gives the rest back as `unprocessed`; "slow" answers after `slow_seconds`. `encryption_keys`: CleverTap's by their
    versions, as a secret has them; with keys what comes in plain text is a fault.
    """

    answer: str = "success"
    times: int | None = None
    slow_seconds: float = 30.0
    encryption_keys: Mapping[str, str] = field(default_factory=dict)


def changed(settings: SinkSettings, changes: dict[str, Any]) -> SinkSettings:
    """The settings with `changes` applied. Raises ValueError."""
    if changes.keys() - {item.name for item in fields(SinkSettings)}:
        raise ValueError(f"unknown settings in {sorted(changes)}")
    if changes.get("answer", "success") not in ANSWERS:
        raise ValueError(f"answer is one of {', '.join(ANSWERS)}")
    return replace(settings, **changes)


@dataclass(slots=True)
class ReceivedEvents:
    """What came so far. `invalid` holds a reason for each item or call that broke CleverTap's rules."""

    calls: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, Any]:
        """Calls, items by event, faults, and messages with more than one final event (CleverTap counts both)."""
        finals = Counter(event["meta"] for event in self.events if event["event"] in FINAL_EVENTS)
        return {
            "calls": self.calls,
            "events": len(self.events),
            "by_event": dict(Counter(event["event"] for event in self.events)),
            "invalid": len(self.invalid),
            "duplicates": sum(1 for times in finals.values() if times > 1),
        }
