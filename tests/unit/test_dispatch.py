"""Chunks from the queue: sent, recorded, and what is left of them."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.breaker import BATCH_FAILURES, FEW
from bridge.campaigns.shared_breaker import FIRST_PROBE_SECONDS
from bridge.chunk import Chunk, Lane, decode
from bridge.finish import BATCH
from bridge.leftovers import DELAYS
from bridge.message import Cause, Message, Status
from bridge.message_central import verdicts
from bridge.send import CLOCK_SKEW_SECONDS
from tests.fakes.faults import DENIED, LOST_AFTER, LOST_BEFORE, UNREACHED, Crash, Fault, silence
from tests.fakes.values import ACCOUNT_ID, START, message, secret
from tests.unit.harness import LIFETIME, Bridge, chunk, queued, taken_out

OTHER = "OTHER"


def dispatch(bridge: Bridge, *chunks: Chunk, seconds: float = 59) -> list[bool]:
    return bridge.dispatch(*chunks, seconds=seconds)


def add_account(bridge: Bridge) -> None:
    bridge.secrets.secrets[f"bridge/{OTHER}"] = secret()


def open_breaker(bridge: Bridge) -> None:
    """The vendor fails as many messages as it takes, and they are over."""
    bridge.vendor.script.extend([verdicts.LOST] * BATCH_FAILURES)
    dispatch(bridge, chunk(BATCH_FAILURES, first=900))
    bridge.sqs.entries.clear()


def not_begun(bridge: Bridge) -> list[int]:
    return sorted(n for messages, attempts, _ in queued(bridge) for n in messages if attempts == 0)


def test_a_chunk_is_sent_and_its_outcomes_are_recorded(bridge: Bridge):
    assert dispatch(bridge, chunk(30)) == [True]

    assert bridge.dynamodb.statuses() == ["sent"] * 30
    assert [row.verification_id for row in bridge.dynamodb.rows()] == [f"v{n}" for n in range(1, 31)]
    assert bridge.sqs.entries == []
    assert bridge.counts() == {"MessagesSent": 30}
    assert bridge.dynamodb.calls["batch_write_item"] == 2


def test_many_threads_send_each_message_once(bridge: Bridge):
    bridge = Bridge(concurrency=16)

    assert dispatch(bridge, chunk(100), chunk(100, first=100), chunk(50)) == [True] * 3

    assert {*bridge.vendor.sent.values()} == {1}
    assert len(bridge.vendor.sent) == 200
    assert bridge.dynamodb.statuses() == ["sent"] * 200


def test_no_chunks_are_no_work(bridge: Bridge):
    assert dispatch(bridge) == []


@pytest.mark.fault("chunk-twice")
def test_a_chunk_that_comes_again_sends_nothing_again(bridge: Bridge):
    dispatch(bridge, chunk())

    assert dispatch(bridge, chunk()) == [True]
    assert {*bridge.vendor.sent.values()} == {1}
    assert bridge.counts() == {"MessagesSent": 3, "MessagesDuplicate": 3}


def test_a_message_twice_in_one_chunk_is_sent_once(bridge: Bridge):
    twice = replace(chunk(1), messages=[message(0), message(0)])

    assert dispatch(bridge, twice) == [True]

    assert {*bridge.vendor.sent.values()} == {1}
    assert bridge.dynamodb.statuses() == ["sent"]
    [(again, attempts, delay)] = queued(bridge)
    assert (again, attempts, delay) == ([0], 0, int(LIFETIME + CLOCK_SKEW_SECONDS))
    bridge.clock.sleep(delay)
    dispatch(bridge, decode(bridge.sqs.entries[0].body))
    assert {*bridge.vendor.sent.values()} == {1}


# What goes back


def test_what_is_retried_goes_back_as_one_smaller_chunk_with_its_attempts_counted(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.SENT, verdicts.BUSY, verdicts.SENT, verdicts.BUSY])

    assert dispatch(bridge, chunk(4)) == [True]

    [(messages, attempts, delay)] = queued(bridge)
    assert (messages, attempts) == ([1, 3], 1)
    assert 7 <= delay <= 15
    assert bridge.dynamodb.statuses() == ["retrying", "retrying", "sent", "sent"]


def test_the_delay_grows_with_the_attempts(bridge: Bridge):
    bridge.vendor.default = verdicts.BUSY

    dispatch(bridge, chunk(2, attempts=5))

    [(_, attempts, delay)] = queued(bridge)
    assert attempts == 6
    assert 240 <= delay <= 480


def test_the_vendors_own_wait_comes_first_and_groups_the_messages(bridge: Bridge):
    waits = [60, 30, 60]
    bridge.vendor.script.extend([replace(verdicts.TOO_SOON, retry_after=wait) for wait in waits])

    dispatch(bridge, chunk(3))

    assert sorted(queued(bridge)) == [([0, 2], 1, 60), ([1], 1, 30)]


def test_a_retried_message_can_be_sent_from_its_new_chunk(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)
    dispatch(bridge, chunk(1))

    dispatch(bridge, decode(bridge.sqs.entries[0].body))

    assert bridge.dynamodb.statuses() == ["sent"]
    assert bridge.dynamodb.rows()[0].attempts == 2


def test_retries_are_queued_after_their_outcomes_are_recorded(bridge: Bridge):
    seen: list[str] = []
    bridge.sqs.around = lambda _point: seen.extend(bridge.dynamodb.statuses())
    bridge.vendor.default = verdicts.BUSY

    dispatch(bridge, chunk(1))

    assert {*seen} == {"retrying"}


@pytest.mark.fault("retry-unqueued")
def test_a_chunk_whose_leftovers_cannot_be_queued_is_delivered_again(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.BUSY, verdicts.SENT])
    bridge.sqs.down("send_message_batch", UNREACHED)

    assert dispatch(bridge, chunk(1), chunk(1, first=1)) == [False, True]

    bridge.sqs.heal()
    assert dispatch(bridge, chunk(1)) == [True]
    assert bridge.dynamodb.statuses() == ["sent", "sent"]


def test_leftovers_in_doubt_are_not_done(bridge: Bridge):
    bridge.vendor.default = verdicts.BUSY
    bridge.sqs.down("send_message_batch", LOST_AFTER)

    assert dispatch(bridge, chunk(1)) == [False]


def test_an_ending_that_is_final_does_not_go_back(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.LOST, verdicts.BAD_NUMBER, verdicts.UNKNOWN])

    assert dispatch(bridge, chunk(3)) == [True]

    assert bridge.sqs.entries == []
    assert bridge.dynamodb.statuses() == ["rejected", "unknown", "unknown"]


# When the log does not answer


@pytest.mark.fault("outcome-unwritten")
def test_outcomes_that_cannot_be_written_travel_on_in_the_queue(bridge: Bridge):
    # The claims are written, then the table is silent.
    bridge.dynamodb.down("batch_write_item", LOST_BEFORE)
    bridge.dynamodb.fail("put_item", None, None, None)
    bridge.dynamodb.down("put_item", UNREACHED)

    assert dispatch(bridge, chunk(3)) == [True]

    assert bridge.counts() == {"MessagesSent": 3, "OutcomesUnrecorded": 3}
    [carried] = [decode(entry.body) for entry in bridge.sqs.entries]
    assert (len(carried.messages), len(carried.outcomes)) == (0, 3)

    bridge.dynamodb.heal()
    assert dispatch(bridge, carried) == [True]
    assert bridge.dynamodb.statuses() == ["sent"] * 3


def test_carried_outcomes_that_still_cannot_be_written_travel_on(bridge: Bridge):
    rows = [replace(bridge.log.new_claim(message(1), "w/1", report=True).row, status=Status.SENT)]
    bridge.dynamodb.down("put_item", UNREACHED)

    assert dispatch(bridge, Chunk(ACCOUNT_ID, START, 0, [], rows)) == [True]

    [carried] = [decode(entry.body) for entry in bridge.sqs.entries]
    assert carried.outcomes == rows


@pytest.mark.fault("answer-lost")
def test_messages_whose_claim_has_no_answer_are_retried_under_the_claim(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER), *silence(LOST_BEFORE))

    assert dispatch(bridge, chunk(2)) == [True]
    assert bridge.vendor.tried == []

    [back] = [decode(entry.body) for entry in bridge.sqs.entries]
    assert dispatch(bridge, back) == [True]
    assert bridge.dynamodb.statuses() == ["sent", "sent"]


# Outages


@pytest.mark.fault("outage-long")
def test_after_so_many_failures_in_a_row_the_rest_is_not_tried(bridge: Bridge):
    bridge.vendor.default = verdicts.UNREACHED

    assert dispatch(bridge, chunk(100)) == [True]

    assert len(bridge.vendor.tried) == BATCH_FAILURES
    assert sorted(n for messages, _, _ in queued(bridge) for n in messages) == [*range(100)]
    assert len(bridge.dynamodb.rows()) == BATCH_FAILURES, "what was not tried has no claim"
    assert not_begun(bridge) == [*range(BATCH_FAILURES, 100)], "what was not begun has made no attempt"
    assert {delay for _, attempts, delay in queued(bridge) if attempts == 0} == {FIRST_PROBE_SECONDS}


@pytest.mark.fault("vendor-hangs")
def test_a_vendor_that_hangs_leaves_few_messages_in_doubt(bridge: Bridge):
    bridge.vendor.default = verdicts.LOST

    dispatch(bridge, chunk(100))

    assert bridge.dynamodb.statuses() == ["unknown"] * BATCH_FAILURES


@pytest.mark.fault("outage-long")
def test_while_the_token_call_fails_no_further_message_is_risked(bridge: Bridge):
    bridge.vendor.default = verdicts.LOST
    bridge.vendor.reachable = False
    open_breaker(bridge)
    tried = len(bridge.vendor.tried)

    for event in range(20):
        bridge.clock.sleep(300)
        bridge.new_environment()
        assert dispatch(bridge, chunk(100, first=event)) == [True]

    assert len(bridge.vendor.tried) == tried
    assert bridge.vendor.probes == 20


def test_all_workers_together_probe_once_in_an_interval(bridge: Bridge):
    bridge.vendor.reachable = False
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)

    for _ in range(5):
        bridge.new_environment()
        dispatch(bridge, chunk(10))

    assert bridge.vendor.probes == 1


@pytest.mark.fault("outage-long")
def test_a_vendor_that_gives_tokens_and_loses_messages_loses_one_with_each_probe(bridge: Bridge):
    open_breaker(bridge)
    bridge.vendor.default = verdicts.LOST

    for event in range(1, 4):
        bridge.clock.sleep(900)
        dispatch(bridge, chunk(100, first=100 * event))

    assert bridge.dynamodb.statuses() == ["unknown"] * (BATCH_FAILURES + 3)


def test_when_the_vendor_is_back_one_then_a_few_then_all_are_sent(bridge: Bridge):
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)

    dispatch(bridge, chunk(100))

    assert bridge.counts()["MessagesSent"] == 100
    assert bridge.vendor.probes == 1
    bridge.new_environment()
    dispatch(bridge, chunk(100, first=100))
    assert bridge.counts()["MessagesSent"] == 200
    assert bridge.vendor.probes == 1, "the breaker is closed again, for every worker"


def test_an_outage_that_comes_back_after_the_first_message_costs_a_few(bridge: Bridge):
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)
    bridge.vendor.script.append(verdicts.SENT)
    bridge.vendor.default = verdicts.LOST

    dispatch(bridge, chunk(100))

    assert bridge.dynamodb.statuses().count("unknown") <= BATCH_FAILURES + FEW
    assert bridge.counts()["MessagesSent"] == 1


@pytest.mark.fault("poisonous-text")
def test_a_message_that_always_fails_holds_up_nobody(bridge: Bridge):
    for _ in range(20):
        bridge.vendor.script.append(verdicts.UNREACHED)
        dispatch(bridge, chunk(1, attempts=3))
    bridge.sqs.entries.clear()

    dispatch(bridge, chunk(1, attempts=3), chunk(99, first=1))

    assert len(bridge.vendor.sent) == 100


@pytest.mark.fault("poisonous-text")
def test_the_message_that_is_tried_after_a_probe_is_not_the_one_that_failed_before(bridge: Bridge):
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)
    bridge.vendor.tried.clear()

    dispatch(bridge, chunk(1, attempts=3), chunk(2, first=1))

    assert bridge.vendor.tried[0] == (message(1).recipient, message(1).message_id)


def test_what_shows_nothing_does_not_use_up_the_try(bridge: Bridge):
    dispatch(bridge, chunk(20, first=100))
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)

    dispatch(bridge, chunk(20, first=100), chunk(30, first=300))

    assert bridge.counts()["MessagesDuplicate"] == 20
    assert bridge.counts()["MessagesSent"] == 50


def test_a_worker_with_nothing_to_try_leaves_the_try_to_the_next(bridge: Bridge):
    dispatch(bridge, chunk(5, first=100))
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)

    dispatch(bridge, chunk(5, first=100))
    bridge.new_environment()
    dispatch(bridge, chunk(20))

    assert bridge.counts()["MessagesDuplicate"] == 5
    assert bridge.counts()["MessagesSent"] == 25


def test_a_message_that_waits_for_the_breaker_is_counted(bridge: Bridge):
    open_breaker(bridge)
    before = bridge.counts()

    dispatch(bridge, chunk(7))

    assert bridge.counts()["SendingPaused"] - before.get("SendingPaused", 0) == 7
    assert bridge.metrics.causes[Cause.BREAKER] >= 7


def test_rejections_of_single_messages_are_no_outage(bridge: Bridge):
    bridge.vendor.default = verdicts.BAD_NUMBER

    dispatch(bridge, chunk(50))

    assert bridge.dynamodb.statuses() == ["rejected"] * 50


@pytest.mark.fault("rate-limit")
def test_a_rate_limit_is_no_outage_and_what_was_not_begun_made_no_attempt(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.RATE] * 10)
    bridge.clock.ticks = 0.001  # after a refusal messages wait for one another

    assert dispatch(bridge, chunk(50)) == [True]

    assert bridge.counts()["MessagesSent"] == 40
    least, most = DELAYS[Cause.RATE]
    assert all(attempts == 1 and least <= delay <= most for _, attempts, delay in queued(bridge))
    assert "SendingPaused" not in bridge.counts()


def test_one_accounts_outage_does_not_hold_another_back(bridge: Bridge):
    add_account(bridge)
    bridge.vendor.script.extend([verdicts.NO_CREDIT] * BATCH_FAILURES)
    dispatch(bridge, chunk(50))

    dispatch(bridge, chunk(50, first=50), chunk(50, first=100, account=OTHER))

    assert bridge.counts()["MessagesSent"] == 50


@pytest.mark.fault("account-slow")
def test_work_is_dealt_out_in_turn_between_accounts(bridge: Bridge):
    add_account(bridge)

    dispatch(bridge, chunk(10), chunk(10, first=10), chunk(3, first=50, account=OTHER))

    places = [place for place, key in enumerate(bridge.vendor.tried) if key[0] >= message(50).recipient]
    assert len(places) == 3
    assert max(places) <= 6


@pytest.mark.fault("table-refuses")
def test_a_table_that_refuses_claims_fails_the_chunk_and_is_counted(bridge: Bridge):
    bridge.dynamodb.down("put_item", DENIED)

    assert dispatch(bridge, chunk(3)) == [False]

    assert bridge.vendor.tried == []
    assert bridge.counts()["LogRefused"] == 3
    assert bridge.sqs.entries == [], "the chunk itself comes again, and in the end to the dead letters"


@pytest.mark.fault("table-throttled", "table-hangs")
def test_messages_whose_claim_is_throttled_wait_and_are_counted(bridge: Bridge):
    bridge.dynamodb.down("put_item", UNREACHED)

    assert dispatch(bridge, chunk(3)) == [True]

    least, most = DELAYS[Cause.LOG]
    assert all(attempts == 0 and least <= delay <= most for _, attempts, delay in queued(bridge))
    assert bridge.metrics.causes == {Cause.LOG: 3}


@pytest.mark.fault("retry-unqueued", "answer-lost")
def test_a_message_whose_claim_may_stand_is_sent_though_its_chunk_could_not_be_given_back(bridge: Bridge):
    # The claim was written and its answer lost; SQS refuses the chunk that would have named it.
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    bridge.sqs.down("send_message_batch", UNREACHED)
    assert dispatch(bridge, chunk(1)) == [False]
    bridge.sqs.heal()

    assert dispatch(bridge, chunk(1)) == [True]

    assert bridge.dynamodb.statuses() == ["sent"]


@pytest.mark.fault("bug")
def test_a_message_whose_claim_may_stand_is_sent_though_another_of_its_chunk_failed_by_a_fault_of_ours(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    bridge.vendor.script.append(RuntimeError())
    assert dispatch(bridge, chunk(2)) == [False]
    bridge.clock.sleep(400)

    assert dispatch(bridge, chunk(2)) == [True]

    assert bridge.dynamodb.statuses() == ["sent", "unknown"], "the other one was perhaps sent"


@pytest.mark.fault("breaker-unreadable")
def test_where_the_breaker_can_be_read_and_not_written_a_worker_probes_at_its_own_interval(bridge: Bridge):
    open_breaker(bridge)
    bridge.vendor.reachable = False
    bridge.dynamodb.down("update_item", DENIED)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)

    for _ in range(3):
        dispatch(bridge, chunk(10))
    assert bridge.vendor.probes == 1

    bridge.vendor.reachable = True
    bridge.clock.sleep(60)
    dispatch(bridge, chunk(10))
    assert bridge.counts()["MessagesSent"] == 10


@pytest.mark.fault("single-behind-batch")
def test_what_came_alone_goes_back_to_its_own_queue(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.UNREACHED] * 2)

    dispatch(bridge, replace(chunk(1), lane=Lane.SINGLE), chunk(1, first=1))

    assert sorted(entry.queue for entry in bridge.sqs.entries) == ["dispatch", "single"]
    assert {entry.group for entry in bridge.sqs.entries} == {ACCOUNT_ID}


@pytest.mark.fault("credentials-refused")
def test_a_refusal_of_the_credentials_is_counted_for_its_alarm(bridge: Bridge):
    bridge.vendor.default = verdicts.CREDENTIALS_REFUSED

    dispatch(bridge, chunk(3))

    assert bridge.counts() == {"MessagesRetrying": 3, "MessagesPostponed": 3, "CredentialsRefused": 3}


@pytest.mark.fault("secret-malformed")
@pytest.mark.parametrize("broken", [{"password": "REPLACE_ME"}, None])
def test_messages_of_an_account_that_cannot_be_used_wait(bridge: Bridge, broken: dict[str, str] | None):
    bridge.secrets.secrets = {} if broken is None else {f"bridge/{ACCOUNT_ID}": secret(**broken)}

    assert dispatch(bridge, chunk(5)) == [True]

    assert bridge.vendor.tried == []
    assert bridge.dynamodb.rows() == []
    assert [(messages, attempts) for messages, attempts, _ in queued(bridge)] == [([0, 1, 2, 3, 4], 0)]
    assert bridge.counts()["AccountMisconfigured"] == 1


@pytest.mark.fault("secret-unreachable")
@pytest.mark.parametrize(("fault", "alarm"), [(DENIED, 1), (LOST_BEFORE, None)])
def test_a_secret_that_may_not_be_read_raises_the_alarm_and_one_that_is_late_does_not(
    bridge: Bridge, fault: Fault, alarm: int | None
):
    bridge.secrets.down("get_secret_value", fault)

    assert dispatch(bridge, chunk(2)) == [True]

    assert bridge.counts().get("AccountMisconfigured") == alarm
    assert bridge.metrics.causes == {Cause.ACCOUNT: 2}


# Expiry


def test_what_is_too_old_expires_and_the_rest_is_sent(bridge: Bridge):
    bridge.clock.sleep(86_401)
    fresh = replace(chunk(2, first=2, accepted_at=bridge.clock.now), accepted_at=bridge.clock.now)

    assert dispatch(bridge, chunk(2), fresh) == [True, True]

    assert bridge.dynamodb.statuses() == ["expired", "expired", "sent", "sent"]
    assert bridge.counts() == {"MessagesSent": 2, "MessagesExpired": 2}
    assert len(bridge.vendor.tried) == 2


def test_at_the_last_moment_a_message_is_still_sent(bridge: Bridge):
    bridge.clock.sleep(86_400)

    dispatch(bridge, chunk(1))

    assert bridge.dynamodb.statuses() == ["sent"]


def test_messages_expire_though_their_account_is_gone(bridge: Bridge):
    bridge.secrets.secrets.clear()
    bridge.clock.sleep(86_401)

    assert dispatch(bridge, chunk(2)) == [True]

    assert bridge.dynamodb.statuses() == ["expired", "expired"]


def test_what_expired_took_no_time_at_the_vendor(bridge: Bridge):
    bridge.clock.sleep(86_401)

    dispatch(bridge, chunk(2))

    assert not bridge.metrics.latencies


def test_messages_that_fail_by_a_fault_of_ours_do_not_hold_up_the_others(bridge: Bridge):
    more_than_may_be_unrecorded = 1 + BATCH + 1
    bridge.vendor.script.extend([ZeroDivisionError()] * more_than_may_be_unrecorded)

    assert dispatch(bridge, chunk(50)) == [False]

    assert bridge.counts()["MessagesSent"] == 50 - more_than_may_be_unrecorded


# Time


@pytest.mark.fault("out-of-time")
def test_near_its_end_a_worker_begins_nothing_and_gives_all_back_at_once(bridge: Bridge):
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(33)

    assert dispatch(bridge, chunk(3), seconds=59) == [True]

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

    assert dispatch(bridge, chunk(1)) == [True]

    outcomes = [row for entry in bridge.sqs.entries for row in decode(entry.body).outcomes]
    assert [row.status for row in outcomes] == ["sent"]


@pytest.mark.fault("out-of-time")
def test_when_time_runs_out_the_rest_goes_back(bridge: Bridge):
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(8)

    assert dispatch(bridge, chunk(10)) == [True]

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

    results = dispatch(bridge, chunk(2), seconds=40)
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

    assert dispatch(bridge, chunk(3), chunk(1, first=3)) == [False, True]

    assert bridge.dynamodb.statuses() == ["sending", "sent", "sent", "sent"]


def test_a_message_that_always_fails_does_not_multiply(bridge: Bridge):
    # Each delivery of a chunk that fails must not also put a copy of its messages on the queue.
    bridge.vendor.script.append(RuntimeError())

    assert dispatch(bridge, chunk(1)) == [False]

    assert queued(bridge) == []


@pytest.mark.fault("worker-killed")
def test_a_crash_leaves_its_message_for_the_next_delivery_which_does_not_send_it(bridge: Bridge):
    bridge.vendor.script.append(Crash())
    with pytest.raises(Crash):
        dispatch(bridge, chunk(1))
    bridge.clock.sleep(400)
    bridge.sqs.entries.clear()

    assert dispatch(bridge, chunk(1)) == [True]
    assert bridge.dynamodb.statuses() == ["unknown"]
    assert bridge.vendor.sent == {}


def test_all_of_a_messages_fields_survive_the_way_back(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)
    given = message(1, campaign_id="c", template_id="t", sender_id="s", message_type="OTP")

    dispatch(bridge, Chunk(ACCOUNT_ID, START, 0, [given], request="r-1"))

    back = decode(bridge.sqs.entries[0].body)
    assert back.request == "r-1"
    [again] = back.messages
    assert isinstance(again, Message)
    assert replace(again, unsent_claims=(), attempts=0) == given


@pytest.mark.fault("promotional-hours")
def test_promotional_messages_wait_for_their_hours_which_is_no_attempt(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(promotionalHours="true")  # it is 03:43 in India
    mixed = Chunk(ACCOUNT_ID, START, 0, [message(0, message_type="PROMOTIONAL"), message(1, message_type="OTP")])

    dispatch(bridge, mixed)

    assert bridge.dynamodb.statuses() == ["sent"]
    assert queued(bridge) == [([0], 0, times.LONGEST_DELAY_SECONDS)]
    assert bridge.metrics.causes[Cause.HOURS] == 1

    bridge.clock.sleep(22_600)  # until 10:00
    dispatch(bridge, *[decode(body) for body in taken_out(bridge.sqs)])

    assert bridge.dynamodb.statuses() == ["sent", "sent"]


@pytest.mark.fault("promotional-hours")
def test_promotional_messages_that_wait_for_longer_than_their_validity_expire(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(promotionalHours="true")
    late = START - 86_401

    dispatch(bridge, Chunk(ACCOUNT_ID, late, 0, [message(0, message_type="PROMOTIONAL", accepted_at=late)]))

    assert bridge.dynamodb.statuses() == ["expired"]
