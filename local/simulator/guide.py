"""How to make the simulator misbehave, in words: printed by `make run` and `python -m local.simulator --help`."""

from __future__ import annotations

from local.simulator.fates import FATES
from local.simulator.receipt_plans import STORIES

RATES = """'{"seed": 7, "rates": {"drop": 0.1, "hang": 0.05}}'"""


def suffixes() -> list[tuple[str, str]]:
    """Every number's end that means something, with what it does."""
    return [(fate.suffix, fate.says) for fate in FATES if fate.suffix] + [
        (story.suffix, story.says) for story in STORIES
    ]


def guide(url: str = "http://127.0.0.1:4010") -> str:
    """The table of suffixes, and how to set rates, of a simulator at `url`."""
    rows = [f"  …{suffix}  {says}" for suffix, says in suffixes()]
    names = ", ".join(fate.name for fate in FATES if fate.suffix)
    return "\n".join(
        [
            "A recipient whose number ends in one of these meets:",
            *rows,
            "The first group also by rate, for any number:",
            f"  curl {url}/_simulator/settings -d {RATES}",
            f"  names: {names}",
        ]
    )
