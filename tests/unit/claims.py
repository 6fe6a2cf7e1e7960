"""Claims that tests make, and what comes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import AlreadyClaimed
from bridge.message import Outcome, Status
from tests.fakes.clock import Clock
from tests.fakes.values import message, message_id, number

if TYPE_CHECKING:
    from bridge.log.log import Log
    from bridge.log.row import Claim, Row

KEY = (number(1), message_id(1))
END = Clock().deadline(3_600)
SENT = Outcome(Status.SENT, verification_id="v1")


def new(log: Log, name: str = "w/1", index: int = 1, **changes: Any) -> Claim:
    return log.new_claim(message(index, **changes), name, report=True)


def claimed(log: Log, count: int) -> list[Claim]:
    """Claims that stand."""
    claims = [new(log, f"w/{n}", n) for n in range(count)]
    for claim in claims:
        log.claim(claim, END)
    return claims


def outcomes(log: Log, count: int, outcome: Outcome = SENT) -> list[Row]:
    """The rows of the outcomes of claims that stand."""
    return [log.outcome_row(claim, outcome) for claim in claimed(log, count)]


def refused(log: Log, claim: Claim) -> Row:
    """The row in whose favour a claim is refused."""
    with pytest.raises(AlreadyClaimed) as caught:
        log.claim(claim, END)
    return caught.value.row
