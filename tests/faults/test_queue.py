"""SQS takes a part of what it is given, nothing at all, or everything without saying so."""

from __future__ import annotations

import pytest

from tests.faults.aws_proxy import fail, fail_after, fail_all_entries, fail_entries, lose_answer, lose_call, throttle

SEND = "SendMessageBatch"


@pytest.mark.fault("queue-refuses-part")
def test_a_batch_of_which_sqs_takes_some_chunks_is_sent_just_as_far_as_it_was_acknowledged(world):
    for _ in range(4):
        with world.proxy.harming(SEND, fail_entries):
            status, body = world.post(world.messages(150))
        assert status in (200, 503)
        assert all(item["code"] == "904" for item in body.get("rejected", ()))
    world.drain()
    acknowledged = len(world.acknowledged)
    assert world.sent() == acknowledged
    world.judge("SendMessageBatch takes some entries, at accept")


@pytest.mark.fault("queue-refuses")
@pytest.mark.parametrize("harm", [fail_all_entries, fail, lose_call, throttle])
def test_a_batch_of_which_sqs_takes_nothing_is_refused_with_503_and_never_sent(world, harm):
    with world.proxy.harming(SEND, harm):
        status, _ = world.post(world.messages(150))
    assert status == 503
    world.drain()
    assert world.sent() == 0
    world.judge("SendMessageBatch fails, at accept")


@pytest.mark.fault("queue-in-doubt")
@pytest.mark.parametrize("harm", [lose_answer, fail_after])
def test_a_batch_that_sqs_took_without_ever_saying_so_is_refused_with_503_and_never_sent(world, harm):
    with world.proxy.harming(SEND, harm) as harmed:
        status, _ = world.post(world.messages(110))  # each of two chunks is then forbidden, in the time that accept has
    assert harmed.hits > 1
    assert status == 503
    assert world.copies()
    world.drain()
    assert world.sent() == 0
    world.judge("answers of SendMessageBatch lost, at accept")


@pytest.mark.fault("queue-in-doubt")
@pytest.mark.parametrize("harm", [lose_answer, fail_after])
def test_a_batch_that_sqs_took_twice_because_its_answer_was_lost_is_sent_once(world, harm):
    with world.proxy.harming(SEND, harm, times=1):
        status, _ = world.post(world.messages(150))
    assert status == 200
    world.drain()
    assert world.sent() == 150
    world.judge("answers of SendMessageBatch lost, at accept")


@pytest.mark.fault("retry-unqueued")
@pytest.mark.parametrize("harm", [fail_all_entries, lose_call])
def test_retries_that_cannot_be_queued_leave_their_chunk_to_be_delivered_again(world, harm):
    world.campaign(150)
    world.vendor.stop()
    with world.proxy.harming(SEND, harm) as harmed, world.polling():
        world.wait_until(lambda: harmed.hits >= 3)
        world.vendor.start()
    world.drain()
    assert world.sent() == 150
    world.judge("SendMessageBatch fails, at retry")


@pytest.mark.fault("retry-unqueued")
@pytest.mark.parametrize("harm", [fail_entries, lose_answer])
def test_retries_that_are_queued_in_part_or_twice_send_each_message_once(world, harm):
    world.campaign(120)
    world.vendor.stop()
    with world.proxy.harming(SEND, harm, share=0.7, times=2) as harmed, world.polling():
        world.wait_until(lambda: harmed.hits >= 2)
        world.vendor.start()
    world.drain()
    assert world.sent() == 120
    world.judge("SendMessageBatch in part or answer lost, at retry")


@pytest.mark.fault("queue-refuses", "queue-in-doubt")
@pytest.mark.parametrize("harm", [fail, lose_call, lose_answer, fail_after])
def test_one_message_that_neither_vendor_nor_queue_take_is_refused_with_503_and_never_sent(world, harm):
    world.vendor.stop()
    with world.proxy.harming(SEND, harm):
        status, _ = world.post(world.messages(1))
    assert status == 503
    world.vendor.start()
    world.drain()
    assert world.sent() == 0
    assert world.statuses() == {"rejected": 1}
    world.judge("neither vendor nor SQS, one message")
