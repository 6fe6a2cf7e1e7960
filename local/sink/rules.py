"""What CleverTap demands of a callback (docs/contracts/clevertap.md)."""

from __future__ import annotations

import json
from typing import Any

# In one call. CleverTap's documentation is not clear about the number, so the lower one applies.
MOST_ITEMS = 100

FINAL_EVENTS = ("delivered", "failed")
EVENTS = (*FINAL_EVENTS, "replied", "clicked")

# Codes of `failed`; 911 does not exist.
CODES = {str(code) for code in range(900, 921) if code != 911}  # noqa: PLR2004

# Epoch seconds between 2001 and 2286: anything else is milliseconds or nonsense.
EARLIEST, LATEST = 1_000_000_000, 10_000_000_000


def items_of(body: bytes) -> tuple[list[dict[str, Any]], str]:
    """The items of a call, each with its `event`; or what is wrong with the call as a whole."""
    try:
        calls = json.loads(body)
    except ValueError:
        return [], "not JSON"
    fault = _fault_of_call(calls)
    if fault:
        return [], fault
    items = [{**item, "event": call["event"]} for call in calls for item in call["data"]]
    return (items, "") if len(items) <= MOST_ITEMS else ([], f"{len(items)} items, more than {MOST_ITEMS}")


def _fault_of_call(calls: Any) -> str:
    if not isinstance(calls, list):
        return "not an array at the top"
    for call in calls:
        if not (isinstance(call, dict) and isinstance(call.get("data"), list)):
            return "an element without an array `data`"
        if call.get("event") not in EVENTS:
            return f"unknown event {call.get('event')!r}"
        if not all(isinstance(item, dict) for item in call["data"]):
            return "an item that is not an object"
    return ""


def faults_of(item: dict[str, Any]) -> str:
    """What is wrong with an item; empty when nothing is."""
    ts, meta, code = item.get("ts"), item.get("meta"), item.get("code")
    if isinstance(ts, bool) or not isinstance(ts, int | float) or not EARLIEST <= ts <= LATEST:
        return f"ts {ts!r} is not in epoch seconds"
    if not (isinstance(meta, str) and meta):
        return "meta is not a string"
    if not isinstance(item.get("description"), str):
        return "description is not a string"
    if item["event"] == "failed" and code not in CODES:
        return f"code {code!r} of a failed event is not one of CleverTap's, as a string"
    return ""
