"""DynamoDB throttles, takes a part, is unreachable, or does what it was told and loses the answer."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import pytest

from tests.faults import aws_proxy
from tests.faults.aws_proxy import fail, fail_after, leave_unprocessed, lose_answer, lose_call, refuse, throttle
from tests.faults.world import LET_THROUGH_BY_THE_BREAKER


@pytest.fixture
def world(make_world):
    return make_world(harms_log=True)


@contextmanager
def without_permission(world):
    """No function may write the log any more."""
    with ExitStack() as harms:
        for operation in ("Claim", "Settle", "BatchWriteItem", "UpdateItem"):
            harms.enter_context(world.proxy.harming(operation, refuse))
        yield


@pytest.mark.fault("table-throttled")
def test_throttled_and_partly_processed_batch_writes_lose_no_outcome(world):
    world.campaign(120)
    throttled = world.proxy.harming("BatchWriteItem", throttle, times=2)
    partly = world.proxy.harming("BatchWriteItem", leave_unprocessed, times=3)
    with throttled as first, partly as second:
        world.drain()
    assert first.hits
    assert second.hits
    assert world.statuses() == {"sent": 120}
    world.judge("BatchWriteItem throttled, partly unprocessed")


@pytest.mark.fault("table-throttled")
def test_throttled_claims_send_each_message_once(world):
    world.campaign(120)
    with world.proxy.harming("Claim", throttle, share=0.3):
        world.drain()
    assert world.statuses() == {"sent": 120}
    world.judge("claims throttled")


@pytest.mark.fault("table-hangs")
def test_a_table_that_cannot_be_claimed_in_sends_nothing_and_everything_when_it_is_back(world):
    world.campaign(120)
    with world.proxy.harming("Claim", fail) as harmed, world.polling():
        world.wait_until(lambda: harmed.hits > 120)
        assert world.sent() == 0
    world.drain()
    assert world.statuses() == {"sent": 120}
    world.judge("table unreachable at claim")


@pytest.mark.fault("answer-lost")
@pytest.mark.parametrize("harm", [lose_answer, fail_after])
def test_claims_whose_answers_are_lost_send_each_message_once_and_leave_none_in_doubt(world, harm):
    world.campaign(120)
    with world.proxy.harming("Claim", harm, share=0.5) as harmed:
        world.drain()
    assert harmed.hits
    assert world.statuses() == {"sent": 120}
    world.judge("answers of claims lost")


@pytest.mark.fault("answer-lost")
def test_a_table_that_loses_every_answer_to_a_claim_for_a_while_keeps_the_campaign_waiting_and_unsent(world):
    world.campaign(100)
    with world.proxy.harming("Claim", lose_answer) as harmed, world.polling():
        # Repeated until the client gives up: the claim stands, and nobody knows.
        world.wait_until(lambda: harmed.hits > 20)
    world.drain()
    world.judge("answers of claims lost")
    assert world.statuses() == {"sent": 100}


@pytest.mark.fault("outcome-unwritten")
@pytest.mark.parametrize("harm", [lose_answer, fail_after])
def test_batch_writes_whose_answers_are_lost_lose_no_outcome(world, harm):
    world.campaign(120)
    with world.proxy.harming("BatchWriteItem", harm, times=3) as harmed:
        world.drain()
    assert harmed.hits
    assert world.statuses() == {"sent": 120}
    world.judge("answers of batch writes lost")


@pytest.mark.fault("outcome-unwritten")
@pytest.mark.parametrize("harm", [fail, lose_call])
def test_outcomes_that_cannot_be_recorded_wait_in_the_queue_and_their_messages_are_not_sent_again(world, harm):
    world.campaign(100)
    with world.proxy.harming("BatchWriteItem", harm), world.proxy.harming("Settle", harm), world.polling():
        world.wait_until(lambda: world.sent() == 100)
        world.wait_until(lambda: any(world.proxy.delays))  # the outcomes are on the queue
        assert world.statuses() == {"sending": 100}
    world.drain()
    assert world.statuses() == {"sent": 100}
    world.judge("table unreachable at record")


@pytest.mark.fault("table-hangs")
def test_one_message_that_cannot_be_claimed_is_queued_and_sent_later(world):
    with world.proxy.harming("Claim", fail):
        status, body = world.post(world.messages(1))
    assert (status, body["status"]) == (200, "queued")
    world.drain()
    assert world.statuses() == {"sent": 1}
    world.judge("table unreachable, one message")


@pytest.mark.fault("outcome-unwritten")
def test_one_message_whose_outcome_cannot_be_recorded_is_answered_sent_and_recorded_later(world):
    with world.proxy.harming("Settle", lose_call):
        status, body = world.post(world.messages(1))
    assert (status, body["status"]) == (200, "sent")
    assert world.statuses() == {"sending": 1}
    world.drain()
    assert world.statuses() == {"sent": 1}
    world.judge("table unreachable, one message")


@pytest.mark.fault("answer-lost")
@pytest.mark.parametrize("harm", ["lose_answer", "fail_after"])
def test_one_message_whose_claim_was_written_but_never_answered_is_sent_once(world, harm):
    with world.proxy.harming("Claim", getattr(aws_proxy, harm)):
        status, body = world.post(world.messages(1))
    assert (status, body["status"]) == (200, "queued")
    assert world.statuses() == {"sending": 1}
    world.drain()
    assert world.statuses() == {"sent": 1}
    world.judge("table unreachable, one message")


@pytest.mark.fault("table-refuses", "bug")
def test_what_a_table_without_permission_sends_to_the_dead_letters_is_sent_once_when_it_is_mended(make_world):
    world = make_world(harms_log=True, receives=2)
    world.campaign(250)
    with without_permission(world):
        [single] = world.messages(1)
        assert world.post([single])[1]["status"] == "queued"
        with world.polling():
            world.wait_until(lambda: world.dead_letters() == 4)  # three of the campaign's, and the single message
    assert world.sent() == 0
    assert world.rows() == {}
    assert world.counted("LogRefused") >= 251
    assert world.redrive() == 4
    world.drain()
    assert world.statuses() == {"sent": 251}
    world.judge("table without permission")


@pytest.mark.fault("table-refuses")
def test_a_campaign_whose_table_loses_its_permission_for_a_while_is_sent_once_and_every_outcome_recorded(make_world):
    world = make_world(harms_log=True, receives=100)
    world.vendor.change(latency_ms=20)
    world.campaign(300)
    with world.polling():
        world.wait_until(lambda: world.sent() > 60)
        with without_permission(world):
            world.wait_until(lambda: world.counted("LogRefused") > 300)
            sent = world.sent()
            world.sleep(1, 2)
            assert world.sent() == sent < 300
    world.drain()
    assert world.statuses() == {"sent": 300}
    world.judge("table without permission")


@pytest.mark.fault("breaker-unreadable")
def test_a_worker_that_cannot_reach_the_shared_breaker_decides_alone_and_an_outage_costs_no_more(world):
    world.vendor.change(rates={"drop": 1.0})
    world.campaign(200)
    with world.proxy.harming("BatchGetItem", fail), world.proxy.harming("UpdateItem", fail), world.polling():
        world.wait_until(lambda: any(world.proxy.delays))
        world.vendor.change(rates={})  # before the worker's next chunk, whose probe would cost a message
        assert world.next_probe() is None
        world.wait_until(world.is_drained)
    taken = world.vendor.account.behaviours["drop"]
    assert taken <= LET_THROUGH_BY_THE_BREAKER
    assert world.statuses() == {"unknown": taken, "sent": 200 - taken}
    world.judge("shared breaker unreachable", unknown_at_most=taken)
