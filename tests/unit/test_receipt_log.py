"""What the log gives a delivery report, and how it is concluded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.message import LogUnavailable
from bridge.message_central.receipts import WORDS
from bridge.receipt_log import ReceiptLog
from tests.fakes.faults import APPLIED, NOT_APPLIED, Fault
from tests.fakes.values import ACCOUNT_ID, message_id, number
from tests.unit.receipt_doors import OTHER_ACCOUNT, row

if TYPE_CHECKING:
    from tests.fakes.clock import Clock
    from tests.fakes.dynamodb import FakeDynamoDB

DELIVERED, UNDELIVERED = WORDS["DELIVRD"], WORDS["UNDELIV"]
assert DELIVERED
assert UNDELIVERED
KEY = (number(), message_id())


@pytest.fixture
def log(dynamodb: FakeDynamoDB, clock: Clock) -> ReceiptLog:
    return ReceiptLog("SmsLog", dynamodb, clock)


def test_only_a_recipients_own_messages_of_the_account_are_read(log: ReceiptLog, dynamodb: FakeDynamoDB):
    dynamodb.put(row(0))
    dynamodb.put(row(0, messageId="second."))
    dynamodb.put(row(0, messageId="others.", account=OTHER_ACCOUNT))
    dynamodb.put(row(1))

    assert {found["messageId"] for found in log.messages(number(), ACCOUNT_ID)} == {message_id(), "second."}


def test_texts_stay_in_the_table(log: ReceiptLog, dynamodb: FakeDynamoDB):
    dynamodb.put(row(0, text="opensesame"))

    [found] = log.messages(number(), ACCOUNT_ID)

    assert {*found} == {"recipient", "messageId", "status", "verificationId", "claimedAt", "claimedBy"}


def test_all_pages_are_read_even_those_of_which_the_filter_leaves_nothing(log: ReceiptLog, dynamodb: FakeDynamoDB):
    for n in range(7):
        dynamodb.put(row(0, messageId=f"m{n}."))
    dynamodb.page = 2

    assert len(log.messages(number(), ACCOUNT_ID)) == 7
    assert dynamodb.calls["query"] == 4


def test_the_read_is_consistent(log: ReceiptLog, dynamodb: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch):
    asked = []
    query = dynamodb.query
    monkeypatch.setattr(dynamodb, "query", lambda **options: asked.append(options) or query(**options))

    log.messages(number(), ACCOUNT_ID)

    assert asked[0]["ConsistentRead"] is True


@pytest.mark.parametrize("fault", NOT_APPLIED, ids=repr)
def test_a_log_that_cannot_be_read_says_so(log: ReceiptLog, dynamodb: FakeDynamoDB, fault: Fault):
    dynamodb.fail("query", fault)

    with pytest.raises(LogUnavailable):
        log.messages(number(), ACCOUNT_ID)


def test_a_delivery_is_written_with_its_time_and_nothing_else_is_changed(log: ReceiptLog, dynamodb: FakeDynamoDB):
    before = row(0, text="opensesame", campaignId="42")
    dynamodb.put(before)

    assert log.conclude(before, "v0", DELIVERED)

    changed = {"status": "delivered", "finalAt": "2023-11-14T22:13:20.000Z", "reason": "Delivered to handset"}
    assert dynamodb.row(KEY) == before | changed


def test_a_failure_is_written_with_code_and_reason(log: ReceiptLog, dynamodb: FakeDynamoDB):
    dynamodb.put(row())

    log.conclude(row(), "v0", UNDELIVERED)

    found = dynamodb.row(KEY)
    assert found
    assert (found["status"], found["code"], found["reason"]) == ("undelivered", "914", "Undelivered")


def test_an_id_that_was_lost_with_the_answer_is_noted(log: ReceiptLog, dynamodb: FakeDynamoDB):
    dynamodb.put(row(0, "unknown"))

    log.conclude(row(0, "unknown"), "v77", DELIVERED)

    assert dynamodb.row(KEY)["verificationId"] == "v77"


@pytest.mark.parametrize("now", ["delivered", "undelivered", "unknown", "retrying", "sending"])
def test_a_row_that_is_no_longer_as_it_was_read_stays_as_it_is(log: ReceiptLog, dynamodb: FakeDynamoDB, now: str):
    dynamodb.put(row(0, now))

    assert not log.conclude(row(0, "sent"), "v0", DELIVERED)
    assert dynamodb.row(KEY) == row(0, now)


def test_a_row_that_another_worker_has_claimed_anew_stays_as_it_is(log: ReceiptLog, dynamodb: FakeDynamoDB):
    dynamodb.put(row(0, "sending", claimedBy="another/1"))

    assert not log.conclude(row(0, "sending"), "v0", DELIVERED)


def test_a_row_that_was_deleted_is_not_made_anew(log: ReceiptLog, dynamodb: FakeDynamoDB):
    assert not log.conclude(row(), "v0", DELIVERED)
    assert dynamodb.rows() == []


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED], ids=repr)
def test_a_write_without_an_answer_says_so(log: ReceiptLog, dynamodb: FakeDynamoDB, fault: Fault):
    dynamodb.put(row())
    dynamodb.fail("update_item", fault)

    with pytest.raises(LogUnavailable):
        log.conclude(row(), "v0", DELIVERED)
    assert dynamodb.statuses() == (["delivered"] if fault.applied else ["sent"])
