"""How long a message takes from accept to the vendor's call: what is measured, and what is a person's own decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.campaigns.control import State
from bridge.campaigns.keys import WHOLE_ACCOUNT
from bridge.chunk import Chunk, Lane, decode, encode
from bridge.message import Resend, Status
from bridge.message_central import verdicts
from tests.fakes.campaigns import controls_of
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.values import ACCOUNT_ID, message_id, number, secret, text
from tests.unit.harness import Bridge, chunk, taken_out

RECORD = {"to": number(1), "text": text(), "messageId": message_id(1)}


def times(bridge: Bridge, metric: str = "BatchTimeToVendor") -> list[float]:
    """In seconds."""
    return [round(value / 1_000, 3) for value in bridge.metrics.latencies.get((ACCOUNT_ID, metric), ())]


def waiting(bridge: Bridge) -> list[Chunk]:
    return [decode(body) for body in taken_out(bridge.sqs)]


def decide(bridge: Bridge, state: State) -> None:
    controls_of(bridge.dynamodb, bridge.clock).change((ACCOUNT_ID, WHOLE_ACCOUNT), state, by="somebody")


def test_the_time_from_accept_to_the_vendor_is_measured_by_lane(bridge: Bridge):
    bridge.clock.sleep(3)
    bridge.dispatch(chunk(2))
    bridge.clock.sleep(4)
    bridge.dispatch(replace(chunk(1, first=2), lane=Lane.SINGLE))

    assert times(bridge) == [3.0, 3.0]
    assert times(bridge, "SingleTimeToVendor") == [7.0]


def test_a_message_that_is_sent_while_clevertap_waits_is_measured_as_a_single_one(bridge: Bridge):
    assert bridge.post(RECORD).body["status"] == "sent"

    assert times(bridge, "SingleTimeToVendor") == [0.0]


def test_a_message_counts_when_the_vendor_has_it_with_all_that_was_before(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)
    bridge.dispatch(chunk(1))
    assert times(bridge) == []

    bridge.clock.sleep(40)
    bridge.dispatch(*waiting(bridge))

    assert times(bridge) == [40.0]


def test_what_was_paused_is_never_late(bridge: Bridge):
    decide(bridge, State.PAUSED)
    bridge.dispatch(chunk(2))
    decide(bridge, State.RUNNING)
    bridge.clock.sleep(3_600)

    bridge.dispatch(*waiting(bridge))

    assert bridge.counts()["MessagesSent"] == 2
    assert times(bridge) == []


def test_what_waits_within_a_worker_for_its_accounts_rate_is_not_late(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerSecond="50")
    bridge.clock.ticks = 0.001

    bridge.dispatch(chunk(50))

    assert bridge.counts()["MessagesSent"] == 50
    assert len(times(bridge)) < 5, "only what did not have to wait for its turn"


def test_what_comes_back_because_of_its_accounts_rate_is_not_late(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerSecond="50")
    far = {"N": str(int((bridge.clock.now + 60) * 1_000))}
    item = {"account": {"S": ACCOUNT_ID}, "campaign": {"S": WHOLE_ACCOUNT}, "nextFreeAt": far}
    bridge.dynamodb._write(CAMPAIGNS, item)
    bridge.dispatch(chunk(1))
    bridge.clock.sleep(120)

    bridge.dispatch(*waiting(bridge))

    assert bridge.counts()["MessagesSent"] == 1
    assert times(bridge) == []


@pytest.mark.fault("daily-cap")
def test_what_waits_for_the_next_day_of_a_cap_is_not_late(bridge: Bridge):
    bridge.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(partsPerDay="2")
    bridge.dispatch(chunk(3))
    bridge.clock.sleep(86_400 - 60)

    bridge.dispatch(*waiting(bridge))

    assert bridge.counts()["MessagesSent"] == 3
    assert max(times(bridge)) < 1


def test_what_is_sent_again_on_a_persons_word_is_not_late(bridge: Bridge):
    bridge.clock.sleep(3_600)
    resend = Resend("somebody", "2026-01-01T00:00:00.000Z", Status.EXPIRED)
    again = chunk(1)

    bridge.dispatch(replace(again, messages=[replace(again.messages[0], resend=resend)]))

    assert times(bridge) == []


@pytest.mark.parametrize("changes", [{}, {"held": True}])
def test_a_chunk_knows_whether_a_person_has_had_it_wait(changes: dict[str, Any]):
    held = replace(chunk(1), **changes)

    [(body, _)] = encode(held)

    assert decode(body).held == held.held
    assert ("held" in body) == held.held
