"""Who may call, and what that costs: the cache over Secrets Manager."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from bridge.clevertap.credentials import Credentials
from bridge.errors import AccountUnavailable, BridgeError, Misconfigured, NotAuthenticated, UnknownAccount
from bridge.secrets import (
    CACHE_SECONDS,
    FAULTY_SECONDS,
    GUESSES,
    OVERLAP_SECONDS,
    REREAD_SECONDS,
    SILENT_SECONDS,
    STALE_SECONDS,
    UNKNOWN_SECONDS,
    Secrets,
)
from tests.fakes.faults import BROKEN_BEFORE, DENIED, LOST_BEFORE, THROTTLED, UNREACHED, Fault, client_error
from tests.fakes.secrets_manager import FakeSecretsManager
from tests.fakes.values import ACCOUNT_ID, API_KEY, CUSTOMER_ID, EMAIL, PASSWORD, RECEIPT_KEY, account, secret

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


def key(value: str = API_KEY, name: str = ACCOUNT_ID) -> Credentials:
    return Credentials(name, {"apiKey": value})


def refused(accounts: Secrets, credentials: Credentials) -> None:
    with pytest.raises(NotAuthenticated, match=r"^not authenticated$"):
        accounts.authenticate(credentials)


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

    with pytest.raises(Misconfigured, match="no JSON object") as caught:
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


# Who may call


@pytest.mark.parametrize("claims", [{"apiKey": API_KEY}, TRIPLE])
def test_the_right_credentials_open_their_account(accounts: Secrets, claims: dict[str, str]):
    assert accounts.authenticate(Credentials(ACCOUNT_ID, claims)).id == ACCOUNT_ID


@pytest.mark.parametrize(
    "credentials",
    [
        key("wrong"),
        key(API_KEY[:-1]),
        key(API_KEY + "x"),
        key("REPLACE_ME"),
        key("\ud800"),
        key("ÿ"),
        key(name="OTHER"),
        Credentials(ACCOUNT_ID, TRIPLE | {"password": "wrong"}),
        Credentials(ACCOUNT_ID, TRIPLE | {"email": "wrong"}),
        Credentials(ACCOUNT_ID, TRIPLE | {"customerId": "wrong"}),
    ],
)
def test_wrong_and_unknown_look_alike(accounts: Secrets, credentials: Credentials):
    refused(accounts, credentials)


def test_a_secret_without_a_key_is_opened_by_none(accounts: Secrets, manager: FakeSecretsManager):
    manager.secrets[NAME] = secret(apiKey=None)

    for value in ("", "None", "null"):
        refused(accounts, key(value))


def test_placeholders_open_nothing(accounts: Secrets, manager: FakeSecretsManager):
    manager.secrets[NAME] = secret(customerId="REPLACE_ME", email="REPLACE_ME", password="REPLACE_ME")

    refused(accounts, Credentials(ACCOUNT_ID, dict.fromkeys(TRIPLE, "REPLACE_ME")))


@pytest.mark.fault("secret-malformed")
@pytest.mark.parametrize(
    "value", [*NO_OBJECTS, secret(password=None), secret(password="REPLACE_ME"), {"apiKey": ["x"]}]
)
def test_a_malformed_secret_is_nobodys_business_without_its_key(
    accounts: Secrets, manager: FakeSecretsManager, value: Any
):
    manager.secrets[NAME] = value

    refused(accounts, key("a guess"))
    with pytest.raises(UnknownAccount):
        accounts.authenticate_receipts(ACCOUNT_ID, "a guess")


def test_with_the_right_key_a_placeholder_is_a_clear_error(accounts: Secrets, manager: FakeSecretsManager):
    manager.secrets[NAME] = secret(password="REPLACE_ME")

    with pytest.raises(Misconfigured, match="password"):
        accounts.authenticate(key())
    with pytest.raises(Misconfigured, match="password"):
        accounts.authenticate_receipts(ACCOUNT_ID, RECEIPT_KEY)


def test_a_secret_that_nobody_can_open_is_logged_for_the_person_on_call(
    accounts: Secrets, manager: FakeSecretsManager, capsys: pytest.CaptureFixture[str]
):
    manager.secrets[NAME] = "no JSON"

    refused(accounts, key())

    assert "no JSON object" in capsys.readouterr().out


@pytest.mark.parametrize("short", ["k", "elevenchars"])
def test_a_key_that_can_be_guessed_opens_nothing(accounts: Secrets, manager: FakeSecretsManager, short: str):
    manager.secrets[NAME] = secret(apiKey=short, receiptKey=short)

    refused(accounts, key(short))
    with pytest.raises(UnknownAccount):
        accounts.authenticate_receipts(ACCOUNT_ID, short)
    with pytest.raises(Misconfigured, match="apiKey"):
        accounts.authenticate(Credentials(ACCOUNT_ID, TRIPLE))


def test_the_receipt_key_opens_receipts_and_nothing_else_does(accounts: Secrets):
    assert accounts.authenticate_receipts(ACCOUNT_ID, RECEIPT_KEY) == account()

    for name, given in [(ACCOUNT_ID, API_KEY), (ACCOUNT_ID, ""), ("OTHER", RECEIPT_KEY), ("../x", RECEIPT_KEY)]:
        with pytest.raises(UnknownAccount):
            accounts.authenticate_receipts(name, given)


@pytest.mark.parametrize("given", ["", "REPLACE_ME", RECEIPT_KEY + " "])
def test_without_a_receipt_key_in_the_secret_no_key_opens(accounts: Secrets, manager: FakeSecretsManager, given: str):
    for held in (None, "", "REPLACE_ME"):
        manager.secrets[NAME] = secret(receiptKey=held)
        with pytest.raises(UnknownAccount):
            accounts.authenticate_receipts(ACCOUNT_ID, given)


# Keys from before a change


def receipts(accounts: Secrets, value: str) -> None:
    accounts.authenticate_receipts(ACCOUNT_ID, value)


def requests(accounts: Secrets, value: str) -> None:
    accounts.authenticate(key(value))


def login(accounts: Secrets, value: str) -> None:
    accounts.authenticate(Credentials(ACCOUNT_ID, TRIPLE | {"password": value}))


FIELDS_THAT_OPEN = [(requests, "apiKey", API_KEY), (receipts, "receiptKey", RECEIPT_KEY), (login, "password", PASSWORD)]


@pytest.mark.fault("key-rotated")
@pytest.mark.parametrize(("call", "field", "old"), FIELDS_THAT_OPEN)
def test_after_a_change_the_old_key_and_the_new_one_open_for_a_day_and_then_the_new_one_alone(
    manager: FakeSecretsManager, clock: Clock, call: Callable[[Secrets, str], None], field: str, old: str
):
    accounts = Secrets("bridge", manager, clock)
    call(accounts, old)
    manager.change(NAME, secret(**{field: NEW_KEY}), clock.now)

    for _ in range(4):  # some from memory, some read anew, over a day
        call(accounts, old)
        call(accounts, NEW_KEY)
        call(Secrets("bridge", manager, clock), old)
        clock.sleep(OVERLAP_SECONDS / 4 - 1)

    clock.sleep(10)
    call(accounts, NEW_KEY)
    for one in (accounts, Secrets("bridge", manager, clock)):
        with pytest.raises((NotAuthenticated, UnknownAccount)):
            call(one, old)


def test_the_old_key_opens_the_account_as_it_is_now(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    manager.change(NAME, secret(apiKey=NEW_KEY, password="the new one"), clock.now)

    assert accounts.authenticate(key()).password == "the new one"


def test_a_login_is_not_put_together_from_two_versions(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    manager.change(NAME, secret(email="new@example.com", password="the new one"), clock.now)

    refused(accounts, Credentials(ACCOUNT_ID, TRIPLE | {"password": "the new one"}))
    assert accounts.authenticate(Credentials(ACCOUNT_ID, TRIPLE)).id == ACCOUNT_ID


@pytest.mark.parametrize("old", [None, "REPLACE_ME", "elevenchars"])
def test_what_opened_nothing_before_opens_nothing_now(
    accounts: Secrets, manager: FakeSecretsManager, clock: Clock, old: str | None
):
    manager.secrets[NAME] = secret(apiKey=old)
    manager.change(NAME, secret(), clock.now)

    for value in ("None", "", str(old)):
        refused(accounts, key(value))


def test_after_two_changes_only_the_last_two_keys_open(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    manager.change(NAME, secret(apiKey=NEW_KEY), clock.now)
    accounts.authenticate(key())
    clock.sleep(REREAD_SECONDS)
    manager.change(NAME, secret(apiKey="the newest key of all"), clock.now)

    accounts.authenticate(key("the newest key of all"))
    accounts.authenticate(key(NEW_KEY))

    refused(accounts, key())


def test_guesses_after_a_change_cost_one_look_up_of_what_was_before(
    accounts: Secrets, manager: FakeSecretsManager, clock: Clock
):
    manager.change(NAME, secret(apiKey=NEW_KEY), clock.now)

    for _ in range(1_000):
        refused(accounts, key("guess"))
        with pytest.raises(UnknownAccount):
            accounts.authenticate_receipts(ACCOUNT_ID, "guess")

    assert manager.reads == 3, "the secret, read again for a wrong key, and what it was before"


def test_long_after_a_change_nobody_asks_what_was_before(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    manager.change(NAME, secret(apiKey=NEW_KEY), clock.now - OVERLAP_SECONDS)

    refused(accounts, key())

    assert manager.reads == 2


def test_a_new_secret_has_nothing_before_it(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    manager.change(NAME, secret(), clock.now)
    del manager.previous[NAME]

    for _ in range(100):
        refused(accounts, key("guess"))

    assert manager.reads == 3


@pytest.mark.parametrize("fault", [LOST_BEFORE, THROTTLED, DENIED], ids=repr)
def test_where_what_was_before_cannot_be_read_nobody_is_called_a_stranger(
    accounts: Secrets, manager: FakeSecretsManager, clock: Clock, fault: Fault
):
    accounts.authenticate(key())
    manager.change(NAME, secret(apiKey=NEW_KEY), clock.now)
    accounts.authenticate(key(NEW_KEY))
    manager.fail("get_secret_value", fault)

    for _ in range(100):
        with pytest.raises(AccountUnavailable):
            accounts.authenticate(key())
    assert manager.reads == 3
    accounts.authenticate(key(NEW_KEY))

    clock.sleep(SILENT_SECONDS)
    accounts.authenticate(key())


def test_a_secret_that_was_broken_by_an_edit_is_told_to_who_knew_its_key(
    accounts: Secrets, manager: FakeSecretsManager, clock: Clock
):
    manager.change(NAME, "no JSON", clock.now)

    with pytest.raises(Misconfigured, match="no JSON object"):
        accounts.authenticate(key())
    refused(accounts, key("guess"))


def test_a_rotated_receipt_key_works_at_once(accounts: Secrets, manager: FakeSecretsManager):
    receipts(accounts, RECEIPT_KEY)
    manager.secrets[NAME] = secret(receiptKey=NEW_KEY)

    receipts(accounts, NEW_KEY)


# What a caller may make us ask


@pytest.mark.fault("key-changed")
def test_a_rotated_key_works_at_once(accounts: Secrets, manager: FakeSecretsManager):
    accounts.authenticate(key())
    manager.secrets[NAME] = secret(apiKey=NEW_KEY)

    accounts.authenticate(key(NEW_KEY))

    refused(accounts, key())


def test_wrong_keys_read_the_secret_at_most_once_in_30_s(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    accounts.authenticate(key())
    for _ in range(50):
        refused(accounts, key("guess"))
    assert manager.reads == 2

    clock.sleep(REREAD_SECONDS)
    refused(accounts, key("guess"))
    assert manager.reads == 3


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


def test_an_unknown_account_costs_one_look_up_a_minute(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    for _ in range(50):
        refused(accounts, key(name="GUESS"))
    assert manager.reads == 1

    clock.sleep(UNKNOWN_SECONDS)
    manager.secrets["bridge/GUESS"] = secret()
    assert accounts.authenticate(key(name="GUESS")).id == "GUESS"


def by_key(accounts: Secrets, name: str) -> None:
    refused(accounts, key(name=name))


def by_receipts(accounts: Secrets, name: str) -> None:
    with pytest.raises(UnknownAccount):
        accounts.authenticate_receipts(name, RECEIPT_KEY)


@pytest.mark.fault("accounts-guessed")
@pytest.mark.parametrize("guess", [by_key, by_receipts])
def test_guessed_accounts_cost_a_few_look_ups_a_minute(
    accounts: Secrets, manager: FakeSecretsManager, clock: Clock, guess: Callable[[Secrets, str], None]
):
    for n in range(2_000):
        guess(accounts, f"G{n}")
        clock.sleep(0.01)
    assert manager.reads == GUESSES

    clock.sleep(UNKNOWN_SECONDS)
    for n in range(2_000):
        guess(accounts, f"H{n}")
    assert manager.reads == 2 * GUESSES


def test_guesses_hinder_no_account_that_was_ever_found(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    accounts.authenticate(key())
    for minute in range(10):
        for n in range(100):
            refused(accounts, key(name=f"G{minute}-{n}"))
        clock.sleep(CACHE_SECONDS)
        assert accounts.authenticate(key()).id == ACCOUNT_ID


def test_a_new_account_waits_for_a_minute_at_most_after_guesses(accounts: Secrets, clock: Clock):
    for n in range(100):
        refused(accounts, key(name=f"G{n}"))
    refused(accounts, key())

    clock.sleep(UNKNOWN_SECONDS)
    assert accounts.authenticate(key()).id == ACCOUNT_ID


def test_accounts_that_exist_use_up_no_guesses(accounts: Secrets, manager: FakeSecretsManager):
    """An instance that has just started may serve many customers in its first minute."""
    for n in range(10 * GUESSES):
        manager.secrets[f"bridge/A{n}"] = secret()
        assert accounts.authenticate(key(name=f"A{n}")).id == f"A{n}"


def test_what_we_queued_ourselves_is_no_guess(accounts: Secrets, manager: FakeSecretsManager):
    for n in range(100):
        refused(accounts, key(name=f"G{n}"))

    assert accounts.get(ACCOUNT_ID) == account()


def test_an_account_is_known_once_it_was_found_and_a_guess_never_is(accounts: Secrets):
    assert not accounts.knows(ACCOUNT_ID)

    refused(accounts, key("a wrong key"))
    refused(accounts, key(name="GUESS"))

    assert (accounts.knows(ACCOUNT_ID), accounts.knows("GUESS")) == (True, False)


@pytest.mark.parametrize("fault", [None, UNREACHED])
def test_guessed_accounts_do_not_fill_the_memory(
    accounts: Secrets, manager: FakeSecretsManager, clock: Clock, fault: Fault | None
):
    manager.down("get_secret_value", fault)
    for n in range(1_000):
        with pytest.raises((NotAuthenticated, AccountUnavailable)):
            accounts.authenticate(key(name=f"G{n}"))
        clock.sleep(1)

    assert len(accounts._records) <= 2 * GUESSES
    assert manager.reads <= 1_000 / UNKNOWN_SECONDS * GUESSES + GUESSES


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
        accounts.authenticate(key())

    manager.heal()
    clock.sleep(SILENT_SECONDS)
    assert accounts.authenticate(key()).id == ACCOUNT_ID


def test_a_silent_secrets_manager_is_asked_once_in_30_s(accounts: Secrets, manager: FakeSecretsManager, clock: Clock):
    manager.down("get_secret_value", LOST_BEFORE)
    for _ in range(20):
        with pytest.raises(AccountUnavailable):
            accounts.authenticate(key())
    assert manager.reads == 1

    manager.heal()
    clock.sleep(SILENT_SECONDS)
    assert accounts.authenticate(key()).id == ACCOUNT_ID


def test_without_an_answer_nobody_is_told_that_the_key_was_wrong(accounts: Secrets, manager: FakeSecretsManager):
    manager.down("get_secret_value", LOST_BEFORE)

    for n in range(2 * GUESSES):
        with pytest.raises(AccountUnavailable):
            accounts.authenticate(key("guess", name=f"A{n}"))


def test_a_wrong_key_in_silence_is_judged_by_the_secret_in_memory(accounts: Secrets, manager: FakeSecretsManager):
    accounts.authenticate(key())
    manager.down("get_secret_value", LOST_BEFORE)

    refused(accounts, key("guess"))
    assert accounts.authenticate(key()).id == ACCOUNT_ID


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
