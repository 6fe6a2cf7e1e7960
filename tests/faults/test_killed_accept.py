"""The accept function dies while CleverTap waits, which sees an error and may give the message to somebody else."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

KILLS = 6


class Killer:
    """Kills the worker at a random moment of the time that a post takes, as the last one shows that it did not hit."""

    def __init__(self, world, size: int) -> None:
        self._world = world
        world.post(world.messages(1))
        _, self._usual = self._timed(world.messages(size))
        self.statuses: list[int] = []

    def may_stop(self) -> bool:
        assert len(self.statuses) < 10 * KILLS, "it never hits"
        return len(self.statuses) >= KILLS and 500 in self.statuses

    def post(self, messages) -> int:
        """Post and kill; gives the answer's status."""
        self._world.accept.invoke({})  # a worker that is past its imports
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(self._timed, messages)
            self._world.sleep(0, self._usual)
            self._world.kill_busy(self._world.accept)
            status, seconds = answer.result()
        self._usual = seconds if status == 200 else self._usual
        self.statuses.append(status)
        return status

    def _timed(self, messages) -> tuple[int, float]:
        started = time.monotonic()
        status, _ = self._world.post(messages)
        return status, time.monotonic() - started


@pytest.mark.fault("accept-killed")
def test_accept_killed_in_the_middle_of_one_message_sends_it_at_most_once_even_if_it_is_posted_again(world):
    world.vendor.change(latency_ms=200)
    killer, messages = Killer(world, 1), []
    while not killer.may_stop():
        messages += world.messages(1)
        killer.post(messages[-1:])
    for sms in messages:
        # At first perhaps "sending": nobody can know yet that the one who claimed it is dead.
        world.wait_until(lambda sms=sms: world.post([sms])[1].get("was") in ("sent", "unknown"))
    world.drain()
    world.judge("accept killed, one message", unknown_at_most=killer.statuses.count(500))


@pytest.mark.fault("accept-killed")
def test_accept_killed_in_the_middle_of_a_batch_sends_each_message_at_most_once_even_if_it_is_posted_again(world):
    killer = Killer(world, 110)
    while not killer.may_stop():
        messages = world.messages(110)
        if killer.post(messages) != 200:
            assert world.post(messages)[0] == 200
    world.drain()
    world.judge("accept killed, a batch")
