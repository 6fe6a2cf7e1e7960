"""How many parts an account may send in a day, and what happens when they are used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge import times
from bridge.campaigns.control import Controls, State
from bridge.campaigns.daily_cap import BY, CapReached, DailyCaps
from bridge.campaigns.keys import WHOLE_ACCOUNT, day_key
from bridge.errors import LogUnavailable
from tests.fakes.campaigns import campaign_table, controls_of
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.faults import UNREACHED
from tests.fakes.values import ACCOUNT_ID, START, account

if TYPE_CHECKING:
    from tests.fakes.clock import Clock
    from tests.fakes.dynamodb import FakeDynamoDB

DAY = ACCOUNT_ID, day_key("2023-11-15")  # in India it is past three in the morning
WHOLE = ACCOUNT_ID, WHOLE_ACCOUNT
CAPPED = account(parts_per_day=100, utc_offset=330)


@pytest.fixture
def controls(dynamodb: FakeDynamoDB, clock: Clock) -> Controls:
    return controls_of(dynamodb, clock)


@pytest.fixture
def caps(dynamodb: FakeDynamoDB, controls: Controls, clock: Clock) -> DailyCaps:
    return DailyCaps(campaign_table(dynamodb), controls, clock)


def counted(dynamodb: FakeDynamoDB) -> int:
    return int(dynamodb.tables[CAMPAIGNS][DAY]["parts"]["N"])


def use_up(caps: DailyCaps) -> CapReached:
    caps.reserve(CAPPED, 100, 1)
    with pytest.raises(CapReached) as reached:
        caps.reserve(CAPPED, 10, 1)
    return reached.value


def test_parts_are_counted_in_the_accounts_own_day(caps: DailyCaps, dynamodb: FakeDynamoDB):
    grant = caps.reserve(CAPPED, 30, 1)

    assert (grant.day, grant.parts, grant.almost) == (DAY, 30, False)
    assert counted(dynamodb) == 30
    assert int(dynamodb.tables[CAMPAIGNS][DAY]["expiresAt"]["N"]) > START + 30 * 86_400


def test_one_reservation_says_that_most_is_used_up(caps: DailyCaps):
    assert [caps.reserve(CAPPED, 20, 1).almost for _ in range(5)] == [False, False, False, True, False]


def test_the_last_parts_are_given_though_more_are_wanted(caps: DailyCaps, dynamodb: FakeDynamoDB):
    caps.reserve(CAPPED, 70, 1)

    assert caps.reserve(CAPPED, 50, 3).parts == 30
    assert counted(dynamodb) == 100


def test_parts_that_do_not_do_for_the_next_message_are_not_given(caps: DailyCaps, dynamodb: FakeDynamoDB):
    caps.reserve(CAPPED, 98, 1)

    with pytest.raises(CapReached):
        caps.reserve(CAPPED, 9, 3)
    assert counted(dynamodb) == 98


def test_parts_that_were_given_back_can_be_sent(caps: DailyCaps):
    caps.give_back(caps.reserve(CAPPED, 100, 1), 40)

    assert caps.reserve(CAPPED, 100, 1).parts == 40


@pytest.mark.fault("daily-cap")
def test_an_account_that_has_sent_its_parts_pauses_itself_until_its_next_day(caps: DailyCaps, controls: Controls):
    reached = use_up(caps)

    assert reached.first
    found = controls.read([WHOLE])[WHOLE]
    assert found == reached.control
    assert (found.state, found.changed_by, found.until) == (State.PAUSED, BY, "2023-11-15T18:30:00.000Z")
    assert found.note == "all 100 parts of 2023-11-15 are used up"


def test_only_the_first_worker_that_finds_it_used_up_says_so(caps: DailyCaps):
    use_up(caps)

    with pytest.raises(CapReached) as reached:
        caps.reserve(CAPPED, 10, 1)
    assert not reached.value.first
    assert reached.value.control.state is State.PAUSED


@pytest.mark.fault("daily-cap")
def test_the_next_day_the_account_goes_on_by_itself(caps: DailyCaps, controls: Controls, clock: Clock):
    use_up(caps)
    clock.sleep(86_400)

    assert controls.read([WHOLE])[WHOLE].state is State.RUNNING
    assert caps.reserve(CAPPED, 60, 1).parts == 60
    caps.reserve(CAPPED, 60, 1)
    with pytest.raises(CapReached) as reached:
        caps.reserve(CAPPED, 60, 1)
    assert reached.value.first


@pytest.mark.fault("daily-cap")
def test_what_is_used_up_as_the_day_ends_holds_nothing_of_the_next(
    caps: DailyCaps, controls: Controls, dynamodb: FakeDynamoDB, clock: Clock
):
    midnight = times.epoch("2023-11-15T18:30:00.000Z")
    caps.reserve(CAPPED, 100, 1)
    clock.sleep(midnight - clock() - 0.03)
    dynamodb.around = lambda _: clock.sleep(0.01)  # each call takes 20 ms

    with pytest.raises(CapReached) as reached:
        caps.reserve(CAPPED, 10, 1)

    assert clock() > midnight
    assert (reached.value.control.until, reached.value.control.note) == (
        "2023-11-15T18:30:00.000Z",
        "all 100 parts of 2023-11-15 are used up",
    )
    assert controls.read([WHOLE])[WHOLE].state is State.RUNNING


@pytest.mark.fault("daily-cap")
def test_a_person_who_resumes_the_account_overrules_the_cap_for_the_day(
    caps: DailyCaps, controls: Controls, dynamodb: FakeDynamoDB
):
    use_up(caps)
    controls.change(WHOLE, State.RUNNING, by="ana")

    assert caps.reserve(CAPPED, 60, 1).parts == 60
    assert caps.reserve(CAPPED, 60, 1).parts == 60
    assert controls.read([WHOLE])[WHOLE].state is State.RUNNING
    assert counted(dynamodb) == 220


def test_a_person_who_raises_the_cap_has_the_account_pause_at_the_new_one(caps: DailyCaps, controls: Controls):
    use_up(caps)
    controls.change(WHOLE, State.RUNNING, by="ana")
    raised = account(parts_per_day=150, utc_offset=330)

    assert caps.reserve(raised, 60, 1).parts == 50
    with pytest.raises(CapReached) as reached:
        caps.reserve(raised, 60, 1)
    assert reached.value.first


@pytest.mark.parametrize("state", [State.STOPPED, State.PAUSED])
def test_what_a_person_decided_meanwhile_is_left_alone(caps: DailyCaps, controls: Controls, state: State):
    decided = controls.change(WHOLE, state, by="ana")
    reached = use_up(caps)

    assert (reached.control, reached.first) == (decided, False)
    assert controls.read([WHOLE])[WHOLE] == decided


def test_a_worker_that_dies_before_it_noted_the_pause_leaves_it_to_be_made_again(
    caps: DailyCaps, controls: Controls, dynamodb: FakeDynamoDB
):
    caps.reserve(CAPPED, 100, 1)
    dynamodb.fail("update_item", None, None, UNREACHED)  # the refused reservation, the pause, its note
    with pytest.raises(LogUnavailable):
        caps.reserve(CAPPED, 10, 1)

    assert controls.read([WHOLE])[WHOLE].state is State.PAUSED
    with pytest.raises(CapReached):
        caps.reserve(CAPPED, 10, 1)


def test_a_message_larger_than_the_cap_pauses_the_account_and_counts_nothing(caps: DailyCaps, dynamodb: FakeDynamoDB):
    with pytest.raises(CapReached):
        caps.reserve(account(parts_per_day=5, utc_offset=330), 8, 8)
    assert "parts" not in dynamodb.tables[CAMPAIGNS][DAY]
