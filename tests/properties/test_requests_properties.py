"""Whatever comes as a request is parsed or refused."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.clevertap.records import _more_values_than, parse_records
from bridge.clevertap.requests import parse_request
from bridge.errors import BadRequest
from tests.fakes.values import START, account


@given(st.lists(st.text('a\\",[{', max_size=30), min_size=1, max_size=20))
def test_values_are_counted_as_they_are(texts: list[str]):
    body = json.dumps({"m": [{"to": words, "x": [words]} for words in texts]}).encode()
    values = 2 + 3 * len(texts) + len(texts) - 1  # brackets, what is in each record, and commas between them

    assert not _more_values_than(values, body)
    assert _more_values_than(values - 1, body)


records = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["to", "text", "messageId", "m", "ciphertext", "campaignId"]), inner)
    ),
    max_leaves=20,
)


@given(records | st.lists(st.fixed_dictionaries({"to": records, "text": records}), min_size=1, max_size=5))
def test_whatever_json_comes_is_a_parsed_request_or_a_bad_one(document: Any):
    try:
        found = parse_records(json.dumps(document).encode())
    except BadRequest:
        return
    parsed = parse_request(found, account(), START)
    assert sorted([*parsed.messages, *(item.index for item in parsed.rejections)]) == [*range(len(found))]


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_a_parsed_request_or_a_bad_one(body: bytes):
    with suppress(BadRequest):
        parse_request(parse_records(body), account(), START)
