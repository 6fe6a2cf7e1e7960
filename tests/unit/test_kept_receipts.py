"""The operator's view of kept receipts: their shapes, and back through the code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bridge.message_central import receipts
from bridge.operations.kept_receipts import Shape, peek, redrive
from bridge.sqs import Queue
from tests.fakes.environment import ENVIRONMENT
from tests.fakes.faults import THROTTLED
from tests.fakes.values import ACCOUNT_ID, number, text
from tests.unit.harness import failures, sqs_event
from tests.unit.receipt_harness import OTHER_ACCOUNT, OTHER_KEY, ReceiptHarness, receipt, row

if TYPE_CHECKING:
    import pytest

KEPT, RECEIPTS = ENVIRONMENT["UNRECOGNISED_QUEUE_URL"], ENVIRONMENT["RECEIPT_QUEUE_URL"]
UNKNOWN = "unknown status"
MISSING = "missing: verificationId or messageId or transactionId"


def client(harness: ReceiptHarness) -> Any:
    return harness.parked


def redriven(harness: ReceiptHarness) -> int:
    return redrive(client(harness), KEPT, Queue(RECEIPTS, client(harness), harness.clock.sleep))


def let_receive_run(harness: ReceiptHarness) -> list[str]:
    """As Lambda does: receive gets what is on its queue."""
    mine = [entry for entry in harness.parked.entries if entry.queue == "receipts"]
    harness.parked.entries = [entry for entry in harness.parked.entries if entry not in mine]
    return failures(harness.receive(sqs_event([entry.body for entry in mine])))


def test_the_shapes_of_what_is_kept_with_their_counts_and_no_value(harness: ReceiptHarness):
    for _ in range(12):
        harness.post({"ref": "v0", "mobile": number(), "status": "DELIVRD"}, content_type="application/json; x=1")
    query = f"mobile={number()[1:]}&id=1&status=handed+over&messageId=7"
    harness.post(query=query, method="GET", account=OTHER_ACCOUNT, key=OTHER_KEY)
    harness.post(f"<to>{number()}</to>", content_type="text/xml")

    shapes = peek(client(harness), KEPT)

    unreadable = "no delivery report: expected one or an array, as JSON, form or query"
    assert shapes == {
        Shape(ACCOUNT_ID, "POST", "application/json", ("mobile", "ref", "status"), (MISSING,), ()): 12,
        Shape(OTHER_ACCOUNT, "GET", "", ("id", "messageId", "mobile", "status"), (UNKNOWN,), ("HANDED OVER",)): 1,
        Shape(ACCOUNT_ID, "POST", "text/xml", (), (unreadable,), ()): 1,
    }  # fmt: skip
    assert number()[3:] not in repr(shapes)


def test_after_a_look_everything_is_where_it_was(harness: ReceiptHarness):
    for _ in range(25):
        harness.post({"ref": text()})

    assert sum(peek(client(harness), KEPT).values()) == 25

    assert sum(peek(client(harness), KEPT).values()) == 25, "and at once"
    assert len(harness.kept) == 25


def test_no_more_is_looked_at_than_was_asked_for(harness: ReceiptHarness):
    for _ in range(40):
        harness.post({"ref": "1"})

    assert sum(peek(client(harness), KEPT, most=20).values()) == 20


def test_a_strange_message_on_the_queue_has_a_shape_of_its_own(harness: ReceiptHarness):
    Queue(KEPT, client(harness), harness.clock.sleep)
    harness.parked.send_message_batch(QueueUrl=KEPT, Entries=[{"Id": "0", "MessageBody": "by hand"}])

    [shape] = peek(client(harness), KEPT)

    assert shape.errors == ("it is not a kept call",)
    assert redriven(harness) == 1
    assert let_receive_run(harness) == ["sqs-0"], "it ends in the dead letters"


def test_once_the_table_is_mended_a_shape_is_readable_and_redriving_loses_none(
    harness: ReceiptHarness, monkeypatch: pytest.MonkeyPatch
):
    harness.put(*[row(n) for n in range(35)])
    for n in range(35):
        harness.post({"ref": f"v{n}", **receipt(n, verificationId=None)})
    assert not any(shape.readable for shape in peek(client(harness), KEPT))
    monkeypatch.setattr(receipts, "FIELDS", receipts.FIELDS | {"verification_id": ("ref",)})

    assert all(shape.readable for shape in peek(client(harness), KEPT))
    assert redriven(harness) == 35
    assert let_receive_run(harness) == []

    assert {*harness.dynamodb.statuses()} == {"delivered"}
    assert harness.parked.entries == []


def test_what_is_still_not_recognised_is_redriven_once_and_no_more(harness: ReceiptHarness):
    for _ in range(3):
        harness.post({"ref": "1"})
    sent = harness.parked.send_message_batch

    def at_once(**call: Any) -> Any:
        """Receive is quicker than the command."""
        answer = sent(**call)
        if call["QueueUrl"] == RECEIPTS:
            let_receive_run(harness)
        return answer

    harness.parked.send_message_batch = at_once  # type: ignore[method-assign]

    assert redriven(harness) == 3

    assert len(harness.kept) == 3


def test_what_sqs_does_not_take_stays_kept(harness: ReceiptHarness):
    harness.post({"ref": "1"})
    harness.parked.down("send_message_batch", THROTTLED)

    assert redriven(harness) == 0

    harness.parked.heal()
    assert len(harness.kept) == 1
    assert redriven(harness) == 1


def test_large_calls_are_moved_though_ten_of_them_are_more_than_sqs_takes_at_once(harness: ReceiptHarness):
    for _ in range(12):
        harness.post(json.dumps({"ref": "x" * 100_000}))

    assert redriven(harness) == 12

    assert [entry.queue for entry in harness.parked.entries] == ["receipts"] * 12
    assert {entry.group for entry in harness.parked.entries} == {ACCOUNT_ID}


def test_nothing_kept_is_nothing_to_do(harness: ReceiptHarness):
    assert peek(client(harness), KEPT) == {}
    assert redriven(harness) == 0
