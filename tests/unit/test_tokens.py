"""Message Central's tokens (docs/contracts/message_central.md)."""

from __future__ import annotations

import base64
import json
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import AccountUnavailable
from bridge.message_central.tokens import (
    EARLY_SECONDS,
    LONGEST_SECONDS,
    RELOAD_SECONDS,
    RENEW_SECONDS,
    SHORTEST_SECONDS,
    UNREACHED_SECONDS,
    NoToken,
    Token,
    Tokens,
    expiry,
)
from bridge.message_central.verdicts import BUSY, CREDENTIALS_REFUSED, GATEWAY, NO_TIME, RATE, UNREACHED
from bridge.transport import Response
from tests.fakes.clock import Clock
from tests.fakes.values import ACCOUNT_ID, AUTH_TOKEN, CUSTOMER_ID, EMAIL, PASSWORD, START, VENDOR_TOKEN, account
from tests.fakes.vendor import MAYBE_SENT, NOT_SENT, FakeTransport, answer, page

if TYPE_CHECKING:
    from bridge.account import Account
    from bridge.message import Outcome


def jwt(payload: Any) -> str:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return f"head.{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}.signature"


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.transport = FakeTransport()
        self.held: Any = account()
        self.reloads = 0
        self.tokens = Tokens(self.transport.factory("", 4, self.clock), self.reload, self.clock)

    def reload(self, name: str) -> Account:
        assert name == ACCOUNT_ID
        self.reloads += 1
        if isinstance(self.held, Exception):
            raise self.held
        return self.held

    def get(self, held: Account | None = None, seconds: float = 10) -> Token | Outcome:
        """A token, or why there is none."""
        try:
            return self.tokens.get(held or account(), self.clock.deadline(seconds))
        except NoToken as failure:
            return failure.outcome

    def renew(self, token: Token, seconds: float = 10) -> Token | Outcome:
        try:
            return self.tokens.renew(token, self.clock.deadline(seconds))
        except NoToken as failure:
            return failure.outcome

    @property
    def calls(self) -> int:
        return len(self.transport.token_calls)


@pytest.fixture
def world() -> World:
    return World()


def refuse(**fields: Any) -> Response:
    return answer(200, **({"status": 400, "error": "password is wrong"} | fields))


def test_the_token_call_is_the_contracts(world: World):
    token = world.get()

    assert isinstance(token, Token)
    assert token.value == VENDOR_TOKEN
    assert world.transport.token_calls == [
        {
            "customerId": CUSTOMER_ID,
            "key": base64.b64encode(PASSWORD.encode()).decode(),
            "scope": "NEW",
            "country": "91",
            "email": EMAIL,
        }
    ]


def test_the_key_is_percent_encoded_so_that_a_plus_stays_one(world: World):
    paths: list[str] = []
    world.transport.meanwhile = paths.append

    world.get(account(password="~~~???>>>ÿÿ"))

    assert "+" not in paths[0].partition("key=")[2].partition("&")[0]
    assert base64.b64decode(world.transport.token_calls[0]["key"]).decode() == "~~~???>>>ÿÿ"


def test_a_token_is_asked_for_once_and_kept(world: World):
    first = world.get()
    world.clock.sleep(3_600)

    assert world.get() is first
    assert world.calls == 1


def test_a_token_without_an_end_is_kept_for_a_day(world: World):
    world.get()
    world.clock.sleep(LONGEST_SECONDS - EARLY_SECONDS - 1)
    world.get()
    assert world.calls == 1

    world.clock.sleep(1)
    world.get()
    assert world.calls == 2


@pytest.mark.parametrize(("lives", "used"), [(1_825 * 86_400, LONGEST_SECONDS), (7_200, 7_200 - EARLY_SECONDS)])
def test_a_tokens_own_end_counts_up_to_a_day(world: World, lives: float, used: float):
    world.transport.token = answer(token=jwt({"exp": START + lives}))

    token = world.get()

    assert isinstance(token, Token)
    assert token.until == START + used


