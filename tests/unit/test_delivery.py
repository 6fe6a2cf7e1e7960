"""One attempt to send one message: claim, send, outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.delivery import CLOCK_SKEW_SECONDS, MOST_UNSENT_CLAIMS, Attempted, Postponed, Refused, Result
from bridge.message import LogUnavailable, Message, Outcome, Status
from bridge.message_central import verdicts
from tests.fakes.faults import APPLIED, BROKEN_BEFORE, LOST_AFTER, LOST_BEFORE, NOT_APPLIED, Crash, Fault, silence
from tests.fakes.values import account, message
from tests.unit.conftest import LIFETIME, Bridge

KEY = (message(1).recipient, message(1).message_id)
OVER = LIFETIME + CLOCK_SKEW_SECONDS


def attempt(bridge: Bridge, given: Message | None = None, **held: Any) -> Result:
    return bridge.delivery.attempt(given or message(1), account(**held), "worker", bridge.clock.deadline(10))


def expire(bridge: Bridge, given: Message | None = None) -> Result:
    return bridge.delivery.expire(given or message(1), "worker", bridge.clock.deadline(44))


def test_a_message_is_claimed_before_the_vendor_is_called(bridge: Bridge):
    seen: list[str] = []
    bridge.vendor.meanwhile = lambda: seen.extend(bridge.dynamodb.statuses())

    result = attempt(bridge)

    assert seen == ["sending"]
    assert isinstance(result, Attempted)
    assert result.outcome.status is Status.SENT
    assert bridge.dynamodb.statuses() == ["sending"], "the caller records"


def test_the_claim_names_the_worker_and_each_claim_is_another(bridge: Bridge):
    first = attempt(bridge)
    second = attempt(bridge, message(2))

    assert isinstance(first, Attempted)
    assert isinstance(second, Attempted)
    assert first.claim.id.startswith("worker/")
    assert first.claim.id != second.claim.id


def test_the_attempts_time_is_measured(bridge: Bridge):
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(0.35)

    result = attempt(bridge)

    assert isinstance(result, Attempted)
    assert result.seconds == pytest.approx(0.35)


@pytest.mark.parametrize(("url", "report"), [("https://cb.example", True), (None, False)])
def test_clevertap_is_told_where_the_account_has_a_callback(bridge: Bridge, url: str | None, report: bool):  # noqa: FBT001
    attempt(bridge, callback_url=url)

    assert bridge.dynamodb.rows()[0]["report"] is report


@pytest.mark.parametrize("status", [status for status in Status if status not in (Status.RETRYING, Status.SENDING)])
def test_a_message_with_an_end_is_a_duplicate_and_not_sent(bridge: Bridge, status: Status):
    result = attempt(bridge)
    assert isinstance(result, Attempted)
    bridge.dynamodb.put({**result.claim.row, "status": status.value})

    assert attempt(bridge) == Refused(message(1), status)
    assert len(bridge.vendor.tried) == 1


def test_a_message_at_another_worker_is_looked_at_again_when_that_worker_must_be_over(bridge: Bridge):
    attempt(bridge)
    bridge.clock.sleep(20)

    result = attempt(bridge)

    assert isinstance(result, Refused)
    assert (result.was, result.busy_for) == (Status.SENDING, pytest.approx(OVER - 20, abs=0.01))
    assert bridge.dynamodb.statuses() == ["sending"]
    assert len(bridge.vendor.tried) == 1


def test_a_worker_killed_after_the_vendor_answered_leaves_the_message_unknown_and_unsent(bridge: Bridge):
    attempt(bridge)  # and its outcome is never recorded
    bridge.clock.sleep(OVER)

    assert attempt(bridge) == Refused(message(1), Status.UNKNOWN)
    assert bridge.dynamodb.statuses() == ["unknown"]
    assert len(bridge.vendor.tried) == 1


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_when_a_dead_workers_message_cannot_be_given_up_it_is_postponed(bridge: Bridge, fault: Fault):
    attempt(bridge)
    bridge.clock.sleep(OVER)
    bridge.dynamodb.fail("put_item", None, *silence(fault))

    assert isinstance(attempt(bridge), Postponed)
    assert len(bridge.vendor.tried) == 1
    # … and the claim that is named was refused, so it gives no right.
    assert isinstance(attempt(bridge), Refused)


def test_a_clock_that_is_ahead_does_not_make_a_live_worker_look_dead(bridge: Bridge):
    attempt(bridge)
    bridge.clock.sleep(LIFETIME + CLOCK_SKEW_SECONDS - 0.1)

    result = attempt(bridge)

    assert isinstance(result, Refused)
    assert result.was is Status.SENDING


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_without_an_answer_to_the_claim_nothing_is_sent_and_the_claim_is_named(bridge: Bridge, fault: Fault):
    bridge.dynamodb.fail("put_item", *silence(fault))

    result = attempt(bridge)

    assert isinstance(result, Postponed)
    assert bridge.vendor.tried == []
    # A claim that surely was not written needs no name: names that matter would have to make room for it.
    assert len(result.message.unsent_claims) == (fault in {LOST_BEFORE, BROKEN_BEFORE, *APPLIED})
    if fault.applied:
        assert bridge.dynamodb.rows()[0]["claimedBy"] == result.message.unsent_claims[0]


def test_a_postponed_message_is_sent_over_its_own_claim(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    postponed = attempt(bridge)
    assert isinstance(postponed, Postponed)

    assert isinstance(attempt(bridge), Refused), "who does not know of it, has no right"
    assert isinstance(attempt(bridge, postponed.message), Attempted)


def test_any_of_several_postponed_claims_may_stand(bridge: Bridge):
    given = message(1)
    for fault in (LOST_AFTER, LOST_BEFORE, LOST_BEFORE):
        bridge.dynamodb.fail("put_item", *silence(fault))
        result = attempt(bridge, given)
        assert isinstance(result, Postponed)
        given = result.message

    assert len(given.unsent_claims) == 3
    assert isinstance(attempt(bridge, given), Attempted)


def test_no_more_than_a_few_unsent_claims_are_carried(bridge: Bridge):
    given = message(1)
    for _ in range(10):
        bridge.dynamodb.fail("put_item", *silence(LOST_BEFORE))
        result = attempt(bridge, given)
        assert isinstance(result, Postponed)
        given = result.message

    assert len(given.unsent_claims) == MOST_UNSENT_CLAIMS


@pytest.mark.parametrize("landed", [0, 1, 8, 9], ids="claim {}".format)
def test_after_a_long_outage_of_the_log_a_claim_that_landed_at_its_beginning_or_end_is_known(
    bridge: Bridge, landed: int
):
    given = message(1)
    for number in range(10):
        bridge.dynamodb.fail("put_item", *silence(LOST_AFTER if number == landed else LOST_BEFORE))
        result = attempt(bridge, given)
        assert isinstance(result, Postponed)
        given = result.message
        bridge.clock.sleep(900)

    assert isinstance(attempt(bridge, given), Attempted)


def test_a_message_that_is_known_to_be_unsent_is_sent_though_somebody_called_it_unknown(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    postponed = attempt(bridge)
    assert isinstance(postponed, Postponed)
    bridge.clock.sleep(OVER)
    assert attempt(bridge) == Refused(message(1), Status.UNKNOWN)

    assert isinstance(attempt(bridge, postponed.message), Attempted)
    assert len(bridge.vendor.tried) == 1


def test_what_surely_was_not_sent_can_be_sent_though_its_outcome_was_never_recorded(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)
    first = attempt(bridge)
    assert isinstance(first, Attempted)

    assert isinstance(attempt(bridge, first.message), Attempted)
    assert isinstance(attempt(bridge, first.message), Refused), "once"
    assert bridge.vendor.sent[KEY] == 1


@pytest.mark.parametrize("outcome", [verdicts.BUSY, verdicts.LOST, verdicts.TOO_SOON, verdicts.BAD_NUMBER])
def test_an_outage_is_what_the_outcome_says(bridge: Bridge, outcome: Outcome):
    bridge.vendor.script.append(outcome)

    result = attempt(bridge)

    assert isinstance(result, Attempted)
    assert result.outage is outcome.outage


def test_a_claim_whose_answer_was_lost_once_meets_itself_and_is_granted(bridge: Bridge):
    bridge.dynamodb.fail("put_item", LOST_AFTER)

    assert isinstance(attempt(bridge), Attempted)
    assert bridge.vendor.sent[KEY] == 1


def test_a_crash_between_claim_and_vendor_leaves_a_row_that_says_sending(bridge: Bridge):
    bridge.vendor.script.append(Crash())

    with pytest.raises(Crash):
        attempt(bridge)

    assert bridge.dynamodb.statuses() == ["sending"]


# Expiry


def test_what_is_too_old_ends_expired_and_is_reported(bridge: Bridge):
    result = expire(bridge)

    assert isinstance(result, Attempted)
    [row] = bridge.dynamodb.rows()
    assert (row["status"], row["code"], row["report"]) == ("expired", "916", True)
    assert bridge.vendor.tried == []


def test_what_was_sent_does_not_expire(bridge: Bridge):
    sent = attempt(bridge)
    assert isinstance(sent, Attempted)
    bridge.log.settle(bridge.log.outcome_row(sent.claim, sent.outcome), bridge.clock.deadline(10))

    assert expire(bridge) == Refused(message(1), Status.SENT)


def test_what_was_retrying_expires(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)
    first = attempt(bridge)
    assert isinstance(first, Attempted)
    bridge.log.settle(bridge.log.outcome_row(first.claim, first.outcome), bridge.clock.deadline(10))

    assert isinstance(expire(bridge), Attempted)
    assert bridge.dynamodb.statuses() == ["expired"]


def test_what_a_dead_worker_had_does_not_expire_but_is_unknown(bridge: Bridge):
    attempt(bridge)
    bridge.clock.sleep(90_000)

    assert expire(bridge) == Refused(message(1), Status.UNKNOWN)


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_an_expiry_without_an_answer_is_tried_again(bridge: Bridge, fault: Fault):
    bridge.dynamodb.fail("put_item", *silence(fault))

    result = expire(bridge)

    assert isinstance(result, Postponed)
    expire(bridge, result.message)
    assert bridge.dynamodb.statuses() == ["expired"]


def test_a_refused_claim_keeps_the_messages_unsent_claims(bridge: Bridge):
    attempt(bridge)
    given = replace(message(1), unsent_claims=("w/never",))

    result = attempt(bridge, given)

    assert isinstance(result, Refused)
    assert result.message == given


def test_log_unavailable_never_leaves_an_attempt(bridge: Bridge):
    bridge.dynamodb.down("put_item", LOST_BEFORE)
    try:
        attempt(bridge)
        expire(bridge)
    except LogUnavailable:
        pytest.fail("an outage of the log is a result")
