"""Message Central is down, hangs, gives no credit, talks nonsense: campaigns wait, what is in doubt is not repeated."""

from __future__ import annotations

from tests.faults.world import CONCURRENCY, LET_THROUGH_BY_THE_BREAKER

# What the simulator's behaviours mean for the message (docs/contracts/message_central.md).
WAITS = ("server_error", "rate_limited", "http_502", "http_503", "repeated", "repeated_200")
REFUSED = ("bad_request", "bad_country", "duplicate", "daily_limit", "other")
IN_DOUBT = ("drop", "drop_unsent", "garbage", "half", "empty", "no_code", "http_504", "http_500")


def rounds(world, number: int):
    """Whether retries have been queued so many times since now."""
    goal = world.proxy.calls["SendMessageBatch"] + number
    return lambda: world.proxy.calls["SendMessageBatch"] >= goal


def test_a_vendor_that_is_down_for_a_while_gets_the_whole_campaign_when_it_is_back(world):
    world.vendor.change(latency_ms=20)
    world.campaign(200)
    with world.polling():
        world.wait_until(lambda: world.sent() > 100)
        world.vendor.stop()
        single = world.post(world.messages(1))
        world.wait_until(rounds(world, 3))
        world.vendor.start()
    world.drain()
    assert single[1]["status"] == "queued"
    # Calls that were at the vendor when it went down may have been taken.
    world.judge("vendor down, then back", unknown_at_most=CONCURRENCY)


def test_the_retries_of_an_outage_are_spread_and_grow(world):
    world.vendor.stop()
    world.campaign(200)
    with world.polling():
        world.wait_until(rounds(world, 4))
    asked = [delay for delay in world.proxy.delays if delay]
    assert min(asked) >= 7
    assert max(asked) > 30
    assert len(set(asked)) > 3
    world.vendor.start()
    world.drain()
    world.judge("vendor down, then back")


def test_single_messages_during_an_outage_are_queued_and_sent_when_the_vendor_is_back(world):
    world.vendor.stop()
    answers = [world.post([sms]) for sms in world.messages(20)]
    assert {(status, body["status"]) for status, body in answers} == {(200, "queued")}
    world.vendor.start()
    world.drain()
    assert world.sent() == 20
    world.judge("vendor down, one message at a time")


def test_credits_that_are_gone_hold_the_campaign_back_until_they_are_refilled(world):
    world.vendor.change(credits=90, latency_ms=5)
    world.campaign(200)
    with world.polling():
        world.wait_until(lambda: world.sent() == 90)
        world.wait_until(rounds(world, 4))
        assert world.sent() == 90
        world.vendor.change(credits=None)
    world.drain()
    assert world.sent() == 200
    world.judge("credits gone, then refilled")


def test_a_vendor_that_takes_messages_and_drops_the_connection_leaves_in_doubt_what_the_breaker_lets_through(world):
    world.vendor.change(rates={"drop": 1.0})
    world.campaign(200)
    with world.polling():
        world.wait_until(rounds(world, 3))
        world.vendor.change(rates={})
    world.drain()
    taken = world.vendor.account.behaviours["drop"]
    # One probe in each round after the first.
    assert taken <= LET_THROUGH_BY_THE_BREAKER + len(world.proxy.delays)
    assert world.statuses()["unknown"] == taken
    world.judge("vendor takes messages, answers nothing", unknown_at_most=taken)


def test_one_answer_in_ten_lost_leaves_just_those_messages_in_doubt(world):
    world.vendor.change(rates={"drop": 0.1}, seed=world.random.random())
    world.campaign(200)
    world.drain()
    taken = world.vendor.account.behaviours["drop"]
    assert world.statuses()["unknown"] == taken
    world.judge("vendor loses one answer in ten", unknown_at_most=taken)


def test_a_vendor_that_does_everything_wrong_at_once_gets_each_message_at_most_once_and_the_log_is_true(world):
    rates = dict.fromkeys(WAITS, 0.03) | dict.fromkeys(REFUSED + IN_DOUBT, 0.02) | {"no_credit": 0.03}
    world.vendor.change(rates=rates, seed=world.random.random(), latency_ms=5)
    world.campaign(400)
    world.drain()
    behaviours = world.vendor.account.behaviours
    statuses = world.statuses()
    assert statuses["rejected"] == sum(behaviours[name] for name in REFUSED)
    assert statuses["unknown"] == sum(behaviours[name] for name in IN_DOUBT)
    world.judge("vendor does everything wrong", unknown_at_most=statuses["unknown"], may_be_rejected=True)
