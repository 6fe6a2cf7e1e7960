"""Whatever ids there are and whatever CleverTap answers."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.aes import encrypt
from bridge.clevertap.callbacks import Callbacks, Event, Reaction, payload
from tests.fakes.clevertap import FakeCleverTap, answer, judge
from tests.fakes.clock import Clock
from tests.fakes.values import ACCOUNT_ID, START, message_id
from tests.unit.receipt_harness import URL


def posted(*events: Event) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(json.dumps(payload(events)))
    judge(found)
    return found


DELIVERED = Event(ACCOUNT_ID, message_id(0), int(START), "Delivered to handset")
META = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


@given(st.lists(st.tuples(META, st.booleans()), min_size=1, max_size=100))
def test_every_id_comes_out_once_and_to_the_letter(items: list[tuple[str, bool]]):
    events = [Event(ACCOUNT_ID, meta, int(START), "x", "914" if failed else None) for meta, failed in items]

    found = [(item["meta"], call["event"] == "failed") for call in posted(*events) for item in call["data"]]

    assert sorted(found) == sorted(items)


@given(st.binary())
def test_no_answer_is_too_strange(body: bytes):
    strange = FakeCleverTap()
    strange.default = answer(200, body)

    reply = Callbacks(strange.transport, Clock(), encrypt).post(URL, [DELIVERED], Clock().deadline(60))

    assert reply.reaction is Reaction.ACCEPTED
