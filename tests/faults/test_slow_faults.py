"""Faults that take their time: time-outs of seconds, tokens that are renewed after half a minute.

These mostly wait, so most run side by side, each in a world of its own; what went wrong in one fails its test.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.aws_proxy import hang
from tests.faults.world import CONCURRENCY, LET_THROUGH_BY_THE_BREAKER

YOUNGEST_RENEWED = 30  # seconds; a token younger than this is not asked for again (bridge/message_central/tokens.py)
ACCEPT_SECONDS = 11  # what a request takes at most, whatever the vendor does
SHORT = {"DispatchFunction": {"Timeout": 20}}  # of its last 5 s, the queue's call needs 3


def a_wrong_password_holds_the_campaign_back_until_the_secret_is_corrected(make_world):
    world = make_world()
    world.change_secret(password="wrong")
    world.campaign(200)
    with world.polling():
        world.wait_until(lambda: any(world.proxy.delays))
        assert world.sent() == 0
    world.change_secret()
    world.drain()  # by the same worker
    assert world.sent() == 200
    world.judge("wrong password, then corrected")


def a_token_that_ends_in_the_middle_of_a_chunk_is_renewed_and_nothing_waits(make_world):
    world = make_world()
    world.vendor.change(latency_ms=20)
    world.campaign(10)
    world.drain()
    time.sleep(YOUNGEST_RENEWED + 1)
    world.campaign(200)
    with world.polling():
        world.wait_until(lambda: world.sent() > 60)
        world.vendor.expire_tokens()
        world.wait_until(world.is_drained)
    assert not any(world.proxy.delays)
    assert world.sent() == 210
    world.judge("token ends in the middle of a chunk")


def a_brand_new_token_that_ends_makes_the_rest_wait_and_everything_is_sent(make_world):
    world = make_world()
    world.vendor.change(latency_ms=20)
    world.campaign(200)
    with world.polling():
        world.wait_until(lambda: world.sent() > 60)
        world.vendor.expire_tokens()
    world.drain()
    assert world.sent() == 200
    world.judge("token ends in the middle of a chunk")


def a_vendor_that_hangs_leaves_in_doubt_what_the_breaker_lets_through_and_not_the_campaign(make_world):
    world = make_world()
    world.vendor.change(rates={"hang": 0.5, "hang_unsent": 0.5}, seed=world.random.random())
    world.campaign(300)
    with world.polling():
        world.wait_until(lambda: any(world.proxy.delays))
        world.vendor.change(rates={})
    world.drain()
    # The message of a probe may have been under way before the vendor was healed.
    world.judge("vendor hangs", unknown_at_most=LET_THROUGH_BY_THE_BREAKER + 1)


def a_vendor_that_trickles_leaves_in_doubt_what_the_breaker_lets_through_and_no_threads(make_world):
    world = make_world()
    vendor = world.vendor.account
    world.campaign(10)
    world.drain()
    idle = world.threads()
    world.vendor.change(rates={"trickle": 1.0})
    world.campaign(200)
    with world.polling():
        started = time.monotonic()
        status, body = world.post(world.messages(1))
        assert (status, body["status"]) == (200, "unknown")
        assert time.monotonic() - started < ACCEPT_SECONDS
        world.wait_until(world.next_probe)
        at_first, tokens = vendor.behaviours["trickle"], vendor.requests["token"]
        for nth in range(2):
            world.probe_until(lambda nth=nth: vendor.behaviours["trickle"] > at_first + nth)
            assert world.threads() <= idle + CONCURRENCY + 1  # one looks what people decided
        world.vendor.change(rates={})
    world.drain()
    assert at_first <= LET_THROUGH_BY_THE_BREAKER + 1
    assert world.threads() <= idle + 1
    taken = vendor.behaviours["trickle"]
    assert taken <= at_first + vendor.requests["token"] - tokens
    world.judge("vendor trickles", unknown_at_most=taken)


def a_worker_short_of_time_begins_no_more_and_hands_back_the_rest(make_world):
    world = make_world(dead_after=30, overrides=SHORT)
    world.vendor.change(latency_ms=2_000)
    world.campaign(300)
    assert world.dispatch.invoke(world.receive()) == {"batchItemFailures": []}
    sent, statuses = world.sent(), world.statuses()
    assert 0 < sent < 300
    assert statuses.pop("sent") == sent
    # For the rest no claim was made, but by those that had just begun and saw that time was short.
    assert set(statuses) <= {"retrying"}
    world.drain()
    assert world.statuses() == {"sent": 300}
    world.judge("Lambda's time runs out")


def a_table_that_hangs_at_record_loses_no_outcome(make_world):
    world = make_world(harms_log=True)
    world.campaign(20)
    with world.proxy.harming("BatchWriteItem", hang), world.proxy.harming("Settle", hang), world.polling():
        world.wait_until(lambda: world.sent() == 20)
        world.wait_until(lambda: any(world.proxy.delays))
    world.drain()
    assert world.statuses() == {"sent": 20}
    world.judge("table unreachable at record")


AT_ONCE = 4  # more would wait for this machine, and not for what is slow in them
SCENARIOS = [
    pytest.param(scenario, marks=mark, id=scenario.__name__)
    for scenario, mark in [
        (
            a_wrong_password_holds_the_campaign_back_until_the_secret_is_corrected,
            pytest.mark.fault("credentials-refused"),
        ),
        (a_token_that_ends_in_the_middle_of_a_chunk_is_renewed_and_nothing_waits, pytest.mark.fault("token-expired")),
        (a_brand_new_token_that_ends_makes_the_rest_wait_and_everything_is_sent, pytest.mark.fault("token-expired")),
        (
            a_vendor_that_hangs_leaves_in_doubt_what_the_breaker_lets_through_and_not_the_campaign,
            pytest.mark.fault("vendor-hangs"),
        ),
        (
            a_vendor_that_trickles_leaves_in_doubt_what_the_breaker_lets_through_and_no_threads,
            pytest.mark.fault("vendor-trickles"),
        ),
        (a_worker_short_of_time_begins_no_more_and_hands_back_the_rest, pytest.mark.fault("out-of-time")),
        (a_table_that_hangs_at_record_loses_no_outcome, pytest.mark.fault("outcome-unwritten")),
    ]
]


@pytest.fixture(scope="module")
def under_way(make_module_world, request):
    """The scenarios whose tests were asked for, all started."""
    wanted = {item.callspec.params["scenario"] for item in request.session.items if "under_way" in item.fixturenames}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {scenario: pool.submit(scenario, make_module_world) for scenario in wanted}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_side_by_side(scenario, under_way):
    under_way[scenario].result()


# One at a time: of the seconds that these have, the others would take their share.


@pytest.mark.fault("out-of-time", "vendor-hangs")
def test_a_worker_whose_vendor_hangs_until_its_time_is_over_records_what_it_knows(make_world):
    world = make_world(dead_after=30, overrides=SHORT)
    world.vendor.change(rates={"slow": 1.0}, slow_seconds=5)
    world.campaign(100)
    with ThreadPoolExecutor(1) as pool:
        event = pool.submit(world.dispatch.invoke, world.receive())
        world.wait_until(lambda: world.sent() == CONCURRENCY)  # what begins after these has not its 10 s any more
        world.vendor.change(rates={"hang": 1.0})
        assert event.result() == {"batchItemFailures": []}
    assert world.statuses() == {"sent": CONCURRENCY, "unknown": CONCURRENCY}
    world.vendor.change(rates={})
    world.drain()
    world.judge("Lambda's time runs out", unknown_at_most=CONCURRENCY)


@pytest.mark.fault("table-hangs")
def test_one_message_is_answered_in_time_while_the_table_hangs_at_its_claim(make_world):
    world = make_world(harms_log=True)
    with world.proxy.harming("Claim", hang):
        status, body = world.post(world.messages(1))
    assert (status, body["status"]) == (200, "queued")
    world.drain()
    world.judge("table hangs, one message")


@pytest.mark.fault("outcome-unwritten")
def test_one_message_is_answered_in_time_while_the_vendor_is_slow_and_the_table_hangs_at_its_outcome(make_world):
    world = make_world(harms_log=True)
    world.vendor.change(rates={"slow": 1.0}, slow_seconds=4)  # of the 10 s that it has; a busy machine takes its part
    with world.proxy.harming("Settle", hang):
        status, body = world.post(world.messages(1))  # a worker that takes too long is killed, and answered 500
    assert (status, body["status"]) == (200, "sent")
    world.drain()
    world.judge("table hangs, one message", unknown_at_most=1)
