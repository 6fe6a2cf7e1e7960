"""Messages of which nobody knows whether SQS has them, and which must not be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.aws import CALL_SECONDS
from bridge.forbid import NOT_QUEUED, Forbidden, Forbidder, deadline_for_sqs, not_queued
from bridge.message import Failure, Status
from tests.fakes.faults import APPLIED, DENIED, LOST_BEFORE, UNREACHED, Fault, silence
from tests.fakes.values import ACCOUNT_ID, message
from tests.unit.harness import Bridge, chunk

if TYPE_CHECKING:
    from tests.fakes.clock import Clock


def forbid(bridge: Bridge, *numbers: int) -> Forbidden:
    doubtful = [not_queued(message(n), n) for n in numbers]
    return Forbidder(bridge.log).forbid(doubtful, ACCOUNT_ID, bridge.clock.deadline(10))


@pytest.mark.fault("queue-in-doubt")
def test_a_forbidden_message_is_rejected_and_its_chunk_sends_nothing(bridge: Bridge):
    forbidden = forbid(bridge, 0, 1)
    bridge.clock.sleep(30)
    bridge.dispatch(chunk(2))

    assert [item.index for item in forbidden.rejections] == [0, 1]
    assert forbidden.known == []
    assert bridge.vendor.tried == []
    rows = bridge.dynamodb.rows()
    assert [(row.status, row.code, row.reason) for row in rows] == [(Status.REJECTED, "904", NOT_QUEUED)] * 2


def test_a_forbidden_message_is_not_to_be_reported_yet_as_the_answer_may_tell_of_it(bridge: Bridge):
    forbid(bridge, 1)

    assert bridge.dynamodb.rows()[0].report is False


def test_what_a_worker_was_quicker_with_is_known_and_stays_as_it_is(bridge: Bridge):
    bridge.dispatch(chunk(1))

    forbidden = forbid(bridge, 0, 1)

    assert [item.index for item in forbidden.rejections] == [1]
    assert [(item.index, row.status) for item, row in forbidden.known] == [(0, Status.SENT)]
    assert bridge.dynamodb.statuses() == ["rejected", "sent"]


@pytest.mark.parametrize("fault", APPLIED)
def test_a_lost_answer_of_the_log_does_not_make_it_look_as_if_somebody_was_quicker(bridge: Bridge, fault: Fault):
    bridge.dynamodb.fail("put_item", *silence(fault))

    forbidden = forbid(bridge, 1)

    assert (len(forbidden.rejections), forbidden.known) == (1, [])


@pytest.mark.fault("queue-refuses")
@pytest.mark.parametrize("fault", [UNREACHED, LOST_BEFORE, DENIED])
def test_a_log_that_does_not_answer_is_said_aloud_and_the_messages_count_as_rejected(
    bridge: Bridge, capsys: pytest.CaptureFixture[str], fault: Fault
):
    bridge.dynamodb.down("put_item", fault)

    forbidden = forbid(bridge, 1, 2)

    assert [item.index for item in forbidden.rejections] == [1, 2]
    assert "though CleverTap was told otherwise" in capsys.readouterr().out


def test_a_claim_that_may_stand_and_sent_nothing_is_forbidden(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(APPLIED[0]))
    bridge.dispatch(chunk(1))
    [back] = bridge.sqs.chunks
    [claim] = back["messages"][0]["unsentClaims"]
    doubtful = not_queued(message(0, unsent_claims=(claim,)), 0)

    forbidden = Forbidder(bridge.log).forbid([doubtful], ACCOUNT_ID, bridge.clock.deadline(10))

    assert forbidden.rejections == [doubtful]
    assert bridge.dynamodb.statuses() == ["rejected"]


def test_a_rejection_carries_what_its_row_needs():
    given = message(3, campaign_id="c", unsent_claims=("w/1",))

    rejection = not_queued(given, 7)

    assert (rejection.index, rejection.recipient, rejection.message_id) == (7, given.recipient, given.message_id)
    assert (rejection.failure, rejection.text) == (Failure.NOT_QUEUED, given.text)
    assert (rejection.campaign_id, rejection.unsent_claims) == ("c", ("w/1",))


def test_a_rejection_carries_what_its_message_is_sent_again_and_reported_with(bridge: Bridge):
    given = message(
        3,
        segments=2,
        template_id="t",
        sender_id="s",
        message_type="OTP",
        encryption="v1",
    )

    row = bridge.log.rejection_row(not_queued(given, 0), ACCOUNT_ID, report=True)

    claim = bridge.log.new_claim(given, "w/1", report=True).row
    for name in ("segments", "template_id", "sender_id", "message_type", "encryption", "accepted_at"):
        assert getattr(row, name) == getattr(claim, name) is not None


def test_sqs_gets_what_time_there_is_but_for_what_forbidding_takes(clock: Clock):
    assert deadline_for_sqs(clock.deadline(10)).remaining() == pytest.approx(10 - 2 * CALL_SECONDS)
    assert deadline_for_sqs(clock.deadline(3 * CALL_SECONDS)).remaining() == pytest.approx(CALL_SECONDS)
    assert deadline_for_sqs(clock.deadline(5)).remaining() == pytest.approx(5)
