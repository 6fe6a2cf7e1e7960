from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.message import LogUnavailable, Outcome, Rejection, Status
from bridge.rows import Claim, Row, from_item, to_item
from bridge.send_log import BATCH, SendLog
from tests.fakes.clock import Clock
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
    silence,
)
from tests.fakes.values import START, message, message_id, number, text
from tests.unit.conftest import send_log

if TYPE_CHECKING:
    from tests.fakes.dynamodb import FakeDynamoDB

KEY = (number(1), message_id(1))
END = Clock().deadline(3_600)
SENT = Outcome(Status.SENT, verification_id="v1")
RETRYING = Outcome(Status.RETRYING, reason="busy")


def new(log: SendLog, name: str = "w/1", index: int = 1, **changes: Any) -> Claim:
    return log.new_claim(message(index, **changes), name, report=True)


def claimed(log: SendLog, count: int, outcome: Outcome = SENT) -> list[Row]:
    """Claims that stand, and the rows of their outcomes."""
    claims = [new(log, f"w/{n}", n) for n in range(count)]
    for claim in claims:
        assert log.claim(claim, END) is None
    return [log.outcome_row(claim, outcome) for claim in claims]


# Rows


def test_a_claim_is_a_row_that_says_sending(log: SendLog, dynamodb: FakeDynamoDB):
    claim = new(log, campaign_id="c", sender_id="s", template_id="t", message_type="OTP", attempts=2)

    assert log.claim(claim, END) is None

    assert dynamodb.row(KEY) == {
        "recipient": number(1),
        "messageId": message_id(1),
        "account": "6K9-TST-XX7Z",
        "status": "sending",
        "segments": 1,
        "acceptedAt": "2023-11-14T22:13:20.000Z",
        "claimedAt": "2023-11-14T22:13:20.000Z",
        "claimedBy": "w/1",
        "attempts": 3,
        "report": True,
        "expiresAt": int(START) + 30 * 86_400,
        "text": text(),
        "campaignId": "c",
        "senderId": "s",
        "templateId": "t",
        "messageType": "OTP",
    }


def test_texts_are_kept_only_where_they_are_to_be(dynamodb: FakeDynamoDB, clock: Clock):
    log = send_log(dynamodb, clock, store_text=False)
    rejection = Rejection(0, "-", "id", "900", "why", text=text())

    log.claim(new(log), END)

    assert "text" not in (dynamodb.row(KEY) or {})
    assert "text" not in log.rejection_row(rejection, "a", START, report=True)


def test_clevertap_is_not_told_about_ids_that_it_did_not_give(log: SendLog):
    assert new(log, message_id="bridge-1").row["report"] is False
    rejection = Rejection(0, "-", "bridge-1", "900", "why")
    assert log.rejection_row(rejection, "a", START, report=True)["report"] is False


@pytest.mark.parametrize(
    ("outcome", "fields"),
    [
        (SENT, {"status": "sent", "sentAt": "2023-11-14T22:13:20.000Z", "verificationId": "v1"}),
        (
            Outcome(Status.REJECTED, "910", "bad"),
            {"status": "rejected", "finalAt": "2023-11-14T22:13:20.000Z", "code": "910", "reason": "bad"},
        ),
        (RETRYING, {"status": "retrying", "reason": "busy"}),
        (Outcome(Status.UNKNOWN, reason="lost"), {"status": "unknown", "reason": "lost"}),
    ],
)
def test_an_outcome_replaces_the_claims_row(log: SendLog, outcome: Outcome, fields: Row):
    claim = new(log)

    assert log.outcome_row(claim, outcome) == {**claim.row, **fields}


def test_what_the_answer_told_needs_no_report(log: SendLog):
    assert log.outcome_row(new(log), Outcome(Status.REJECTED, "910", "bad"), told=True)["report"] is False


def test_rows_and_items_are_the_same_thing():
    row: Row = {"a": "x", "n": 7, "yes": True, "no": False, "empty": ""}

    assert to_item(row) == {
        "a": {"S": "x"},
        "n": {"N": "7"},
        "yes": {"BOOL": True},
        "no": {"BOOL": False},
        "empty": {"S": ""},
    }
    assert from_item(to_item(row)) == row


# Claims


def test_a_second_claim_is_refused_with_what_became_of_the_first(log: SendLog):
    first = new(log)
    log.claim(first, END)

    existing = log.claim(new(log, "w/2"), END)

    assert existing is not None
    assert (existing.status, existing.claimed_at, existing.row) == (Status.SENDING, START, first.row)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RETRYING])
def test_no_status_but_retrying_can_be_claimed_over(log: SendLog, dynamodb: FakeDynamoDB, status: Status):
    dynamodb.put({**new(log).row, "status": status.value})

    existing = log.claim(new(log, "w/2"), END)

    assert existing is not None
    assert existing.status is status
    assert (dynamodb.row(KEY) or {})["claimedBy"] == "w/1"


