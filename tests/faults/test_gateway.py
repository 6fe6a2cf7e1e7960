"""A real nginx before the vendor says 502, shows pages of its own, or limits the rate."""

from __future__ import annotations

import time

import pytest

from tests.faults.gateway import RATE
from tests.faults.world import LET_THROUGH_BY_THE_BREAKER, THRESHOLD

BATCHES_OF_ONE = {"DispatchFunction": {"Events": {"Chunks": {"Properties": {"BatchSize": 1}}}}}


@pytest.mark.fault("vendor-502", "outage-long")
def test_messages_that_a_vendor_took_before_it_died_behind_its_gateway_are_unknown_and_never_sent_again(
    make_world, gateway
):
    world = make_world(front=gateway.before)
    account = world.vendor.account
    world.vendor.change(rates={"drop": 1.0})
    world.campaign(300)
    with world.polling():
        world.wait_until(world.next_probe)
        at_first = account.behaviours["drop"]
        world.probe_until(lambda: account.behaviours["drop"] > at_first)
        world.vendor.change(rates={})
    world.drain()
    taken, tokens = account.behaviours["drop"], account.requests["token"]
    assert taken <= LET_THROUGH_BY_THE_BREAKER + tokens - 1
    assert world.statuses() == {"unknown": taken, "sent": 300 - taken}
    world.judge("nginx 502: vendor takes messages and dies", unknown_at_most=taken)


@pytest.mark.fault("vendor-502", "outage-long")
def test_a_vendor_that_is_gone_behind_its_gateway_costs_those_in_flight_and_no_probe_costs_another(make_world, gateway):
    world = make_world(front=gateway.before)
    world.vendor.change(latency_ms=20)
    world.campaign(300)
    with world.polling():
        world.wait_until(lambda: world.sent() > 100)
        world.vendor.stop()
        world.wait_until(world.next_probe)
        for _ in range(3):
            world.probe()
        world.vendor.start()
    world.drain()
    # Answers from just before may come between the first failures: these then count anew.
    bound = LET_THROUGH_BY_THE_BREAKER + 2 * (THRESHOLD - 1)
    world.judge("nginx 502: vendor gone, then back", unknown_at_most=bound)


@pytest.mark.fault("gateway-page", "vendor-503")
@pytest.mark.parametrize("page", ["maintenance", "moved"])
def test_a_page_that_a_gateway_shows_for_a_while_rejects_nothing_and_everything_is_sent_afterwards(
    make_world, gateway, page
):
    world = make_world(front=gateway.before)
    world.vendor.change(latency_ms=20)
    world.campaign(300)
    with world.polling():
        world.wait_until(lambda: world.sent() > 100)
        gateway.switch(page, on=True)
        assert world.post(world.messages(1))[1]["status"] == "queued"
        world.wait_until(world.next_probe)
        world.probe()
        sent = world.sent()
        world.sleep(1, 2)
        assert world.sent() == sent < 300
        gateway.switch(page, on=False)
    world.drain()
    assert world.statuses() == {"sent": 301}
    assert bool(world.counted("GatewayAnswers")) is (page != "maintenance")
    world.judge("nginx: a page in the vendor's place")


@pytest.mark.fault("rate-limit")
def test_a_gateway_that_limits_the_rate_gets_messages_nearly_as_fast_as_it_takes_them(make_world, gateway):
    number = 600
    unlimited = seconds_to_send(make_world(workers=2, overrides=BATCHES_OF_ONE), number // 4) * 4
    world = make_world(workers=2, front=gateway.limited, overrides=BATCHES_OF_ONE)
    seconds = seconds_to_send(world, number)
    world.drain()
    assert world.statuses() == {"sent": number + 10}
    assert world.counted("SendingPaused") == 0
    assert seconds <= 1.3 * number / RATE + unlimited, "the limit's time, and that which this machine takes without it"
    world.judge("nginx 429: 50 messages a second")


def seconds_to_send(world, number: int) -> float:
    """How long warm workers take for so many messages."""
    world.vendor.change(latency_ms=50)
    world.campaign(10)
    world.drain()
    world.campaign(number)
    started = time.monotonic()
    with world.polling():
        world.wait_until(lambda: world.sent() == number + 10)
    return time.monotonic() - started
