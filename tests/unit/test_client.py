"""Message Central's send call (contracts/message_central.md §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.message import Outcome, Status
from bridge.message_central import client as module
from bridge.message_central.client import MessageCentral
from bridge.message_central.wire import Fate
from tests.fakes.clock import Clock
from tests.fakes.values import CUSTOMER_ID, VENDOR_TOKEN, account, message, text
from tests.fakes.vendor import FakeWire, accepted, answer

if TYPE_CHECKING:
    from bridge.accounts import Account


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.wire = FakeWire()
        self.held = account()
        monkeypatch.setattr(module, "Wire", lambda *_: self.wire)
        self.client = MessageCentral("https://vendor.example", 4, self.reload, self.clock)

    def reload(self, _name: str) -> Account:
        return self.held

    def send(self, seconds: float = 10, held: Account | None = None, **changes: Any) -> Outcome:
        return self.client.send(message(1, **changes), held or self.held, self.clock.deadline(seconds))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_the_send_call_is_the_contracts(world: World):
    assert world.send().status is Status.SENT

    assert world.wire.headers[0]["authToken"] == VENDOR_TOKEN
    assert world.wire.headers[0]["content-type"].startswith("application/x-www-form-urlencoded")
    assert world.wire.send_calls == [
        {
            "flowType": "SMS",
            "type": "SMS",
            "countryCode": "91",
            "mobileNumber": "9876500001",
            "message": text(),
            "senderId": "BRIDGE",
            "customerId": CUSTOMER_ID,
        }
    ]


@pytest.mark.parametrize("words", ["50% & a=b + c", "नमस्ते 😀", "two\nlines", "  ends with spaces  ", "ünï;code"])
def test_a_text_arrives_as_it_was_written(world: World, words: str):
    world.send(text=words)

    assert world.wire.send_calls[0]["message"] == words


def test_the_messages_own_settings_come_before_the_accounts(world: World):
    world.send(sender_id="OTHERS", message_type="OTP", held=account(message_type="PROMOTIONAL"))
    world.send(held=account(message_type="PROMOTIONAL"))

    assert [(call["senderId"], call["messageType"]) for call in world.wire.send_calls] == [
        ("OTHERS", "OTP"),
        ("BRIDGE", "PROMOTIONAL"),
    ]


@pytest.mark.parametrize(
    ("template", "entity", "sent"), [("t1", "e1", True), ("t1", None, False), (None, "e1", False), (None, None, False)]
)
def test_dlt_ids_go_together_or_not_at_all(world: World, template: str | None, entity: str | None, sent: bool):  # noqa: FBT001
    world.send(template_id=template, held=account(entity_id=entity))

    assert ({"templateId", "entityId"} <= {*world.wire.send_calls[0]}) is sent
    assert ("templateId" in world.wire.send_calls[0]) is ("entityId" in world.wire.send_calls[0])


@pytest.mark.parametrize(("fate", "status"), [(Fate.UNREACHED, Status.RETRYING), (Fate.LOST, Status.UNKNOWN)])
def test_a_request_without_an_answer(world: World, fate: Fate, status: Status):
    world.wire.sends.append(fate)

    outcome = world.send()

    assert (outcome.status, outcome.outage) == (status, True)
    assert len(world.wire.send_calls) == 1


@pytest.mark.parametrize("refusal", [answer(401), answer(403), answer(200, 401), answer(400, 403)])
def test_a_refused_token_is_renewed_once_and_the_message_sent_with_the_new_one(world: World, refusal: Any):
    world.send()
    world.clock.sleep(60)
    world.wire.token = answer(token="another.LEAK.token")
    world.wire.sends.extend([refusal, accepted("5")])

    outcome = world.send()

    assert (outcome.status, outcome.verification_id) == (Status.SENT, "5")
    assert [headers["authToken"] for headers in world.wire.headers] == [
        VENDOR_TOKEN,
        VENDOR_TOKEN,
        "another.LEAK.token",
    ]


def test_a_token_refused_twice_holds_the_message_back_with_an_alarm(world: World):
    world.send()
    world.clock.sleep(60)
    world.wire.default = answer(401)

    outcome = world.send()

    assert (outcome.status, outcome.outage, outcome.alarm) == (Status.RETRYING, True, "CredentialsRefused")
    assert len(world.wire.send_calls) == 3
    assert len(world.wire.token_calls) == 2


def test_a_wrong_password_holds_messages_back_and_sends_none(world: World):
    world.wire.token = answer(status=400, error="password is wrong")

    outcomes = [world.send() for _ in range(5)]

    assert {(outcome.status, outcome.alarm) for outcome in outcomes} == {(Status.RETRYING, "CredentialsRefused")}
    assert len(world.wire.token_calls) == 1
    assert world.wire.send_calls == []


@pytest.mark.parametrize("ending", [Fate.LOST, answer(504), answer(200), answer(500, 500), answer(400, 506)])
def test_a_send_is_never_repeated_within_one_attempt(world: World, ending: Any):
    world.wire.sends.append(ending)

    world.send()

    assert len(world.wire.send_calls) == 1


def test_without_time_nothing_is_begun(world: World):
    world.send()

    outcome = world.send(seconds=2.9)

    assert (outcome.status, outcome.outage) == (Status.RETRYING, True)
    assert len(world.wire.send_calls) == 1


def test_after_a_slow_renewal_nothing_is_begun_without_time(world: World):
    world.send()
    world.clock.sleep(60)
    world.wire.sends.append(answer(401))
    world.wire.meanwhile = lambda path: world.clock.sleep(8) if "token" in path else None

    outcome = world.send()

    assert outcome.status is Status.RETRYING
    assert len(world.wire.send_calls) == 2
