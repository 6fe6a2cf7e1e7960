"""Message Central's send call (docs/contracts/message_central.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.message import Cause, Outcome, Status
from bridge.message_central import verdicts
from bridge.message_central.client import MessageCentral
from bridge.message_central.sandbox import outcome
from bridge.permit import Permit
from tests.fakes.clock import Clock
from tests.fakes.values import AUTH_TOKEN, CUSTOMER_ID, PASSWORD, VENDOR_TOKEN, account, message, text
from tests.fakes.vendor import MAYBE_SENT, NOT_SENT, FakeTransport, accepted, answer, page

if TYPE_CHECKING:
    from bridge.account import Account


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.transport = FakeTransport()
        self.held = account()
        self.permit = Permit()
        self.client = MessageCentral(self.transport.factory("", 4, self.clock), self.reload, outcome, self.clock)

    def reload(self, _name: str) -> Account:
        return self.held

    def send(self, seconds: float = 10, held: Account | None = None, **changes: Any) -> Outcome:
        self.permit = Permit()
        return self.client.send(message(1, **changes), held or self.held, self.clock.deadline(seconds), self.permit)

    def probe(self, seconds: float = 10, held: Account | None = None) -> bool:
        return self.client.probe(held or self.held, self.clock.deadline(seconds))


@pytest.fixture
def world() -> World:
    return World()


def test_the_send_call_is_the_contracts(world: World):
    assert world.send().status is Status.SENT

    assert world.transport.headers[0]["authToken"] == VENDOR_TOKEN
    assert world.transport.headers[0]["content-type"].startswith("application/x-www-form-urlencoded")
    assert world.transport.send_calls == [
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


@pytest.mark.parametrize(
    ("country_code", "national"),
    [("1", "4155550123"), ("44", "7400123456"), ("971", "501234567"), ("39", "0612345678")],
)
def test_a_number_is_cut_behind_its_own_countrys_code(world: World, country_code: str, national: str):
    world.send(recipient=f"+{country_code}{national}", country_code=country_code)

    [call] = world.transport.send_calls
    assert (call["countryCode"], call["mobileNumber"]) == (country_code, national)


@pytest.mark.parametrize("words", ["50% & a=b + c", "नमस्ते 😀", "two\nlines", "  ends with spaces  ", "ünï;code"])
def test_a_text_arrives_as_it_was_written(world: World, words: str):
    world.send(text=words)

    assert world.transport.send_calls[0]["message"] == words


def test_the_messages_own_settings_come_before_the_accounts(world: World):
    world.send(sender_id="OTHERS", message_type="OTP", held=account(message_type="PROMOTIONAL"))
    world.send(held=account(message_type="PROMOTIONAL"))

    assert [(call["senderId"], call["messageType"]) for call in world.transport.send_calls] == [
        ("OTHERS", "OTP"),
        ("BRIDGE", "PROMOTIONAL"),
    ]


@pytest.mark.parametrize(
    ("template", "entity", "sent"), [("t1", "e1", True), ("t1", None, False), (None, "e1", False), (None, None, False)]
)
def test_dlt_ids_go_together_or_not_at_all(world: World, template: str | None, entity: str | None, sent: bool):  # noqa: FBT001
    world.send(template_id=template, held=account(entity_id=entity))

    assert ({"templateId", "entityId"} <= {*world.transport.send_calls[0]}) is sent
    assert ("templateId" in world.transport.send_calls[0]) is ("entityId" in world.transport.send_calls[0])


@pytest.mark.fault("vendor-down")
def test_a_request_that_surely_was_not_sent_waits(world: World):
    world.transport.sends.append(NOT_SENT)

    assert world.send() == verdicts.UNREACHED
    assert not world.permit.written


@pytest.mark.fault("vendor-drops", "vendor-hangs")
def test_a_request_without_a_response_may_have_been_sent_and_is_not_repeated(world: World):
    world.transport.sends.append(MAYBE_SENT)

    assert world.send() == verdicts.LOST
    assert world.permit.written
    assert len(world.transport.send_calls) == 1


def test_a_permit_revoked_before_the_message_is_written_sends_nothing_and_is_no_outage(world: World):
    world.transport.meanwhile = lambda path: "send" in path and world.permit.revoke()

    outcome = world.send()

    assert (outcome.status, outcome.cause, outcome.outage) == (Status.RETRYING, Cause.NO_TIME, False)
    assert world.transport.send_calls == []


def test_a_permit_revoked_while_a_refused_token_is_renewed_sends_nothing_more(world: World):
    world.send()
    world.clock.sleep(60)
    world.transport.sends.append(answer(401))
    revoked: list[bool] = []
    world.transport.meanwhile = lambda path: "token" in path and revoked.append(world.permit.revoke())

    outcome = world.send()

    assert revoked == [True], "the vendor said that it did not take the message"
    assert outcome.cause is Cause.NO_TIME
    assert len(world.transport.send_calls) == 2


@pytest.mark.fault("token-expired")
@pytest.mark.parametrize("refusal", [answer(401), page(403), answer(200, 401), answer(400, 403)])
def test_a_refused_token_is_renewed_once_and_the_message_sent_with_the_new_one(world: World, refusal: Any):
    world.send()
    world.clock.sleep(60)
    world.transport.token = answer(token="another.LEAK.token")
    world.transport.sends.extend([refusal, accepted("5")])

    outcome = world.send()

    assert (outcome.status, outcome.verification_id) == (Status.SENT, "5")
    assert [headers["authToken"] for headers in world.transport.headers] == [
        VENDOR_TOKEN,
        VENDOR_TOKEN,
        "another.LEAK.token",
    ]


@pytest.mark.fault("credentials-refused")
def test_a_token_refused_twice_holds_the_message_back_with_an_alarm(world: World):
    world.send()
    world.clock.sleep(60)
    world.transport.default = answer(401)

    outcome = world.send()

    assert (outcome.status, outcome.outage, outcome.cause) == (Status.RETRYING, True, Cause.CREDENTIALS)
    assert len(world.transport.send_calls) == 3
    assert len(world.transport.token_calls) == 2


@pytest.mark.fault("credentials-refused")
def test_a_wrong_password_holds_messages_back_and_sends_none(world: World):
    world.transport.token = answer(status=400, error="password is wrong")

    outcomes = [world.send() for _ in range(5)]

    assert {(outcome.status, outcome.cause) for outcome in outcomes} == {(Status.RETRYING, Cause.CREDENTIALS)}
    assert len(world.transport.token_calls) == 1
    assert world.transport.send_calls == []


@pytest.mark.parametrize("ending", [MAYBE_SENT, page(502), page(504), answer(200), answer(500, 500), answer(400, 506)])
def test_a_send_is_never_repeated_within_one_attempt(world: World, ending: Any):
    world.transport.sends.append(ending)

    world.send()

    assert len(world.transport.send_calls) == 1


def test_without_time_nothing_is_begun(world: World):
    world.send()

    outcome = world.send(seconds=2.9)

    assert (outcome.status, outcome.cause) == (Status.RETRYING, Cause.NO_TIME)
    assert len(world.transport.send_calls) == 1


def test_after_a_slow_renewal_nothing_is_begun_without_time(world: World):
    world.send()
    world.clock.sleep(60)
    world.transport.sends.append(answer(401))
    world.transport.meanwhile = lambda path: world.clock.sleep(8) if "token" in path else None

    outcome = world.send()

    assert outcome.status is Status.RETRYING
    assert len(world.transport.send_calls) == 2


# The probe: one token call, which sends nothing


def test_a_probe_makes_one_token_call_and_no_other(world: World):
    assert world.probe()
    assert len(world.transport.token_calls) == 1
    assert world.transport.send_calls == []


def test_a_probe_asks_anew_whatever_is_remembered(world: World):
    world.transport.token = NOT_SENT
    world.send()
    world.transport.token = answer(token=VENDOR_TOKEN)

    assert world.probe()
    assert len(world.transport.token_calls) == 2


def test_the_token_that_a_probe_brings_is_used_at_once(world: World):
    # A new token may end the one before: nobody knows.
    world.transport.token = NOT_SENT
    world.send()
    world.transport.token = answer(token="another.LEAK.token")
    world.probe()

    assert world.send().status is Status.SENT
    assert world.transport.headers[-1]["authToken"] == "another.LEAK.token"
    assert len(world.transport.token_calls) == 2


@pytest.mark.parametrize(
    ("reply", "works"),
    [
        (answer(status=200, token=VENDOR_TOKEN), True),
        (answer(status=400, error="password is wrong"), True),
        (answer(401, error="customerId is invalid"), True),
        (page(200), False),
        (page(302), False),
        (page(401), False),
        (page(404), False),
        (page(429), False),
        (page(503), False),
        (answer(500, status=500, error="no"), False),
        (answer(503, error="no"), False),
        (NOT_SENT, False),
        (MAYBE_SENT, False),
    ],
    ids=repr,
)
def test_only_the_vendors_own_word_shows_that_it_works(world: World, reply: Any, works: bool):  # noqa: FBT001
    world.transport.token = reply

    assert world.probe() is works


def test_for_a_pasted_token_the_probe_logs_nobody_in(world: World):
    # A login might end the token that was pasted, and a wrong password might lock the account.
    world.transport.token = answer(status=400, error="customerId is invalid")
    held = account(auth_token=AUTH_TOKEN, password=PASSWORD)

    assert world.probe(held=held)
    assert world.transport.token_calls == [{"scope": "NEW", "country": "91"}]

    world.transport.token = answer(token=VENDOR_TOKEN)
    assert world.probe(held=held)
    world.send(held=held)
    assert world.transport.headers[-1]["authToken"] == AUTH_TOKEN


def test_nothing_of_a_sandbox_account_reaches_the_vendor(world: World):
    sandbox = account(sandbox=True)

    came = world.send(held=sandbox)

    assert (came.status, came.vendor_code) == (Status.SENT, "200")
    assert (came.verification_id or "").startswith("sandbox-")
    assert world.probe(held=sandbox)
    assert world.transport.headers == []


def test_an_attempt_of_a_sandbox_account_that_was_revoked_does_nothing(world: World):
    permit = Permit()
    permit.revoke()

    came = world.client.send(message(1), account(sandbox=True), world.clock.deadline(10), permit)

    assert (came.status, came.cause) == (Status.RETRYING, Cause.NO_TIME)
