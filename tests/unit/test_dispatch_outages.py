"""Chunks while Message Central fails: what the breaker and 429 leave in the queue, and when sending goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.aws import CALL_SECONDS
from bridge.breaker import BATCH_FAILURES, FEW
from bridge.campaigns.shared_breaker import FIRST_PROBE_SECONDS
from bridge.chunk import Lane
from bridge.leftovers import DELAYS
from bridge.message import Cause
from bridge.message_central import verdicts
from bridge.throttle import UNLIMITED
from tests.fakes.faults import DENIED, LOST_AFTER, LOST_BEFORE, UNREACHED, Fault, silence
from tests.fakes.values import ACCOUNT_ID, message, secret
from tests.unit.harness import LIFETIME, Bridge, chunk, queued

OTHER = "OTHER"


def add_account(bridge: Bridge) -> None:
    bridge.secrets.secrets[f"bridge/{OTHER}"] = secret()


def open_breaker(bridge: Bridge) -> None:
    """The vendor fails as many messages as it takes, and they are over."""
    bridge.vendor.script.extend([verdicts.LOST] * BATCH_FAILURES)
    bridge.dispatch(chunk(BATCH_FAILURES, first=900))
    bridge.sqs.entries.clear()


def not_begun(bridge: Bridge) -> list[int]:
    return sorted(n for messages, attempts, _ in queued(bridge) for n in messages if attempts == 0)


@pytest.mark.fault("outage-long")
def test_after_so_many_failures_in_a_row_the_rest_is_not_tried(bridge: Bridge):
    bridge.vendor.default = verdicts.UNREACHED

    assert bridge.dispatch(chunk(100)) == [True]

    assert len(bridge.vendor.tried) == BATCH_FAILURES
    assert sorted(n for messages, _, _ in queued(bridge) for n in messages) == [*range(100)]
    assert len(bridge.dynamodb.rows()) == BATCH_FAILURES, "what was not tried has no claim"
    assert not_begun(bridge) == [*range(BATCH_FAILURES, 100)], "what was not begun has made no attempt"
    assert {delay for _, attempts, delay in queued(bridge) if attempts == 0} == {FIRST_PROBE_SECONDS}


@pytest.mark.fault("vendor-hangs")
def test_a_vendor_that_hangs_leaves_few_messages_in_doubt(bridge: Bridge):
    bridge.vendor.default = verdicts.LOST

    bridge.dispatch(chunk(100))

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
        assert bridge.dispatch(chunk(100, first=event)) == [True]

    assert len(bridge.vendor.tried) == tried
    assert bridge.vendor.probes == 20


def test_all_workers_together_probe_once_in_an_interval(bridge: Bridge):
    bridge.vendor.reachable = False
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)

    for _ in range(5):
        bridge.new_environment()
        bridge.dispatch(chunk(10))

    assert bridge.vendor.probes == 1


@pytest.mark.fault("outage-long")
def test_a_vendor_that_gives_tokens_and_loses_messages_loses_one_with_each_probe(bridge: Bridge):
    open_breaker(bridge)
    bridge.vendor.default = verdicts.LOST

    for event in range(1, 4):
        bridge.clock.sleep(900)
        bridge.dispatch(chunk(100, first=100 * event))

    assert bridge.dynamodb.statuses() == ["unknown"] * (BATCH_FAILURES + 3)


def test_when_the_vendor_is_back_one_then_a_few_then_all_are_sent(bridge: Bridge):
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)

    bridge.dispatch(chunk(100))

    assert bridge.counts()["MessagesSent"] == 100
    assert bridge.vendor.probes == 1
    bridge.new_environment()
    bridge.dispatch(chunk(100, first=100))
    assert bridge.counts()["MessagesSent"] == 200
    assert bridge.vendor.probes == 1, "the breaker is closed again, for every worker"


def test_an_outage_that_comes_back_after_the_first_message_costs_a_few(bridge: Bridge):
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)
    bridge.vendor.script.append(verdicts.SENT)
    bridge.vendor.default = verdicts.LOST

    bridge.dispatch(chunk(100))

    assert bridge.dynamodb.statuses().count("unknown") <= BATCH_FAILURES + FEW
    assert bridge.counts()["MessagesSent"] == 1


@pytest.mark.fault("poisonous-text")
def test_a_message_that_always_fails_holds_up_nobody(bridge: Bridge):
    for _ in range(20):
        bridge.vendor.script.append(verdicts.UNREACHED)
        bridge.dispatch(chunk(1, attempts=3))
    bridge.sqs.entries.clear()

    bridge.dispatch(chunk(1, attempts=3), chunk(99, first=1))

    assert len(bridge.vendor.sent) == 100


@pytest.mark.fault("poisonous-text")
def test_the_message_that_is_tried_after_a_probe_is_not_the_one_that_failed_before(bridge: Bridge):
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)
    bridge.vendor.tried.clear()

    bridge.dispatch(chunk(1, attempts=3), chunk(2, first=1))

    assert bridge.vendor.tried[0] == (message(1).recipient, message(1).message_id)


def test_what_shows_nothing_does_not_use_up_the_try(bridge: Bridge):
    bridge.dispatch(chunk(20, first=100))
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)

    bridge.dispatch(chunk(20, first=100), chunk(30, first=300))

    assert bridge.counts()["MessagesDuplicate"] == 20
    assert bridge.counts()["MessagesSent"] == 50


def test_a_worker_with_nothing_to_try_leaves_the_try_to_the_next(bridge: Bridge):
    bridge.dispatch(chunk(5, first=100))
    open_breaker(bridge)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)

    bridge.dispatch(chunk(5, first=100))
    bridge.new_environment()
    bridge.dispatch(chunk(20))

    assert bridge.counts()["MessagesDuplicate"] == 5
    assert bridge.counts()["MessagesSent"] == 25


def test_a_message_that_waits_for_the_breaker_is_counted(bridge: Bridge):
    open_breaker(bridge)
    before = bridge.counts()

    bridge.dispatch(chunk(7))

    assert bridge.counts()["SendingPaused"] - before.get("SendingPaused", 0) == 7
    assert bridge.metrics.causes[Cause.BREAKER] >= 7


def test_rejections_of_single_messages_are_no_outage(bridge: Bridge):
    bridge.vendor.default = verdicts.BAD_NUMBER

    bridge.dispatch(chunk(50))

    assert bridge.dynamodb.statuses() == ["rejected"] * 50


@pytest.mark.fault("rate-limit")
def test_a_rate_limit_is_no_outage_and_what_was_not_begun_made_no_attempt(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.RATE] * 10)
    bridge.clock.ticks = 0.001  # after a refusal messages wait for one another

    assert bridge.dispatch(chunk(50)) == [True]

    assert bridge.counts()["MessagesSent"] == 40
    least, most = DELAYS[Cause.RATE]
    assert sum(len(numbers) for numbers, _, _ in queued(bridge)) == 10
    assert all(attempts == 1 and least <= delay <= most for _, attempts, delay in queued(bridge))
    assert "SendingPaused" not in bridge.counts()


@pytest.mark.fault("rate-limit")
def test_what_a_rate_limit_taught_a_worker_holds_for_its_next_event_and_for_that_account_alone(bridge: Bridge):
    bridge.vendor.script.append(verdicts.RATE)
    bridge.dispatch(chunk(1))

    assert bridge.dispatcher.engine.throttle(ACCOUNT_ID).rate < UNLIMITED
    assert bridge.dispatcher.engine.throttle(OTHER).rate == UNLIMITED


def test_one_accounts_outage_does_not_hold_another_back(bridge: Bridge):
    add_account(bridge)
    bridge.vendor.script.extend([verdicts.NO_CREDIT] * BATCH_FAILURES)
    bridge.dispatch(chunk(50))

    bridge.dispatch(chunk(50, first=50), chunk(50, first=100, account=OTHER))

    assert bridge.counts()["MessagesSent"] == 50


@pytest.mark.fault("account-slow")
def test_work_is_dealt_out_in_turn_between_accounts(bridge: Bridge):
    add_account(bridge)

    bridge.dispatch(chunk(10), chunk(10, first=10), chunk(3, first=50, account=OTHER))

    places = [place for place, key in enumerate(bridge.vendor.tried) if key[0] >= message(50).recipient]
    assert len(places) == 3
    assert max(places) <= 6


@pytest.mark.fault("table-refuses")
def test_a_table_that_refuses_claims_fails_the_chunk_and_is_counted(bridge: Bridge):
    bridge.dynamodb.down("put_item", DENIED)

    assert bridge.dispatch(chunk(3)) == [False]

    assert bridge.vendor.tried == []
    assert bridge.counts()["LogRefused"] == 3
    assert bridge.sqs.entries == [], "the chunk itself comes again, and in the end to the dead letters"


@pytest.mark.fault("table-throttled", "table-hangs")
def test_messages_whose_claim_is_throttled_wait_and_are_counted(bridge: Bridge):
    bridge.dynamodb.down("put_item", UNREACHED)

    assert bridge.dispatch(chunk(3)) == [True]

    least, most = DELAYS[Cause.LOG]
    assert sum(len(numbers) for numbers, _, _ in queued(bridge)) == 3
    assert all(attempts == 0 and least <= delay <= most for _, attempts, delay in queued(bridge))
    assert bridge.metrics.causes == {Cause.LOG: 3}
    assert bridge.counts()["LogUnavailable"] == 3, "an alarm watches it"


@pytest.mark.fault("retry-unqueued", "answer-lost")
def test_a_message_whose_claim_may_stand_is_sent_though_its_chunk_could_not_be_given_back(bridge: Bridge):
    # The claim was written and its answer lost; SQS refuses the chunk that would have named it.
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    bridge.sqs.down("send_message_batch", UNREACHED)
    assert bridge.dispatch(chunk(1)) == [False]
    bridge.sqs.heal()

    assert bridge.dispatch(chunk(1)) == [True]

    assert bridge.dynamodb.statuses() == ["sent"]


@pytest.mark.fault("out-of-time")
def test_a_worker_without_time_begins_no_call_for_what_it_could_not_give_back(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    bridge.sqs.down("send_message_batch", UNREACHED)
    bridge.sqs.around = lambda point: bridge.clock.sleep(59 - CALL_SECONDS / 2) if "before" in point else None

    assert bridge.dispatch(chunk(1), seconds=59) == [False]

    assert bridge.dynamodb.calls["update_item"] == 0


@pytest.mark.fault("table-hangs")
def test_a_table_that_does_not_answer_is_asked_once_for_what_could_not_be_given_back(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER), *silence(LOST_AFTER))
    bridge.dynamodb.down("update_item", UNREACHED)
    bridge.sqs.down("send_message_batch", UNREACHED)

    assert bridge.dispatch(chunk(2)) == [False]

    assert bridge.dynamodb.calls["update_item"] == 1


@pytest.mark.fault("bug")
def test_a_message_whose_claim_may_stand_is_sent_though_another_of_its_chunk_failed_by_a_fault_of_ours(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    bridge.vendor.script.append(RuntimeError())
    assert bridge.dispatch(chunk(2)) == [False]
    bridge.clock.sleep(400)

    assert bridge.dispatch(chunk(2)) == [True]

    assert bridge.dynamodb.statuses() == ["sent", "unknown"], "the other one was perhaps sent"


@pytest.mark.fault("breaker-unreadable")
def test_where_the_breaker_can_be_read_and_not_written_a_worker_probes_at_its_own_interval(bridge: Bridge):
    open_breaker(bridge)
    bridge.vendor.reachable = False
    bridge.dynamodb.down("update_item", DENIED)
    bridge.clock.sleep(FIRST_PROBE_SECONDS)

    for _ in range(3):
        bridge.dispatch(chunk(10))
    assert bridge.vendor.probes == 1

    bridge.vendor.reachable = True
    bridge.clock.sleep(60)
    bridge.dispatch(chunk(10))
    assert bridge.counts()["MessagesSent"] == 10


@pytest.mark.fault("breaker-unreadable")
def test_where_the_breaker_cannot_be_written_an_outage_costs_a_worker_what_it_costs_where_it_can(bridge: Bridge):
    bridge.vendor.default = verdicts.LOST
    bridge.vendor.reachable = False
    bridge.dynamodb.down("update_item", DENIED)

    for number in range(20):
        bridge.dispatch(chunk(10, first=10 * number))
        bridge.clock.sleep(FIRST_PROBE_SECONDS)

    assert bridge.dynamodb.statuses() == ["unknown"] * BATCH_FAILURES


@pytest.mark.fault("single-behind-batch")
def test_what_came_alone_goes_back_to_its_own_queue(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.UNREACHED] * 2)

    bridge.dispatch(replace(chunk(1), lane=Lane.SINGLE), chunk(1, first=1))

    assert sorted(entry.queue for entry in bridge.sqs.entries) == ["dispatch", "single"]
    assert {entry.group for entry in bridge.sqs.entries} == {ACCOUNT_ID}


@pytest.mark.fault("credentials-refused")
def test_a_refusal_of_the_credentials_is_counted_for_its_alarm(bridge: Bridge):
    bridge.vendor.default = verdicts.CREDENTIALS_REFUSED

    bridge.dispatch(chunk(3))

    assert bridge.counts() == {"MessagesRetrying": 3, "MessagesPostponed": 3, "CredentialsRefused": 3}


@pytest.mark.fault("secret-malformed")
@pytest.mark.parametrize("broken", [{"password": "REPLACE_ME"}, None])
def test_messages_of_an_account_that_cannot_be_used_wait(bridge: Bridge, broken: dict[str, str] | None):
    bridge.secrets.secrets = {} if broken is None else {f"bridge/{ACCOUNT_ID}": secret(**broken)}

    assert bridge.dispatch(chunk(5)) == [True]

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

    assert bridge.dispatch(chunk(2)) == [True]

    assert bridge.counts().get("AccountMisconfigured") == alarm
    assert bridge.metrics.causes == {Cause.ACCOUNT: 2}


@pytest.mark.fault("secret-unreachable")
def test_secrets_that_all_hang_leave_a_worker_the_time_to_give_its_messages_back(bridge: Bridge):
    """Each account of an event has a look-up of its own, of two calls: ten of them are longer than a worker lives."""
    bridge.hang_secrets()
    begin = bridge.clock.now

    done = bridge.dispatch(*[chunk(1, first=n, account=f"ACCOUNT-{n}") for n in range(10)])

    assert bridge.clock.now - begin < LIFETIME, "Lambda would have ended it"
    assert done == [True] * 10
    assert sorted(n for messages, _, _ in queued(bridge) for n in messages) == [*range(10)]
    assert bridge.metrics.causes == {Cause.ACCOUNT: 10}
