"""What becomes of a sandbox account's messages, by the last digits of their numbers."""

from __future__ import annotations

import pytest

from bridge.message import Cause, Failure, Status
from bridge.message_central.behaviours import BEHAVIOURS, Behaviour
from bridge.message_central.sandbox import RETRY_AFTER_SECONDS, outcome
from tests.fakes.values import message


def to(ending: str, attempts: int = 0) -> str:
    return outcome(message(recipient=f"+9198765{ending}", attempts=attempts)).status.value


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.name)
def test_every_ending_of_the_simulator_has_an_outcome(behaviour: Behaviour):
    came = outcome(message(recipient=f"+9198765{behaviour.suffix or '00001'}"))

    assert came.status in (Status.SENT, Status.REJECTED, Status.RETRYING, Status.UNKNOWN)
    assert bool(came.verification_id) == (came.status is Status.SENT)


def test_the_outcomes_are_those_of_the_vendors_answers():
    assert (to("12345"), to("99400"), to("99502"), to("99508")) == ("sent", "rejected", "unknown", "retrying")
    assert outcome(message(recipient="+919876599800")).failure is Failure.DAILY_LIMIT


def test_a_vendor_that_does_not_answer_leaves_it_unknown_and_lets_nobody_wait():
    assert (to("99002"), to("99003"), to("99005")) == ("unknown", "unknown", "unknown")


def test_what_fails_once_is_well_served_at_the_next_attempt():
    refused = outcome(message(recipient="+919876599429"))

    assert (refused.cause, refused.retry_after) == (Cause.RATE, int(RETRY_AFTER_SECONDS))
    assert to("99429", attempts=1) == "sent"
