"""A dispatch worker dies without a word: SIGKILL, as from a crash, a time-out, or a host that is gone."""

from __future__ import annotations

import pytest

from tests.faults.aws_proxy import answer_late
from tests.faults.world import LEFT_BY_A_DEAD_WORKER

KILLS = 6


def kill_often(world, times: int) -> int:
    """Kill whoever is dispatching, some messages later each time, until the campaign is over or so many are dead."""
    killed = 0
    while killed < times and not world.is_drained():
        goal = world.sent() + world.random.randint(1, 120)
        world.wait_until(lambda goal=goal: world.sent() >= goal or world.is_drained())
        world.sleep(0, 0.1)
        killed += world.kill_busy(world.dispatch)
    return killed


@pytest.mark.fault("worker-killed")
@pytest.mark.parametrize(("number", "latency_ms"), [(1_000, 0), (300, 100)])
def test_workers_killed_at_random_moments_of_a_campaign_send_nothing_twice(make_world, number, latency_ms):
    world = make_world(receives=100)
    world.vendor.change(latency_ms=latency_ms)
    world.campaign(number)
    with world.polling():
        killed = kill_often(world, KILLS)
    world.drain()
    assert killed
    world.judge("dispatch worker killed (SIGKILL)", unknown_at_most=killed * LEFT_BY_A_DEAD_WORKER)


@pytest.mark.fault("worker-killed")
def test_a_worker_killed_while_the_table_is_slow_to_record_leaves_no_more_in_doubt_than_at_any_other_time(make_world):
    world = make_world(harms_log=True)
    world.vendor.change(latency_ms=20)
    world.campaign(500)
    with world.polling(), world.proxy.harming("BatchWriteItem", answer_late) as late:
        world.wait_until(lambda: late.hits > 0)
        world.sleep(0.5, 1.4)
        killed = world.kill_busy(world.dispatch)
    world.drain()
    assert killed == 1
    world.judge("dispatch worker killed, slow table", unknown_at_most=LEFT_BY_A_DEAD_WORKER)


@pytest.mark.fault("worker-killed")
def test_of_two_workers_on_one_campaign_those_killed_leave_to_the_other_only_what_is_not_sent(make_world):
    batches = {"DispatchFunction": {"Events": {"Chunks": {"Properties": {"BatchSize": 3}}}}}
    world = make_world(workers=2, receives=100, overrides=batches)
    world.vendor.change(latency_ms=50)
    world.campaign(400)
    with world.polling():
        killed = kill_often(world, KILLS)
    world.drain()
    assert killed
    world.judge("dispatch worker killed (SIGKILL)", unknown_at_most=killed * LEFT_BY_A_DEAD_WORKER)


@pytest.mark.fault("worker-killed")
def test_a_chunk_whose_workers_always_die_is_redriven_from_the_dead_letters_and_sends_nothing_twice(make_world):
    world = make_world(receives=2)
    world.vendor.change(latency_ms=100)
    world.campaign(300)
    killed = 0
    with world.polling():
        while not world.dead_letters():
            world.sleep(0.1, 0.6)
            killed += world.kill_busy(world.dispatch)
    assert world.redrive()
    world.drain()
    world.judge("dead letters redriven", unknown_at_most=killed * LEFT_BY_A_DEAD_WORKER)


@pytest.mark.fault("bug")
def test_dead_letters_of_messages_that_were_sent_since_send_nothing_when_they_are_redriven(world):
    world.campaign(200)
    copies = world.copies()
    for body in copies:
        world.sqs.send_message(QueueUrl=world.dead_letters_url, MessageBody=body)
    world.drain()
    assert world.redrive() == len(copies)
    world.drain()
    world.judge("dead letters redriven")
