"""What one worker may send of an account with a rate or a daily cap, and what becomes of the rest."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bridge.allowance import ASK_SECONDS, LATE_SECONDS, PATIENCE_SECONDS, Allowance
from bridge.campaigns.control import State
from bridge.campaigns.keys import WHOLE_ACCOUNT, day_key
from bridge.chunk import Lane
from bridge.deal import Guard, Job
from bridge.leftovers import DELAYS, Leftovers
from bridge.message import Cause
from bridge.message_central import verdicts
from bridge.send import Ending, SendResult
from bridge.telemetry import InvocationMetrics
from tests.fakes.campaigns import controls_of
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.faults import LOST_BEFORE, UNREACHED
from tests.fakes.values import ACCOUNT_ID, account, message, message_id, number, secret, text
from tests.unit.harness import Bridge, chunk, queued

if TYPE_CHECKING:
    from tests.fakes.clock import Clock

WHOLE = ACCOUNT_ID, WHOLE_ACCOUNT


def allowance(bridge: Bridge, *, single: bool = False, **limits: Any) -> Allowance:
    given = bridge.dispatcher.engine.allowance(account(**limits), single=single)
    assert given
    return given


def reserve(one: Allowance, *parts: int) -> None:
    one.take(one.reserve(parts))


def begun(one: Allowance, clock: Clock, count: int, parts: int = 1) -> list[float]:
    """When so many messages begin, in seconds from now."""
    start, times = clock.now, []
    for _ in range(count):
        while (wait := one.wait()) or one.lacks(parts):
            assert wait < math.inf
            clock.sleep(wait)
            if one.lacks(parts):
                reserve(one, *[parts] * 50)
        one.begin(parts)
        times.append(round(clock.now - start, 3))
    return times


def day_of(bridge: Bridge) -> int:
    [item] = [item for (_, key), item in bridge.dynamodb.tables[CAMPAIGNS].items() if key.startswith("*#")]
    return int(item["parts"]["N"])


def test_an_account_without_limits_has_no_allowance_and_costs_no_write(bridge: Bridge):
    assert bridge.dispatcher.engine.allowance(account(), single=False) is None
    bridge.dispatch(chunk(3))
    assert bridge.dynamodb.calls["update_item"] == 0


# The rate


def test_messages_begin_evenly_one_slot_after_the_other(bridge: Bridge):
    one = allowance(bridge, parts_per_second=4.0)

    assert begun(one, bridge.clock, 9) == [0.25 * n for n in range(9)]
    assert bridge.dynamodb.calls["update_item"] == 4, "one for each second, and another for the first of all"


def test_a_message_of_many_parts_takes_its_time(bridge: Bridge):
    one = allowance(bridge, parts_per_second=4.0)

    assert begun(one, bridge.clock, 3, parts=2) == [0.0, 0.5, 1.0]


@pytest.mark.fault("account-rate")
def test_two_workers_share_the_rate(bridge: Bridge):
    one, other = (allowance(bridge, parts_per_second=4.0) for _ in range(2))
    reserve(one, *[1] * 50)
    reserve(other, *[1] * 50)

    assert (one.wait(), other.wait()) == (0.0, 1.0)


def test_a_worker_gives_up_when_others_have_what_is_near(bridge: Bridge):
    workers = [allowance(bridge, parts_per_second=4.0) for _ in range(4)]
    for one in workers:
        reserve(one, *[1] * 50)

    last = workers[-1]
    assert 1.0 <= last.wait() <= 1.0 + ASK_SECONDS
    for _ in range(4):  # whenever it asks, others were quicker
        bridge.clock.sleep(1.0)
        reserve(allowance(bridge, parts_per_second=4.0), *[1] * 50)
        reserve(last, *[1] * 50)
    assert last.wait() == math.inf
    held = last.held_by()
    assert held
    assert held[0] is Cause.ACCOUNT_RATE
    assert 0 < held[1] <= 1.0 + ASK_SECONDS


def test_a_worker_that_has_a_slot_waits_for_it(bridge: Bridge):
    one, other = (allowance(bridge, parts_per_second=4.0) for _ in range(2))
    bridge.clock.sleep(PATIENCE_SECONDS)
    reserve(one, *[1] * 50)
    reserve(other, *[1] * 50)

    assert other.wait() == 1.0


def test_a_worker_that_was_held_up_does_not_catch_up_on_an_old_slot(bridge: Bridge):
    one = allowance(bridge, parts_per_second=4.0)
    reserve(one, *[1] * 50)
    bridge.clock.sleep(1 + LATE_SECONDS)

    assert one.lacks(1)
    reserve(one, *[1] * 50)
    assert begun(one, bridge.clock, 3) == [0.0, 0.25, 0.5]


def test_a_single_message_has_a_slot_where_batches_have_none(bridge: Bridge):
    for _ in range(3):
        reserve(allowance(bridge, parts_per_second=4.0), *[1] * 50)
    single = allowance(bridge, single=True, parts_per_second=4.0)

    reserve(single, 1)

    assert single.wait() == 3.0


@pytest.mark.fault("limits-unreachable")
def test_a_worker_whose_table_is_silent_keeps_the_rate_alone(bridge: Bridge, capsys: pytest.CaptureFixture[str]):
    bridge.dynamodb.down("update_item", LOST_BEFORE)
    one = allowance(bridge, parts_per_second=4.0)

    assert begun(one, bridge.clock, 9) == [0.25 * n for n in range(9)]
    assert "this worker keeps the rate by itself" in capsys.readouterr().out


def test_dispatch_keeps_to_the_rate_of_the_accounts_secret(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerSecond="50")
    bridge.clock.ticks = 0.001
    times: list[float] = []
    bridge.vendor.meanwhile = lambda: times.append(bridge.clock.now)

    bridge.dispatch(chunk(100))

    assert bridge.dynamodb.statuses() == ["sent"] * 100
    assert times[-1] - times[0] >= 99 / 50 - 0.1


def test_what_a_worker_gives_up_comes_back_soon_without_an_attempt(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerSecond="1")
    far = {"N": str(int((bridge.clock.now + 60) * 1_000))}
    bridge.dynamodb._write(CAMPAIGNS, {"account": {"S": WHOLE[0]}, "campaign": {"S": WHOLE[1]}, "nextFreeAt": far})

    assert bridge.dispatch(chunk(3)) == [True]

    assert bridge.metrics.causes == {Cause.ACCOUNT_RATE: 3}
    [(numbers, attempts, delay)] = queued(bridge)
    assert (numbers, attempts) == ([0, 1, 2], 0)
    assert delay >= DELAYS[Cause.ACCOUNT_RATE][0]
    assert bridge.vendor.tried == []


def test_one_message_that_would_wait_long_is_queued(bridge: Bridge):
    far = {"N": str(int((bridge.clock.now + 60) * 1_000))}
    bridge.dynamodb._write(CAMPAIGNS, {"account": {"S": WHOLE[0]}, "campaign": {"S": WHOLE[1]}, "nextFreeAt": far})
    record = {"to": number(0), "text": text(), "messageId": message_id(0)}

    assert bridge.post(record, parts_per_second=1.0).body["status"] == "queued"
    assert bridge.vendor.tried == []


def test_a_fault_of_ours_in_a_reservation_holds_nobody_up(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerSecond="50")
    monkeypatch.setattr(Allowance, "reserve", lambda *_: 1 / 0)

    assert bridge.dispatch(chunk(3)) == [True]

    [(numbers, attempts, delay)] = queued(bridge)
    assert (numbers, attempts) == ([0, 1, 2], 0)
    assert delay >= 15, "else the chunk would go round and round"
    assert bridge.counts()["Faults"] == 1, "the alarm DispatchErrors"
    assert "reservation failed" in capsys.readouterr().out


def test_a_pause_that_the_vendor_asks_for_is_kept_though_the_accounts_rate_would_let_the_next_begin(bridge: Bridge):
    engine = bridge.dispatcher.engine
    one = allowance(bridge, parts_per_second=50.0)
    guard = Guard(engine.breaker(ACCOUNT_ID), engine.throttle(ACCOUNT_ID), lambda: True, one)
    reserve(one, *[1] * 50)
    first = Job(message(0), Leftovers(chunk(0)), lambda: SendResult(Ending.ENDED, message(0)))
    first.begun_at = guard.begin(1)

    guard.note(first, replace(verdicts.RATE, retry_after=3))

    assert one.wait() < 1
    assert guard.wait(1) == pytest.approx(3)


# The day


def test_the_days_parts_are_reserved_by_chunk(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerDay="1000")

    bridge.dispatch(chunk(100), chunk(100, first=100))

    assert day_of(bridge) == 200
    assert bridge.dynamodb.calls["update_item"] == 2


def test_what_was_not_sent_takes_nothing_of_the_day(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerDay="1000")
    bridge.vendor.script.extend([verdicts.BUSY, verdicts.LOST, replace(verdicts.SENT)])
    bridge.dynamodb.down("put_item", None)

    bridge.dispatch(chunk(3))

    assert bridge.dynamodb.statuses() == ["retrying", "sent", "unknown"]
    assert day_of(bridge) == 2


@pytest.mark.fault("daily-cap")
def test_a_campaign_beyond_the_cap_waits_and_the_account_is_paused(bridge: Bridge, capsys: pytest.CaptureFixture[str]):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerDay="150")

    bridge.dispatch(chunk(100), chunk(100, first=100))

    assert bridge.dynamodb.statuses() == ["sent"] * 150
    assert bridge.metrics.causes == {Cause.PAUSED: 50}
    counts = bridge.counts()
    assert (counts["DailyCapAlmostReached"], counts["DailyCapReached"], counts["CampaignsPaused"]) == (1, 1, 1)
    assert "daily cap reached" in capsys.readouterr().out
    bridge.dispatch(chunk(10, first=300))
    assert bridge.metrics.causes == {Cause.PAUSED: 60}
    assert day_of(bridge) == 150


@pytest.mark.fault("daily-cap")
def test_a_single_message_beyond_the_cap_is_queued(bridge: Bridge):
    record = {"to": number(0), "text": text(), "messageId": message_id(0)}
    second = {"to": number(1), "text": text(), "messageId": message_id(1)}

    assert bridge.post(record, parts_per_day=1).body["status"] == "sent"
    assert bridge.post(second, parts_per_day=1).body["status"] == "queued"
    controls_of(bridge.dynamodb, bridge.clock).change(WHOLE, State.RUNNING, by="ana")
    bridge.clock.sleep(10)
    third = {"to": number(2), "text": text(), "messageId": message_id(2)}
    assert bridge.post(third, parts_per_day=1).body["status"] == "sent", "a person has overruled it"


@pytest.mark.fault("limits-unreachable")
def test_a_worker_whose_table_is_silent_sends_and_counts_nothing_of_the_day(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerDay="5")
    bridge.dynamodb.down("update_item", UNREACHED)

    bridge.dispatch(chunk(10))

    assert bridge.dynamodb.statuses() == ["sent"] * 10


@pytest.mark.fault("limits-unreachable")
def test_parts_that_were_not_counted_are_not_given_back(bridge: Bridge):
    one = allowance(bridge, parts_per_day=1_000)
    reserve(one, *[1] * 100)
    begun(one, bridge.clock, 100)
    bridge.dynamodb.fail("update_item", UNREACHED)
    begun(one, bridge.clock, 10)

    one.finish(InvocationMetrics(), may_call=True)

    assert day_of(bridge) == 100, "of the 110 that began; with the 40 given back that nobody counted it would be 60"


def test_what_was_reserved_of_two_days_is_given_back_to_the_later_one(bridge: Bridge):
    one = allowance(bridge, parts_per_day=100)
    reserve(one, *[1] * 5)
    begun(one, bridge.clock, 5)
    bridge.clock.sleep(86_400)
    reserve(one, *[1] * 5)
    begun(one, bridge.clock, 2)

    one.finish(InvocationMetrics(), may_call=True)

    days = {key: item["parts"]["N"] for (_, key), item in bridge.dynamodb.tables[CAMPAIGNS].items()}
    assert days == {day_key("2023-11-15"): "5", day_key("2023-11-16"): "2"}


def test_parts_that_cannot_be_given_back_count_as_sent_and_it_is_said(
    bridge: Bridge, capsys: pytest.CaptureFixture[str]
):
    one = allowance(bridge, parts_per_day=100)
    reserve(one, *[1] * 50)
    bridge.dynamodb.down("update_item", UNREACHED)

    one.finish(InvocationMetrics(), may_call=True)

    assert "unsent parts not given back: the daily cap counts them as sent" in capsys.readouterr().out


def test_the_lane_decides_how_far_ahead_dispatch_looks(bridge: Bridge, monkeypatch: pytest.MonkeyPatch):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerSecond="50")
    engine = bridge.dispatcher.engine
    singles: list[bool] = []
    original = engine._allowance

    def seen(given: Any, *, single: bool) -> Allowance:
        singles.append(single)
        return original(given, single=single)

    monkeypatch.setattr(engine, "_allowance", seen)
    bridge.dispatch(replace(chunk(1), lane=Lane.SINGLE))
    bridge.clock.sleep(1)
    bridge.dispatch(chunk(1, first=1))

    assert singles == [True, False]
