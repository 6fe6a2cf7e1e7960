"""The audit: a recount from the log tells where counters differ, and is silent where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.errors import LogUnavailable
from bridge.operations.audit import Audit, Auditor, Difference
from tests.fakes.campaigns import campaign_table
from tests.fakes.dynamodb import CAMPAIGNS, LOG, FakeDynamoDB
from tests.fakes.faults import DENIED
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, START

if TYPE_CHECKING:
    from bridge.log.row import Row


@pytest.fixture
def auditor(dynamodb: FakeDynamoDB) -> Auditor:
    return Auditor(LOG, dynamodb, campaign_table(dynamodb), lambda: START)  # type: ignore[arg-type] # the fake


def lay(dynamodb: FakeDynamoDB, *rows: Row) -> None:
    for one in rows:
        dynamodb.put(one)


def count(dynamodb: FakeDynamoDB, campaign: str | None, account: str = ACCOUNT_ID, **counters: int) -> None:
    key = account, campaign_key(campaign)
    item = {"account": {"S": key[0]}, "campaign": {"S": key[1]}}
    dynamodb.tables[CAMPAIGNS][key] = item | {name: {"N": str(number)} for name, number in counters.items()}


def test_counters_that_say_what_the_rows_say_differ_in_nothing(auditor: Auditor, dynamodb: FakeDynamoDB):
    dynamodb.page = 2
    lay(dynamodb, *[row(n, "sent", campaign_id="42", segments=2) for n in range(3)])
    lay(dynamodb, row(3, "rejected", campaign_id="42", code="910", segments=None, attempts=0), row(4, "delivered"))
    count(dynamodb, "42", n_sent=3, parts_sent=6, n_rejected=1, code_910=1, refused=1, n_retrying=0, accepted=9)
    count(dynamodb, None, n_delivered=1, parts_delivered=1)

    assert auditor.audit(ACCOUNT_ID) == Audit(rows=5, malformed=0, differences=[])


def test_every_counter_that_differs_is_told(auditor: Auditor, dynamodb: FakeDynamoDB):
    lay(dynamodb, row(0, "sent", campaign_id="42"), row(1, "sent", campaign_id="43"))
    count(dynamodb, "42", n_sent=2, parts_sent=1, code_904=1)

    assert auditor.audit(ACCOUNT_ID).differences == [
        Difference("42", "code_904", 1, 0),
        Difference("42", "n_sent", 2, 1),
        Difference("43", "n_sent", 0, 1),
        Difference("43", "parts_sent", 0, 1),
    ]


def test_one_campaign_can_be_asked_for(auditor: Auditor, dynamodb: FakeDynamoDB):
    lay(dynamodb, row(0, "sent", campaign_id="42"), row(1, "sent"), row(2, "sent", campaign_id="43"))

    assert {one.campaign_id for one in auditor.audit(ACCOUNT_ID, None, "43").differences} == {None, "43"}
    assert auditor.audit(ACCOUNT_ID, "44") == Audit(0, 0, [])


def test_rows_whose_time_is_over_are_no_difference_where_their_campaigns_item_went_first(
    auditor: Auditor, dynamodb: FakeDynamoDB
):
    lay(dynamodb, row(0, "sent", campaign_id="42", expires_at=int(START) - 1), row(1, "sent"))
    count(dynamodb, None, n_sent=1, parts_sent=1)

    assert auditor.audit(ACCOUNT_ID) == Audit(1, 0, [])


def test_other_accounts_and_what_is_no_campaign_are_left_out(auditor: Auditor, dynamodb: FakeDynamoDB):
    lay(dynamodb, row(0, "sent", account="OTHER"))
    count(dynamodb, "42", "OTHER", n_sent=5)
    dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, WHOLE_ACCOUNT] = {
        "account": {"S": ACCOUNT_ID},
        "campaign": {"S": WHOLE_ACCOUNT},
        "n_sent": {"N": "1"},
    }

    assert auditor.audit(ACCOUNT_ID) == Audit(0, 0, [])


def test_a_row_that_nobody_can_read_is_told_of_and_counted_as_none(auditor: Auditor, dynamodb: FakeDynamoDB):
    lay(dynamodb, row(0, "sent"))
    next(iter(dynamodb.items.values()))["status"] = {"S": "posted"}

    assert auditor.audit(ACCOUNT_ID) == Audit(rows=0, malformed=1, differences=[])


def test_a_log_that_cannot_be_read_is_said_to_be_so(auditor: Auditor, dynamodb: FakeDynamoDB):
    dynamodb.fail("scan", DENIED)

    with pytest.raises(LogUnavailable, match="the log cannot be read"):
        auditor.audit(ACCOUNT_ID)
