"""What waits in SQS comes back as it went, and at its time."""

from __future__ import annotations

import json

import pytest

from bridge.pending import DELAYED_REPORTS, PARKED_RECEIPTS, Pending, RetrySchedule
from bridge.sqs import MAX_BYTES
from tests.fakes.values import ACCOUNT_ID, START

ITEM = {"meta": "m."}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "7",
        "[]",
        "{}",
        '"text"',
        json.dumps({"account": "a", "items": [], "since": "2023-11-14", "due": "2023-11-14", "attempts": 0}),
    ],
)
def test_a_malformed_body_is_refused(body: str):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Pending.decode(body)


@pytest.mark.parametrize(
    ("schedule", "waits"),
    [
        (PARKED_RECEIPTS, [15, 30, 60, 120, 240, 480, 900, 900, 900]),
        (DELAYED_REPORTS, [600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 76_800, 86_400]),
    ],
)
def test_each_kind_has_its_schedule(schedule: RetrySchedule, waits: list[int]):
    assert [schedule.wait(attempts) for attempts in range(1, 10)] == waits


@pytest.mark.parametrize("schedule", [PARKED_RECEIPTS, DELAYED_REPORTS])
def test_the_last_attempt_is_made_a_day_after_the_first(schedule: RetrySchedule):
    pending = Pending.new(ACCOUNT_ID, [ITEM], START)

    while not pending.over(pending.due, schedule):
        pending = pending.after_failure(pending.due, schedule)

    assert pending.due == START + 86_400


def test_a_delay_is_at_most_what_sqs_can_hold_and_never_too_short():
    pending = Pending(ACCOUNT_ID, [ITEM], START, START + 1_000.4)

    assert [pending.delay(START + later) for later in (0, 100, 1_000, 1_001)] == [900, 900, 1, 0]


def test_what_is_too_long_for_sqs_is_split_in_order():
    items = [{"meta": f"{n:03}" + "\x01" * 800} for n in range(100)]
    pending = Pending(ACCOUNT_ID, items, START, START + 600, 3)

    parts = pending.parts()

    assert len(parts) > 1
    assert all(len(part.encode()) <= MAX_BYTES for part in parts)
    assert [item for part in parts for item in part.items] == items
    assert {(part.account, part.since, part.due, part.attempts) for part in parts} == {
        (ACCOUNT_ID, START, START + 600, 3)
    }


def test_one_item_that_is_too_long_is_given_to_sqs_all_the_same():
    pending = Pending.new(ACCOUNT_ID, [{"meta": "x" * MAX_BYTES}], START)

    assert pending.parts() == [pending]
