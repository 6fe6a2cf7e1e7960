"""What steering writes into CampaignTable, against moto's reading of DynamoDB's expressions."""

from __future__ import annotations

import time

import pytest

from bridge.aws import Aws
from bridge.campaigns.control import MOST_ACTIONS, Controls, State
from bridge.campaigns.daily_cap import CapReached, DailyCaps
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.campaigns.schedule import RateSchedule
from bridge.campaigns.table import CampaignTable
from local.aws import ACCESS_KEY, SECRET_KEY, LocalAws
from local.template import REGION, read_stack
from tests.fakes.values import account

KEY = "ACC", campaign_key("*")
WHOLE = "ACC", WHOLE_ACCOUNT


@pytest.fixture(scope="module")
def table():
    with LocalAws() as aws, pytest.MonkeyPatch.context() as patch:
        stack = read_stack("steer", {"AccountId": "ACC"}, aws.url)
        aws.create(stack, {})
        for name, value in {
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }.items():
            patch.setenv(name, value)
        yield CampaignTable(stack.tables["CampaignTable"].name, Aws().dynamodb())


def test_a_campaign_is_steered_and_the_last_actions_are_kept(table):
    controls = Controls(table, time.time)
    for nth in range(MOST_ACTIONS + 2):
        controls.change(KEY, State.PAUSED, by=f"somebody {nth}", note="why", until="2000-01-01T00:00:00.000Z")

    stopped = controls.change(KEY, State.STOPPED, by="ana")

    assert controls.read([KEY, WHOLE])[KEY] == stopped
    actions = table.read([KEY])[KEY]["actions"]["L"]
    assert [one["M"]["changedBy"]["S"] for one in actions][-2:] == [f"somebody {MOST_ACTIONS + 1}", "ana"]
    assert len(actions) == MOST_ACTIONS


def test_a_rate_is_reserved_slot_after_slot(table):
    schedule = RateSchedule(table, time.time)
    first, second, third = (schedule.reserve("ACC", 20, 10.0, 2.5) for _ in range(3))

    assert second.begin == pytest.approx(first.end, abs=0.01)
    assert third.parts == 0


def test_a_daily_cap_pauses_the_account_once_and_leaves_a_stop_alone(table):
    controls = Controls(table, time.time)
    caps = DailyCaps(table, controls, time.time)
    capped = account(id="ACC", parts_per_day=50)

    grant = caps.reserve(capped, 40, 1)
    caps.give_back(grant, 10)
    assert caps.reserve(capped, 40, 1).parts == 20
    with pytest.raises(CapReached) as reached:
        caps.reserve(capped, 1, 1)
    assert reached.value.first
    assert controls.read([WHOLE])[WHOLE].state is State.PAUSED
    controls.change(WHOLE, State.RUNNING, by="ana")
    assert caps.reserve(capped, 5, 1).parts == 5

    controls.change(WHOLE, State.STOPPED, by="ana")
    with pytest.raises(CapReached) as reached:
        caps.reserve(account(id="ACC", parts_per_day=55), 5, 1)
    assert (reached.value.first, reached.value.control.state) == (False, State.STOPPED)
