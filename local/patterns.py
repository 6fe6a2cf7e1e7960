"""Filters of event sources: the part of EventBridge's patterns that the template uses (lists of exact values)."""

from __future__ import annotations

from typing import Any


class UnknownPatternError(ValueError):
    """A filter uses something (`prefix`, `exists`, …) that is not supported here."""


def check_pattern(pattern: Any) -> None:
    """Raise UnknownPatternError unless every leaf of the pattern is a list of exact values."""
    if isinstance(pattern, dict):
        for part in pattern.values():
            check_pattern(part)
    elif not isinstance(pattern, list) or any(isinstance(value, dict | list) for value in pattern):
        raise UnknownPatternError(f"filter with {pattern!r}: only lists of exact values are supported here")


def matches(pattern: dict[str, Any], event: Any) -> bool:
    """Whether the event has, at every place the pattern names, one of the values it lists."""
    return isinstance(event, dict) and all(
        matches(part, event.get(name)) if isinstance(part, dict) else _is_one_of(event.get(name), part)
        for name, part in pattern.items()
    )


def _is_one_of(value: Any, wanted: list[Any]) -> bool:
    # True is 1 in Python, but not in JSON.
    return any(value == one and type(value) is type(one) for one in wanted)
