"""The accept function dies while CleverTap waits, which sees an error and may give the message to somebody else."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

KILLS = 6


def post_and_kill(world, messages, usual: float) -> int:
    """Post, which usually takes so many seconds, and kill the worker at a random moment; gives the answer's status."""
    world.accept.invoke({})  # a worker that is past its imports
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(world.post, messages)
        world.sleep(0, usual)
        world.kill_busy(world.accept)
        status, _ = answer.result()
    return status


def seconds_to_post(world, messages) -> float:
    world.post(world.messages(1))
    started = time.monotonic()
    world.post(messages)
    return time.monotonic() - started


@pytest.mark.fault("accept-killed")
def test_accept_killed_in_the_middle_of_one_message_sends_it_at_most_once_even_if_it_is_posted_again(world):
    world.vendor.change(latency_ms=200)
    usual = seconds_to_post(world, world.messages(1))
    messages = world.messages(KILLS)
    statuses = [post_and_kill(world, [sms], usual) for sms in messages]
    assert 500 in statuses
    for sms in messages:
        # At first perhaps "sending": nobody can know yet that the one who claimed it is dead.
        world.wait_until(lambda sms=sms: world.post([sms])[1].get("was") in ("sent", "unknown"))
    world.drain()
    world.judge("accept killed, one message", unknown_at_most=KILLS)


@pytest.mark.fault("accept-killed")
def test_accept_killed_in_the_middle_of_a_batch_sends_each_message_at_most_once_even_if_it_is_posted_again(world):
    usual = seconds_to_post(world, world.messages(110))
    statuses = []
    for _ in range(KILLS):
        messages = world.messages(110)
        statuses.append(post_and_kill(world, messages, usual))
        if statuses[-1] != 200:
            assert world.post(messages)[0] == 200
    assert 500 in statuses
    world.drain()
    world.judge("accept killed, a batch")
