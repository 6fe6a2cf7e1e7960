"""Secrets are read, kept, read again, and serve on while Secrets Manager does not answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import AccountUnavailable, BridgeError, Misconfigured, UnknownAccount
from bridge.secrets import (
    CACHE_SECONDS,
    FAULTY_SECONDS,
    REREAD_SECONDS,
    SILENT_SECONDS,
    STALE_SECONDS,
    UNKNOWN_SECONDS,
    Secrets,
)
from tests.fakes.faults import BROKEN_BEFORE, DENIED, LOST_BEFORE, THROTTLED, UNREACHED, Fault, client_error
from tests.fakes.secrets_manager import FakeSecretsManager
from tests.fakes.values import ACCOUNT_ID, CUSTOMER_ID, EMAIL, PASSWORD, account, secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.clock import Clock

NAME = f"bridge/{ACCOUNT_ID}"
NEW_KEY = "the key after the rotation"
TRIPLE = {"customerId": CUSTOMER_ID, "email": EMAIL, "password": PASSWORD}


@pytest.fixture
def manager(secrets: FakeSecretsManager) -> FakeSecretsManager:
    return secrets


@pytest.fixture
def accounts(manager: FakeSecretsManager, clock: Clock) -> Secrets:
    return Secrets("bridge", manager, clock)


def nothing_shows(error: BridgeError) -> None:
    shown = f"{error} {error.args} {error.__cause__}"
    assert [value for value in secret().values() if value in shown] == []


# Reading


def test_an_account_is_read_from_its_secret(accounts: Secrets):
    assert accounts.get(ACCOUNT_ID) == account()


def test_fields_are_texts_without_the_blanks_around_them(accounts: Secrets, manager: FakeSecretsManager):
    manager.secrets[NAME] = secret(entityId=1107, senderId=" BRIDGE\n", messageType="  ", country="ae")

    held = accounts.get(ACCOUNT_ID)

    assert (held.entity_id, held.sender_id, held.message_type, held.country) == ("1107", "BRIDGE", None, "AE")


def test_a_secret_is_read_and_parsed_once_in_five_minutes(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    first = accounts.get(ACCOUNT_ID)
    clock.sleep(CACHE_SECONDS - 1)
    assert all(accounts.get(ACCOUNT_ID) is first for _ in range(100))
    assert manager.reads == 1

    clock.sleep(1)
    manager.secrets[NAME] = secret(senderId="LATER")
    assert accounts.get(ACCOUNT_ID).sender_id == "LATER"
    assert manager.reads == 2


@pytest.mark.parametrize("field", ["customerId", "email", "password"])
@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_secret_that_misses_a_field_names_it(accounts: Secrets, manager: FakeSecretsManager, field: str, value: Any):
    manager.secrets[NAME] = secret(**{field: value})

    with pytest.raises(Misconfigured, match=field) as caught:
        accounts.get(ACCOUNT_ID)
    nothing_shows(caught.value)


NO_OBJECTS = ["not json " + PASSWORD, f'["{PASSWORD}"]', "", "{}", f'{{"password": "{PASSWORD}', "[" * 100_000]


@pytest.mark.parametrize("value", NO_OBJECTS)
def test_a_secret_that_is_no_json_object_shows_nothing_of_itself(
    accounts: Secrets, manager: FakeSecretsManager, value: str
):
    manager.secrets[NAME] = value

    with pytest.raises(Misconfigured, match="not a JSON object") as caught:
        accounts.get(ACCOUNT_ID)
    nothing_shows(caught.value)


def test_a_binary_secret_is_a_misconfiguration(clock: Clock):
    class Binary(FakeSecretsManager):
        def get_secret_value(self, **_options: Any) -> dict[str, Any]:
            return {"SecretBinary": b"{}"}

    with pytest.raises(Misconfigured):
        Secrets("bridge", Binary(), clock).get(ACCOUNT_ID)


def test_a_mended_secret_serves_within_five_minutes(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    manager.secrets[NAME] = secret(password="REPLACE_ME")
    with pytest.raises(Misconfigured):
        accounts.get(ACCOUNT_ID)
    manager.secrets[NAME] = secret()

    clock.sleep(CACHE_SECONDS)
    assert accounts.get(ACCOUNT_ID) == account()


def test_a_reload_reads_the_secret_as_it_is_now_but_at_most_once_in_30_s(
    accounts: Secrets, manager: FakeSecretsManager, clock: Clock
):
    accounts.get(ACCOUNT_ID)
    manager.secrets[NAME] = secret(password="the new one")
    assert accounts.reload(ACCOUNT_ID).password == "the new one"
    manager.secrets[NAME] = secret(password="the newest")
    assert accounts.reload(ACCOUNT_ID).password == "the new one"
    assert manager.reads == 2

    clock.sleep(REREAD_SECONDS)
    assert accounts.reload(ACCOUNT_ID).password == "the newest"


# When Secrets Manager does not answer


@pytest.mark.fault("secret-unreachable")
@pytest.mark.parametrize("fault", [LOST_BEFORE, UNREACHED, THROTTLED, DENIED, BROKEN_BEFORE])
def test_the_last_good_secret_serves_on_for_an_hour(
    accounts: Secrets, manager: FakeSecretsManager, clock: Clock, fault: Fault
):
    accounts.get(ACCOUNT_ID)
    manager.down("get_secret_value", fault)
    clock.sleep(STALE_SECONDS - 1)
    assert accounts.get(ACCOUNT_ID) == account()

    clock.sleep(1)
    with pytest.raises(AccountUnavailable) as caught:
        accounts.get(ACCOUNT_ID)
    nothing_shows(caught.value)


def test_an_hour_of_silence_is_over_with_the_first_answer(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    accounts.get(ACCOUNT_ID)
    manager.down("get_secret_value", UNREACHED)
    clock.sleep(2 * STALE_SECONDS)
    with pytest.raises(AccountUnavailable):
        accounts.get(ACCOUNT_ID)

    manager.heal()
    clock.sleep(SILENT_SECONDS)
    assert accounts.get(ACCOUNT_ID) == account()


def test_a_silent_secrets_manager_is_asked_once_in_30_s(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    manager.down("get_secret_value", LOST_BEFORE)
    for _ in range(20):
        with pytest.raises(AccountUnavailable):
            accounts.get(ACCOUNT_ID)
    assert manager.reads == 1

    manager.heal()
    clock.sleep(SILENT_SECONDS)
    assert accounts.get(ACCOUNT_ID).id == ACCOUNT_ID


@pytest.mark.fault("secret-deleted")
@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidRequestException"])
def test_a_deleted_secret_does_not_serve_on(accounts: Secrets, manager: FakeSecretsManager, clock: Clock, code: str):
    accounts.get(ACCOUNT_ID)
    clock.sleep(CACHE_SECONDS)
    manager.down("get_secret_value", Fault(code, lambda: client_error(code)))
    with pytest.raises(UnknownAccount):
        accounts.get(ACCOUNT_ID)

    manager.down("get_secret_value", UNREACHED)
    clock.sleep(UNKNOWN_SECONDS)
    with pytest.raises(AccountUnavailable):
        accounts.get(ACCOUNT_ID)


# Threads


class Slow(FakeSecretsManager):
    """Answers when it is let."""

    def __init__(self, secrets: dict[str, Any]) -> None:
        super().__init__(secrets)
        self.asked, self.go_on = threading.Event(), threading.Event()

    def get_secret_value(self, **options: Any) -> dict[str, Any]:
        self.asked.set()
        assert self.go_on.wait(5)
        return super().get_secret_value(**options)


def in_threads(count: int, work: Callable[[], Any]) -> tuple[list[threading.Thread], list[Any]]:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


def test_many_threads_read_a_secret_once(clock: Clock):
    manager = Slow({NAME: secret()})
    accounts = Secrets("bridge", manager, clock)
    threads, results = in_threads(20, lambda: accounts.get(ACCOUNT_ID))
    assert manager.asked.wait(5)

    manager.go_on.set()
    for thread in threads:
        thread.join(5)

    assert results == [account()] * 20
    assert manager.reads == 1


def test_while_one_thread_rereads_a_secret_the_others_go_on_with_it(clock: Clock):
    manager = Slow({NAME: secret(), "bridge/OTHER": secret()})
    manager.go_on.set()
    accounts = Secrets("bridge", manager, clock)
    accounts.get(ACCOUNT_ID)
    manager.go_on.clear()
    manager.asked.clear()
    manager.secrets[NAME] = secret(senderId="LATER")
    threads, results = in_threads(3, lambda: accounts.reload(ACCOUNT_ID).sender_id)
    assert manager.asked.wait(5)

    assert accounts.get(ACCOUNT_ID).sender_id == "BRIDGE"

    manager.go_on.set()
    for thread in threads:
        thread.join(5)
    assert results == ["LATER"] * 3
    assert manager.reads == 2


@pytest.mark.fault("secret-malformed")
def test_a_secret_that_was_filled_in_is_read_within_half_a_minute(
    accounts: Secrets, manager: FakeSecretsManager, clock: Clock
):
    manager.secrets[NAME] = secret(password="REPLACE_ME")
    with pytest.raises(Misconfigured, match="password"):
        accounts.get(ACCOUNT_ID)

    manager.secrets[NAME] = secret()
    clock.sleep(FAULTY_SECONDS - 1)
    with pytest.raises(Misconfigured, match="password"):  # asked again at once, each request would cost a call
        accounts.get(ACCOUNT_ID)
    clock.sleep(1)

    assert accounts.get(ACCOUNT_ID).id == ACCOUNT_ID