def test_retrying_can_be_claimed_over(log: SendLog, dynamodb: FakeDynamoDB):
    [row] = claimed(log, 1, RETRYING)
    log.settle(row, END)

    assert log.claim(new(log, "w/2", 0), END) is None
    assert dynamodb.statuses() == ["sending"]


def test_a_claim_under_which_nothing_was_sent_can_be_claimed_over(log: SendLog):
    log.claim(new(log), END)

    assert log.claim(new(log, "w/2", unsent_claims=("w/0", "w/1")), END) is None


def test_of_two_workers_with_the_same_unsent_claim_one_wins(log: SendLog):
    log.claim(new(log), END)

    results = [log.claim(new(log, name, unsent_claims=("w/1",)), END) for name in ("w/2", "w/3")]

    assert results[0] is None
    assert results[1] is not None


def test_an_unsent_claim_that_somebody_called_unknown_may_be_sent_but_no_other(log: SendLog, dynamodb: FakeDynamoDB):
    dynamodb.put({**new(log).row, "status": "unknown"})

    assert log.claim(new(log, "w/2", unsent_claims=("w/0",)), END) is not None
    assert log.claim(new(log, "w/3", unsent_claims=("w/0", "w/1")), END) is None


@pytest.mark.parametrize("status", ["sent", "rejected", "delivered", "undelivered", "expired"])
def test_an_unsent_claim_is_no_right_over_another_status(log: SendLog, dynamodb: FakeDynamoDB, status: str):
    dynamodb.put({**new(log).row, "status": status})

    assert log.claim(new(log, "w/2", unsent_claims=("w/1",)), END) is not None


def test_a_rejected_records_row_refuses_a_claim(log: SendLog):
    log.settle(log.rejection_row(Rejection(0, *KEY, "904", "why"), "a", START, report=False), END)

    existing = log.claim(new(log), END)

    assert existing is not None
    assert existing.status is Status.REJECTED


def test_a_put_that_meets_itself_has_won(log: SendLog, dynamodb: FakeDynamoDB):
    # The client repeats a put whose answer was lost: the second one finds the first.
    claim = new(log)
    dynamodb.put(claim.row)

    assert log.claim(claim, END) is None


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_a_claim_without_an_answer_is_neither_granted_nor_refused(log: SendLog, dynamodb: FakeDynamoDB, fault: Fault):
    dynamodb.fail("put_item", *silence(fault))

    with pytest.raises(LogUnavailable) as caught:
        log.claim(new(log), END)

    assert number(1) not in str(caught.value)
    assert (dynamodb.row(KEY) is not None) is fault.applied


@pytest.mark.parametrize("fault", [UNREACHED, LOST_BEFORE, LOST_AFTER, BROKEN_BEFORE, BROKEN_AFTER, THROTTLED])
def test_a_put_that_failed_in_passing_is_repeated(log: SendLog, dynamodb: FakeDynamoDB, fault: Fault):
    dynamodb.fail("put_item", fault, fault)

    assert log.claim(new(log), END) is None
    assert dynamodb.statuses() == ["sending"]


def test_a_put_that_is_refused_is_not_repeated(log: SendLog, dynamodb: FakeDynamoDB):
    dynamodb.fail("put_item", DENIED)

    with pytest.raises(LogUnavailable):
        log.claim(new(log), END)
    assert dynamodb.calls["put_item"] == 1


def test_without_time_no_put_is_begun(log: SendLog, dynamodb: FakeDynamoDB, clock: Clock):
    with pytest.raises(LogUnavailable):
        log.claim(new(log), clock.deadline(2.9))
    assert dynamodb.calls == {}


# Single outcomes


def test_an_outcome_is_written_over_its_own_claim_only(log: SendLog, dynamodb: FakeDynamoDB):
    [row] = claimed(log, 1)
    log.settle({**row, "claimedBy": "somebody else"}, END)
    assert dynamodb.statuses() == ["sending"]

    log.settle(row, END)
    assert dynamodb.statuses() == ["sent"]


@pytest.mark.parametrize("status", ["delivered", "undelivered", "sent", "rejected", "expired"])
def test_an_outcome_does_not_undo_what_came_after_it(log: SendLog, dynamodb: FakeDynamoDB, status: str):
    [row] = claimed(log, 1)
    dynamodb.put({**row, "status": status, "reason": "later"})

    log.settle(row, END)

    assert dynamodb.rows()[0]["reason"] == "later"


def test_a_late_outcome_ends_a_doubt(log: SendLog, dynamodb: FakeDynamoDB):
    [row] = claimed(log, 1)
    existing = log.claim(new(log, "w/9", 0), END)
    assert existing is not None
    log.give_up(existing, END)
    assert dynamodb.statuses() == ["unknown"]

    log.settle(row, END)

    assert dynamodb.statuses() == ["sent"]


