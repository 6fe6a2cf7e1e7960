"""Who may call, and what callers may make us ask of Secrets Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.authentication import GUESSES, MOST_GUESSES, OVERLAP_SECONDS, Authenticator
from bridge.clevertap.credentials import Credentials
from bridge.errors import AccountUnavailable, Misconfigured, NotAuthenticated, UnknownAccount
from bridge.secrets import CACHE_SECONDS, REREAD_SECONDS, SILENT_SECONDS, UNKNOWN_SECONDS, Secrets
from tests.fakes.faults import DENIED, LOST_BEFORE, THROTTLED, UNREACHED, Fault
from tests.fakes.values import ACCOUNT_ID, API_KEY, CUSTOMER_ID, EMAIL, PASSWORD, RECEIPT_KEY, account, secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.clock import Clock
    from tests.fakes.secrets_manager import FakeSecretsManager

NAME = f"bridge/{ACCOUNT_ID}"
NEW_KEY = "the key after the rotation"
NO_OBJECTS = ["not json " + PASSWORD, f'["{PASSWORD}"]', "", "{}", f'{{"password": "{PASSWORD}', "[" * 100_000]
TRIPLE = {"customerId": CUSTOMER_ID, "email": EMAIL, "password": PASSWORD}


@pytest.fixture
def manager(secrets: FakeSecretsManager) -> FakeSecretsManager:
    return secrets


@pytest.fixture
def accounts(manager: FakeSecretsManager, clock: Clock) -> Secrets:
    return Secrets("bridge", manager, clock)


@pytest.fixture
def callers(accounts: Secrets, clock: Clock) -> Authenticator:
    return Authenticator(accounts, clock)


def key(value: str = API_KEY, name: str = ACCOUNT_ID) -> Credentials:
    return Credentials(name, {"apiKey": value})


def refused(callers: Authenticator, credentials: Credentials) -> None:
    with pytest.raises(NotAuthenticated, match=r"^not authenticated$"):
        callers.authenticate(credentials)


# Who may call


@pytest.mark.parametrize("claims", [{"apiKey": API_KEY}, TRIPLE])
def test_the_right_credentials_open_their_account(callers: Authenticator, claims: dict[str, str]):
    assert callers.authenticate(Credentials(ACCOUNT_ID, claims)).id == ACCOUNT_ID


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
def test_wrong_and_unknown_look_alike(callers: Authenticator, credentials: Credentials):
    refused(callers, credentials)


def test_a_secret_without_a_key_is_opened_by_none(callers: Authenticator, manager: FakeSecretsManager):
    manager.secrets[NAME] = secret(apiKey=None)

    for value in ("", "None", "null"):
        refused(callers, key(value))


def test_placeholders_open_nothing(callers: Authenticator, manager: FakeSecretsManager):
    manager.secrets[NAME] = secret(customerId="REPLACE_ME", email="REPLACE_ME", password="REPLACE_ME")

    refused(callers, Credentials(ACCOUNT_ID, dict.fromkeys(TRIPLE, "REPLACE_ME")))


@pytest.mark.fault("secret-malformed")
@pytest.mark.parametrize(
    "value", [*NO_OBJECTS, secret(password=None), secret(password="REPLACE_ME"), {"apiKey": ["x"]}]
)
def test_a_malformed_secret_is_nobodys_business_without_its_key(
    callers: Authenticator, manager: FakeSecretsManager, value: Any
):
    manager.secrets[NAME] = value

    refused(callers, key("a guess"))
    with pytest.raises(UnknownAccount):
        callers.authenticate_receipts(ACCOUNT_ID, "a guess")


def test_with_the_right_key_a_placeholder_is_a_clear_error(callers: Authenticator, manager: FakeSecretsManager):
    manager.secrets[NAME] = secret(password="REPLACE_ME")

    with pytest.raises(Misconfigured, match="password"):
        callers.authenticate(key())
    with pytest.raises(Misconfigured, match="password"):
        callers.authenticate_receipts(ACCOUNT_ID, RECEIPT_KEY)


def test_a_secret_that_nobody_can_open_is_logged_for_the_person_on_call(
    callers: Authenticator, manager: FakeSecretsManager, capsys: pytest.CaptureFixture[str]
):
    manager.secrets[NAME] = "no JSON"

    refused(callers, key())

    assert "not a JSON object" in capsys.readouterr().out


@pytest.mark.parametrize("short", ["k", "elevenchars"])
def test_a_key_that_can_be_guessed_opens_nothing(callers: Authenticator, manager: FakeSecretsManager, short: str):
    manager.secrets[NAME] = secret(apiKey=short, receiptKey=short)

    refused(callers, key(short))
    with pytest.raises(UnknownAccount):
        callers.authenticate_receipts(ACCOUNT_ID, short)
    with pytest.raises(Misconfigured, match="apiKey"):
        callers.authenticate(Credentials(ACCOUNT_ID, TRIPLE))


def test_the_receipt_key_opens_receipts_and_nothing_else_does(callers: Authenticator):
    assert callers.authenticate_receipts(ACCOUNT_ID, RECEIPT_KEY) == account()

    for name, given in [(ACCOUNT_ID, API_KEY), (ACCOUNT_ID, ""), ("OTHER", RECEIPT_KEY), ("../x", RECEIPT_KEY)]:
        with pytest.raises(UnknownAccount):
            callers.authenticate_receipts(name, given)


@pytest.mark.parametrize("given", ["", "REPLACE_ME", RECEIPT_KEY + " "])
def test_without_a_receipt_key_in_the_secret_no_key_opens(
    callers: Authenticator, manager: FakeSecretsManager, given: str
):
    for held in (None, "", "REPLACE_ME"):
        manager.secrets[NAME] = secret(receiptKey=held)
        with pytest.raises(UnknownAccount):
            callers.authenticate_receipts(ACCOUNT_ID, given)


# Keys from before a change


def receipts(callers: Authenticator, value: str) -> None:
    callers.authenticate_receipts(ACCOUNT_ID, value)


def requests(callers: Authenticator, value: str) -> None:
    callers.authenticate(key(value))


def login(callers: Authenticator, value: str) -> None:
    callers.authenticate(Credentials(ACCOUNT_ID, TRIPLE | {"password": value}))


FIELDS_THAT_OPEN = [(requests, "apiKey", API_KEY), (receipts, "receiptKey", RECEIPT_KEY), (login, "password", PASSWORD)]


@pytest.mark.fault("key-rotated")
@pytest.mark.parametrize(("call", "field", "old"), FIELDS_THAT_OPEN)
def test_after_a_change_the_old_key_and_the_new_one_open_for_a_day_and_then_the_new_one_alone(
    manager: FakeSecretsManager, clock: Clock, call: Callable[[Authenticator, str], None], field: str, old: str
):
    callers = Authenticator(Secrets("bridge", manager, clock), clock)
    call(callers, old)
    manager.change(NAME, secret(**{field: NEW_KEY}), clock.now)

    for _ in range(4):  # some from memory, some read anew, over a day
        call(callers, old)
        call(callers, NEW_KEY)
        call(Authenticator(Secrets("bridge", manager, clock), clock), old)
        clock.sleep(OVERLAP_SECONDS / 4 - 1)

    clock.sleep(10)
    call(callers, NEW_KEY)
    for one in (callers, Authenticator(Secrets("bridge", manager, clock), clock)):
        with pytest.raises((NotAuthenticated, UnknownAccount)):
            call(one, old)


def test_the_old_key_opens_the_account_as_it_is_now(callers: Authenticator, manager: FakeSecretsManager, clock: Clock):
    manager.change(NAME, secret(apiKey=NEW_KEY, password="the new one"), clock.now)

    assert callers.authenticate(key()).password == "the new one"


def test_a_login_is_not_put_together_from_two_versions(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock
):
    manager.change(NAME, secret(email="new@example.com", password="the new one"), clock.now)

    refused(callers, Credentials(ACCOUNT_ID, TRIPLE | {"password": "the new one"}))
    assert callers.authenticate(Credentials(ACCOUNT_ID, TRIPLE)).id == ACCOUNT_ID


@pytest.mark.parametrize("old", [None, "REPLACE_ME", "elevenchars"])
def test_what_opened_nothing_before_opens_nothing_now(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock, old: str | None
):
    manager.secrets[NAME] = secret(apiKey=old)
    manager.change(NAME, secret(), clock.now)

    for value in ("None", "", str(old)):
        refused(callers, key(value))


def test_after_two_changes_only_the_last_two_keys_open(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock
):
    manager.change(NAME, secret(apiKey=NEW_KEY), clock.now)
    callers.authenticate(key())
    clock.sleep(REREAD_SECONDS)
    manager.change(NAME, secret(apiKey="the newest key of all"), clock.now)

    callers.authenticate(key("the newest key of all"))
    callers.authenticate(key(NEW_KEY))

    refused(callers, key())


def test_guesses_after_a_change_cost_one_look_up_of_what_was_before(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock
):
    manager.change(NAME, secret(apiKey=NEW_KEY), clock.now)

    for _ in range(1_000):
        refused(callers, key("guess"))
        with pytest.raises(UnknownAccount):
            callers.authenticate_receipts(ACCOUNT_ID, "guess")

    assert manager.reads == 3, "the secret, read again for a wrong key, and what it was before"


def test_long_after_a_change_nobody_asks_what_was_before(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock
):
    manager.change(NAME, secret(apiKey=NEW_KEY), clock.now - OVERLAP_SECONDS)

    refused(callers, key())

    assert manager.reads == 2


def test_a_new_secret_has_nothing_before_it(callers: Authenticator, manager: FakeSecretsManager, clock: Clock):
    manager.change(NAME, secret(), clock.now)
    del manager.previous[NAME]

    for _ in range(100):
        refused(callers, key("guess"))

    assert manager.reads == 3


@pytest.mark.parametrize("fault", [LOST_BEFORE, THROTTLED, DENIED], ids=repr)
def test_where_what_was_before_cannot_be_read_nobody_is_called_a_stranger(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock, fault: Fault
):
    callers.authenticate(key())
    manager.change(NAME, secret(apiKey=NEW_KEY), clock.now)
    callers.authenticate(key(NEW_KEY))
    manager.fail("get_secret_value", fault)

    for _ in range(100):
        with pytest.raises(AccountUnavailable):
            callers.authenticate(key())
    assert manager.reads == 3
    callers.authenticate(key(NEW_KEY))

    clock.sleep(SILENT_SECONDS)
    callers.authenticate(key())


def test_a_secret_that_was_broken_by_an_edit_is_told_to_who_knew_its_key(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock
):
    manager.change(NAME, "no JSON", clock.now)

    with pytest.raises(Misconfigured, match="not a JSON object"):
        callers.authenticate(key())
    refused(callers, key("guess"))


def test_a_rotated_receipt_key_works_at_once(callers: Authenticator, manager: FakeSecretsManager):
    receipts(callers, RECEIPT_KEY)
    manager.secrets[NAME] = secret(receiptKey=NEW_KEY)

    receipts(callers, NEW_KEY)


# What a caller may make us ask


@pytest.mark.fault("key-changed")
def test_a_rotated_key_works_at_once(callers: Authenticator, manager: FakeSecretsManager):
    callers.authenticate(key())
    manager.secrets[NAME] = secret(apiKey=NEW_KEY)

    callers.authenticate(key(NEW_KEY))

    refused(callers, key())


def test_wrong_keys_read_the_secret_at_most_once_in_30_s(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock
):
    callers.authenticate(key())
    for _ in range(50):
        refused(callers, key("guess"))
    assert manager.reads == 2

    clock.sleep(REREAD_SECONDS)
    refused(callers, key("guess"))
    assert manager.reads == 3


def test_an_unknown_account_costs_one_look_up_a_minute(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock
):
    for _ in range(50):
        refused(callers, key(name="GUESS"))
    assert manager.reads == 1

    clock.sleep(UNKNOWN_SECONDS)
    manager.secrets["bridge/GUESS"] = secret()
    assert callers.authenticate(key(name="GUESS")).id == "GUESS"


def by_key(callers: Authenticator, name: str) -> None:
    refused(callers, key(name=name))


def by_receipts(callers: Authenticator, name: str) -> None:
    with pytest.raises(UnknownAccount):
        callers.authenticate_receipts(name, RECEIPT_KEY)


@pytest.mark.fault("accounts-guessed")
@pytest.mark.parametrize("guess", [by_key, by_receipts])
def test_guessed_accounts_cost_a_few_look_ups_a_minute(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock, guess: Callable[[Authenticator, str], None]
):
    for n in range(2_000):
        guess(callers, f"G{n}")
        clock.sleep(0.01)
    assert manager.reads == GUESSES

    clock.sleep(UNKNOWN_SECONDS)
    for n in range(2_000):
        guess(callers, f"H{n}")
    assert manager.reads == 2 * GUESSES


def test_guesses_hinder_no_account_that_was_ever_found(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock
):
    callers.authenticate(key())
    for minute in range(10):
        for n in range(100):
            refused(callers, key(name=f"G{minute}-{n}"))
        clock.sleep(CACHE_SECONDS)
        assert callers.authenticate(key()).id == ACCOUNT_ID


def test_a_new_account_waits_for_a_minute_at_most_after_guesses(callers: Authenticator, clock: Clock):
    for n in range(100):
        refused(callers, key(name=f"G{n}"))
    refused(callers, key())

    clock.sleep(UNKNOWN_SECONDS)
    assert callers.authenticate(key()).id == ACCOUNT_ID


@pytest.mark.fault("accounts-guessed")
def test_who_guesses_without_end_shuts_out_nobody_elses_account_not_even_of_a_new_instance(
    callers: Authenticator, manager: FakeSecretsManager, clock: Clock
):
    for n in range(12_000):  # ten a second, for twenty minutes
        refused(callers, Credentials(f"G{n}", {"apiKey": "a guess"}, "198.51.100.7"))
        clock.sleep(0.1)
        if n == 6_000:
            assert callers.authenticate(Credentials(ACCOUNT_ID, {"apiKey": API_KEY}, "192.0.2.1")).id == ACCOUNT_ID
        if n == 9_000:
            manager.secrets["bridge/NEW"] = secret()
            assert callers.authenticate_receipts("NEW", RECEIPT_KEY, "192.0.2.2").id == "NEW"
    assert manager.reads <= 20 * GUESSES + 10


@pytest.mark.fault("accounts-guessed")
def test_guesses_from_everywhere_cost_some_look_ups_a_minute(
    callers: Authenticator, accounts: Secrets, manager: FakeSecretsManager
):
    for n in range(10 * MOST_GUESSES):
        refused(callers, Credentials(f"G{n}", {"apiKey": "a guess"}, f"198.51.100.{n}"))

    assert manager.reads == MOST_GUESSES
    assert len(accounts._records) <= MOST_GUESSES


def test_accounts_that_exist_use_up_no_guesses(callers: Authenticator, manager: FakeSecretsManager):
    """An instance that has just started may serve many customers in its first minute."""
    for n in range(10 * GUESSES):
        manager.secrets[f"bridge/A{n}"] = secret()
        assert callers.authenticate(key(name=f"A{n}")).id == f"A{n}"


def test_what_we_queued_ourselves_is_no_guess(callers: Authenticator, accounts: Secrets):
    for n in range(100):
        refused(callers, key(name=f"G{n}"))

    assert accounts.get(ACCOUNT_ID) == account()


def test_an_account_is_known_once_it_was_found_and_a_guess_never_is(callers: Authenticator):
    assert not callers.knows(ACCOUNT_ID)

    refused(callers, key("a wrong key"))
    refused(callers, key(name="GUESS"))

    assert (callers.knows(ACCOUNT_ID), callers.knows("GUESS")) == (True, False)


@pytest.mark.parametrize("fault", [None, UNREACHED])
def test_guessed_accounts_do_not_fill_the_memory(
    callers: Authenticator, accounts: Secrets, manager: FakeSecretsManager, clock: Clock, fault: Fault | None
):
    manager.down("get_secret_value", fault)
    for n in range(1_000):
        with pytest.raises((NotAuthenticated, AccountUnavailable)):
            callers.authenticate(key(name=f"G{n}"))
        clock.sleep(1)

    assert len(accounts._records) <= 2 * GUESSES
    assert manager.reads <= 1_000 / UNKNOWN_SECONDS * GUESSES + GUESSES


# When Secrets Manager does not answer


def test_without_an_answer_nobody_is_told_that_the_key_was_wrong(callers: Authenticator, manager: FakeSecretsManager):
    manager.down("get_secret_value", LOST_BEFORE)

    for n in range(2 * GUESSES):
        with pytest.raises(AccountUnavailable):
            callers.authenticate(key("guess", name=f"A{n}"))


def test_a_wrong_key_in_silence_is_judged_by_the_secret_in_memory(callers: Authenticator, manager: FakeSecretsManager):
    callers.authenticate(key())
    manager.down("get_secret_value", LOST_BEFORE)

    refused(callers, key("guess"))
    assert callers.authenticate(key()).id == ACCOUNT_ID
