"""Lambda's time runs out in the middle of a chunk: stop in time, record what was done, hand back the rest."""

from __future__ import annotations

from tests.faults.world import LET_THROUGH_BY_THE_BREAKER

TIMEOUT = 14  # seconds; much shorter than the template's, so that time is short from the start


def test_a_worker_short_of_time_stops_begins_no_more_and_hands_back_the_rest(make_world):
    world = make_world(dead_after=20, overrides={"DispatchFunction": {"Timeout": TIMEOUT}})
    world.vendor.change(latency_ms=1_000)
    world.campaign(300)
    first = world.dispatch.invoke(world.receive())
    sent = world.sent()
    assert first == {"batchItemFailures": []}
    assert 0 < sent < 300
    statuses = world.statuses()
    assert statuses.pop("sent") == sent
    # For the rest no claim was made, but by those that had just begun and saw that time was short.
    assert set(statuses) <= {"retrying"}
    world.drain()
    assert world.statuses() == {"sent": 300}
    world.judge("Lambda's time runs out")


def test_a_worker_whose_vendor_hangs_until_its_time_is_over_records_what_it_knows(make_world):
    world = make_world(overrides={"DispatchFunction": {"Timeout": TIMEOUT}})
    world.vendor.change(rates={"hang": 1.0})
    world.campaign(100)
    assert world.dispatch.invoke(world.receive()) == {"batchItemFailures": []}
    world.vendor.change(rates={})
    world.drain()
    world.judge("Lambda's time runs out", unknown_at_most=LET_THROUGH_BY_THE_BREAKER)
