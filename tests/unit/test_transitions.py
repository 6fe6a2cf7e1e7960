"""One table says which status may follow which. Its derivations are written out here, and its conditions are tried."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from bridge.clevertap.codes import CODES
from bridge.log import transitions
from bridge.log.conditions import abandoned, claimable, recordable, unchanged
from bridge.log.row import Claim, Row
from bridge.log.transitions import CONCLUDED_BY_RECEIPT, FINAL, FOLLOWS, TRANSITIONS, UNSETTLED, Write, may_write
from bridge.message import Failure, Resend, Status
from tests.fakes.expressions import Expression
from tests.fakes.log import row
from tests.fakes.values import message

if TYPE_CHECKING:
    from bridge.log.conditions import Condition

ALL = {
    None: "sending expired cancelled rejected",
    "sending": "sending expired cancelled sent rejected retrying unknown delivered undelivered",
    "retrying": "sending expired cancelled rejected",
    "unknown": "sending expired cancelled sent rejected unknown delivered undelivered",
    "sent": "delivered undelivered",
    "rejected": "sending expired cancelled rejected",
    "expired": "sending expired cancelled",
    "cancelled": "sending expired cancelled",
    "delivered": "",
    "undelivered": "",
}


def holds(condition: Condition, there: Row | None) -> bool:
    """Whether DynamoDB would write."""
    parameters = condition.parameters()
    item = there.to_item() if there else None
    names, values = parameters.get("ExpressionAttributeNames"), parameters.get("ExpressionAttributeValues")
    expression = Expression(item, names, values)
    result = expression.holds(parameters["ConditionExpression"])
    expression.all_used()
    return result


def test_what_may_follow_on_what():
    assert {before: {*after} for before, after in FOLLOWS.items()} == {
        before: {*after.split()} for before, after in ALL.items()
    }


def test_what_is_derived():
    assert {*FINAL} == {"rejected", "expired", "cancelled", "delivered", "undelivered"}
    assert {*CONCLUDED_BY_RECEIPT} == {"sent", "unknown"}
    assert {*UNSETTLED} == {None, "sending", "retrying"}


def test_a_final_status_is_left_only_by_a_later_request_a_persons_word_or_to_be_reported():
    for write, by_status in TRANSITIONS.items():
        assert write in (Write.LATER_CLAIM, Write.REPORTED_REJECTION, Write.RESEND) or not FINAL & by_status.keys()


def test_nothing_becomes_retrying_but_what_is_being_sent():
    assert [before for before in FOLLOWS if Status.RETRYING in FOLLOWS[before]] == [Status.SENDING]


def test_every_status_is_drawn():
    assert transitions.__doc__
    for status in Status:
        assert status.value in transitions.__doc__


@pytest.mark.parametrize("status", ["sending", "expired", "cancelled"])
@pytest.mark.parametrize("there", Status)
def test_a_claim_is_granted_where_the_table_says(there: Status, status: str):
    standing = row(0, there, claimed_by="w/1")
    claim = Claim(message(), "w/2", row(0, status, claimed_by="w/2"))
    knowing = replace(claim, message=message(unsent_claims=("w/0", "w/1")))
    mistaken = replace(claim, message=message(unsent_claims=("w/7",)))

    anybody = there in may_write(Write.CLAIM, Status(status))
    assert holds(claimable(claim), standing) is anybody
    assert holds(claimable(mistaken), standing) is anybody
    assert holds(claimable(knowing), standing) is (anybody or there in may_write(Write.UNSENT_CLAIM, Status(status)))
    assert holds(claimable(claim), None)


@pytest.mark.parametrize(("there", "status"), [*product(Status, Status)])
def test_an_outcome_is_written_where_the_table_says(there: Status, status: Status):
    outcome = row(0, status, claimed_by="w/1")
    allowed = there in may_write(Write.OUTCOME, status)

    assert holds(recordable(outcome), row(0, there, claimed_by="w/1")) is allowed
    assert not holds(recordable(outcome), row(0, there, claimed_by="w/2"))
    assert not holds(recordable(replace(outcome, claimed_by=None)), row(0, there, claimed_by="w/1"))
    assert holds(recordable(outcome), None), "what is no more there is not undone"


@pytest.mark.parametrize("there", Status)
def test_a_worker_is_called_dead_where_the_table_says(there: Status):
    condition = abandoned(row(0, "sending", claimed_by="w/1"))

    assert holds(condition, row(0, there, claimed_by="w/1")) is (there in may_write(Write.DEATH, Status.UNKNOWN))
    assert not holds(condition, row(0, there, claimed_by="w/2"))
    assert holds(condition, None), "a row that was deleted does not let the message be sent again"


@pytest.mark.parametrize(("seen", "there"), [*product(Status, Status)])
def test_a_row_is_unchanged_while_status_and_claim_are_the_same(seen: Status, there: Status):
    condition = unchanged(row(0, seen, claimed_by="w/1"))

    assert holds(condition, row(0, there, claimed_by="w/1")) is (seen is there)
    assert not holds(condition, row(0, there, claimed_by="w/2"))
    assert not holds(condition, None)


# A message of which CleverTap was told that nothing was accepted

FIRST, REFUSED, AGAIN = "2026-11-24T10:00:00.000Z", "2026-11-24T10:00:09.000Z", "2026-11-24T10:05:00.000Z"
NOT_QUEUED = row(0, "rejected", claimed_by=None, code=CODES[Failure.NOT_QUEUED], report=False, final_at=REFUSED)


@pytest.mark.parametrize("status", ["sending", "expired", "cancelled"])
def test_a_message_that_was_not_queued_may_be_claimed_when_it_comes_again(status: str):
    claim = Claim(message(), "w/2", row(0, status, accepted_at=AGAIN))

    assert holds(claimable(claim), NOT_QUEUED)


@pytest.mark.parametrize("accepted_at", [FIRST, REFUSED])
def test_the_chunk_that_the_queue_took_all_the_same_is_refused(accepted_at: str):
    claim = Claim(message(), "w/2", row(0, "sending", accepted_at=accepted_at))

    assert not holds(claimable(claim), NOT_QUEUED)


@pytest.mark.parametrize(
    "change",
    [{"report": True}, {"code": "910"}, {"code": None}, {"final_at": None}, {"status": Status.SENT},
     {"status": Status.EXPIRED}, {"status": Status.CANCELLED}, {"status": Status.UNKNOWN}],
)  # fmt: skip
def test_no_other_end_may_be_claimed_over(change: dict[str, str]):
    claim = Claim(message(), "w/2", row(0, "sending", accepted_at=AGAIN))

    assert not holds(claimable(claim), replace(NOT_QUEUED, **change))  # type: ignore[arg-type]


def test_a_message_that_is_not_queued_a_second_time_is_refused_anew():
    # Its chunk, too, may be on the queue anyway, and was accepted after the first refusal.
    again = replace(NOT_QUEUED, accepted_at=AGAIN, final_at="2026-11-24T10:05:09.000Z")

    assert holds(recordable(again), NOT_QUEUED)
    assert not holds(recordable(NOT_QUEUED), again), "a late repetition of the first changes nothing"


def test_a_rejection_that_is_to_be_told_after_all_replaces_its_own_requests_row_and_no_later_ones():
    told = replace(NOT_QUEUED, report=True)
    later = replace(NOT_QUEUED, accepted_at=AGAIN, final_at="2026-11-24T10:05:09.000Z")

    assert holds(recordable(told), NOT_QUEUED)
    assert not holds(recordable(told), later)


# A message that a person has sent again over its end

END = "2026-11-24T11:00:00.000Z"
EXPIRED = row(0, "expired", claimed_by="w/1", final_at=END)
UNKNOWN = row(0, "unknown", claimed_by="w/1")
BY_REQUEST = replace(NOT_QUEUED, final_at=END, report=True)


def resend_of(seen: Row, status: str = "sending", **changes: Any) -> Claim:
    """A claim of a message that a person has sent again, having seen this row."""
    resend = Resend("arn:ops", AGAIN, seen.status, seen.claimed_by, seen.final_at)
    return Claim(message(resend=resend, **changes), "w/2", row(0, status, accepted_at=AGAIN, claimed_by="w/2"))


@pytest.mark.parametrize("seen", [EXPIRED, BY_REQUEST, replace(BY_REQUEST, claimed_by="w/1"), UNKNOWN])
def test_a_resend_is_granted_over_the_end_that_was_seen(seen: Row):
    assert holds(claimable(resend_of(seen)), seen)


@pytest.mark.parametrize("seen", [EXPIRED, BY_REQUEST, UNKNOWN])
@pytest.mark.parametrize("change", [{"claimed_by": "w/7"}, {"final_at": "2026-11-24T11:00:00.001Z"}, {"code": "910"}])
def test_a_resend_is_refused_over_any_other_end(seen: Row, change: dict[str, str]):
    granted = "code" in change and seen.status is not Status.REJECTED  # only of a rejection it says what it was

    assert holds(claimable(resend_of(seen)), replace(seen, **change)) is granted  # type: ignore[arg-type]


@pytest.mark.parametrize("there", Status)
@pytest.mark.parametrize("seen", Status)
def test_a_resend_is_granted_over_what_the_table_says_and_where_the_message_waits(seen: Status, there: Status):
    standing = row(0, there, claimed_by="w/1", code="904")
    granted = holds(claimable(resend_of(replace(standing, status=seen))), standing)

    waits = there is Status.RETRYING and seen is not Status.UNKNOWN
    assert granted is (waits or (seen is there and there in may_write(Write.RESEND, Status.SENDING)))


@pytest.mark.parametrize("seen", [EXPIRED, BY_REQUEST, UNKNOWN])
def test_a_resend_is_refused_once_its_message_is_forgotten(seen: Row):
    assert not holds(claimable(resend_of(seen)), None)


@pytest.mark.parametrize(("seen", "ends"), [(EXPIRED, True), (BY_REQUEST, True), (UNKNOWN, False)])
def test_a_resend_that_is_too_old_expires_unless_it_may_be_out(seen: Row, ends: bool):  # noqa: FBT001
    assert holds(claimable(resend_of(seen, "expired")), seen) is ends


@pytest.mark.parametrize("there", ["sending", "unknown"])
def test_a_resend_goes_on_over_its_own_unsent_claim(there: str):
    standing = row(0, there, claimed_by="w/3")

    assert holds(claimable(resend_of(EXPIRED, unsent_claims=("w/3",))), standing)
    assert holds(claimable(resend_of(UNKNOWN, unsent_claims=("w/3",))), standing)
    assert not holds(claimable(resend_of(UNKNOWN, unsent_claims=("w/4",))), standing)