def test_a_token_that_has_already_ended_is_used_for_half_a_minute_and_not_asked_for_by_every_message(world: World):
    world.transport.token = answer(token=jwt({"exp": START - 5}))

    world.get()
    world.clock.sleep(RENEW_SECONDS - 1)
    world.get()
    assert world.calls == 1
    world.clock.sleep(1)
    world.get()
    assert world.calls == 2


@pytest.mark.parametrize(
    ("token", "end"),
    [
        (jwt({"exp": 12}), 12.0),
        (jwt({"exp": 12.5}), 12.5),
        (jwt({"exp": "12"}), None),
        (jwt({"exp": True}), None),
        (jwt({"exp": None}), None),
        (jwt([]), None),
        (jwt("no json"), None),
        ("", None),
        ("a.b", None),
        ("a.%%%.c", None),
        ("a.ÿ.c", None),
        ("opaque", None),
    ],
)
def test_the_end_of_a_token(token: str, end: float | None):
    assert expiry(token) == end


def test_an_end_beyond_all_numbers_is_no_error(world: World):
    world.transport.token = answer(token=jwt('{"exp": 1' + "0" * 400 + "}"))

    assert isinstance(world.get(), Token)


@pytest.mark.parametrize("end", ["NaN", "Infinity", "-Infinity", "-1", "1e300"])
def test_a_strange_end_leaves_a_token_that_is_used_between_half_a_minute_and_a_day(world: World, end: str):
    world.transport.token = answer(token=jwt(f'{{"exp": {end}}}'))

    token = world.get()

    assert isinstance(token, Token)
    assert RENEW_SECONDS <= token.until - START <= LONGEST_SECONDS


@pytest.mark.parametrize(
    "reply",
    [
        refuse(),
        refuse(error="customerId is invalid"),
        answer(400, status=400),
        answer(401, error="password is wrong"),
        answer(404, error="customerId is invalid"),
        answer(token=""),
        answer(token=None),
        answer(token=7),
        answer(token="two\r\nlines"),
        answer(token="ünicode"),
    ],
    ids=repr,
)
def test_what_the_vendor_says_without_a_usable_token_is_a_refusal(world: World, reply: Response):
    world.transport.token = reply

    assert world.get() == CREDENTIALS_REFUSED


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (NOT_SENT, UNREACHED),
        (MAYBE_SENT, UNREACHED),
        (page(302), GATEWAY),
        (page(400), GATEWAY),
        (page(401), GATEWAY),
        (page(403), GATEWAY),
        (page(404), GATEWAY),
        (page(200), GATEWAY),
        (Response(200, b""), GATEWAY),
        (Response(200, b"[]"), GATEWAY),
        (page(429), RATE),
        (answer(429, error="slow down"), RATE),
        (page(500), BUSY),
        (page(502), BUSY),
        (page(503), BUSY),
        (answer(503, token=VENDOR_TOKEN), BUSY),
    ],
    ids=repr,
)
def test_a_token_call_that_failed_says_nothing_of_the_credentials_and_is_made_again(
    world: World, reply: Any, outcome: Outcome
):
    world.transport.token = reply
    outcome = replace(outcome, vendor_code=f"HTTP {reply.status}") if isinstance(reply, Response) else outcome
    assert world.get() == outcome

    world.transport.token = answer(token=VENDOR_TOKEN)
    assert world.get() == outcome, "for some seconds nobody waits for the same time-out"
    world.clock.sleep(UNREACHED_SECONDS)
    assert isinstance(world.get(), Token)
    assert world.reloads == 0


def test_without_time_no_token_is_asked_for_and_nobody_else_is_held_up(world: World):
    assert world.get(seconds=SHORTEST_SECONDS - 0.1) == NO_TIME
    assert world.calls == 0

    assert isinstance(world.get(), Token)


