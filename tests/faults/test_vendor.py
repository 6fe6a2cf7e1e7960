"""Message Central is down, hangs, gives no credit, talks nonsense: campaigns wait, what is in doubt is not repeated."""

from __future__ import annotations

import time

import pytest

from tests.faults.world import CONCURRENCY, LET_THROUGH_BY_THE_BREAKER, THRESHOLD

# What the simulator's behaviours mean for the message (docs/contracts/message_central.md).
WAITS = ("rate_limited", "http_503", "repeated", "repeated_200")
REFUSED = ("bad_request", "bad_country", "duplicate", "daily_limit", "other")
IN_DOUBT = (
    "drop",
    "drop_unsent",
    "garbage",
    "half",
    "empty",
    "no_code",
    "http_500",
    "http_502",
    "http_504",
    "server_error",
)


def rounds(world, number: int):
    """Whether retries have been queued so many times since now."""
    goal = world.proxy.calls["SendMessageBatch"] + number
    return lambda: world.proxy.calls["SendMessageBatch"] >= goal


@pytest.mark.fault("vendor-down")
def test_a_vendor_that_is_down_for_a_while_gets_the_whole_campaign_when_it_is_back(world):
    world.vendor.change(latency_ms=20)
    world.campaign(200)
    with world.polling():
        world.wait_until(lambda: world.sent() > 100)
        world.vendor.stop()
        single = world.post(world.messages(1))
        world.wait_until(rounds(world, 3))
        world.vendor.start()
        world.wait_until(world.is_drained)  # when the breaker's own time has come
    assert single[1]["status"] == "queued"
    # Calls that were at the vendor when it went down may have been taken.
    world.judge("vendor down, then back", unknown_at_most=CONCURRENCY)


@pytest.mark.fault("vendor-down", "outage-long")
def test_the_longer_an_outage_lasts_the_rarer_it_is_probed_and_nothing_else_is_tried(world):
    world.vendor.stop()
    world.campaign(200)
    begun, least, most = time.time(), [], []
    with world.polling():
        world.wait_until(world.next_probe)
        for _ in range(5):
            due = world.next_probe()
            # It was set between `begun` and now.
            least.append(due - time.time())
            most.append(due - begun)
            begun = time.time()
            world.probe()
    for seconds, shortest, longest in zip([5, 10, 20, 40, 60], least, most, strict=True):
        assert shortest <= seconds <= longest, (least, most)
    assert max(world.proxy.delays) > 30
    attempts = [row.attempts for row in world.rows().values()]
    assert len(attempts) <= LET_THROUGH_BY_THE_BREAKER
    assert set(attempts) == {1}
    world.vendor.start()
    world.drain()
    world.judge("vendor down, then back")


@pytest.mark.fault("vendor-down", "single-behind-batch")
def test_single_messages_during_an_outage_are_queued_and_sent_when_the_vendor_is_back(world):
    world.vendor.stop()
    answers = [world.post([sms]) for sms in world.messages(20)]
    assert {(status, body["status"]) for status, body in answers} == {(200, "queued")}
    assert world.receive("batch") == {"Records": []}
    world.vendor.start()
    world.drain()
    assert world.sent() == 20
    world.judge("vendor down, one message at a time")


@pytest.mark.fault("credits-gone")
def test_credits_that_are_gone_hold_the_campaign_back_until_they_are_refilled(world):
    refused = world.vendor.account.behaviours
    world.vendor.change(credits=90, latency_ms=5)
    world.campaign(200)
    with world.polling():
        world.wait_until(lambda: world.sent() == 90 and world.next_probe())
        world.put_off_probe()  # of the probes only the one below, whenever the others would be due
        world.wait_until(rounds(world, 1))
        at_once = refused["no_credit"]
        world.probe()
        world.wait_until(lambda: refused["no_credit"] > at_once)
        world.wait_until(rounds(world, 1))
        assert (world.sent(), refused["no_credit"]) == (90, at_once + 1)
        world.vendor.change(credits=None)
    world.drain()
    assert world.sent() == 200
    world.judge("credits gone, then refilled")


@pytest.mark.fault("vendor-drops", "outage-long")
def test_a_vendor_that_takes_messages_and_drops_the_connection_costs_those_in_flight_and_one_for_each_probe(world):
    account = world.vendor.account
    world.vendor.change(rates={"drop": 1.0})
    world.campaign(200)
    with world.polling():
        world.wait_until(world.next_probe)
        for _ in range(3):
            lost = account.behaviours["drop"]
            world.probe_until(lambda lost=lost: account.behaviours["drop"] > lost)
        world.vendor.change(rates={})
    world.drain()
    taken, tokens = account.behaviours["drop"], account.requests["token"]
    assert taken <= LET_THROUGH_BY_THE_BREAKER + tokens - 1  # the first token is none of a probe
    assert world.statuses()["unknown"] == taken
    world.judge("vendor takes messages, answers nothing", unknown_at_most=taken)


@pytest.mark.fault("vendor-drops")
def test_one_answer_in_ten_lost_leaves_just_those_messages_in_doubt(world):
    world.vendor.change(rates={"drop": 0.1}, seed=world.random.random())
    world.campaign(200)
    world.drain()
    taken = world.vendor.account.behaviours["drop"]
    assert world.statuses()["unknown"] == taken
    world.judge("vendor loses one answer in ten", unknown_at_most=taken)


@pytest.mark.fault("poisonous-text")
@pytest.mark.parametrize(("behaviour", "unknown"), [("server_error", 1), ("forbidden", 0)])
def test_a_text_that_the_vendor_always_chokes_on_delays_no_other_message(world, behaviour, unknown):
    poisonous, *others = world.messages(300)
    world.vendor.change(texts={poisonous.text: behaviour}, latency_ms=5)
    world.post([poisonous, *others])
    with world.polling():
        world.wait_until(lambda: world.sent() == len(others))
        if not unknown:
            world.wait_until(lambda: world.vendor.account.behaviours[behaviour] > THRESHOLD + 2)  # again and again
        assert {world.post([sms])[1]["status"] for sms in world.messages(5)} == {"sent"}
        assert world.next_probe() is None
        world.vendor.change(texts={})
    world.drain()
    assert world.counted("SendingPaused") == 0
    assert world.vendor.account.behaviours["ok"] == world.sent()
    world.judge("a text that is always answered 403 or 500", unknown_at_most=unknown)


@pytest.mark.fault("vendor-garbage", "vendor-500", "vendor-502", "vendor-503", "same-number-again")
def test_a_vendor_that_does_everything_wrong_at_once_gets_each_message_at_most_once_and_the_log_is_true(world):
    rates = dict.fromkeys(WAITS, 0.02) | dict.fromkeys(REFUSED, 0.02) | dict.fromkeys(IN_DOUBT, 0.015)
    world.vendor.change(rates={**rates, "no_credit": 0.02}, seed=world.random.random(), retry_after="1")
    world.campaign(400)
    world.drain()
    behaviours = world.vendor.account.behaviours
    statuses = world.statuses()
    assert statuses["rejected"] == sum(behaviours[name] for name in REFUSED)
    assert statuses["unknown"] == sum(behaviours[name] for name in IN_DOUBT)
    world.judge("vendor does everything wrong", unknown_at_most=statuses["unknown"], may_be_rejected=True)
