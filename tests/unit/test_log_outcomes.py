"""Outcomes in the log: one by one and in batches, whatever DynamoDB answers or does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bridge.log.log import RECORD_THREADS, Log
from bridge.log.table import BATCH
from bridge.message import Failure, Outcome, Rejection, Status
from tests.fakes.faults import (
    BROKEN_AFTER,
    BROKEN_BEFORE,
    DENIED,
    LOST_AFTER,
    LOST_BEFORE,
    THROTTLED,
    UNREACHED,
    Fault,
)
from tests.fakes.values import ACCOUNT_ID, START
from tests.unit.claims import END, KEY, SENT, claimed, new, outcomes, refused

if TYPE_CHECKING:
    from bridge.log.row import Claim, Row
    from tests.fakes.clock import Clock
    from tests.fakes.dynamodb import FakeDynamoDB

RETRYING = Outcome(Status.RETRYING, reason="busy")
NOT_QUEUED = Outcome(Status.REJECTED, Failure.NOT_QUEUED, reason="the queue could not be reached")


def rows_of(log: Log, batch: list[tuple[Claim, Outcome]]) -> list[Row]:
    return [log.outcome_row(claim, outcome) for claim, outcome in batch]


# Outcomes, one by one


def test_an_outcome_is_written_over_its_own_claim_only(log: Log, dynamodb: FakeDynamoDB):
    [outcome] = outcomes(log, 1)
    foreign = replace(outcome, claimed_by="somebody else")

    assert [there for _, there in log.record([foreign], END).superseded] == dynamodb.rows()
    assert dynamodb.statuses() == ["sending"]

    log.record([outcome], END)
    assert dynamodb.statuses() == ["sent"]


@pytest.mark.parametrize("status", ["delivered", "undelivered", "sent", "rejected", "expired"])
def test_an_outcome_does_not_undo_what_came_after_it(log: Log, dynamodb: FakeDynamoDB, status: str):
    [outcome] = outcomes(log, 1)
    later = replace(outcome, status=Status(status), reason="later")
    dynamodb.put(later)

    recorded = log.record([outcome], END)

    assert recorded.superseded == [(outcome, later)]
    assert dynamodb.rows() == [later]


def test_a_late_outcome_ends_a_doubt(log: Log, dynamodb: FakeDynamoDB):
    [outcome] = outcomes(log, 1)
    log.mark_unknown(refused(log, new(log, "w/9", 0)), END)

    log.record([outcome], END)

    assert dynamodb.statuses() == ["sent"]


def test_a_message_called_unknown_does_not_go_back_to_retrying(log: Log, dynamodb: FakeDynamoDB):
    # Nobody would try it again: its chunk ended when it found `unknown`.
    [outcome] = outcomes(log, 1, RETRYING)
    dynamodb.put(replace(outcome, status=Status.UNKNOWN))

    log.record([outcome], END)

    assert dynamodb.statuses() == ["unknown"]


def test_a_rejected_record_does_not_replace_a_message(log: Log, dynamodb: FakeDynamoDB):
    log.claim(new(log), END)
    rejection = Rejection(0, *KEY, Failure.INVALID_RECORD, "why", START)

    recorded = log.record([log.rejection_row(rejection, ACCOUNT_ID, report=False)], END)

    assert [there.status for _, there in recorded.superseded] == [Status.SENDING]
    assert dynamodb.statuses() == ["sending"]


def test_recording_again_changes_nothing(log: Log, dynamodb: FakeDynamoDB):
    rows = outcomes(log, 40)

    for _ in range(2):
        recorded = log.record(rows, END)
        assert (recorded.unwritten, recorded.superseded) == ([], [])
    assert dynamodb.statuses() == ["sent"] * 40


def test_nothing_to_record_one_by_one_costs_no_call(log: Log, dynamodb: FakeDynamoDB):
    assert log.record([], END).unwritten == []
    assert dynamodb.calls == {}


@pytest.mark.parametrize("fault", [UNREACHED, DENIED], ids=repr)
def test_once_one_finds_the_table_silent_the_others_do_not_wait_for_the_same(
    log: Log, dynamodb: FakeDynamoDB, fault: Fault
):
    rows = outcomes(log, 100)
    dynamodb.calls.clear()
    dynamodb.down("put_item", fault)

    assert log.record(rows, END).unwritten == rows
    assert dynamodb.calls["put_item"] <= 3 * RECORD_THREADS


def test_a_fault_of_ours_is_not_taken_for_the_tables(log: Log, dynamodb: FakeDynamoDB):
    def fault(_point: str) -> None:
        raise RuntimeError

    rows = outcomes(log, 1)
    dynamodb.around = fault

    with pytest.raises(RuntimeError):
        log.record(rows, END)


# Outcomes in batches


def test_outcomes_are_written_25_at_a_time(log: Log, dynamodb: FakeDynamoDB, clock: Clock):
    batch = [(claim, SENT) for claim in claimed(log, 60)]

    assert log.record_batch(batch, clock.deadline(10)) == []

    assert dynamodb.statuses() == ["sent"] * 60
    assert dynamodb.calls["batch_write_item"] == 3
    assert BATCH == 25


def test_nothing_to_record_costs_no_call(log: Log, dynamodb: FakeDynamoDB, clock: Clock):
    assert log.record_batch([], clock.deadline(10)) == []
    assert dynamodb.calls == {}


def test_unprocessed_items_are_written_again(log: Log, dynamodb: FakeDynamoDB, clock: Clock):
    batch = [(claim, SENT) for claim in claimed(log, 10)]
    dynamodb.unprocessed.extend([4, 2, 0])

    assert log.record_batch(batch, clock.deadline(10)) == []

    assert dynamodb.statuses() == ["sent"] * 10
    assert dynamodb.calls["batch_write_item"] == 3


def test_what_stays_unprocessed_comes_back(log: Log, dynamodb: FakeDynamoDB, clock: Clock):
    batch = [(claim, SENT) for claim in claimed(log, 10)]
    dynamodb.unprocessed.extend([4] + [4] * 10)

    left = log.record_batch(batch, clock.deadline(10))

    assert [one.key for one in left] == [claim.row.key for claim, _ in batch[-4:]]
    assert dynamodb.statuses() == ["sending"] * 4 + ["sent"] * 6


@pytest.mark.fault("table-throttled")
def test_a_throttled_batch_is_repeated_until_the_time_is_over(log: Log, dynamodb: FakeDynamoDB, clock: Clock):
    batch = [(claim, SENT) for claim in claimed(log, 3)]
    rows = rows_of(log, batch)
    dynamodb.down("batch_write_item", THROTTLED)
    deadline = clock.deadline(3.2)

    assert log.record_batch(batch, deadline) == rows

    assert 1 < dynamodb.calls["batch_write_item"] < 6
    assert deadline.remaining() > 2, "what is left is not slept away"
    assert dynamodb.statuses() == ["sending"] * 3


def test_a_throttled_batch_is_given_up_after_some_tries(log: Log, dynamodb: FakeDynamoDB):
    batch = [(claim, SENT) for claim in claimed(log, 3)]
    dynamodb.down("batch_write_item", THROTTLED)

    assert len(log.record_batch(batch, END)) == 3
    assert dynamodb.calls["batch_write_item"] == 6


@pytest.mark.parametrize("fault", [LOST_AFTER, LOST_BEFORE, BROKEN_AFTER, BROKEN_BEFORE, UNREACHED, DENIED], ids=repr)
def test_a_batch_without_an_answer_is_written_one_by_one(log: Log, dynamodb: FakeDynamoDB, clock: Clock, fault: Fault):
    batch = [(claim, SENT) for claim in claimed(log, 5)]
    dynamodb.fail("batch_write_item", fault)

    assert log.record_batch(batch, clock.deadline(10)) == []

    assert dynamodb.statuses() == ["sent"] * 5
    assert dynamodb.calls["batch_write_item"] == 1, "repeated, it could undo a receipt"


@pytest.mark.parametrize("fault", [LOST_AFTER, BROKEN_AFTER], ids=repr)
def test_a_receipt_between_a_lost_batch_and_its_repetition_is_not_undone(
    log: Log, dynamodb: FakeDynamoDB, clock: Clock, fault: Fault
):
    batch = [(claim, SENT) for claim in claimed(log, 3)]
    dynamodb.fail("batch_write_item", fault)

    def receipt(point: str) -> None:
        if point == "after batch_write_item":
            for one in rows_of(log, batch):
                dynamodb.put(replace(one, status=Status.DELIVERED))

    dynamodb.around = receipt
    assert log.record_batch(batch, clock.deadline(10)) == []

    assert dynamodb.statuses() == ["delivered"] * 3


def test_one_message_twice_in_a_batch_is_written_as_it_was_last(log: Log, dynamodb: FakeDynamoDB, clock: Clock):
    [claim] = claimed(log, 1)

    assert log.record_batch([(claim, RETRYING), (claim, SENT)], clock.deadline(10)) == []
    assert dynamodb.statuses() == ["sent"]


def test_of_several_batches_that_cannot_be_written_all_come_back(log: Log, dynamodb: FakeDynamoDB):
    batch = [(claim, SENT) for claim in claimed(log, BATCH + 5)]
    rows = rows_of(log, batch)
    dynamodb.down("batch_write_item", UNREACHED)
    dynamodb.down("put_item", UNREACHED)

    assert log.record_batch(batch, END) == rows


def test_what_cannot_be_written_one_by_one_comes_back_in_order(log: Log, dynamodb: FakeDynamoDB, clock: Clock):
    batch = [(claim, SENT) for claim in claimed(log, 20)]
    rows = rows_of(log, batch)
    dynamodb.down("batch_write_item", UNREACHED)
    dynamodb.down("put_item", UNREACHED)

    assert log.record_batch(batch, clock.deadline(10)) == rows
