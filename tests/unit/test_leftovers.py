"""What of a chunk has to wait, and for how long."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bridge import times
from bridge.leftovers import DELAYS, Leftovers
from bridge.message import Cause
from tests.fakes.faults import Crash
from tests.fakes.log import row
from tests.fakes.values import PASSWORD, message
from tests.unit.harness import chunk


def left(attempts: int = 2, fraction: float = 0.5, **changes: Any) -> Leftovers:
    return Leftovers(chunk(3, attempts=attempts), fraction=fraction, **changes)


def parts(leftovers: Leftovers) -> list[tuple[int, int, int]]:
    """Of each chunk that is left: (how many messages, attempts, delay)."""
    return [(len(part.messages), part.attempts, delay) for part, delay in leftovers.chunks()]


def test_nothing_left_is_no_chunk():
    assert left().chunks() == []


def test_what_was_not_attempted_keeps_its_attempts():
    leftovers = left()

    leftovers.postpone(message(1), Cause.BREAKER, 17.2)
    leftovers.again(message(2), 65.0)

    assert parts(leftovers) == [(1, 2, 18), (1, 2, 65)]


def test_what_was_attempted_counts_it_and_waits_as_the_attempts_ask():
    leftovers = left()

    leftovers.retry(message(1), Cause.UNREACHABLE)

    assert parts(leftovers) == [(1, 3, times.backoff(3, 0.5))]


def test_the_vendors_own_wait_comes_first():
    leftovers = left()

    leftovers.retry(message(1), Cause.RATE, 7)
    leftovers.retry(message(2), Cause.SAME_NUMBER, 60)

    assert parts(leftovers) == [(1, 3, 7), (1, 3, 60)]


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("cause", DELAYS)
def test_a_cause_with_a_wait_of_its_own_waits_within_it(cause: Cause, fraction: float):
    least, most = DELAYS[cause]
    leftovers = left(fraction=fraction)

    leftovers.postpone(message(1), cause)
    leftovers.retry(message(2), cause)

    assert [least <= delay <= most for _, _, delay in parts(leftovers)] == [True, True]


@pytest.mark.fault("rate-limit")
def test_what_the_vendors_rate_refused_is_back_soon_however_often_it_was_tried():
    leftovers = left(attempts=9)

    leftovers.retry(message(1), Cause.RATE)

    assert parts(leftovers) == [(1, 10, 2)]


def test_a_longer_wait_than_the_causes_own_counts():
    leftovers = left()

    leftovers.postpone(message(1), Cause.RATE, 12)

    assert parts(leftovers) == [(1, 2, 12)]


def test_no_wait_is_longer_than_sqs_can_delay():
    leftovers = left()

    leftovers.again(message(1), 5_000)
    leftovers.retry(message(2), Cause.RATE, 5_000)

    assert [delay for _, _, delay in parts(leftovers)] == [times.LONGEST_DELAY_SECONDS] * 2


def test_what_waits_for_the_same_travels_together():
    leftovers = left()

    for n in range(3):
        leftovers.postpone(message(n), Cause.LOG)

    [(again, _)] = leftovers.chunks()
    assert again.messages == [message(n) for n in range(3)]
    assert (again.account, again.request, again.lane) == (
        leftovers.chunk.account,
        leftovers.chunk.request,
        leftovers.chunk.lane,
    )


def test_rows_that_could_not_be_written_travel_alone_and_do_not_wait_for_messages():
    leftovers = left(rows=[row(1), row(2)])
    leftovers.postpone(message(1), Cause.NO_TIME)

    [(messages, _), (rows, delay)] = leftovers.chunks()

    assert (len(messages.messages), len(messages.outcomes)) == (1, 0)
    assert (len(rows.messages), len(rows.outcomes)) == (0, 2)
    assert (rows.attempts, delay) == (3, times.backoff(3, 0.5))


def test_outcomes_that_the_chunk_brought_do_not_travel_on_unless_they_are_left():
    leftovers = Leftovers(replace(chunk(1), outcomes=[row(1)]))
    leftovers.postpone(message(1), Cause.NO_TIME)

    [(again, _)] = leftovers.chunks()

    assert list(again.outcomes) == []


def test_a_chunk_that_failed_leaves_no_copies_of_its_messages_but_its_rows():
    leftovers = left(rows=[row(1)], failed=True)
    leftovers.postpone(message(1), Cause.NO_TIME)

    [(rows, _)] = leftovers.chunks()

    assert (len(rows.messages), len(rows.outcomes)) == (0, 1)


def test_a_fault_of_ours_fails_the_chunk_and_is_logged_without_what_it_says(capsys: pytest.CaptureFixture[str]):
    leftovers = left()

    with leftovers.guard():
        int(PASSWORD)

    assert leftovers.failed
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["error"]) == ("ERROR", "ValueError")
    assert "test_leftovers.py:" in line["where"]


def test_the_end_of_the_worker_is_no_fault_of_ours():
    leftovers = left()

    with pytest.raises(Crash), leftovers.guard():
        raise Crash

    assert not leftovers.failed


def test_chunks_that_fail_together_do_not_come_back_together():
    fractions = {Leftovers(chunk(1)).fraction for _ in range(10)}

    assert len(fractions) > 1
