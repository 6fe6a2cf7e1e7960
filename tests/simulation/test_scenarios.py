"""Outages, rates, poisonous texts and slow accounts, as long as they last in life, against what docs/ promise."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bridge.campaigns.keys import NO_CAMPAIGN
from tests.fakes.dynamodb import CAMPAIGNS
from tests.simulation.plan import HOUR, Decision, Plan, Post, Resending, Trouble
from tests.simulation.scenarios import KINDS, cost, of_the_ideal, outage, rated, resending
from tests.simulation.world import World

SEED = 1


def play(*posts: Post, troubles: list[Trouble] | None = None, **options: Any) -> World:
    """Play a plan to its end, with all that is judged of every run."""
    world = World(Plan([*posts], troubles or [], **options), SEED)
    world.run()
    return world


def statuses(world: World) -> Counter[str]:
    return Counter(world.ledger.status[number] for number in world.ledger.accepted)


def seconds_until_sent(world: World) -> float:
    return max(world.vendor.sent_at.values()) - world.begin


def until_taken(world: World) -> dict[int, list[float]]:
    """By the size of the request: seconds from each request until the vendor takes its messages, in order."""
    numbers, found = iter(sorted(world.vendor.sent_at)), {post.count: [] for post in world.plan.posts}
    for post in sorted(world.plan.posts, key=lambda post: post.at):
        taken = sorted(world.vendor.sent_at[next(numbers)] for _ in range(post.count))
        found[post.count] += [at - world.begin - post.at for at in taken]
    return found


# The promise


def test_messages_are_with_the_vendor_as_soon_as_is_promised():
    campaign = [Post(30.0 * n, count=1_000) for n in range(2)]
    world = play(*campaign, *(Post(0.5 * n + 0.1) for n in range(100)), latency=(0.3, 0.4))

    seconds = until_taken(world)
    singles, first, last = sorted(seconds[1]), seconds[1_000][::1_000], seconds[1_000][999::1_000]
    assert singles[int(0.95 * len(singles))] < 1
    assert max(first) < 1
    assert max(last) < 15


# Outages


@pytest.mark.fault("outage-long", "vendor-drops", "vendor-hangs", "vendor-trickles", "vendor-502")
@pytest.mark.parametrize(("hours", "tokens"), [(1, True), (1, False), (6, True)])
@pytest.mark.parametrize("kind", KINDS)
def test_an_outage_costs_what_was_in_flight_and_the_rest_is_sent(
    kind: str,
    hours: int,
    tokens: bool,  # noqa: FBT001 - whether the token call works all the while
):
    came = cost(outage(kind, hours, 1_000, 2, tokens=tokens))

    assert 0 < came.unknown <= came.bound < 100
    assert came.sent == 1_000 - came.unknown


@pytest.mark.fault("outage-long", "vendor-hangs")
def test_an_outage_of_an_hour_costs_ten_workers_ten_times_as_much_and_no_more():
    came = cost(outage("hangs", 1, 10_000, 10, tokens=True))

    assert 0 < came.unknown <= came.bound < 500
    assert came.sent == 10_000 - came.unknown


@pytest.mark.fault("outage-long", "vendor-hangs")
def test_what_an_outage_of_a_day_leaves_expires():
    came = cost(outage("hangs", 24, 1_000, 2, tokens=True))

    assert 0 < came.unknown <= came.bound < 150
    assert came.expired > 0
    assert came.sent + came.unknown + came.expired == 1_000


@pytest.mark.fault("vendor-down")
def test_a_vendor_that_cannot_be_reached_costs_nothing():
    down = Trouble("vendor", "down", 4, 2 * HOUR)
    world = play(Post(0, count=1_000), troubles=[down])

    assert statuses(world) == {"sent": 1_000}


@pytest.mark.fault("name-lookup-hangs")
def test_names_that_are_looked_up_for_a_minute_cost_nothing():
    hanging = Trouble("vendor", "lookup", 0, 600, 0.2)
    world = play(Post(0, count=300), *(Post(5 * n) for n in range(60)), troubles=[hanging])

    assert statuses(world) == {"sent": 360}


@pytest.mark.fault("gateway-page")
def test_a_maintenance_page_costs_nothing():
    maintenance = Trouble("vendor", "page", 2, HOUR)
    world = play(Post(0, count=1_000), troubles=[maintenance])

    assert statuses(world) == {"sent": 1_000}
    assert world.ledger.counts["GatewayAnswers"]


# A rate


@pytest.mark.fault("rate-limit")
@pytest.mark.parametrize(("rate", "retry_after", "workers"), [(50, None, 2), (50, "1", 4), (100, "1", 2)])
def test_most_of_a_rate_is_used(rate: int, retry_after: str | None, workers: int):
    world = rated(rate, retry_after, workers, SEED)

    assert statuses(world) == {"sent": 3_000}
    assert of_the_ideal(world) <= 1.25


# People, and an account's limits


@pytest.mark.fault("campaign-stopped")
def test_a_campaign_that_is_stopped_ends_and_the_others_are_sent():
    posts = [Post(0, count=1_000, campaign="spring"), Post(0, count=300, campaign="autumn")]
    world = play(*posts, decisions=[Decision(3, "stopped", campaign="spring")], workers=3, latency=(0.3, 0.4))

    ends = statuses(world)
    assert {*ends} == {"sent", "cancelled"}
    assert ends["cancelled"] > 300
    autumn = [number for number, (_, campaign) in world.ledger.steered_by.items() if campaign[1] == "autumn"]
    assert {world.ledger.status[number] for number in autumn} == {"sent"}


@pytest.mark.fault("campaign-paused", "worker-killed")
def test_a_campaign_that_is_paused_for_an_hour_is_sent_then_though_workers_die():
    decisions = [Decision(2, "paused", campaign="spring"), Decision(HOUR, "running", campaign="spring")]
    world = play(Post(0, count=1_000, campaign="spring"), decisions=decisions, crashes=0.05, concurrency=8)

    assert {*statuses(world)} <= {"sent", "unknown"}
    assert HOUR < seconds_until_sent(world) < HOUR + 900, "what a dead worker had comes again after six minutes"


@pytest.mark.fault("campaign-stopped", "worker-killed", "answer-lost")
@pytest.mark.parametrize("seed", [1, 4])
def test_what_people_send_again_is_sent_once_for_each_word_however_often_they_try(seed: int):
    world = resending(seed)

    assert {*statuses(world)} == {"sent", "unknown"}
    resent = {number for number, _ in world.ledger.expected_again}
    assert len(resent) > 200
    assert not any(world.ledger.status[number] == "cancelled" for number in resent)


@pytest.mark.fault("queue-in-doubt", "refused-then-posted")
def test_what_was_refused_is_accepted_when_it_is_sent_again():
    lossy, down = Trouble("queue", "lossy", 0, 60), Trouble("vendor", "down", 0, 60)
    posts = [Post(10, count=50), Post(20), Post(21, again=200)]
    world = play(*posts, troubles=[lossy, down], resendings=[Resending(300, "somebody")])

    assert statuses(world) == {"sent": 52}
    assert world.ledger.expected_again
    [item] = [item for key, item in world.tables.tables[CAMPAIGNS].items() if key[1] == NO_CAMPAIGN]
    assert (item["accepted"], item["refused"]) == ({"N": "52"}, {"N": "0"})


@pytest.mark.fault("account-rate")
def test_four_workers_keep_to_an_accounts_rate_and_another_account_has_its_full_speed():
    posts = [Post(0, count=1_000), Post(0, count=500), *(Post(5.0 * n) for n in range(10)), Post(1, 1, count=300)]
    world = play(*posts, limits={0: {"partsPerSecond": "20"}}, accounts=2, workers=4)

    assert statuses(world) == {"sent": 1_810}
    begun = [at - world.begin for at in world.ledger.begun["ACC-0"]]
    for start in range(0, 40, 5):
        assert 18 <= sum(start <= at < start + 30 for at in begun) / 30 <= 22
    assert max(world.ledger.begun["ACC-1"]) - world.begin < 20


@pytest.mark.fault("daily-cap")
def test_an_account_that_has_sent_its_parts_goes_on_when_a_person_resumes_it():
    world = play(Post(0, count=1_000), limits={0: {"partsPerDay": "600"}})

    assert statuses(world) == {"sent": 1_000}
    before = sum(at < world.begin + world.plan.overrule for at in world.ledger.begun["ACC-0"])
    assert before == 600
    assert world.ledger.counts["DailyCapReached"] == world.ledger.counts["DailyCapAlmostReached"] == 1


# One text, one account


@pytest.mark.fault("poisonous-text")
@pytest.mark.parametrize(("code", "end"), [("403", "expired"), ("500", "unknown")])
def test_a_poisonous_text_holds_up_nobody(code: str, end: str):
    world = play(Post(0, count=900, poison=1), poison=code)

    assert statuses(world) == {"sent": 899, end: 1}
    assert seconds_until_sent(world) < 30


@pytest.mark.fault("poisonous-text")
def test_a_poisonous_text_that_comes_alone_again_and_again_holds_up_no_other_that_comes_alone():
    poisonous = [Post(5 * n, poison=1) for n in range(20)]
    others = [Post(5 * n + 2.5) for n in range(20)]
    world = play(*poisonous, *others, poison="500")

    answers = Counter(what for story in world.ledger.stories.values() for _, _, what in story)
    assert answers["answered sent"] >= 15


@pytest.mark.fault("account-slow")
def test_an_account_does_not_wait_for_a_slow_one():
    slow = Trouble("vendor", "slow", 0, HOUR, options={"customer": "C-0", "latency": (4, 4)})
    world = play(
        Post(0, account=0, count=900), Post(0.01, account=1, count=100), troubles=[slow], accounts=2, workers=1
    )

    done = {customer: max(times) - world.begin for customer, times in world.vendor.by_account.items()}
    assert done["C-1"] < 20
    assert done["C-0"] > 50


@pytest.mark.fault("single-behind-batch")
def test_a_single_message_that_was_queued_does_not_wait_for_a_campaign():
    silent = Trouble("log", "hangs", 30, 7)
    campaign = [Post(0, count=1_000) for _ in range(10)]
    world = play(*campaign, Post(31), troubles=[silent], latency=(0.5, 1.5))

    [queued] = [number for number, story in world.ledger.stories.items() if any("queued" in what for *_, what in story)]
    assert world.vendor.sent_at[queued] - world.begin < 100
    assert seconds_until_sent(world) > 130


# The table


@pytest.mark.fault("table-refuses")
def test_a_table_that_refuses_for_days_is_counted_and_what_is_too_old_expires():
    refusing = Trouble("log", "refuses", 1.5, 5 * HOUR)
    posts = [Post(0, count=1_000), Post(4 * HOUR, count=200)]
    world = play(*posts, troubles=[refusing], validity_hours=3.0)

    assert world.ledger.counts["LogRefused"] > 100
    assert world.ledger.dead_letters
    assert statuses(world)["expired"] > 0
    assert statuses(world)["sent"] >= 200


@pytest.mark.fault("table-throttled", "table-hangs", "answer-lost")
@pytest.mark.parametrize(("kind", "share"), [("throttled", 0.7), ("hangs", 1.0), ("lossy", 0.3), ("unprocessed", 1.0)])
def test_a_table_in_trouble_costs_no_message(kind: str, share: float):
    trouble = Trouble("log", kind, 1, 600, share)
    world = play(Post(0, count=1_000), *(Post(10 * n) for n in range(20)), troubles=[trouble])

    assert {*statuses(world)} == {"sent"}


# Workers


@pytest.mark.fault("worker-killed")
def test_workers_that_die_leave_what_they_had_in_flight():
    world = play(*(Post(20 * n, count=1_000) for n in range(5)), crashes=0.3, workers=3, concurrency=8)

    died = world.ledger.crashes["batch"]
    assert died
    assert len(world.ledger.unknown()) <= died * (8 + 25)


@pytest.mark.fault("chunk-twice")
def test_chunks_that_come_twice_are_sent_once():
    world = play(*(Post(20 * n, count=1_000) for n in range(3)), twice=0.5, workers=3)

    assert statuses(world) == {"sent": 3_000}
    assert max(world.vendor.taken.values()) == 1
