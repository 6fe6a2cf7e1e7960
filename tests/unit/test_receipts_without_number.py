"""Receipts that carry no number: kept, unless the stack was made with an index by the vendor's id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from bridge.match import OUTCOME_SECONDS
from bridge.message_central.receipts import Receipt, Unrecognised, read_receipts
from local.template import read_stack
from tests.fakes import log
from tests.fakes.faults import DENIED, LOST_BEFORE, THROTTLED
from tests.fakes.values import number
from tests.unit.receipt_harness import OTHER_ACCOUNT, OTHER_KEY, ReceiptHarness, receipt, rounds, row

if TYPE_CHECKING:
    from tests.fakes.clock import Clock
    from tests.fakes.faults import Fault


def bare(index: int = 0, status: str = "DELIVRD", **changes: Any) -> dict[str, Any]:
    return receipt(index, status, **({"mobileNumber": None, "countryCode": None} | changes))


@pytest.fixture
def indexed() -> ReceiptHarness:
    harness = ReceiptHarness(RECEIPTS_WITHOUT_NUMBER="true")
    harness.dynamodb.indexes = frozenset({"ByVerificationId"})
    return harness


def test_without_the_index_they_are_kept(harness: ReceiptHarness):
    harness.put(row())

    assert harness.post(bare()) == (200, {"status": "ok", "processed": 0, "kept": 1})

    assert harness.status() == "sent"
    assert harness.dynamodb.calls == {}


@pytest.mark.fault("receipt-without-number")
def test_those_that_were_kept_are_read_once_the_index_is_there(harness: ReceiptHarness, indexed: ReceiptHarness):
    harness.post([bare(0), bare(1, "UNDELIV")])
    indexed.put(row(0), row(1))
    indexed.parked.entries = harness.parked.entries

    assert indexed.redrive() == []

    assert (indexed.status(0), indexed.status(1)) == ("delivered", "undelivered")
    assert indexed.parked.entries == []


def test_with_the_index_they_find_their_message_by_its_id(indexed: ReceiptHarness):
    indexed.put(*[row(n) for n in range(5)], row(2, message_id="another.", verification_id="v9"))

    assert indexed.post([bare(2), bare(3, "EXPIRED")])[1] == {"status": "ok", "processed": 2, "kept": 0}

    assert [indexed.status(n) for n in range(5)] == ["sent", "sent", "delivered", "undelivered", "sent"]
    assert indexed.counts == {"ReceiptsDelivered": 1, "ReceiptsUndelivered": 1}


def test_one_that_has_a_number_is_matched_by_it_all_the_same(indexed: ReceiptHarness):
    indexed.put(row(0), row(1, "unknown"))

    indexed.post([receipt(0), receipt(1, verificationId="lost")])

    assert (indexed.status(0), indexed.status(1)) == ("delivered", "delivered")


@pytest.mark.fault("receipt-without-number")
def test_one_whose_number_is_masked_is_kept_and_then_found_by_its_id(harness: ReceiptHarness, indexed: ReceiptHarness):
    masked = receipt(mobileNumber="98XXXXX000")
    assert harness.post(masked)[1] == {"status": "ok", "processed": 0, "kept": 1}
    indexed.put(row())
    indexed.parked.entries = harness.parked.entries

    assert indexed.redrive() == []

    assert indexed.status() == "delivered"


def test_one_of_another_account_touches_nothing(indexed: ReceiptHarness):
    indexed.put(row())

    indexed.post(bare(), account=OTHER_ACCOUNT, key=OTHER_KEY)
    for _ in rounds(indexed.parked):
        indexed.clock.sleep(indexed.parked.entries[0].delay)
        indexed.retry_parked()

    assert indexed.status() == "sent"
    assert indexed.counts["ReceiptsUnmatched"] == 1


def test_of_two_accounts_messages_with_the_same_id_its_own_is_meant(indexed: ReceiptHarness):
    indexed.put(row(0, account=OTHER_ACCOUNT, verification_id="v9"), row(1, verification_id="v9"))

    indexed.post(bare(verificationId="v9"))

    assert indexed.status(1) == "delivered"
    assert indexed.dynamodb.statuses() == ["delivered", "sent"]


@pytest.mark.fault("receipt-early")
def test_one_that_comes_before_its_outcome_waits_for_it(indexed: ReceiptHarness):
    indexed.put(row(0, "sending"))
    indexed.post(bare())
    assert len(indexed.parked.entries) == 1

    indexed.put(row())
    assert indexed.retry_parked() == []

    assert indexed.status() == "delivered"


def test_one_whose_id_nobody_knows_waits_for_a_quarter_of_an_hour_and_guesses_no_message(indexed: ReceiptHarness):
    indexed.put(row(0, "unknown"))
    indexed.post(bare(verificationId="v404"))
    waited = 0

    for _ in rounds(indexed.parked):
        [entry] = indexed.parked.entries
        waited += entry.delay
        indexed.clock.sleep(entry.delay)
        assert indexed.retry_parked() == []

    assert waited >= OUTCOME_SECONDS
    assert indexed.status() == "unknown"
    assert indexed.counts["ReceiptsUnmatched"] == 1


def test_the_first_final_one_counts(indexed: ReceiptHarness):
    indexed.put(row())

    indexed.post(bare())
    indexed.post(bare(0, "UNDELIV"))

    assert indexed.status() == "delivered"
    assert indexed.counts == {"ReceiptsDelivered": 1}


@pytest.mark.parametrize("fault", [LOST_BEFORE, THROTTLED, DENIED], ids=repr)
def test_while_the_index_does_not_answer_they_wait(indexed: ReceiptHarness, fault: Fault):
    indexed.put(row())
    indexed.dynamodb.down("query", fault)

    assert indexed.post(bare())[0] == 200
    assert len(indexed.parked.entries) == 1
    indexed.dynamodb.heal()
    indexed.retry_parked()

    assert indexed.status() == "delivered"


@pytest.mark.parametrize(
    "document",
    [
        {"status": "DELIVRD", "messageId": "event-7", "data": receipt()},
        {"results": [receipt()], "messageId": "event-7", "status": "FAILED"},
    ],
    ids=["object", "array"],
)
def test_where_a_whole_receipt_is_to_be_found_half_a_one_is_not_taken(document: Any):
    [found] = read_receipts(json.dumps(document).encode(), "", without_number=True)

    assert found == Receipt("v0", number()[3:], "DELIVRD", "91")


def test_what_lacks_more_than_a_number_is_not_read():
    for document in (bare(verificationId=None), bare(status=None), {}):
        [found] = read_receipts(json.dumps(document).encode(), "", without_number=True)
        assert isinstance(found, Unrecognised)


def test_a_number_is_asked_for_unless_it_is_known_to_be_missing():
    [found] = read_receipts(json.dumps(bare()).encode(), "")

    assert isinstance(found, Unrecognised)
    assert found.error.startswith("missing: mobileNumber")


@pytest.mark.parametrize(("switch", "keys"), [("true", {"recipient", "messageId", "verificationId"}), ("false", None)])
def test_the_template_makes_the_index_where_it_is_asked_for(clock: Clock, switch: str, keys: set[str] | None):
    parameters = {"AccountId": "A", "ReceiptsWithoutNumber": switch}
    stack = read_stack("s", parameters, "https://sqs.example")
    definition = stack.tables["SmsLogTable"].definition
    assert stack.functions["ReceiveFunction"].environment["RECEIPTS_WITHOUT_NUMBER"] == switch
    if keys is None:
        assert "GlobalSecondaryIndexes" not in definition
        assert len(definition["AttributeDefinitions"]) == 2
        return
    with mock_aws():
        client: Any = boto3.client("dynamodb")
        client.create_table(TableName="SmsLog", **definition)
        for index, verification_id in enumerate(["v0", "v1", None]):
            client.put_item(TableName="SmsLog", Item=row(index, "unknown", verification_id=verification_id).to_item())
        held = client.scan(TableName="SmsLog", IndexName="ByVerificationId")["Items"]
        found = log.new_log(client, clock).recipients_of("v1")

    assert [{*item} for item in held] == [keys, keys], "sparse, and keys only"
    assert found == [number(1)]
