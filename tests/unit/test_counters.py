"""The counters of campaigns, read from the items of CampaignTable."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bridge.campaigns.control import RUNNING, State
from bridge.campaigns.counters import Campaign, Campaigns
from bridge.campaigns.keys import campaign_key, day_key
from bridge.campaigns.table import CampaignTable
from bridge.errors import LogUnavailable
from bridge.message import Status
from tests.fakes.dynamodb import CAMPAIGNS, FakeDynamoDB
from tests.fakes.faults import DENIED, LOST_AFTER, THROTTLED, UNREACHED, Fault
from tests.fakes.values import ACCOUNT_ID

if TYPE_CHECKING:
    from tests.fakes.clock import Clock

EMPTY = Campaign(
    account=ACCOUNT_ID,
    id="42",
    accepted=0,
    accepted_parts=0,
    refused=0,
    statuses={},
    parts={},
    codes={},
    first_at=None,
    last_at=None,
    control=RUNNING,
)


@pytest.fixture
def campaigns(dynamodb: FakeDynamoDB, clock: Clock) -> Campaigns:
    return Campaigns(CampaignTable(CAMPAIGNS, dynamodb), clock)  # type: ignore[arg-type] # the fake


def item(dynamodb: FakeDynamoDB, key: str, **attributes: int | str) -> None:
    typed: dict[str, Any] = {"account": {"S": ACCOUNT_ID}, "campaign": {"S": key}}
    for name, value in attributes.items():
        typed[name] = {"N": str(value)} if isinstance(value, int) else {"S": value}
    dynamodb._write(CAMPAIGNS, typed)


def test_nothing_is_known_of_a_campaign_that_nobody_counted(campaigns: Campaigns):
    assert campaigns.get(ACCOUNT_ID, "42") is None


def test_a_campaign_has_its_counters_and_what_is_zero_is_left_out(campaigns: Campaigns, dynamodb: FakeDynamoDB):
    item(
        dynamodb,
        "42",
        accepted=9,
        acceptedParts=12,
        n_sent=3,
        n_retrying=0,
        n_rejected=1,
        parts_sent=5,
        code_910=1,
        code_904=0,
        firstAt="2026-11-28T01:00:00.000Z",
        lastAt="2026-11-28T02:00:00.000Z",
    )

    assert campaigns.get(ACCOUNT_ID, "42") == Campaign(
        account=ACCOUNT_ID,
        id="42",
        accepted=9,
        accepted_parts=12,
        refused=0,
        statuses={Status.SENT: 3, Status.REJECTED: 1},
        parts={Status.SENT: 5},
        codes={"910": 1},
        first_at="2026-11-28T01:00:00.000Z",
        last_at="2026-11-28T02:00:00.000Z",
        control=RUNNING,
    )


def test_a_campaigns_rows_are_the_sum_of_its_statuses(campaigns: Campaigns, dynamodb: FakeDynamoDB):
    item(dynamodb, "42", n_sent=3, n_delivered=4, accepted=99)

    found = campaigns.get(ACCOUNT_ID, "42")

    assert found
    assert found.rows == 7


def test_a_campaign_that_is_only_steered_has_counted_nothing(campaigns: Campaigns, dynamodb: FakeDynamoDB):
    item(dynamodb, "42", state="paused")

    found = campaigns.get(ACCOUNT_ID, "42")

    assert found
    assert found.control.state is State.PAUSED
    assert replace(found, control=RUNNING) == EMPTY


def test_a_list_has_all_campaigns_of_the_account_newest_first_over_all_pages(
    campaigns: Campaigns, dynamodb: FakeDynamoDB
):
    dynamodb.page = 2
    for key, last in (("1", "2026-11-01"), ("2", "2026-11-03"), ("3", "2026-11-02"), ("-", "2026-11-04")):
        item(dynamodb, key, lastAt=last)
    dynamodb._write(CAMPAIGNS, {"account": {"S": "OTHER"}, "campaign": {"S": "5"}, "lastAt": {"S": "2026-11-05"}})

    assert [one.id for one in campaigns.list(ACCOUNT_ID)] == [None, "2", "3", "1"]


def test_the_accounts_own_item_and_its_days_are_no_campaigns_but_a_campaign_called_like_them_is(
    campaigns: Campaigns, dynamodb: FakeDynamoDB
):
    for key in ("*", day_key("2026-11-28"), campaign_key("*"), campaign_key("-"), campaign_key("*#2026-11-28")):
        item(dynamodb, key, n_sent=1)

    assert {one.id for one in campaigns.list(ACCOUNT_ID)} == {"*", "-", "*#2026-11-28"}
    assert campaigns.get(ACCOUNT_ID, "*")


@pytest.mark.parametrize("fault", [THROTTLED, DENIED, UNREACHED, LOST_AFTER])
def test_a_table_that_cannot_be_read_is_said_to_be_so(campaigns: Campaigns, dynamodb: FakeDynamoDB, fault: Fault):
    for call in ("batch_get_item", "query"):
        dynamodb.fail(call, fault)

    with pytest.raises(LogUnavailable, match="campaigns cannot be read"):
        campaigns.get(ACCOUNT_ID, "42")
    with pytest.raises(LogUnavailable, match="campaigns cannot be read"):
        campaigns.list(ACCOUNT_ID)
