"""Whatever comes, and whatever fails, no receipt is lost."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.kept import ReceiptCall
from bridge.message_central.receipts import FIELDS, STATUS_WORDS
from tests.fakes.faults import APPLIED, NOT_APPLIED
from tests.fakes.values import ACCOUNT_ID, RECEIPT_KEY, number
from tests.unit.receipt_harness import ReceiptHarness, receipt, row

NAMES = st.sampled_from([name for names in FIELDS.values() for name in names] + ["countryCode", "errorCode"])
VALUES = (
    st.none() | st.integers() | st.text() | st.sampled_from([*STATUS_WORDS, number(), number()[3:], "v0"]) | st.floats()
)
DOCUMENTS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=10
)
BODIES = st.text() | DOCUMENTS.map(json.dumps) | st.dictionaries(NAMES, st.text()).map(
    lambda fields: urlencode(fields, errors="replace")
)  # fmt: skip


@settings(deadline=None)
@given(
    body=BODIES | st.binary(),
    query=BODIES,
    content_type=st.text(),
    key=st.just(RECEIPT_KEY) | st.text(),
    account=st.just(ACCOUNT_ID) | st.text(),
)
def test_nothing_that_comes_makes_it_fail_and_what_is_not_recognised_is_kept_as_it_came(
    body: str | bytes, query: str, content_type: str, key: str, account: str
):
    harness = ReceiptHarness()
    harness.put(row(0, "unknown"))
    encoded = isinstance(body, bytes)
    text = base64.b64encode(body).decode() if isinstance(body, bytes) else body

    code, answer = harness.post(
        text, query=query, key=key, account=account, content_type=content_type, isBase64Encoded=encoded
    )

    if (account, key) != (ACCOUNT_ID, RECEIPT_KEY):
        assert code == 404
        return
    assert code == 200
    assert bool(answer["kept"]) == len(harness.kept)
    if answer["kept"] and not answer["processed"]:
        kept = ReceiptCall.decode(json.loads(harness.kept[0].body))
        raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        assert (kept.body, kept.query, kept.content_type) == (raw, query, content_type)
    before = harness.status()
    assert harness.redrive() == []
    assert bool(answer["kept"]) == len(harness.kept)
    assert harness.status() == before


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.data())
def test_whatever_fails_a_receipt_is_written_or_parked_or_asked_for_again(data: st.DataObject):
    harness = ReceiptHarness()
    statuses = data.draw(st.lists(st.sampled_from(["sent", "unknown", "sending"]), min_size=1, max_size=5))
    harness.put(*[row(n, status) for n, status in enumerate(statuses)])
    for operation in data.draw(st.lists(st.sampled_from(("query", "update_item", "send_message_batch")), max_size=6)):
        neighbour = harness.parked if operation == "send_message_batch" else harness.dynamodb
        neighbour.fail(operation, data.draw(st.sampled_from([*NOT_APPLIED, *APPLIED])))
    receipts = [receipt(n) for n in range(len(statuses))]

    code, _ = harness.post(receipts)
    harness.dynamodb.heal()
    harness.parked.heal()
    if code == 503:  # the vendor was told to come again
        assert harness.post(receipts)[0] == 200
    harness.clock.sleep(900)
    for _ in range(3):
        harness.retry_parked()

    assert harness.dynamodb.statuses() == ["delivered"] * len(statuses)
    assert len(harness.dynamodb.history) == 2 * len(statuses)
