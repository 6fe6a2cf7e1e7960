"""How to make the simulator misbehave, in words: printed by `make run` and `python -m local.simulator --help`."""

from __future__ import annotations

from bridge.message_central.behaviours import BEHAVIOURS
from local.simulator.receipt_plans import RECEIPT_PLANS

OUTAGE = """'{"seconds": 30}'"""
RATES = """'{"seed": 7, "rates": {"drop": 0.1, "hang": 0.05}}'"""


def suffixes() -> list[tuple[str, str]]:
    """The last digits that mean something, with what they do."""
    return [(one.suffix, one.says) for one in (*BEHAVIOURS, *RECEIPT_PLANS) if one.suffix]


def guide(url: str = "http://127.0.0.1:4010") -> str:
    """The table of suffixes, and how to set rates and play an outage, for a simulator at `url`."""
    rows = [f"  …{suffix}  {says}" for suffix, says in suffixes()]
    names = ", ".join(one.name for one in BEHAVIOURS if one.suffix)
    return "\n".join(
        [
            "A recipient whose number ends in one of these meets:",
            *rows,
            "The first group also by rate, for any number:",
            f"  curl {url}/_simulator/settings -d {RATES}",
            f"  names: {names}",
            "An outage of half a minute:",
            f"  curl {url}/_simulator/outage -d {OUTAGE}",
        ]
    )
