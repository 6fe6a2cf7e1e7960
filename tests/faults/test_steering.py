"""People stop and pause what is being sent, by real workers, to a real sink."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest

from bridge.campaigns.control import Controls, State
from bridge.campaigns.keys import campaign_key
from bridge.campaigns.table import CampaignTable
from bridge.times import epoch
from local.bridge import ACCOUNT, CREDENTIALS, Bridge, Options
from local.simulator import Simulator
from local.sink import Sink
from tests.faults import world as faults
from tests.faults.world import LEFT_BY_A_DEAD_WORKER, http

CAMPAIGN = "spring"
ONE_A_LANE = {"DispatchFunction": 2}  # workers: the local DynamoDB serves the streams beside them
FEW = {"SendConcurrency": 8}  # likewise: a worker that looks what was decided must not wait behind its own claims
STOPS_WITHIN = 3  # seconds
TIMEOUT = 300
RATE, WINDOW = 10, 30  # parts a second; seconds
OTHER = "OTHER-ACCOUNT"
SCAN_PAUSE = 3  # seconds: a scan keeps the local DynamoDB from everything else


def controls(dynamodb, table: str) -> Controls:
    return Controls(CampaignTable(table, dynamodb), time.time)


def eventually(question, told=lambda: "it never came", pause=0.2):
    end = time.monotonic() + TIMEOUT
    while not (answer := question()):
        assert time.monotonic() < end, told()
        time.sleep(pause)
    return answer


def post(bridge: Bridge, first: int, count: int) -> tuple[int, dict]:
    numbers = [f"91{7_000_000_000 + n}" for n in range(first, first + count)]
    records = [{"to": number, "text": "Half price", "messageId": f"{number}.165."} for number in numbers]
    headers = {"account": ACCOUNT, "x-api-key": CREDENTIALS["apiKey"]}
    body = json.dumps({"campaignId": CAMPAIGN, "messages": records})
    answer = http.request("POST", f"{bridge.url}/sms", body=body, headers=headers)
    return answer.status, answer.json()


def rows(bridge: Bridge) -> list[dict[str, str]]:
    pages = bridge.aws.dynamodb().get_paginator("scan").paginate(TableName=bridge.table)
    return [
        {name: next(iter(value.values())) for name, value in item.items()} for page in pages for item in page["Items"]
    ]


def statuses(bridge: Bridge) -> Counter[str]:
    return Counter(row["status"] for row in rows(bridge))


def last_begun(bridge: Bridge) -> float:
    return max(epoch(row["claimedAt"]) for row in rows(bridge) if row["status"] == "sent")


def is_at_rest(found: Counter[str], count: int) -> bool:
    return sum(found.values()) == count and not {*found} - {"sent", "cancelled"}


@pytest.mark.fault("campaign-stopped")
def test_a_campaign_that_is_stopped_begins_nothing_after_three_seconds_and_clevertap_is_told_of_each_message(tmp_path):
    window = {"ReportFunction": {"Events": {"FinalMessages": {"Properties": {"MaximumBatchingWindowInSeconds": 1}}}}}
    with (
        Simulator() as vendor,
        Sink() as clevertap,
        Bridge(
            Options(
                vendor.url,
                callback_url=clevertap.callback_url,
                parameters=FEW,
                overrides=window,
                concurrency=ONE_A_LANE,
                logs=tmp_path,
            )
        ) as bridge,
    ):
        vendor.change(latency_ms=350)
        steering = controls(bridge.aws.dynamodb(), bridge.stack.tables["CampaignTable"].name)
        assert post(bridge, 0, 600) == (200, {"status": "queued", "accepted": 600, "rejected": []})
        eventually(lambda: len(vendor.accepted) > 50)

        steering.change((ACCOUNT, campaign_key(CAMPAIGN)), State.STOPPED, by="ana", note="wrong price")
        stopped = time.time()

        time.sleep(STOPS_WITHIN)  # no scan meanwhile
        eventually(lambda: is_at_rest(statuses(bridge), 600), lambda: statuses(bridge), SCAN_PAUSE)
        assert last_begun(bridge) < stopped + STOPS_WITHIN  # what was at the vendor by then is sent
        sent = len(vendor.accepted)
        assert 50 < sent < 540
        assert statuses(bridge) == {"sent": sent, "cancelled": 600 - sent}

        assert post(bridge, 2_000, 200)[1] == {"status": "queued", "accepted": 200, "rejected": []}
        eventually(lambda: statuses(bridge)["cancelled"] == 800 - sent, pause=SCAN_PAUSE)
        assert post(bridge, 3_000, 1)[0] == 422

        eventually(lambda: len(clevertap.received.events) >= 800 - sent)
        time.sleep(2)
        events = clevertap.received.events
        assert Counter((event["event"], str(event["code"])) for event in events) == {("failed", "915"): 800 - sent}
        assert len({event["meta"] for event in events}) == len(events)
        assert len(vendor.accepted) == sent


@pytest.mark.fault("campaign-paused", "worker-killed")
def test_a_campaign_that_is_paused_and_resumed_sends_each_message_once_though_a_worker_is_killed_meanwhile(make_world):
    world = make_world(workers=2, receives=100)
    steering = controls(world.dynamodb, world.breakers)
    key = faults.ACCOUNT, campaign_key("faults")
    world.vendor.change(latency_ms=350)
    world.campaign(600)
    with world.polling():
        world.wait_until(lambda: world.sent() > 40)
        steering.change(key, State.PAUSED, by="ana")
        killed = world.kill_busy(world.dispatch)
        world.sleep(STOPS_WITHIN, STOPS_WITHIN)
        sent = world.sent()
        assert sent < 600
        world.sleep(3, 3)
        assert world.sent() == sent
        steering.change(key, State.RUNNING, by="ana")
        world.wait_until(lambda: world.sent() > sent)
    world.drain()
    assert killed
    world.judge("campaign paused, dispatch worker killed", unknown_at_most=killed * LEFT_BY_A_DEAD_WORKER)


@pytest.mark.fault("account-rate")
def test_an_account_keeps_to_its_rate_whatever_four_workers_do_and_another_has_its_full_speed(make_world):
    batches = {"DispatchFunction": {"Events": {"Chunks": {"Properties": {"BatchSize": 1}}}}}
    # As on AWS, a chunk is not delivered again while a worker has it: copies would use up the rate.
    world = make_world(workers=4, visibility=90, dead_after=90, overrides=batches)
    world.change_secret(partsPerSecond=str(RATE))
    world.add_account(OTHER)
    world.vendor.change(latency_ms=100)
    with world.polling():
        world.campaign(900)
        world.wait_until(lambda: world.sent() > 20)
        time.sleep(2)
        before, begun = world.sent(), time.monotonic()
        time.sleep(WINDOW)
        rate = (world.sent() - before) / (time.monotonic() - begun)
        others = world.messages(100)
        world.post(others, account=OTHER)
        world.wait_until(lambda: world.sent_of(others) == 100)
        first, *_, last = (epoch(one.time) for one in world.vendor.accepted if one.number in {sms.to for sms in others})
        left = 900 + 100 - world.sent()
    assert RATE * 0.9 <= rate <= RATE * 1.1
    assert left > 0, "the other account does not wait until this one has sent everything"
    assert last - first < 100 / RATE, "it does not keep to this one's rate"