def test_a_message_called_unknown_does_not_go_back_to_retrying(log: SendLog, dynamodb: FakeDynamoDB):
    # Nobody would try it again: its chunk ended when it found `unknown`.
    [row] = claimed(log, 1, RETRYING)
    dynamodb.put({**row, "status": "unknown"})

    log.settle(row, END)

    assert dynamodb.statuses() == ["unknown"]


def test_a_rejected_record_does_not_replace_a_message(log: SendLog, dynamodb: FakeDynamoDB):
    log.claim(new(log), END)

    log.settle(log.rejection_row(Rejection(0, *KEY, "900", "why"), "a", START, report=False), END)

    assert dynamodb.statuses() == ["sending"]


# Batches


def test_outcomes_are_written_25_at_a_time(log: SendLog, dynamodb: FakeDynamoDB, clock: Clock):
    rows = claimed(log, 60)

    assert log.record(rows, clock.deadline(10)) == []

    assert dynamodb.statuses() == ["sent"] * 60
    assert dynamodb.calls["batch_write_item"] == 3
    assert BATCH == 25


def test_nothing_to_record_costs_no_call(log: SendLog, dynamodb: FakeDynamoDB, clock: Clock):
    assert log.record([], clock.deadline(10)) == []
    assert dynamodb.calls == {}


def test_unprocessed_items_are_written_again(log: SendLog, dynamodb: FakeDynamoDB, clock: Clock):
    rows = claimed(log, 10)
    dynamodb.unprocessed.extend([4, 2, 0])

    assert log.record(rows, clock.deadline(10)) == []
    assert dynamodb.statuses() == ["sent"] * 10
    assert dynamodb.calls["batch_write_item"] == 3


def test_what_stays_unprocessed_comes_back(log: SendLog, dynamodb: FakeDynamoDB, clock: Clock):
    rows = claimed(log, 10)
    dynamodb.unprocessed.extend([4] + [4] * 10)

    left = log.record(rows, clock.deadline(10))

    assert left == rows[-4:]
    assert dynamodb.statuses() == ["sending"] * 4 + ["sent"] * 6


def test_a_throttled_batch_is_repeated_until_the_time_is_over(log: SendLog, dynamodb: FakeDynamoDB, clock: Clock):
    rows = claimed(log, 3)
    dynamodb.down("batch_write_item", THROTTLED)
    start = clock.now

    assert log.record(rows, clock.deadline(0.5)) == rows
    assert clock.now - start <= 0.5
    assert dynamodb.statuses() == ["sending"] * 3


@pytest.mark.parametrize("fault", [LOST_AFTER, LOST_BEFORE, BROKEN_AFTER, BROKEN_BEFORE, UNREACHED])
def test_a_batch_without_an_answer_is_written_one_by_one(
    log: SendLog, dynamodb: FakeDynamoDB, clock: Clock, fault: Fault
):
    rows = claimed(log, 5)
    dynamodb.fail("batch_write_item", fault)

    assert log.record(rows, clock.deadline(10)) == []

    assert dynamodb.statuses() == ["sent"] * 5
    assert dynamodb.calls["batch_write_item"] == 1, "repeated, it could undo a receipt"


@pytest.mark.parametrize("fault", [LOST_AFTER, BROKEN_AFTER])
def test_a_receipt_between_a_lost_batch_and_its_repetition_is_not_undone(
    log: SendLog, dynamodb: FakeDynamoDB, clock: Clock, fault: Fault
):
    rows = claimed(log, 3)
    dynamodb.fail("batch_write_item", fault)

    def receipt(point: str) -> None:
        if point == "after batch_write_item":
            for row in rows:
                dynamodb.put({**row, "status": "delivered"})

    dynamodb.around = receipt
    log.record(rows, clock.deadline(10))

    assert dynamodb.statuses() == ["delivered"] * 3


def test_one_message_twice_in_a_batch_is_written_as_it_was_last(log: SendLog, dynamodb: FakeDynamoDB, clock: Clock):
    [row] = claimed(log, 1, RETRYING)

    assert log.record([row, {**row, "status": "sent"}], clock.deadline(10)) == []
    assert dynamodb.statuses() == ["sent"]


def test_what_cannot_be_written_one_by_one_comes_back_in_order(log: SendLog, dynamodb: FakeDynamoDB, clock: Clock):
    rows = claimed(log, 20)
    dynamodb.down("batch_write_item", UNREACHED)
    dynamodb.down("put_item", UNREACHED)

    assert log.record(rows, clock.deadline(10)) == rows
    assert dynamodb.calls["put_item"] <= 20 + 16, "once one finds the table silent, the others do not wait for the same"


def test_all_settled_rows_are_written(log: SendLog, dynamodb: FakeDynamoDB):
    rows = claimed(log, 40)

    assert log.settle_all(rows, END) == ([], [])
    assert log.settle_all(rows, END) == ([], []), "again, and nothing changes"
    assert dynamodb.statuses() == ["sent"] * 40
