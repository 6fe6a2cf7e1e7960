"""An account's rate: one schedule, whoever sends."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from bridge.campaigns.keys import WHOLE_ACCOUNT
from bridge.campaigns.schedule import RateSchedule, Slot
from bridge.errors import LogUnavailable
from tests.fakes.campaigns import campaign_table
from tests.fakes.faults import DENIED, LOST_AFTER, LOST_BEFORE, THROTTLED, UNREACHED, Fault
from tests.fakes.values import ACCOUNT_ID, START

if TYPE_CHECKING:
    from tests.fakes.clock import Clock
    from tests.fakes.dynamodb import FakeDynamoDB

RATE, NEAR = 20.0, 2.0


@pytest.fixture
def schedule(dynamodb: FakeDynamoDB, clock: Clock) -> RateSchedule:
    return RateSchedule(campaign_table(dynamodb), clock)


def test_the_first_slot_begins_now(schedule: RateSchedule):
    assert schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR) == Slot(START, START + 1, 20)


def test_the_next_slot_begins_where_the_last_one_ends(schedule: RateSchedule):
    schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR)

    assert schedule.reserve(ACCOUNT_ID, 10, RATE, NEAR) == Slot(START + 1, START + 1.5, 10)


def test_what_is_far_off_is_not_reserved_and_says_when_to_ask_again(schedule: RateSchedule, clock: Clock):
    for _ in range(3):
        schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR)

    assert schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR) == Slot(START + 1, START + 1, 0)
    clock.sleep(1)
    assert schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR) == Slot(START + 3, START + 4, 20)


def test_who_may_look_further_ahead_has_a_slot_where_others_have_none(schedule: RateSchedule):
    for _ in range(3):
        schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR)

    assert schedule.reserve(ACCOUNT_ID, 1, RATE, 3.5).begin == START + 3


def test_time_in_which_nobody_sent_is_not_caught_up_on(schedule: RateSchedule, clock: Clock):
    schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR)
    clock.sleep(600)

    assert schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR) == Slot(START + 600, START + 601, 20)
    assert schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR).begin == START + 601


@pytest.mark.parametrize("rate", [300.0, 450.0, 700.0, 1_500.0, 2_500.0])
def test_single_messages_keep_to_a_rate_of_which_none_takes_whole_milliseconds(
    rate: float, dynamodb: FakeDynamoDB, clock: Clock
):
    fractions = (0.618_034 * number % 1 for number in count())  # as even as chance is in the long run
    schedule = RateSchedule(campaign_table(dynamodb), clock, fractions.__next__)

    slots = [schedule.reserve(ACCOUNT_ID, 1, rate, near=9.0) for _ in range(int(rate))]

    assert slots[-1].end - START == pytest.approx(1.0, rel=0.01)


def test_each_account_has_a_schedule_of_its_own(schedule: RateSchedule):
    schedule.reserve(ACCOUNT_ID, 200, RATE, NEAR)

    assert schedule.reserve("OTHER", 20, RATE, NEAR).begin == START


def test_another_worker_that_begins_at_the_same_moment_gets_the_slot_behind(
    schedule: RateSchedule, dynamodb: FakeDynamoDB
):
    def meanwhile(point: str) -> None:
        if point == "after update_item":
            dynamodb.around = lambda _point: None
            schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR)

    dynamodb.around = meanwhile

    assert schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR).begin == START + 1


def test_a_slot_costs_one_write_and_leaves_the_rest_of_the_item_alone(schedule: RateSchedule, dynamodb: FakeDynamoDB):
    key = ACCOUNT_ID, WHOLE_ACCOUNT
    schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR)
    dynamodb.tables["Campaigns"][key]["state"] = {"S": "paused"}
    before = dynamodb.calls["update_item"]

    schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR)

    assert dynamodb.calls["update_item"] == before + 1
    assert dynamodb.tables["Campaigns"][key]["state"] == {"S": "paused"}


@pytest.mark.parametrize("fault", [UNREACHED, LOST_BEFORE, LOST_AFTER, THROTTLED, DENIED])
def test_a_table_that_does_not_answer_is_told(schedule: RateSchedule, dynamodb: FakeDynamoDB, fault: Fault):
    schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR)
    dynamodb.fail("update_item", fault)

    with pytest.raises(LogUnavailable):
        schedule.reserve(ACCOUNT_ID, 20, RATE, NEAR)