@pytest.mark.fault("name-lookup-hangs")
def test_a_token_call_that_outlasts_its_worker_is_no_news_to_the_next_invocation(world: World):
    world.transport.meanwhile = lambda _path: world.clock.sleep(11)  # a look-up that nothing interrupts
    world.transport.token = NOT_SENT
    assert world.get(seconds=10) == UNREACHED

    world.transport.meanwhile = lambda _path: None
    world.transport.token = answer(token=VENDOR_TOKEN)

    assert isinstance(world.get(), Token)


def test_a_refusal_is_remembered_for_30_s(world: World):
    world.transport.token = refuse()
    for _ in range(5):
        assert world.get() == CREDENTIALS_REFUSED
    assert world.calls == 1

    world.clock.sleep(RENEW_SECONDS)
    world.transport.token = answer(token=VENDOR_TOKEN)
    assert isinstance(world.get(), Token)


@pytest.mark.fault("credentials-refused")
def test_refused_credentials_are_read_anew_and_a_changed_password_is_tried_at_once(world: World):
    world.held = account(password="the new one")
    world.transport.token = lambda call: (
        answer(token=VENDOR_TOKEN) if base64.b64decode(call["key"]) == b"the new one" else refuse()
    )

    token = world.get()

    assert isinstance(token, Token)
    assert token.account.password == "the new one"
    assert world.calls == 2


def test_after_a_rotation_both_the_old_and_the_new_account_use_the_new_token(world: World):
    old, new = account(), account(password="the new one")
    world.held = new
    world.transport.token = lambda _call: (
        answer(token=VENDOR_TOKEN) if len(world.transport.token_calls) > 1 else refuse()
    )
    token = world.get(old)

    assert world.get(old) is token
    assert world.get(new) is token
    assert world.get(account(password="another")) is not token


def test_a_changed_password_gets_a_token_of_its_own(world: World):
    world.get()
    world.get(account(password="the new one"))

    assert world.calls == 2


def test_a_refusal_of_the_old_password_does_not_bind_the_new_one(world: World):
    world.transport.token = refuse()
    world.get(account())

    world.transport.token = answer(token=VENDOR_TOKEN)

    assert isinstance(world.get(account(password="the new one")), Token)


def test_a_refused_token_is_replaced_once(world: World):
    token = world.get()
    assert isinstance(token, Token)
    world.clock.sleep(RENEW_SECONDS)
    world.transport.token = answer(token="another.LEAK.token")

    new = world.renew(token)

    assert isinstance(new, Token)
    assert new.value == "another.LEAK.token"
    assert world.renew(token) is new, "who comes later gets what the first one found"
    assert world.calls == 2
    assert world.reloads == 1


def test_a_brand_new_token_that_is_refused_is_not_asked_for_again(world: World):
    token = world.get()
    assert isinstance(token, Token)
    world.clock.sleep(RENEW_SECONDS - 1)

    assert world.renew(token) == CREDENTIALS_REFUSED
    assert world.calls == 1


def test_a_token_is_renewed_with_the_credentials_of_now(world: World):
    token = world.get()
    assert isinstance(token, Token)
    world.clock.sleep(RENEW_SECONDS)
    world.held = account(password="the new one")

    new = world.renew(token)

    assert isinstance(new, Token)
    assert new.account == world.held


def test_a_refused_renewal_is_remembered(world: World):
    token = world.get()
    assert isinstance(token, Token)
    world.clock.sleep(RENEW_SECONDS)
    world.transport.token = refuse()

    assert world.renew(token) == CREDENTIALS_REFUSED
    assert world.renew(token) == CREDENTIALS_REFUSED
    assert world.get() == CREDENTIALS_REFUSED
    assert world.calls == 2


def test_when_the_secret_cannot_be_read_the_old_credentials_are_tried(world: World):
    token = world.get()
    assert isinstance(token, Token)
    world.clock.sleep(RENEW_SECONDS)
    world.held = AccountUnavailable("no answer")

    assert isinstance(world.renew(token), Token)


def test_without_time_the_secret_is_not_read_anew(world: World):
    token = world.get()
    assert isinstance(token, Token)
    world.clock.sleep(RENEW_SECONDS)

    world.renew(token, seconds=RELOAD_SECONDS - 0.1)
    assert world.reloads == 0


