"""DynamoDB throttles, takes a part, is unreachable, or does what it was told and loses the answer."""

from __future__ import annotations

import pytest

from tests.faults import aws_proxy
from tests.faults.aws_proxy import fail, fail_after, leave_unprocessed, lose_answer, lose_call, refuse, throttle


@pytest.fixture
def world(make_world):
    return make_world(harms_log=True)


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


def test_throttled_claims_send_each_message_once(world):
    world.campaign(120)
    with world.proxy.harming("Claim", throttle, share=0.3):
        world.drain()
    assert world.statuses() == {"sent": 120}
    world.judge("claims throttled")


@pytest.mark.parametrize("harm", [fail, refuse])
def test_a_table_that_cannot_be_claimed_in_sends_nothing_and_everything_when_it_is_back(world, harm):
    world.campaign(120)
    with world.proxy.harming("Claim", harm) as harmed, world.polling():
        world.wait_until(lambda: harmed.hits > 120)
        assert world.sent() == 0
    world.drain()
    assert world.statuses() == {"sent": 120}
    world.judge("table unreachable at claim")


@pytest.mark.parametrize("harm", [lose_answer, fail_after])
def test_claims_whose_answers_are_lost_send_each_message_once_and_leave_none_in_doubt(world, harm):
    world.campaign(120)
    with world.proxy.harming("Claim", harm, share=0.5) as harmed:
        world.drain()
    assert harmed.hits
    assert world.statuses() == {"sent": 120}
    world.judge("answers of claims lost")


def test_a_table_that_loses_every_answer_to_a_claim_for_a_while_keeps_the_campaign_waiting_and_unsent(world):
    world.campaign(100)
    with world.proxy.harming("Claim", lose_answer) as harmed, world.polling():
        # Repeated until the client gives up: the claim stands, and nobody knows.
        world.wait_until(lambda: harmed.hits > 20)
    world.drain()
    world.judge("answers of claims lost")
    assert world.statuses() == {"sent": 100}


@pytest.mark.parametrize("harm", [lose_answer, fail_after])
def test_batch_writes_whose_answers_are_lost_lose_no_outcome(world, harm):
    world.campaign(120)
    with world.proxy.harming("BatchWriteItem", harm, times=3) as harmed:
        world.drain()
    assert harmed.hits
    assert world.statuses() == {"sent": 120}
    world.judge("answers of batch writes lost")


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


def test_one_message_that_cannot_be_claimed_is_queued_and_sent_later(world):
    with world.proxy.harming("Claim", fail):
        status, body = world.post(world.messages(1))
    assert (status, body["status"]) == (200, "queued")
    world.drain()
    assert world.statuses() == {"sent": 1}
    world.judge("table unreachable, one message")


def test_one_message_whose_outcome_cannot_be_recorded_is_answered_sent_and_recorded_later(world):
    with world.proxy.harming("Settle", lose_call):
        status, body = world.post(world.messages(1))
    assert (status, body["status"]) == (200, "sent")
    assert world.statuses() == {"sending": 1}
    world.drain()
    assert world.statuses() == {"sent": 1}
    world.judge("table unreachable, one message")


@pytest.mark.parametrize("harm", ["lose_answer", "fail_after"])
def test_one_message_whose_claim_was_written_but_never_answered_is_sent_once(world, harm):
    with world.proxy.harming("Claim", getattr(aws_proxy, harm)):
        status, body = world.post(world.messages(1))
    assert (status, body["status"]) == (200, "queued")
    assert world.statuses() == {"sending": 1}
    world.drain()
    assert world.statuses() == {"sent": 1}
    world.judge("table unreachable, one message")
