"""No receipt is too strange to be read."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BadRequest
from bridge.message_central.receipts import (
    FIELDS,
    STATUS_WORDS,
    Receipt,
    read_receipts,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([*STATUS_WORDS]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([n for names in FIELDS.values() for n in names]) | st.text(), inner, max_size=5
        )
    ),
    max_leaves=12,
)


def judge(body: bytes, query: str) -> None:
    try:
        found = read_receipts(body, query)
    except BadRequest:
        return
    assert found
    for one in found:
        if isinstance(one, Receipt):
            assert one.verification_id
            assert one.number
            assert one.status in STATUS_WORDS
            one.verification_id.encode()  # can be written to the log


@given(st.binary(), st.text())
def test_no_body_and_no_query_is_too_strange(body: bytes, query: str):
    judge(body, query)


@given(JSON)
def test_no_document_is_too_strange(document: Any):
    judge(json.dumps(document).encode(), "")
    if isinstance(document, dict):
        judge(b"", urlencode(document, errors="replace"))
