"""SQS delivers at least once: the same chunk may come to two workers at the same moment, or again when it is done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.fault("chunk-twice")
@pytest.mark.parametrize("latency_ms", [0, 30])
def test_the_same_chunks_at_two_workers_at_once_send_each_message_once(make_world, latency_ms):
    world = make_world(workers=2, dead_after=60)
    world.vendor.change(latency_ms=latency_ms)
    warm_up(world)
    world.campaign(100)
    event = world.receive()
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(world.dispatch.invoke, [event, event]))
    assert answers == [{"batchItemFailures": []}] * 2
    world.drain()
    world.judge("same chunks at two workers at once")


@pytest.mark.fault("chunk-twice")
def test_chunks_delivered_again_after_they_are_done_send_nothing(world):
    world.campaign(100)
    event = world.receive()
    for _ in range(3):
        assert world.dispatch.invoke(event) == {"batchItemFailures": []}
    world.drain()
    world.judge("same chunks again, later")


@pytest.mark.fault("posted-twice")
def test_the_same_batch_posted_again_while_it_is_dispatched_sends_each_message_once(make_world):
    world = make_world(workers=2, dead_after=60)
    world.vendor.change(latency_ms=30)
    messages = world.campaign(100)
    with world.polling():
        world.wait_until(lambda: world.sent() > 50)
        world.post(messages)
        world.wait_until(world.is_drained)
    world.judge("same batch posted twice")


@pytest.mark.fault("posted-twice")
def test_the_same_single_message_posted_many_times_at_once_is_sent_once(world):
    world.vendor.change(latency_ms=100)
    for sms in world.messages(5):
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda _, sms=sms: world.post([sms]), range(4)))
        assert sorted(body["status"] for _, body in answers) == ["duplicate"] * 3 + ["sent"]
    world.drain()
    world.judge("same message posted at once, four times")


def warm_up(world) -> None:
    """Two workers that are both past their imports, so that they really work at the same time."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(world.dispatch.invoke, [{"Records": []}] * 2))
