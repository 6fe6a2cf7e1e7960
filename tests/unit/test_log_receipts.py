"""What the log gives a delivery report, and how that ends its message."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bridge.errors import LogRefused, LogUnavailable
from bridge.message import Status
from bridge.message_central.receipts import STATUS_WORDS
from tests.fakes.faults import APPLIED, DENIED, NOT_APPLIED, Fault
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, message_id, number

if TYPE_CHECKING:
    from bridge.log.log import Log
    from tests.fakes.dynamodb import FakeDynamoDB

DELIVERED, UNDELIVERED = STATUS_WORDS["DELIVRD"], STATUS_WORDS["UNDELIV"]
assert DELIVERED
assert UNDELIVERED
KEY = (number(), message_id())


def test_only_a_recipients_own_messages_of_the_account_are_read(log: Log, dynamodb: FakeDynamoDB):
    dynamodb.put(row(0))
    dynamodb.put(row(0, message_id="second."))
    dynamodb.put(row(0, message_id="others.", account="OTHER"))
    dynamodb.put(row(1))

    assert {found.message_id for found in log.messages_to(number(), ACCOUNT_ID)} == {message_id(), "second."}


def test_texts_stay_in_the_table(log: Log, dynamodb: FakeDynamoDB):
    whole = row(0, text="opensesame", campaign_id="42", code="900", reason="x", final_at="t", sent_at="t")
    dynamodb.put(whole)

    assert log.messages_to(number(), ACCOUNT_ID) == [replace(whole, text=None)]


def test_all_pages_are_read_even_those_of_which_the_filter_leaves_nothing(log: Log, dynamodb: FakeDynamoDB):
    for n in range(7):
        dynamodb.put(row(0, message_id=f"m{n}."))
    dynamodb.page = 2

    assert len(log.messages_to(number(), ACCOUNT_ID)) == 7
    assert dynamodb.calls["query"] == 4


def test_the_read_is_consistent(log: Log, dynamodb: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch):
    asked = []
    query = dynamodb.query
    monkeypatch.setattr(dynamodb, "query", lambda **options: asked.append(options) or query(**options))

    log.messages_to(number(), ACCOUNT_ID)

    assert asked[0]["ConsistentRead"] is True


@pytest.mark.parametrize("fault", NOT_APPLIED, ids=repr)
def test_a_log_that_cannot_be_read_says_so(log: Log, dynamodb: FakeDynamoDB, fault: Fault):
    dynamodb.fail("query", fault)

    with pytest.raises(LogUnavailable):
        log.messages_to(number(), ACCOUNT_ID)


def test_a_delivery_is_written_with_its_time_and_nothing_else_is_changed(log: Log, dynamodb: FakeDynamoDB):
    before = row(0, text="opensesame", campaign_id="42")
    dynamodb.put(before)

    assert log.apply_receipt(replace(before, text=None), "v0", DELIVERED)

    assert dynamodb.row(KEY) == replace(
        before, status=Status.DELIVERED, final_at="2023-11-14T22:13:20.000Z", reason="Delivered to handset"
    )


def test_a_failure_is_written_with_code_and_reason(log: Log, dynamodb: FakeDynamoDB):
    dynamodb.put(row())

    assert log.apply_receipt(row(), "v0", UNDELIVERED)

    [found] = dynamodb.rows()
    assert (found.status, found.code, found.reason) == (Status.UNDELIVERED, "914", "Undelivered")


@pytest.mark.parametrize("status", ["sent", "unknown", "sending"])
def test_a_receipt_ends_what_was_sent_or_may_have_been(log: Log, dynamodb: FakeDynamoDB, status: str):
    dynamodb.put(row(0, status))

    assert log.apply_receipt(row(0, status), "v0", DELIVERED)
    assert dynamodb.statuses() == ["delivered"]


@pytest.mark.parametrize("status", ["delivered", "undelivered", "rejected", "expired", "retrying"])
def test_a_receipt_changes_nothing_that_has_ended_or_was_not_sent(log: Log, dynamodb: FakeDynamoDB, status: str):
    dynamodb.put(row(0, status))

    assert not log.apply_receipt(row(0, status), "v9", UNDELIVERED)
    assert dynamodb.rows() == [row(0, status)]


def test_an_id_that_was_lost_with_the_answer_is_noted(log: Log, dynamodb: FakeDynamoDB):
    dynamodb.put(row(0, "unknown"))

    log.apply_receipt(row(0, "unknown"), "v77", DELIVERED)

    assert [found.verification_id for found in dynamodb.rows()] == ["v77"]


@pytest.mark.parametrize("now", ["delivered", "undelivered", "unknown", "retrying", "sending"])
def test_a_row_that_is_no_longer_as_it_was_read_stays_as_it_is(log: Log, dynamodb: FakeDynamoDB, now: str):
    dynamodb.put(row(0, now))

    assert not log.apply_receipt(row(0, "sent"), "v0", DELIVERED)
    assert dynamodb.row(KEY) == row(0, now)


def test_a_row_that_another_worker_has_claimed_anew_stays_as_it_is(log: Log, dynamodb: FakeDynamoDB):
    dynamodb.put(row(0, "sending", claimed_by="another/1"))

    assert not log.apply_receipt(row(0, "sending"), "v0", DELIVERED)


def test_a_row_that_was_deleted_is_not_made_anew(log: Log, dynamodb: FakeDynamoDB):
    assert not log.apply_receipt(row(), "v0", DELIVERED)
    assert dynamodb.rows() == []


def test_a_table_that_refuses_is_told_apart_from_one_that_is_silent(log: Log, dynamodb: FakeDynamoDB):
    dynamodb.down("query", DENIED)
    dynamodb.down("update_item", DENIED)

    for ask in (lambda: log.messages_to(number(), ACCOUNT_ID), lambda: log.apply_receipt(row(), "v0", DELIVERED)):
        with pytest.raises(LogRefused) as caught:
            ask()
        assert caught.value.code == "AccessDeniedException"


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED], ids=repr)
def test_a_write_without_an_answer_says_so(log: Log, dynamodb: FakeDynamoDB, fault: Fault):
    dynamodb.put(row())
    dynamodb.fail("update_item", fault)

    with pytest.raises(LogUnavailable):
        log.apply_receipt(row(), "v0", DELIVERED)
    assert dynamodb.statuses() == (["delivered"] if fault.applied else ["sent"])
