"""Whatever is posted to `POST /sms` has one of the documented answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.values import ACCOUNT_ID, API_KEY, number
from tests.fakes.vendor import MAYBE_SENT, NOT_SENT
from tests.unit.harness import KEY_HEADERS, Handlers

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.just(number(1))
names = st.sampled_from(["to", "text", "messageId", "campaignId", "senderId", "messages", "ciphertext", ""]) | st.text(
    max_size=5
)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=5), max_leaves=25
)
likely = st.lists(
    st.fixed_dictionaries({"to": scalars | st.just(number(2)), "text": scalars}, optional={"messageId": scalars}),
    max_size=6,
)
bodies = (
    st.binary(max_size=300)
    | st.text(max_size=300)
    | (documents | likely | likely.map(lambda records: {"m": records})).map(json.dumps)
    | st.dictionaries(names, st.text(max_size=20)).map(urlencode)
    | documents.map(lambda document: json.dumps(document)[:-1])
)
header_values = st.text(max_size=30) | st.sampled_from([ACCOUNT_ID, "Basic", "Basic Og=="])
headers_given = st.just(KEY_HEADERS) | st.fixed_dictionaries(
    {},
    optional={
        "account": header_values,
        "X-Api-Key": header_values | st.just(API_KEY),
        **dict.fromkeys(["authorization", "customerId", "email", "password"], header_values),
    },
)
SHAPES: dict[tuple[int, str], set[str]] = {
    (200, "sent"): {"status", "messageId", "verificationId"},
    (200, "queued"): {"status", "messageId"},
    (200, "unknown"): {"status", "messageId"},
    (200, "duplicate"): {"status", "messageId", "was"},
    (422, "rejected"): {"status", "code", "reason"},
    (400, "error"): {"status", "error"},
    (401, "error"): {"status", "error"},
    (413, "error"): {"status", "error"},
}
MANY = {
    (200, "queued"): {"status", "accepted", "rejected"},
    (422, "rejected"): {"status", "code", "reason", "rejected"},
}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies, headers=headers_given, ending=st.sampled_from([None, NOT_SENT, MAYBE_SENT]))
def test_whatever_is_posted_has_one_of_the_documented_answers_and_4xx_sends_nothing(
    handlers: Handlers, body: str | bytes, headers: dict[str, str], ending: Any
):
    handlers.clock.sleep(60)  # whatever was paused goes on
    handlers.transport.sends.clear()
    handlers.transport.sends.extend([ending] if ending else [])
    sends, entries = len(handlers.transport.send_calls), len(handlers.sqs.entries)

    status, document = handlers.post(body, headers)

    shape = {*document}
    assert shape in (SHAPES.get((status, document["status"])), MANY.get((status, document["status"])))
    if status >= 400:
        assert len(handlers.transport.send_calls) == sends
        assert len(handlers.sqs.entries) == entries
    for item in document.get("rejected", ()):
        assert {*item} == {"index", "messageId", "code", "reason"}
