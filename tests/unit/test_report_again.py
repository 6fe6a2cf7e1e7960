"""Reports of a span of time, once more: counted first, then given to report as if they were new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from bridge import times
from bridge.operations.report_again import Span, find, queue_again
from bridge.sqs import Queue
from tests.fakes.environment import ENVIRONMENT
from tests.fakes.faults import THROTTLED
from tests.fakes.values import ACCOUNT_ID, START, message_id, number
from tests.unit.receipt_harness import OTHER_ACCOUNT, ReceiptHarness, row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.log.row import Row
    from bridge.operations.report_again import Found

TABLE = "SmsLog"
DAY = Span(START, START + 86_400)


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        made = boto3.client("dynamodb")
        made.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("recipient", "messageId")],
            KeySchema=[
                {"AttributeName": "recipient", "KeyType": "HASH"},
                {"AttributeName": "messageId", "KeyType": "RANGE"},
            ],
        )
        yield made


def put(client: Any, *rows: Row) -> None:
    for one in rows:
        client.put_item(TableName=TABLE, Item=one.to_item())


def ended(index: int = 0, status: str = "delivered", at: float = START, **changes: Any) -> Row:
    return row(index, status, final_at=times.iso(at), **changes)


def found(client: Any, span: Span = DAY) -> Found:
    return find(client, TABLE, span, lambda _read: None)


def queue(harness: ReceiptHarness) -> Queue:
    sqs: Any = harness.delayed
    return Queue(ENVIRONMENT["REPORT_QUEUE_URL"], sqs, harness.clock.sleep)


def test_what_ended_within_the_span_is_found_and_counted(client: Any):
    put(
        client,
        ended(0, at=DAY.begin),
        ended(1, "undelivered", at=DAY.end, code="914", reason="Undelivered"),
        ended(2, "expired", at=START + 1),
        ended(3, "rejected", at=START + 1, account=OTHER_ACCOUNT),
        ended(4, at=DAY.begin - 0.001),
        ended(5, at=DAY.end + 0.001),
        ended(6, report=False),
        row(7, "sent"),
        row(8, "unknown"),
    )

    events = found(client)

    assert events.counts() == {(ACCOUNT_ID, "delivered"): 1, (ACCOUNT_ID, "failed"): 2, (OTHER_ACCOUNT, "failed"): 1}
    assert {event.meta for event in events.events} == {message_id(n) for n in range(4)}
    assert events.malformed == 0
    only = found(client, Span(DAY.begin, DAY.end, OTHER_ACCOUNT))
    assert only.counts() == {(OTHER_ACCOUNT, "failed"): 1}


def test_a_row_that_cannot_be_read_is_counted_and_hinders_none(client: Any):
    put(client, ended(0))
    client.put_item(TableName=TABLE, Item={**ended(1).to_item(), "segments": {"N": "1.5"}})

    events = found(client)

    assert ([event.meta for event in events.events], events.malformed) == ([message_id(0)], 1)


def test_all_pages_are_read_and_the_progress_is_told(client: Any):
    put(client, *[ended(n, text="x" * 1_000, reason="y" * 100_000) for n in range(25)])
    progress: list[int] = []

    events = find(client, TABLE, DAY, progress.append)

    assert len(events.events) == 25
    assert progress[-1] == 25
    assert len(progress) > 1


def test_what_was_found_is_posted_to_clevertap_as_if_it_were_new(client: Any, harness: ReceiptHarness):
    rows = [ended(n, account=OTHER_ACCOUNT if n % 2 else ACCOUNT_ID) for n in range(250)]
    put(client, *rows)
    harness.put(*rows)

    assert queue_again(found(client).events, queue(harness), harness.clock) == []
    assert harness.retry_delayed() == []

    assert harness.clevertap.metas == dict.fromkeys(map(message_id, range(250)), 1)
    assert harness.counts["ReportsPosted"] == 250
    assert harness.delayed.entries == []


def test_reports_of_encrypted_messages_go_apart_from_the_others(client: Any, harness: ReceiptHarness):
    put(client, *[ended(n, encryption="base64/base64/1" if n % 2 else None) for n in range(4)])

    queue_again(found(client).events, queue(harness), harness.clock)

    kinds = [{item["encryption"] for item in waiting["items"]} for waiting in harness.delayed.chunks]
    assert len(kinds) == 2
    assert all(len(kind) == 1 for kind in kinds), "one call has one encryption"


def test_what_sqs_does_not_take_is_given_back(client: Any, harness: ReceiptHarness):
    put(client, *[ended(n) for n in range(150)])
    events = found(client).events
    harness.delayed.down("send_message_batch", THROTTLED)

    left = queue_again(events, queue(harness), harness.clock)

    assert sorted(event.meta for event in left) == sorted(event.meta for event in events)
    harness.delayed.heal()
    assert queue_again(left, queue(harness), harness.clock) == []


def test_nothing_found_is_nothing_to_queue(client: Any, harness: ReceiptHarness):
    put(client, row(0, "sent"))

    assert queue_again(found(client).events, queue(harness), harness.clock) == []

    assert harness.delayed.calls == {}


def test_nobodys_number_is_in_the_log(client: Any, capsys: pytest.CaptureFixture[str]):
    put(client, ended(0))

    found(client)

    assert number() not in capsys.readouterr().out
