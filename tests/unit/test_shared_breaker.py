"""The breaker that all workers share: one item of the table, changed on condition."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.campaigns.shared_breaker import (
    FIRST_PROBE_SECONDS,
    LONGEST_LOSS_SECONDS,
    LONGEST_PROBE_SECONDS,
    BreakerState,
    Level,
    SharedBreaker,
    interval,
)
from bridge.errors import LogUnavailable
from tests.fakes.campaigns import breaker_in, shared_breaker
from tests.fakes.dynamodb import CAMPAIGNS, FakeDynamoDB
from tests.fakes.faults import DENIED, LOST_AFTER, LOST_BEFORE, THROTTLED, UNREACHED, Fault
from tests.fakes.values import ACCOUNT_ID, START

OPEN = BreakerState(Level.OPEN, 1_000, probes=2, losses=1)
NEXT = BreakerState(Level.OPEN, 9_000, probes=3, losses=1)


@pytest.fixture
def shared(dynamodb: FakeDynamoDB) -> SharedBreaker:
    return shared_breaker(dynamodb)


def test_a_breaker_that_nobody_opened_is_closed(shared: SharedBreaker, dynamodb: FakeDynamoDB):
    assert breaker_in(dynamodb) is None


def test_what_was_written_is_read_by_all_and_only_for_its_account(shared: SharedBreaker, dynamodb: FakeDynamoDB):
    shared.write(ACCOUNT_ID, OPEN)

    assert breaker_in(dynamodb) == OPEN
    assert breaker_in(dynamodb, "OTHER") is None


def test_a_breaker_of_which_somebody_took_away_a_part_is_open(shared: SharedBreaker, dynamodb: FakeDynamoDB):
    shared.write(ACCOUNT_ID, OPEN)
    for name in ("breakerLevel", "probes"):
        del dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, "*"][name]

    assert breaker_in(dynamodb) == BreakerState(Level.OPEN, 1_000, losses=1)


@pytest.mark.parametrize("written", [{"N": "2"}, {"N": "-1"}, {"N": "0.5"}, {"S": "open"}, {"NULL": True}], ids=str)
def test_a_breaker_of_which_somebody_wrote_what_it_cannot_hold_is_open(
    written: dict[str, Any], shared: SharedBreaker, dynamodb: FakeDynamoDB
):
    shared.write(ACCOUNT_ID, OPEN)
    for name in ("breakerLevel", "losses"):
        dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, "*"][name] = written

    found = breaker_in(dynamodb)

    assert found
    assert found.level is Level.OPEN
    assert BreakerState.due(1, found.level, found.probes, found.losses).is_due(1 + LONGEST_LOSS_SECONDS)


@pytest.mark.parametrize("written", [{"N": "1700000000000.5"}, {"S": "now"}, {"NULL": True}], ids=str)
def test_a_breaker_whose_next_probe_nobody_could_reserve_is_closed(
    written: dict[str, Any], shared: SharedBreaker, dynamodb: FakeDynamoDB
):
    shared.write(ACCOUNT_ID, OPEN)
    dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, "*"]["probeAt"] = written

    assert breaker_in(dynamodb) is None


def test_of_two_workers_one_reserves_the_probe(shared: SharedBreaker, dynamodb: FakeDynamoDB):
    shared.write(ACCOUNT_ID, OPEN)

    assert [shared.reserve(ACCOUNT_ID, OPEN, NEXT) for _ in range(2)] == [True, False]
    assert breaker_in(dynamodb) == NEXT


def test_a_probe_of_a_breaker_that_was_closed_meanwhile_cannot_be_reserved(
    shared: SharedBreaker, dynamodb: FakeDynamoDB
):
    shared.write(ACCOUNT_ID, OPEN)
    shared.close(ACCOUNT_ID)

    assert not shared.reserve(ACCOUNT_ID, OPEN, NEXT)
    assert breaker_in(dynamodb) is None


def test_closing_keeps_what_else_the_item_holds(shared: SharedBreaker, dynamodb: FakeDynamoDB):
    dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, "*"] = {
        "account": {"S": ACCOUNT_ID},
        "campaign": {"S": "*"},
        "paused": {"BOOL": True},
    }
    shared.write(ACCOUNT_ID, OPEN)

    shared.close(ACCOUNT_ID)

    assert breaker_in(dynamodb) is None
    assert dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, "*"]["paused"] == {"BOOL": True}


@pytest.mark.parametrize("fault", [UNREACHED, LOST_BEFORE, LOST_AFTER, THROTTLED, DENIED])
def test_a_table_that_does_not_take_a_write_says_so(shared: SharedBreaker, dynamodb: FakeDynamoDB, fault: Fault):
    shared.write(ACCOUNT_ID, OPEN)
    dynamodb.down("update_item", fault)

    for write in (
        lambda: shared.reserve(ACCOUNT_ID, OPEN, NEXT),
        lambda: shared.write(ACCOUNT_ID, OPEN),
        lambda: shared.close(ACCOUNT_ID),
    ):
        with pytest.raises(LogUnavailable):
            write()


@pytest.mark.parametrize(
    ("probes", "losses", "seconds"),
    [(0, 0, 5), (1, 0, 10), (3, 0, 40), (4, 0, 60), (99, 0, 60), (0, 1, 60), (0, 2, 120), (0, 5, 900), (3, 99, 900)],
)
def test_the_time_between_probes_grows_and_more_where_each_costs_a_message(probes: int, losses: int, seconds: int):
    assert interval(probes, losses) == seconds


def test_the_bounds_of_the_interval_are_those_that_are_named():
    assert interval(0, 0) == FIRST_PROBE_SECONDS
    assert interval(99, 0) == LONGEST_PROBE_SECONDS
    assert interval(99, 99) == LONGEST_LOSS_SECONDS


def test_a_state_is_due_when_its_interval_is_over():
    state = BreakerState.due(START, Level.OPEN, 1, 0)

    assert state == BreakerState(Level.OPEN, int(START * 1_000) + 10_000, probes=1, losses=0)


def test_that_another_worker_was_quicker_is_no_warning(shared: SharedBreaker, capsys: pytest.CaptureFixture[str]):
    shared.write(ACCOUNT_ID, NEXT)

    shared.reserve(ACCOUNT_ID, OPEN, NEXT)

    assert capsys.readouterr().out == ""
