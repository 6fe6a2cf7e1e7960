"""One attempt to send one message: claim, send, outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.message import Cause, Message, Resend, Status
from bridge.message_central import verdicts
from bridge.send import (
    CLOCK_SKEW_SECONDS,
    MOST_UNSENT_CLAIMS,
    TOO_OLD,
    Attempt,
    Ending,
    SendResult,
    with_unsent_claim,
)
from tests.fakes.faults import (
    APPLIED,
    BROKEN_BEFORE,
    DENIED,
    LOST_AFTER,
    LOST_BEFORE,
    NOT_APPLIED,
    UNREACHED,
    Crash,
    Fault,
    silence,
)
from tests.fakes.values import START, account, message
from tests.unit.harness import LIFETIME, Bridge

KEY = (message(1).recipient, message(1).message_id)
OVER = LIFETIME + CLOCK_SKEW_SECONDS


def new_attempt(given: Message | None = None, **held: Any) -> Attempt:
    return Attempt.by("worker", given or message(1), account(**held))


def send(bridge: Bridge, given: Message | Attempt | None = None, **held: Any) -> SendResult:
    attempt = given if isinstance(given, Attempt) else new_attempt(given, **held)
    return bridge.dispatcher.engine.sender.send(attempt, bridge.clock.deadline(10))


def expire(bridge: Bridge, given: Message | None = None) -> SendResult:
    return bridge.dispatcher.engine.sender.end(given or message(1), TOO_OLD, "worker", bridge.clock.deadline(44))


def record(bridge: Bridge, result: SendResult) -> None:
    assert result.claim
    assert result.outcome
    assert bridge.log.record_batch([(result.claim, result.outcome)], bridge.clock.deadline(10)) == []


def test_a_message_is_claimed_before_the_vendor_is_called(bridge: Bridge):
    seen: list[str] = []
    bridge.vendor.before_writing = lambda: seen.extend(bridge.dynamodb.statuses())

    result = send(bridge)

    assert seen == ["sending"]
    assert result.ending is Ending.ATTEMPTED
    assert result.outcome
    assert result.outcome.status is Status.SENT
    assert bridge.dynamodb.statuses() == ["sending"], "the caller records"


def test_the_claim_names_the_worker_and_each_claim_is_another(bridge: Bridge):
    first, second = send(bridge), send(bridge, message(2))

    assert first.claim
    assert second.claim
    assert first.claim.id.startswith("worker/")
    assert first.claim.id != second.claim.id
    assert {row.claimed_by for row in bridge.dynamodb.rows()} == {first.claim.id, second.claim.id}


def test_the_time_at_the_vendor_is_measured_and_that_of_the_claim_is_not(bridge: Bridge):
    bridge.dynamodb.around = lambda _point: bridge.clock.sleep(1)
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(0.35)

    assert send(bridge).seconds == pytest.approx(0.35)


@pytest.mark.parametrize(("url", "report"), [("https://cb.example", True), (None, False)])
def test_clevertap_is_told_where_the_account_has_a_callback(bridge: Bridge, url: str | None, report: bool):  # noqa: FBT001
    send(bridge, callback_url=url)

    assert bridge.dynamodb.rows()[0].report is report


@pytest.mark.parametrize("status", [status for status in Status if status not in (Status.RETRYING, Status.SENDING)])
def test_a_message_with_an_end_is_a_duplicate_and_not_sent(bridge: Bridge, status: Status):
    claim = send(bridge).claim
    assert claim
    bridge.dynamodb.put(replace(claim.row, status=status))

    assert send(bridge) == SendResult(Ending.DUPLICATE, message(1), was=status)
    assert len(bridge.vendor.tried) == 1


def test_a_message_at_another_worker_is_looked_at_again_when_that_worker_must_be_over(bridge: Bridge):
    send(bridge)
    bridge.clock.sleep(20)

    result = send(bridge)

    assert (result.ending, result.was) == (Ending.IN_FLIGHT, Status.SENDING)
    assert result.busy_for == pytest.approx(OVER - 20, abs=0.01)
    assert bridge.dynamodb.statuses() == ["sending"]
    assert len(bridge.vendor.tried) == 1


def test_a_message_that_waited_for_long_before_its_claim_is_left_to_the_worker_that_has_it(bridge: Bridge):
    bridge.clock.sleep(OVER + 3_600)
    send(bridge)
    bridge.clock.sleep(20)

    result = send(bridge)

    assert (result.ending, result.was) == (Ending.IN_FLIGHT, Status.SENDING)
    assert result.busy_for == pytest.approx(OVER - 20, abs=0.01)


@pytest.mark.fault("worker-killed")
def test_a_worker_killed_after_the_vendor_answered_leaves_the_message_unknown_and_unsent(bridge: Bridge):
    send(bridge)  # and its outcome is never recorded
    bridge.clock.sleep(OVER)

    result = send(bridge)

    assert (result.ending, result.was) == (Ending.ABANDONED, Status.UNKNOWN)
    assert bridge.dynamodb.statuses() == ["unknown"]
    assert len(bridge.vendor.tried) == 1


@pytest.mark.fault("worker-killed")
def test_a_dead_workers_message_is_called_abandoned_once_and_then_a_duplicate(bridge: Bridge):
    send(bridge)
    bridge.clock.sleep(OVER)

    endings = [send(bridge).ending for _ in range(3)]

    assert endings == [Ending.ABANDONED, Ending.DUPLICATE, Ending.DUPLICATE]


def test_of_two_that_find_a_dead_workers_message_at_once_one_calls_it_abandoned(bridge: Bridge):
    send(bridge)
    bridge.clock.sleep(OVER)
    others: list[Ending] = []

    def another_is_quicker(point: str) -> None:
        if point == "after put_item" and not others:  # ours was refused: the other comes between it and our next
            others.append(Ending.DUPLICATE)
            others[0] = send(bridge).ending

    bridge.dynamodb.around = another_is_quicker

    assert send(bridge).ending is Ending.DUPLICATE
    assert others == [Ending.ABANDONED]


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_when_a_dead_workers_message_cannot_be_called_unknown_it_waits(bridge: Bridge, fault: Fault):
    send(bridge)
    bridge.clock.sleep(OVER)
    bridge.dynamodb.fail("put_item", None, *silence(fault))

    result = send(bridge)

    assert result.ending is Ending.NOT_ATTEMPTED
    assert result.message == message(1), "a claim that was refused gives no right, so it is not named"
    assert len(bridge.vendor.tried) == 1


def test_a_clock_that_is_ahead_does_not_make_a_live_worker_look_dead(bridge: Bridge):
    send(bridge)
    bridge.clock.sleep(OVER - 0.1)

    assert send(bridge).ending is Ending.IN_FLIGHT


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_without_an_answer_to_the_claim_nothing_is_sent_and_the_claim_is_named(bridge: Bridge, fault: Fault):
    bridge.dynamodb.fail("put_item", *silence(fault))

    result = send(bridge)

    assert result.ending is Ending.NOT_ATTEMPTED
    assert bridge.vendor.tried == []
    # A claim that surely was not written needs no name: names that matter would have to make room for it.
    assert len(result.message.unsent_claims) == (fault in {LOST_BEFORE, BROKEN_BEFORE, *APPLIED})
    if fault.applied:
        assert bridge.dynamodb.rows()[0].claimed_by == result.message.unsent_claims[0]


@pytest.mark.fault("table-refuses")
@pytest.mark.parametrize(("fault", "cause"), [(DENIED, Cause.LOG_REFUSED), (UNREACHED, Cause.LOG)])
def test_a_log_that_refuses_is_told_from_one_that_does_not_answer(bridge: Bridge, fault: Fault, cause: Cause):
    bridge.dynamodb.down("put_item", fault)

    assert send(bridge).cause is cause
    assert expire(bridge).cause is cause


def test_a_message_that_waited_for_the_log_is_sent_over_its_own_claim(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    waiting = send(bridge)

    assert send(bridge).ending is Ending.IN_FLIGHT, "who does not know of it, has no right"
    assert send(bridge, waiting.message).ending is Ending.ATTEMPTED


def test_any_of_several_unsent_claims_may_stand(bridge: Bridge):
    given = message(1)
    for fault in (LOST_AFTER, LOST_BEFORE, LOST_BEFORE):
        bridge.dynamodb.fail("put_item", *silence(fault))
        given = send(bridge, given).message

    assert len(given.unsent_claims) == 3
    assert send(bridge, given).ending is Ending.ATTEMPTED


@pytest.mark.fault("answer-lost")
@pytest.mark.parametrize("also_down", [False, True])
@pytest.mark.parametrize("standing", range(9))
def test_however_many_claims_had_no_answer_the_one_that_stands_is_claimed_over(
    bridge: Bridge, standing: int, *, also_down: bool
):
    given = message(1)
    for number in range(9):
        bridge.dynamodb.fail("put_item", *silence(LOST_AFTER if number == standing else LOST_BEFORE))
        if also_down:
            bridge.dynamodb.fail("update_item", LOST_BEFORE)
        given = send(bridge, given).message
        bridge.dynamodb.heal()
        bridge.clock.sleep(OVER)

    assert 0 < len(given.unsent_claims) <= MOST_UNSENT_CLAIMS
    assert send(bridge, given).ending is Ending.ATTEMPTED


@pytest.mark.fault("answer-lost")
@pytest.mark.parametrize("standing", range(9))
def test_however_many_claims_had_no_answer_the_one_that_stands_is_claimed_over_though_it_was_called_unknown(
    bridge: Bridge, standing: int
):
    given = message(1)
    for number in range(9):
        bridge.dynamodb.fail("put_item", *silence(LOST_AFTER if number == standing else LOST_BEFORE))
        given = send(bridge, given).message
        bridge.dynamodb.heal()
        bridge.clock.sleep(OVER)
        if number == standing:  # by a copy that knows of none of them
            assert send(bridge).ending is Ending.ABANDONED

    assert 0 < len(given.unsent_claims) <= MOST_UNSENT_CLAIMS
    assert send(bridge, given).ending is Ending.ATTEMPTED
    assert bridge.vendor.sent[KEY] == 1


@pytest.mark.fault("answer-lost")
@pytest.mark.parametrize("standing", range(9))
def test_however_many_claims_had_no_answer_a_message_in_doubt_is_sent_again(bridge: Bridge, standing: int):
    bridge.vendor.script.append(verdicts.LOST)
    record(bridge, send(bridge))
    [row] = bridge.dynamodb.rows()
    given = message(1, resend=Resend("anna", "2026-11-28T00:00:00.000Z", row.status, row.claimed_by, row.final_at))

    for number in range(9):
        bridge.dynamodb.fail("put_item", *silence(LOST_AFTER if number == standing else LOST_BEFORE))
        given = send(bridge, given).message
        bridge.dynamodb.heal()
        bridge.clock.sleep(OVER)

    assert 0 < len(given.unsent_claims) <= MOST_UNSENT_CLAIMS
    assert send(bridge, given).ending is Ending.ATTEMPTED
    assert bridge.vendor.sent[KEY] == 1


def test_where_too_many_unsent_claims_are_named_the_first_two_and_the_last_three_are_carried():
    given = message(1)
    for number in range(10):
        given = with_unsent_claim(given, f"w/{number}")

    assert given.unsent_claims == ("w/0", "w/1", "w/7", "w/8", "w/9")


@pytest.mark.parametrize("landed", [0, 1, 8, 9], ids="claim {}".format)
def test_after_a_long_outage_of_the_log_a_claim_that_landed_at_its_beginning_or_end_is_known(
    bridge: Bridge, landed: int
):
    given = message(1)
    for number in range(10):
        bridge.dynamodb.fail("put_item", *silence(LOST_AFTER if number == landed else LOST_BEFORE))
        given = send(bridge, given).message
        bridge.clock.sleep(900)

    assert send(bridge, given).ending is Ending.ATTEMPTED


def test_a_message_that_is_known_to_be_unsent_is_sent_though_somebody_called_it_unknown(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    waiting = send(bridge)
    bridge.clock.sleep(OVER)
    assert send(bridge).ending is Ending.ABANDONED

    assert send(bridge, waiting.message).ending is Ending.ATTEMPTED
    assert len(bridge.vendor.tried) == 1


def test_what_surely_was_not_sent_can_be_sent_though_its_outcome_was_never_recorded(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)
    first = send(bridge)

    assert send(bridge, first.message).ending is Ending.ATTEMPTED
    assert send(bridge, first.message).ending is Ending.IN_FLIGHT, "once"
    assert bridge.vendor.sent[KEY] == 1


@pytest.mark.parametrize("outcome", [verdicts.SENT, verdicts.LOST, verdicts.UNKNOWN, verdicts.BAD_NUMBER], ids=str)
def test_a_claim_under_which_it_may_have_been_sent_is_never_named_unsent(bridge: Bridge, outcome: Any):
    bridge.vendor.script.append(outcome)

    assert send(bridge).message.unsent_claims == ()


def test_a_claim_whose_answer_was_lost_once_meets_itself_and_is_granted(bridge: Bridge):
    bridge.dynamodb.fail("put_item", LOST_AFTER)

    assert send(bridge).ending is Ending.ATTEMPTED
    assert bridge.vendor.sent[KEY] == 1


@pytest.mark.fault("worker-killed")
def test_a_crash_between_claim_and_vendor_leaves_a_row_that_says_sending(bridge: Bridge):
    bridge.vendor.script.append(Crash())

    with pytest.raises(Crash):
        send(bridge)

    assert bridge.dynamodb.statuses() == ["sending"]


def test_a_refused_claim_keeps_the_messages_unsent_claims(bridge: Bridge):
    send(bridge)
    given = replace(message(1), unsent_claims=("w/never",))

    result = send(bridge, given)

    assert result.ending is Ending.IN_FLIGHT
    assert result.message == given


@pytest.mark.fault("id-in-two-accounts")
def test_a_message_of_another_account_with_the_same_id_is_another_message(bridge: Bridge):
    record(bridge, send(bridge))

    assert send(bridge, message(1, account="OTHER"), id="OTHER").ending is Ending.ATTEMPTED
    assert send(bridge).ending is Ending.DUPLICATE


# Revoking


@pytest.mark.fault("name-lookup-hangs")
def test_an_attempt_that_is_revoked_before_anything_was_written_never_sends(bridge: Bridge):
    attempt = new_attempt()
    given_back: list[SendResult | None] = []
    bridge.vendor.before_writing = lambda: given_back.append(attempt.revoke())

    late = send(bridge, attempt)

    [revoked] = given_back
    assert revoked
    assert (revoked.ending, revoked.cause) == (Ending.NOT_ATTEMPTED, Cause.NO_TIME)
    assert revoked.message.unsent_claims == (attempt.claim_id,)
    assert bridge.vendor.tried == []
    assert late.outcome
    assert late.outcome.status is Status.RETRYING


@pytest.mark.fault("name-lookup-hangs")
def test_a_revoked_message_is_sent_by_the_next_who_has_it(bridge: Bridge):
    attempt = new_attempt()
    bridge.vendor.before_writing = attempt.revoke  # type: ignore[assignment] # what it returns is not looked at
    send(bridge, attempt)  # its claim stands in the log, and nobody records what came of it
    revoked = attempt.revoke()
    assert revoked

    assert send(bridge, revoked.message).ending is Ending.ATTEMPTED
    assert bridge.vendor.sent[KEY] == 1


def test_an_attempt_that_is_being_written_cannot_be_revoked(bridge: Bridge):
    attempt = new_attempt()
    refused: list[SendResult | None] = []
    bridge.vendor.meanwhile = lambda: refused.append(attempt.revoke())

    result = send(bridge, attempt)

    assert refused == [None]
    assert result.outcome
    assert result.outcome.status is Status.SENT
    assert attempt.revoke() is None


# Expiry


def test_what_is_too_old_ends_expired_and_is_reported(bridge: Bridge):
    assert expire(bridge) == SendResult(Ending.ENDED, message(1), outcome=TOO_OLD)

    [row] = bridge.dynamodb.rows()
    assert (row.status, row.code, row.report) == (Status.EXPIRED, "916", True)
    assert bridge.vendor.tried == []


def test_what_was_sent_does_not_expire(bridge: Bridge):
    record(bridge, send(bridge))

    assert expire(bridge) == SendResult(Ending.DUPLICATE, message(1), was=Status.SENT)


def test_what_was_retrying_expires(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)
    record(bridge, send(bridge))

    assert expire(bridge).ending is Ending.ENDED
    assert bridge.dynamodb.statuses() == ["expired"]


@pytest.mark.fault("worker-killed")
def test_what_a_dead_worker_had_does_not_expire_but_is_unknown(bridge: Bridge):
    send(bridge)
    bridge.clock.sleep(90_000)

    assert expire(bridge).ending is Ending.ABANDONED
    assert bridge.dynamodb.statuses() == ["unknown"]


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_an_expiry_without_an_answer_is_tried_again(bridge: Bridge, fault: Fault):
    bridge.dynamodb.fail("put_item", *silence(fault))

    result = expire(bridge)

    assert result.ending is Ending.NOT_ATTEMPTED
    expire(bridge, result.message)
    assert bridge.dynamodb.statuses() == ["expired"]


@pytest.mark.fault("answer-lost")
@pytest.mark.parametrize("standing", range(9))
def test_however_many_ends_had_no_answer_a_message_ends_over_the_claim_that_stands(bridge: Bridge, standing: int):
    given = message(1)
    for number in range(9):
        bridge.dynamodb.fail("put_item", *silence(LOST_AFTER if number == standing else LOST_BEFORE))
        given = (send if number == standing else expire)(bridge, given).message
        bridge.dynamodb.heal()

    assert expire(bridge, given).ending is Ending.ENDED


def test_what_expired_was_accepted_when_the_message_says(bridge: Bridge):
    expire(bridge, message(1, accepted_at=START - 90_000))

    assert bridge.dynamodb.rows()[0].accepted_at == "2023-11-13T21:13:20.000Z"
