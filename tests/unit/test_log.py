"""Claims: who may send, whatever DynamoDB answers or does not."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import AlreadyClaimed, LogRefused, LogUnavailable
from bridge.message import Failure, Outcome, Rejection, Status
from bridge.send import TOO_OLD
from tests.fakes.faults import (
    APPLIED,
    BROKEN_AFTER,
    BROKEN_BEFORE,
    DENIED,
    LOST_AFTER,
    LOST_BEFORE,
    NOT_APPLIED,
    THROTTLED,
    UNREACHED,
    Fault,
    client_error,
    silence,
)
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, START, message, number
from tests.unit.claims import END, KEY, SENT, claimed, new, outcomes, refused

if TYPE_CHECKING:
    from bridge.log.log import Log
    from bridge.log.row import Row
    from tests.fakes.clock import Clock
    from tests.fakes.dynamodb import FakeDynamoDB

RETRYING = Outcome(Status.RETRYING, reason="busy")
NOT_QUEUED = Outcome(Status.REJECTED, Failure.NOT_QUEUED, reason="the queue could not be reached")


def cancelled(log: Log, **changes: Any) -> Row:
    """The row of a message that was refused with a 503."""
    rejection = Rejection(0, *KEY, Failure.NOT_QUEUED, "not queued", START, **changes)
    return log.rejection_row(rejection, ACCOUNT_ID, report=False)


# Claims


def test_a_granted_claim_stands_in_the_table(log: Log, dynamodb: FakeDynamoDB):
    claim = new(log)

    log.claim(claim, END)

    assert dynamodb.rows() == [claim.row]


def test_a_second_claim_is_refused_with_what_became_of_the_first(log: Log):
    first = new(log)
    log.claim(first, END)

    assert refused(log, new(log, "w/2")) == first.row


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RETRYING])
def test_no_status_but_retrying_can_be_claimed_over(log: Log, dynamodb: FakeDynamoDB, status: Status):
    there = row(1, status)
    dynamodb.put(there)

    assert refused(log, new(log, "w/2")) == there
    assert dynamodb.rows() == [there]


def test_retrying_can_be_claimed_over(log: Log, dynamodb: FakeDynamoDB):
    dynamodb.put(row(1, "retrying"))

    log.claim(new(log, "w/2"), END)

    assert dynamodb.statuses() == ["sending"]


@pytest.mark.fault("answer-lost")
def test_a_claim_under_which_nothing_was_sent_can_be_claimed_over(log: Log, dynamodb: FakeDynamoDB):
    log.claim(new(log), END)

    log.claim(new(log, "w/2", unsent_claims=("w/0", "w/1")), END)

    assert dynamodb.rows()[0].claimed_by == "w/2"


def test_of_two_workers_with_the_same_unsent_claim_one_wins(log: Log):
    log.claim(new(log), END)

    log.claim(new(log, "w/2", unsent_claims=("w/1",)), END)

    assert refused(log, new(log, "w/3", unsent_claims=("w/1",))).claimed_by == "w/2"


def test_an_unsent_claim_that_somebody_called_unknown_may_be_sent_but_no_other(log: Log, dynamodb: FakeDynamoDB):
    dynamodb.put(row(1, "unknown", claimed_by="w/1"))

    refused(log, new(log, "w/2", unsent_claims=("w/0",)))
    log.claim(new(log, "w/3", unsent_claims=("w/0", "w/1")), END)

    assert dynamodb.statuses() == ["sending"]


@pytest.mark.parametrize("status", ["sent", "rejected", "delivered", "undelivered", "expired"])
def test_an_unsent_claim_is_no_right_over_another_status(log: Log, dynamodb: FakeDynamoDB, status: str):
    dynamodb.put(row(1, status, claimed_by="w/1"))

    assert refused(log, new(log, "w/2", unsent_claims=("w/1",))).status is Status(status)


@pytest.mark.fault("id-in-two-accounts")
def test_a_message_of_another_account_with_the_same_id_is_another_message(log: Log, dynamodb: FakeDynamoDB):
    dynamodb.put(row(1, account="OTHER"))

    log.claim(new(log), END)

    assert dynamodb.statuses() == ["sending", "sent"]


@pytest.mark.parametrize("fault", APPLIED, ids=repr)
def test_a_claim_whose_answer_was_lost_meets_itself_and_is_granted(log: Log, dynamodb: FakeDynamoDB, fault: Fault):
    dynamodb.fail("put_item", fault)

    log.claim(new(log), END)

    assert dynamodb.calls["put_item"] == 2
    assert dynamodb.statuses() == ["sending"]


def test_a_claim_that_is_written_again_is_granted_again(log: Log, dynamodb: FakeDynamoDB):
    claim = new(log)
    log.claim(claim, END)

    log.claim(claim, END)


def test_a_claim_that_has_an_outcome_is_not_granted_again(log: Log, dynamodb: FakeDynamoDB):
    claim = new(log)
    log.claim(claim, END)
    log.record([log.outcome_row(claim, SENT)], END)

    assert refused(log, claim).status is Status.SENT


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED], ids=repr)
def test_a_claim_without_an_answer_is_neither_granted_nor_refused(log: Log, dynamodb: FakeDynamoDB, fault: Fault):
    dynamodb.fail("put_item", *silence(fault))

    with pytest.raises(LogUnavailable) as caught:
        log.claim(new(log), END)

    assert number(1) not in str(caught.value)
    assert (dynamodb.row(KEY) is not None) is fault.applied


@pytest.mark.parametrize(
    ("fault", "perhaps"),
    [(UNREACHED, False), (THROTTLED, False), (LOST_BEFORE, True), (LOST_AFTER, True), (BROKEN_AFTER, True)],
    ids=repr,
)
def test_a_claim_without_an_answer_tells_whether_it_may_stand(
    log: Log, dynamodb: FakeDynamoDB, fault: Fault, *, perhaps: bool
):
    dynamodb.fail("put_item", *silence(fault))

    with pytest.raises(LogUnavailable) as caught:
        log.claim(new(log), END)

    assert caught.value.perhaps_written is perhaps
    assert not isinstance(caught.value, LogRefused)


@pytest.mark.parametrize("fault", [UNREACHED, LOST_BEFORE, LOST_AFTER, BROKEN_BEFORE, BROKEN_AFTER, THROTTLED])
def test_a_put_that_failed_in_passing_is_repeated(log: Log, dynamodb: FakeDynamoDB, fault: Fault):
    dynamodb.fail("put_item", fault, fault)

    log.claim(new(log), END)

    assert dynamodb.statuses() == ["sending"]


@pytest.mark.fault("table-refuses")
@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "ResourceNotFoundException",
        "ValidationException",
        "KMSAccessDeniedException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "ExpiredTokenException",
        "413",
    ],
)
def test_a_table_that_refuses_says_so_by_its_code_and_is_not_asked_again(log: Log, dynamodb: FakeDynamoDB, code: str):
    dynamodb.down("put_item", Fault(code, lambda: client_error(code)))

    with pytest.raises(LogRefused) as caught:
        log.claim(new(log), END)

    assert caught.value.code == code
    assert code in str(caught.value)
    assert caught.value.perhaps_written is False
    assert dynamodb.calls["put_item"] == 1


def test_a_refusal_after_a_lost_answer_leaves_open_what_was_written(log: Log, dynamodb: FakeDynamoDB):
    dynamodb.fail("put_item", LOST_AFTER, DENIED)

    with pytest.raises(LogRefused) as caught:
        log.claim(new(log), END)

    assert caught.value.perhaps_written is True
    assert dynamodb.statuses() == ["sending"]


def test_without_time_no_put_is_begun(log: Log, dynamodb: FakeDynamoDB, clock: Clock):
    with pytest.raises(LogUnavailable) as caught:
        log.claim(new(log), clock.deadline(2.9))

    assert caught.value.perhaps_written is False
    assert dynamodb.calls == {}


# A message that is too old


def test_a_message_that_is_too_old_ends_with_its_claim(log: Log, dynamodb: FakeDynamoDB):
    log.end(message(1), "w/1", TOO_OLD, END, report=True)

    [found] = dynamodb.rows()
    assert (found.status, found.code, found.report) == (Status.EXPIRED, "916", True)
    assert found.final_at == "2023-11-14T22:13:20.000Z"
    assert dynamodb.calls == {"put_item": 1}


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RETRYING])
def test_what_was_sent_or_ended_before_does_not_expire(log: Log, dynamodb: FakeDynamoDB, status: Status):
    dynamodb.put(row(1, status))

    with pytest.raises(AlreadyClaimed):
        log.end(message(1), "w/2", TOO_OLD, END, report=True)
    assert dynamodb.statuses() == [status]


def test_an_end_whose_answer_was_lost_meets_itself(log: Log, dynamodb: FakeDynamoDB):
    dynamodb.fail("put_item", LOST_AFTER)

    log.end(message(1), "w/1", TOO_OLD, END, report=True)

    assert dynamodb.statuses() == ["expired"]


# A message of which CleverTap was told that nothing was accepted


@pytest.mark.fault("refused-then-posted")
def test_an_id_that_was_refused_with_a_503_is_sent_when_it_comes_again(log: Log, dynamodb: FakeDynamoDB, clock: Clock):
    log.record([cancelled(log)], END)
    clock.now += 60

    log.claim(new(log, "w/2", accepted_at=clock()), END)

    assert dynamodb.statuses() == ["sending"]


@pytest.mark.fault("queue-in-doubt")
def test_the_chunk_of_a_refused_request_stays_refused_when_it_turns_up(log: Log, clock: Clock):
    clock.now += 9  # the queue did not answer for so long
    log.record([cancelled(log)], END)
    clock.now += 60

    assert refused(log, new(log, "w/2", accepted_at=START)).status is Status.REJECTED


def test_of_a_message_refused_twice_neither_chunk_is_sent(log: Log, dynamodb: FakeDynamoDB, clock: Clock):
    log.record([cancelled(log)], END)
    clock.now += 60
    accepted_again = clock()
    clock.now += 9
    rejection = Rejection(0, *KEY, Failure.NOT_QUEUED, "not queued", accepted_again)

    recorded = log.record([log.rejection_row(rejection, ACCOUNT_ID, report=False)], END)

    assert recorded.superseded == []
    for accepted_at in (START, accepted_again):
        refused(log, new(log, "w/2", accepted_at=accepted_at))


def test_a_rejection_of_which_clevertap_is_told_stays_the_end(log: Log, clock: Clock):
    rejection = Rejection(0, *KEY, Failure.NOT_QUEUED, "why", START)
    log.record([log.rejection_row(rejection, ACCOUNT_ID, report=True)], END)
    clock.now += 60

    assert refused(log, new(log, accepted_at=clock())).status is Status.REJECTED


def test_a_message_that_waits_in_vain_for_the_queue_is_rejected_under_its_claim(log: Log, dynamodb: FakeDynamoDB):
    [claim] = claimed(log, 1)
    log.record([log.outcome_row(claim, RETRYING)], END)

    recorded = log.record([log.outcome_row(claim, NOT_QUEUED, already_reported=True)], END)

    assert recorded.superseded == []
    [found] = dynamodb.rows()
    assert (found.status, found.code, found.report) == (Status.REJECTED, "904", False)


def test_a_message_that_somebody_else_retries_already_is_not_rejected(log: Log, dynamodb: FakeDynamoDB):
    [claim] = claimed(log, 1)
    log.record([log.outcome_row(claim, RETRYING)], END)
    log.claim(new(log, "w/9", 0), END)

    recorded = log.record([log.outcome_row(claim, NOT_QUEUED)], END)

    assert [there.claimed_by for _, there in recorded.superseded] == ["w/9"]
    assert dynamodb.statuses() == ["sending"]


def test_the_claim_of_a_request_that_sent_nothing_is_rejected_with_it(log: Log, dynamodb: FakeDynamoDB):
    log.claim(new(log), END)

    log.record([cancelled(log, unsent_claims=["w/1"])], END)

    assert dynamodb.statuses() == ["rejected"]


# A worker that died


def test_a_dead_workers_message_becomes_unknown_and_says_why(log: Log, dynamodb: FakeDynamoDB):
    log.claim(new(log), END)
    there = refused(log, new(log, "w/2"))

    assert log.mark_unknown(there, END) is True

    [found] = dynamodb.rows()
    assert found == replace(there, status=Status.UNKNOWN, reason=found.reason)
    assert found.reason
    assert "worker" in found.reason
    assert found.text


def test_of_two_that_find_a_worker_dead_one_has_marked_its_message(log: Log):
    log.claim(new(log), END)
    there = refused(log, new(log, "w/2"))

    assert [log.mark_unknown(there, END) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("fault", APPLIED, ids=repr)
def test_a_mark_whose_answer_was_lost_was_made(log: Log, dynamodb: FakeDynamoDB, fault: Fault):
    log.claim(new(log), END)
    there = refused(log, new(log, "w/2"))
    dynamodb.fail("put_item", fault)

    assert log.mark_unknown(there, END) is True
    assert dynamodb.statuses() == ["unknown"]


@pytest.mark.parametrize("status", ["sent", "rejected", "retrying", "unknown", "delivered", "expired"])
def test_an_outcome_that_came_meanwhile_is_no_unknown(log: Log, dynamodb: FakeDynamoDB, status: str):
    log.claim(new(log), END)
    there = refused(log, new(log, "w/2"))
    dynamodb.put(replace(there, status=Status(status)))

    assert log.mark_unknown(there, END) is False
    assert dynamodb.statuses() == [status]


def test_a_message_that_another_worker_has_claimed_meanwhile_is_left_to_it(log: Log, dynamodb: FakeDynamoDB):
    log.claim(new(log), END)
    there = refused(log, new(log, "w/2"))
    dynamodb.put(replace(there, claimed_by="w/3"))

    assert log.mark_unknown(there, END) is False
    assert dynamodb.statuses() == ["sending"]


@pytest.mark.parametrize("fault", NOT_APPLIED, ids=repr)
def test_a_mark_without_an_answer_says_so(log: Log, dynamodb: FakeDynamoDB, fault: Fault):
    log.claim(new(log), END)
    there = refused(log, new(log, "w/2"))
    dynamodb.fail("put_item", *silence(fault))

    with pytest.raises(LogUnavailable):
        log.mark_unknown(there, END)


# The table


def test_rows_are_written_by_several_threads_at_once(log: Log, dynamodb: FakeDynamoDB):
    rows = outcomes(log, 2)
    both = threading.Barrier(2, timeout=10)
    dynamodb.around = lambda point: both.wait() and None if point == "before put_item" else None

    assert log.record(rows, END).unwritten == []


def test_no_error_of_the_logs_holds_anothers_words(log: Log, dynamodb: FakeDynamoDB):
    # A ValidationException quotes what was sent, and that holds a number and a text.
    dynamodb.down("put_item", Fault("quoting", lambda: client_error("ValidationException", message=number(1))))

    with pytest.raises(LogRefused) as caught:
        log.claim(new(log), END)
    assert number(1) not in str(caught.value)