def test_a_pasted_token_that_no_header_can_carry_is_refused(world: World):
    world.held = account(auth_token="two\nlines")

    assert world.get(world.held) == CREDENTIALS_REFUSED
    assert world.calls == 0


def test_the_error_that_there_is_no_token_shows_none(world: World):
    world.transport.token = refuse(token="two\nLEAK")

    with pytest.raises(NoToken) as caught:
        world.tokens.get(account(), world.clock.deadline(10))

    assert str(caught.value) == CREDENTIALS_REFUSED.reason
    assert caught.value.__cause__ is None


@pytest.mark.fault("token-ended")
def test_a_pasted_token_needs_no_call(world: World):
    token = world.get(account(auth_token=AUTH_TOKEN, password="", email=""))

    assert isinstance(token, Token)
    assert token.value == AUTH_TOKEN
    assert world.calls == 0


def test_a_pasted_token_that_is_refused_is_not_replaced_by_itself(world: World):
    world.held = account(auth_token=AUTH_TOKEN)
    token = world.get(world.held)
    assert isinstance(token, Token)
    world.clock.sleep(RENEW_SECONDS)

    assert world.renew(token) == CREDENTIALS_REFUSED
    assert world.calls == 0


def test_a_newly_pasted_token_takes_the_place_of_a_refused_one(world: World):
    old = account(auth_token=AUTH_TOKEN)
    token = world.get(old)
    assert isinstance(token, Token)
    world.clock.sleep(RENEW_SECONDS)
    world.held = account(auth_token="the.new.token")

    new = world.renew(token)

    assert isinstance(new, Token)
    assert new.value == "the.new.token"


def test_one_thread_asks_and_the_others_wait_for_its_answer(world: World):
    results: list[Token | Outcome] = []
    world.transport.meanwhile = lambda _path: time.sleep(0.05)
    threads = [threading.Thread(target=lambda: results.append(world.get())) for _ in range(32)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert world.calls == 1
    assert {id(token) for token in results} == {id(results[0])}
    assert len(results) == 32


def test_of_many_threads_with_a_refused_token_one_renews_it(world: World):
    token = world.get()
    assert isinstance(token, Token)
    world.clock.sleep(RENEW_SECONDS)
    world.transport.meanwhile = lambda _path: time.sleep(0.05)
    threads = [threading.Thread(target=world.renew, args=(token,)) for _ in range(16)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert world.calls == 2


def test_who_waits_too_long_for_another_threads_answer_has_no_time(world: World):
    begun, go = threading.Event(), threading.Event()
    world.transport.meanwhile = lambda _path: (begun.set(), go.wait(5))[0]
    first = threading.Thread(target=world.get)
    first.start()
    begun.wait(5)

    late = world.get(seconds=0.02)
    go.set()
    first.join()

    assert late == NO_TIME


def test_an_account_does_not_wait_for_anothers_token(world: World):
    begun, go = threading.Event(), threading.Event()

    def hangs(_path: str) -> None:
        if not begun.is_set():
            begun.set()
            go.wait(5)

    world.transport.meanwhile = hangs
    first = threading.Thread(target=world.get)
    first.start()
    begun.wait(5)

    other = world.get(account(id="OTHER", customer_id="C-2"), seconds=SHORTEST_SECONDS)
    go.set()
    first.join()

    assert isinstance(other, Token)


def test_two_accounts_have_two_tokens(world: World):
    world.get(account())
    world.get(account(id="OTHER", customer_id="C-2"))
    world.get(account())

    assert [call["customerId"] for call in world.transport.token_calls] == [CUSTOMER_ID, "C-2"]


def test_neither_token_nor_account_show_secrets_in_their_repr(world: World):
    shown = repr(world.get()) + repr(account(auth_token=AUTH_TOKEN))

    assert VENDOR_TOKEN not in shown
    assert PASSWORD not in shown
    assert AUTH_TOKEN not in shown
