"""Whatever Message Central answers has a verdict."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.message import Status
from bridge.message_central.verdicts import verdict
from bridge.transport import Response

SENT, REJECTED, RETRYING, UNKNOWN = Status.SENT, Status.REJECTED, Status.RETRYING, Status.UNKNOWN
names = st.sampled_from(["responseCode", "data", "message", "errorMessage", "verificationId", "timeout", "x"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
)


@given(status=st.integers(200, 599), document=json_values, retry_after=st.none() | st.text())
def test_whatever_the_vendor_says_is_a_verdict(status: int, document: Any, retry_after: str | None):
    outcome = verdict(Response(status, json.dumps(document).encode(), retry_after))

    assert outcome.status in (SENT, REJECTED, RETRYING, UNKNOWN)
    assert (outcome.failure is not None) == (outcome.status is REJECTED)
    assert (outcome.cause is not None) == (outcome.status is RETRYING)
    assert outcome.retry_after is None or 0 < outcome.retry_after <= 900


@given(status=st.integers(200, 599), body=st.binary())
def test_nothing_but_the_contracts_success_is_sent(status: int, body: bytes):
    assert verdict(Response(status, body)).status is not SENT
