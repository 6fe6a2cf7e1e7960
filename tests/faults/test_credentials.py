"""A wrong password is corrected, a token ends: workers that run on find out by themselves, within 30 s.

These wait for real time to pass, so they run side by side, while each is a test of its own.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

YOUNGEST_RENEWED = 30  # seconds; a token younger than this is not asked for again (functions/bridge/…/tokens.py)


def password_corrected(world):
    """Given a wrong password in the secret, when it is corrected, then the same workers send everything."""
    world.change_secret(password="wrong")
    world.campaign(200)
    with world.polling():
        world.wait_until(lambda: world.vendor.account.requests["token"] >= 1)
        waiting = len(world.proxy.delays)
        world.wait_until(lambda: len(world.proxy.delays) > waiting)
        before = world.sent()
        world.change_secret()
    world.drain()
    return before


def old_token_ends(world):
    """Given a token in use for a while, when it ends in the middle of a chunk, then a new one is asked for at once."""
    world.vendor.change(latency_ms=20)
    world.campaign(10)
    world.drain()
    time.sleep(YOUNGEST_RENEWED + 1)
    world.campaign(300)
    with world.polling():
        world.wait_until(lambda: world.sent() > 60)
        world.vendor.expire_tokens()
        world.wait_until(world.is_drained)
    return len([delay for delay in world.proxy.delays if delay])


def new_token_ends(world):
    """Given a brand-new token, when it ends in the middle of a chunk, then the rest waits until it can be renewed."""
    world.vendor.change(latency_ms=20)
    world.campaign(300)
    with world.polling():
        world.wait_until(lambda: world.sent() > 60)
        world.vendor.expire_tokens()
    world.drain()


SCENARIOS = (password_corrected, old_token_ends, new_token_ends)


@pytest.fixture(scope="module")
def results(make_module_world):
    worlds = {scenario: make_module_world() for scenario in SCENARIOS}
    with ThreadPoolExecutor() as pool:
        futures = {scenario: pool.submit(scenario, world) for scenario, world in worlds.items()}
    return {scenario: (world, futures[scenario]) for scenario, world in worlds.items()}


def test_a_wrong_password_holds_the_campaign_back_until_the_secret_is_corrected(results):
    world, sent_before = results[password_corrected]
    assert sent_before.result() == 0
    assert world.sent() == 200
    world.judge("wrong password, then corrected")


def test_a_token_that_ends_in_the_middle_of_a_chunk_is_renewed_and_nothing_waits(results):
    world, retries = results[old_token_ends]
    assert retries.result() == 0
    assert world.sent() == 310
    world.judge("token ends in the middle of a chunk")


def test_a_brand_new_token_that_ends_makes_the_rest_wait_and_everything_is_sent(results):
    world, done = results[new_token_ends]
    done.result()
    assert world.sent() == 300
    world.judge("token ends in the middle of a chunk")
