"""Chunks from the queue: sent, recorded, and what is left of them."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.chunk import MAX_MESSAGES, Chunk, decode
from bridge.finish import BATCH
from bridge.message import Cause, Message, Status
from bridge.message_central import verdicts
from bridge.send import CLOCK_SKEW_SECONDS
from tests.fakes.faults import LOST_AFTER, LOST_BEFORE, UNREACHED, Crash, silence
from tests.fakes.values import ACCOUNT_ID, START, message, secret
from tests.unit.harness import LIFETIME, Bridge, chunk, queued, taken_out


def test_a_chunk_is_sent_and_its_outcomes_are_recorded(bridge: Bridge):
    assert bridge.dispatch(chunk(30)) == [True]

    assert bridge.dynamodb.statuses() == ["sent"] * 30
    assert [row.verification_id for row in bridge.dynamodb.rows()] == [f"v{n}" for n in range(1, 31)]
    assert bridge.sqs.entries == []
    assert bridge.counts() == {"MessagesSent": 30}
    assert bridge.dynamodb.calls["batch_write_item"] == 2


def test_many_threads_send_each_message_once(bridge: Bridge):
    bridge = Bridge(concurrency=16)

    assert bridge.dispatch(chunk(100), chunk(100, first=100), chunk(50)) == [True] * 3

    assert {*bridge.vendor.sent.values()} == {1}
    assert len(bridge.vendor.sent) == 200
    assert bridge.dynamodb.statuses() == ["sent"] * 200


def test_no_chunks_are_no_work(bridge: Bridge):
    assert bridge.dispatch() == []


@pytest.mark.fault("chunk-twice")
def test_a_chunk_that_comes_again_sends_nothing_again(bridge: Bridge):
    bridge.dispatch(chunk())

    assert bridge.dispatch(chunk()) == [True]
    assert {*bridge.vendor.sent.values()} == {1}
    assert bridge.counts() == {"MessagesSent": 3, "MessagesDuplicate": 3}


def test_a_message_twice_in_one_chunk_is_sent_once(bridge: Bridge):
    twice = replace(chunk(1), messages=[message(0), message(0)])

    assert bridge.dispatch(twice) == [True]

    assert {*bridge.vendor.sent.values()} == {1}
    assert bridge.dynamodb.statuses() == ["sent"]
    [(again, attempts, delay)] = queued(bridge)
    assert (again, attempts, delay) == ([0], 0, int(LIFETIME + CLOCK_SKEW_SECONDS))
    bridge.clock.sleep(delay)
    bridge.dispatch(decode(bridge.sqs.entries[0].body))
    assert {*bridge.vendor.sent.values()} == {1}


# What goes back


def test_what_is_retried_goes_back_as_one_smaller_chunk_with_its_attempts_counted(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.SENT, verdicts.BUSY, verdicts.SENT, verdicts.BUSY])

    assert bridge.dispatch(chunk(4)) == [True]

    [(messages, attempts, delay)] = queued(bridge)
    assert (messages, attempts) == ([1, 3], 1)
    assert 7 <= delay <= 15
    assert bridge.dynamodb.statuses() == ["retrying", "retrying", "sent", "sent"]


def test_the_delay_grows_with_the_attempts(bridge: Bridge):
    bridge.vendor.default = verdicts.BUSY

    bridge.dispatch(chunk(2, attempts=5))

    [(_, attempts, delay)] = queued(bridge)
    assert attempts == 6
    assert 240 <= delay <= 480


def test_the_vendors_own_wait_comes_first_and_groups_the_messages(bridge: Bridge):
    waits = [60, 30, 60]
    bridge.vendor.script.extend([replace(verdicts.TOO_SOON, retry_after=wait) for wait in waits])

    bridge.dispatch(chunk(3))

    assert sorted(queued(bridge)) == [([0, 2], 1, 60), ([1], 1, 30)]


def test_a_retried_message_can_be_sent_from_its_new_chunk(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)
    bridge.dispatch(chunk(1))

    bridge.dispatch(decode(bridge.sqs.entries[0].body))

    assert bridge.dynamodb.statuses() == ["sent"]
    assert bridge.dynamodb.rows()[0].attempts == 2


def test_retries_are_queued_after_their_outcomes_are_recorded(bridge: Bridge):
    seen: list[str] = []
    bridge.sqs.around = lambda _point: seen.extend(bridge.dynamodb.statuses())
    bridge.vendor.default = verdicts.BUSY

    bridge.dispatch(chunk(1))

    assert {*seen} == {"retrying"}


@pytest.mark.fault("retry-unqueued")
def test_a_chunk_whose_leftovers_cannot_be_queued_is_delivered_again(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.BUSY, verdicts.SENT])
    bridge.sqs.down("send_message_batch", UNREACHED)

    assert bridge.dispatch(chunk(1), chunk(1, first=1)) == [False, True]

    bridge.sqs.heal()
    assert bridge.dispatch(chunk(1)) == [True]
    assert bridge.dynamodb.statuses() == ["sent", "sent"]


def test_leftovers_in_doubt_are_not_done(bridge: Bridge):
    bridge.vendor.default = verdicts.BUSY
    bridge.sqs.down("send_message_batch", LOST_AFTER)

    assert bridge.dispatch(chunk(1)) == [False]


@pytest.mark.fault("retry-unqueued")
@pytest.mark.parametrize("refused", [0, 1])
def test_a_chunk_is_delivered_again_whichever_of_its_leftovers_cannot_be_queued(bridge: Bridge, refused: int):
    bridge.vendor.script.extend([replace(verdicts.TOO_SOON, retry_after=wait) for wait in (60, 30)])
    bridge.sqs.refused.extend([{refused}, {0}, {0}])

    assert bridge.dispatch(chunk(2)) == [False]


@pytest.mark.fault("retry-unqueued")
def test_a_chunk_of_whose_leftovers_a_part_cannot_be_queued_is_delivered_again(bridge: Bridge):
    bridge.secrets.secrets.clear()  # all of it has to wait
    bridge.sqs.refused.extend([{1}, {0}, {0}])

    assert bridge.dispatch(chunk(MAX_MESSAGES + 1)) == [False]


def test_an_ending_that_is_final_does_not_go_back(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.LOST, verdicts.BAD_NUMBER, verdicts.UNKNOWN])

    assert bridge.dispatch(chunk(3)) == [True]

    assert bridge.sqs.entries == []
    assert bridge.dynamodb.statuses() == ["rejected", "unknown", "unknown"]


# When the log does not answer


@pytest.mark.fault("outcome-unwritten")
def test_outcomes_that_cannot_be_written_travel_on_in_the_queue(bridge: Bridge):
    # The claims are written, then the table is silent.
    bridge.dynamodb.down("batch_write_item", LOST_BEFORE)
    bridge.dynamodb.fail("put_item", None, None, None)
    bridge.dynamodb.down("put_item", UNREACHED)

    assert bridge.dispatch(chunk(3)) == [True]

    assert bridge.counts() == {"MessagesSent": 3, "OutcomesUnrecorded": 3}
    [carried] = [decode(entry.body) for entry in bridge.sqs.entries]
    assert (len(carried.messages), len(carried.outcomes)) == (0, 3)

    bridge.dynamodb.heal()
    assert bridge.dispatch(carried) == [True]
    assert bridge.dynamodb.statuses() == ["sent"] * 3


def test_carried_outcomes_that_still_cannot_be_written_travel_on(bridge: Bridge):
    rows = [replace(bridge.log.new_claim(message(1), "w/1", report=True).row, status=Status.SENT)]
    bridge.dynamodb.down("put_item", UNREACHED)

    assert bridge.dispatch(Chunk(ACCOUNT_ID, START, 0, [], rows)) == [True]

    [carried] = [decode(entry.body) for entry in bridge.sqs.entries]
    assert carried.outcomes == rows


def test_outcomes_that_cannot_be_written_for_a_day_fail_their_chunk_so_that_they_become_dead_letters(bridge: Bridge):
    rows = [replace(bridge.log.new_claim(message(1), "w/1", report=True).row, status=Status.SENT)]
    bridge.dynamodb.down("put_item", UNREACHED)
    bridge.clock.sleep(86_401)

    assert bridge.dispatch(Chunk(ACCOUNT_ID, START, 0, [], rows)) == [False]

    assert bridge.sqs.entries == []
    bridge.dynamodb.heal()
    assert bridge.dispatch(Chunk(ACCOUNT_ID, START, 0, [], rows)) == [True], "redriven"
    assert bridge.dynamodb.statuses() == ["sent"]


@pytest.mark.fault("answer-lost")
def test_messages_whose_claim_has_no_answer_are_retried_under_the_claim(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER), *silence(LOST_BEFORE))

    assert bridge.dispatch(chunk(2)) == [True]
    assert bridge.vendor.tried == []
    assert bridge.dynamodb.calls["update_item"] == 0, "what is queued names its claim, and needs no write"

    [back] = [decode(entry.body) for entry in bridge.sqs.entries]
    assert bridge.dispatch(back) == [True]
    assert bridge.dynamodb.statuses() == ["sent", "sent"]


# Expiry


def test_what_is_too_old_expires_and_the_rest_is_sent(bridge: Bridge):
    bridge.clock.sleep(86_401)
    fresh = replace(chunk(2, first=2, accepted_at=bridge.clock.now), accepted_at=bridge.clock.now)

    assert bridge.dispatch(chunk(2), fresh) == [True, True]

    assert bridge.dynamodb.statuses() == ["expired", "expired", "sent", "sent"]
    assert bridge.counts() == {"MessagesSent": 2, "MessagesExpired": 2}
    assert len(bridge.vendor.tried) == 2


def test_at_the_last_moment_a_message_is_still_sent(bridge: Bridge):
    bridge.clock.sleep(86_400)

    bridge.dispatch(chunk(1))

    assert bridge.dynamodb.statuses() == ["sent"]


def test_messages_expire_though_their_account_is_gone(bridge: Bridge):
    bridge.secrets.secrets.clear()
    bridge.clock.sleep(86_401)

    assert bridge.dispatch(chunk(2)) == [True]

    assert bridge.dynamodb.statuses() == ["expired", "expired"]


def test_what_expired_took_no_time_at_the_vendor(bridge: Bridge):
    bridge.clock.sleep(86_401)

    bridge.dispatch(chunk(2))

    assert not bridge.metrics.latencies


def test_messages_that_fail_by_a_fault_of_ours_do_not_hold_up_the_others(bridge: Bridge):
    more_than_may_be_unrecorded = 1 + BATCH + 1
    bridge.vendor.script.extend([ZeroDivisionError()] * more_than_may_be_unrecorded)

    assert bridge.dispatch(chunk(50)) == [False]

    assert bridge.counts()["MessagesSent"] == 50 - more_than_may_be_unrecorded


# Time


@pytest.mark.fault("out-of-time")
def test_near_its_end_a_worker_begins_nothing_and_gives_all_back_at_once(bridge: Bridge):
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(33)

    assert bridge.dispatch(chunk(3), seconds=59) == [True]

    assert len(bridge.vendor.tried) == 1
    assert queued(bridge) == [([1, 2], 0, 0)]


def test_a_table_that_hangs_at_the_end_leaves_time_to_give_back_what_it_did_not_take(bridge: Bridge):
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(43.8)  # just within what sending may take
    bridge.dynamodb.fail("put_item", None)
    for operation in ("put_item", "batch_write_item"):
        bridge.dynamodb.down(operation, LOST_BEFORE)
    hung = START + 43
    bridge.dynamodb.around = lambda point: (
        bridge.clock.sleep(CALL_SECONDS) if point.startswith("before") and bridge.clock.now >= hung else None
    )

    assert bridge.dispatch(chunk(1)) == [True]

    outcomes = [row for entry in bridge.sqs.entries for row in decode(entry.body).outcomes]
    assert [row.status for row in outcomes] == ["sent"]


@pytest.mark.fault("out-of-time")
def test_when_time_runs_out_the_rest_goes_back(bridge: Bridge):
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(8)

    assert bridge.dispatch(chunk(10)) == [True]

    sent = bridge.counts()["MessagesSent"]
    assert 4 <= sent <= 6
    assert sum(len(messages) for messages, _, _ in queued(bridge)) == 10 - sent
    assert bridge.dynamodb.statuses() == ["sent"] * sent


def test_a_message_still_at_the_vendor_at_the_end_is_looked_at_later(bridge: Bridge):
    go = threading.Event()

    def hang() -> None:
        bridge.clock.sleep(30)  # past the time for sending
        go.wait(5)

    bridge.vendor.meanwhile = hang

    results = bridge.dispatch(chunk(2), seconds=40)
    go.set()

    assert results == [True]
    [(messages, attempts, delay), other] = sorted(queued(bridge), key=lambda found: -found[2])
    assert (messages, attempts) == ([0], 0)
    assert delay > 15, "the worker is surely over then"
    assert other == ([1], 0, 0)


# Our own faults


@pytest.mark.fault("bug")
def test_a_fault_of_ours_fails_its_own_chunk_alone(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.SENT, RuntimeError("opensesame"), verdicts.SENT, verdicts.SENT])

    assert bridge.dispatch(chunk(3), chunk(1, first=3)) == [False, True]

    assert bridge.dynamodb.statuses() == ["sending", "sent", "sent", "sent"]


def test_a_message_that_always_fails_does_not_multiply(bridge: Bridge):
    # Each delivery of a chunk that fails must not also put a copy of its messages on the queue.
    bridge.vendor.script.append(RuntimeError())

    assert bridge.dispatch(chunk(1)) == [False]

    assert queued(bridge) == []


@pytest.mark.fault("row-malformed")
def test_a_row_that_somebody_broke_fails_the_chunk_alone_that_carries_its_outcome(bridge: Bridge):
    claim = bridge.log.new_claim(message(1), "w/1", report=True)
    bridge.dynamodb.put(replace(claim.row, status=Status.DELIVERED))
    bridge.dynamodb.items[claim.row.key]["segments"] = {"N": "1.5"}
    carried = Chunk(ACCOUNT_ID, START, 0, [], [replace(claim.row, status=Status.SENT)])

    assert bridge.dispatch(carried, chunk(1, first=2)) == [False, True]

    assert {*bridge.vendor.sent} == {(message(2).recipient, message(2).message_id)}


def test_a_chunk_that_failed_by_a_fault_of_ours_is_delivered_again_though_its_outcomes_are_queued(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.SENT, RuntimeError()])
    bridge.dynamodb.fail("put_item", None, None)  # the claims; then the table is silent
    for operation in ("put_item", "batch_write_item"):
        bridge.dynamodb.down(operation, UNREACHED)

    assert bridge.dispatch(chunk(2)) == [False]

    [carried] = [decode(entry.body) for entry in bridge.sqs.entries]
    assert (len(carried.messages), len(carried.outcomes)) == (0, 1)


def test_a_fault_of_ours_fails_its_chunk_whatever_becomes_of_the_messages_after_it(bridge: Bridge):
    bridge.vendor.script.append(RuntimeError())
    bridge.dynamodb.fail("put_item", None, *silence(UNREACHED))  # the second one waits for the log

    assert bridge.dispatch(chunk(2)) == [False]


@pytest.mark.fault("worker-killed")
def test_a_crash_leaves_its_message_for_the_next_delivery_which_does_not_send_it(bridge: Bridge):
    bridge.vendor.script.append(Crash())
    with pytest.raises(Crash):
        bridge.dispatch(chunk(1))
    bridge.clock.sleep(400)
    bridge.sqs.entries.clear()

    assert bridge.dispatch(chunk(1)) == [True]
    assert bridge.dynamodb.statuses() == ["unknown"]
    assert bridge.vendor.sent == {}


def test_all_of_a_messages_fields_survive_the_way_back(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)
    given = message(1, campaign_id="c", template_id="t", sender_id="s", message_type="OTP")

    bridge.dispatch(Chunk(ACCOUNT_ID, START, 0, [given], request="r-1"))

    back = decode(bridge.sqs.entries[0].body)
    assert back.request == "r-1"
    [again] = back.messages
    assert isinstance(again, Message)
    assert replace(again, unsent_claims=(), attempts=0) == given


@pytest.mark.fault("promotional-hours")
def test_promotional_messages_wait_for_their_hours_which_is_no_attempt(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(promotionalHours="true")  # it is 03:43 in India
    mixed = Chunk(ACCOUNT_ID, START, 0, [message(0, message_type="PROMOTIONAL"), message(1, message_type="OTP")])

    bridge.dispatch(mixed)

    assert bridge.dynamodb.statuses() == ["sent"]
    assert queued(bridge) == [([0], 0, times.LONGEST_DELAY_SECONDS)]
    assert bridge.metrics.causes[Cause.HOURS] == 1

    bridge.clock.sleep(22_600)  # until 10:00
    bridge.dispatch(*[decode(body) for body in taken_out(bridge.sqs)])

    assert bridge.dynamodb.statuses() == ["sent", "sent"]


@pytest.mark.fault("promotional-hours")
def test_promotional_messages_that_wait_for_longer_than_their_validity_expire(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(promotionalHours="true")
    late = START - 86_401

    bridge.dispatch(Chunk(ACCOUNT_ID, late, 0, [message(0, message_type="PROMOTIONAL", accepted_at=late)]))

    assert bridge.dynamodb.statuses() == ["expired"]
