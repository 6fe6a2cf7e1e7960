"""Rows in the forms of table and chunk."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bridge.log.row import Row
from bridge.message import Status

texts = st.text(max_size=20)
maybe = st.none() | texts
OPTIONAL = ("text", "campaign_id", "claimed_at", "claimed_by", "verification_id", "code", "reason", "final_at")
rows = st.builds(
    Row,
    recipient=texts,
    message_id=texts,
    account=texts,
    accepted_at=texts,
    status=st.sampled_from(Status),
    attempts=st.integers(0, 2_000),
    report=st.booleans(),
    expires_at=st.integers(0, 2**40),
    segments=st.none() | st.integers(0, 8),
    **dict.fromkeys(OPTIONAL, maybe),
)


@given(rows)
def test_an_item_becomes_the_same_row(one: Row):
    assert Row.from_item(json.loads(json.dumps(one.to_item()))) == one


@given(rows)
def test_a_document_becomes_the_same_row(one: Row):
    assert Row.from_document(json.loads(json.dumps(one.to_document()))) == one
