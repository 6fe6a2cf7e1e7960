"""Points in time, waits and deadlines."""

from __future__ import annotations

import pytest

from bridge.times import Deadline, backoff, epoch, iso
from tests.fakes.clock import Clock


def test_a_time_is_written_in_utc_with_milliseconds():
    assert iso(1_700_000_000.1239) == "2023-11-14T22:13:20.123Z"


@pytest.mark.parametrize("text", ["", "yesterday", "2023-13-01T00:00:00.000Z"])
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        epoch(text)


@pytest.mark.parametrize(
    ("attempts", "shortest", "longest"),
    [(1, 8, 15), (2, 15, 30), (3, 30, 60), (6, 240, 480), (7, 450, 900), (99, 450, 900)],
)
def test_the_wait_doubles_up_to_what_sqs_can_delay(attempts: int, shortest: int, longest: int):
    assert backoff(attempts, 0.0) == pytest.approx(shortest, abs=0.5)
    assert backoff(attempts, 0.9999) == longest


def test_a_deadline_counts_down_to_zero_and_not_below():
    clock = Clock()
    deadline = Deadline.within(10, clock)

    assert deadline.allows(10)
    assert not deadline.allows(10.1)
    clock.sleep(4)
    assert deadline.remaining() == pytest.approx(6)
    clock.sleep(60)
    assert deadline.remaining() == 0
    assert not deadline.allows(0.001)


def test_a_deadline_before_or_after_another_runs_on_the_same_clock():
    clock = Clock()
    deadline = Deadline.within(10, clock)

    assert deadline.before(4).remaining() == pytest.approx(6)
    assert deadline.before(-1).remaining() == pytest.approx(11)
    assert deadline.before(40).remaining() == 0
