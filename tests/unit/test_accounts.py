from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.accounts import (
    CACHE_SECONDS,
    MOST_UNKNOWN,
    REREAD_SECONDS,
    STALE_SECONDS,
    UNKNOWN_SECONDS,
    Account,
    Accounts,
)
from bridge.clevertap.credentials import Credentials
from bridge.message import AccountUnavailable, BridgeError, Misconfigured, NotAuthenticated, UnknownAccount
from tests.fakes.faults import BROKEN_BEFORE, DENIED, LOST_BEFORE, THROTTLED, UNREACHED, Fault, client_error
from tests.fakes.values import ACCOUNT_ID, API_KEY, AUTH_TOKEN, CUSTOMER_ID, EMAIL, PASSWORD, account, secret

if TYPE_CHECKING:
    from tests.fakes.clock import Clock
    from tests.fakes.secrets_manager import FakeSecretsManager

NAME = f"bridge/{ACCOUNT_ID}"


@pytest.fixture
def accounts(secrets: FakeSecretsManager, clock: Clock) -> Accounts:
    return Accounts("bridge", secrets, clock)


def key(value: str = API_KEY, name: str = ACCOUNT_ID) -> Credentials:
    return Credentials(name, {"apiKey": value})


def forget(accounts: Accounts) -> None:
    """As if the cache's five minutes were over: Powertools looks at the real clock."""
    accounts._provider.clear_cache()


# Reading


def test_an_account_is_read_from_its_secret(accounts: Accounts):
    assert accounts.get(ACCOUNT_ID) == account()


def test_all_fields_of_a_secret_are_read(accounts: Accounts, secrets: FakeSecretsManager):
    secrets.secrets[NAME] = secret(country="ae", messageType="OTP", entityId=1107, authToken=AUTH_TOKEN)

    held = accounts.get(ACCOUNT_ID)

    assert (held.country, held.message_type, held.entity_id, held.auth_token) == ("AE", "OTP", "1107", AUTH_TOKEN)


def test_a_secret_is_read_once_for_many_messages(accounts: Accounts, secrets: FakeSecretsManager):
    for _ in range(100):
        accounts.get(ACCOUNT_ID)

    assert secrets.reads == 1
    [stored] = accounts._provider.store.values()
    assert CACHE_SECONDS == 300
    assert stored


@pytest.mark.parametrize("field", ["customerId", "email", "password"])
@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_secret_that_misses_a_field_names_it(accounts: Accounts, secrets: FakeSecretsManager, field: str, value: Any):
    secrets.secrets[NAME] = secret(**{field: value})

    with pytest.raises(Misconfigured, match=field) as caught:
        accounts.get(ACCOUNT_ID)
    nothing_shows(caught.value)


@pytest.mark.parametrize("field", ["customerId", "email", "password", "senderId", "callbackUrl"])
def test_a_placeholder_is_named(accounts: Accounts, secrets: FakeSecretsManager, field: str):
    secrets.secrets[NAME] = secret(**{field: "REPLACE_ME"})

    with pytest.raises(Misconfigured, match=f"placeholder in {field}"):
        accounts.get(ACCOUNT_ID)


def test_with_a_pasted_token_neither_password_nor_email_are_needed(accounts: Accounts, secrets: FakeSecretsManager):
    secrets.secrets[NAME] = secret(authToken=AUTH_TOKEN, password="REPLACE_ME", email=None)

    assert accounts.get(ACCOUNT_ID).auth_token == AUTH_TOKEN


@pytest.mark.parametrize("value", ["not json " + PASSWORD, f'["{PASSWORD}"]', "", f'{{"password": "{PASSWORD}'])
def test_a_secret_that_is_no_json_object_shows_nothing_of_itself(
    accounts: Accounts, secrets: FakeSecretsManager, value: str
):
    secrets.secrets[NAME] = value

    with pytest.raises(Misconfigured, match="no JSON object") as caught:
        accounts.get(ACCOUNT_ID)
    nothing_shows(caught.value)


@pytest.mark.parametrize("country", ["India", "I", "91", "I1"])
def test_a_country_that_is_no_iso_code_is_named(accounts: Accounts, secrets: FakeSecretsManager, country: str):
    secrets.secrets[NAME] = secret(country=country)

    with pytest.raises(Misconfigured, match="country"):
        accounts.get(ACCOUNT_ID)


def test_a_callback_url_that_is_none_is_named(accounts: Accounts, secrets: FakeSecretsManager):
    secrets.secrets[NAME] = secret(callbackUrl="eu1.cb.example")

    with pytest.raises(Misconfigured, match="callbackUrl"):
        accounts.get(ACCOUNT_ID)


@pytest.mark.parametrize("pasted", ["first\nsecond", "tok\u2013en", "tok\ren"])
def test_a_pasted_token_that_cannot_stand_in_a_header_is_named_and_not_shown(
    accounts: Accounts, secrets: FakeSecretsManager, pasted: str
):
    secrets.secrets[NAME] = secret(authToken=pasted)

    with pytest.raises(Misconfigured, match="authToken") as caught:
        accounts.get(ACCOUNT_ID)
    assert pasted not in str(caught.value)


# Who may call


@pytest.mark.parametrize(
    "claims",
    [{"apiKey": API_KEY}, {"customerId": CUSTOMER_ID, "email": EMAIL, "password": PASSWORD}],
)
def test_the_right_credentials_open_their_account(accounts: Accounts, claims: dict[str, str]):
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
        Credentials(ACCOUNT_ID, {"customerId": CUSTOMER_ID, "email": EMAIL, "password": "wrong"}),
        Credentials(ACCOUNT_ID, {"customerId": CUSTOMER_ID, "email": "wrong", "password": PASSWORD}),
        Credentials(ACCOUNT_ID, {"customerId": "wrong", "email": EMAIL, "password": PASSWORD}),
    ],
)
def test_wrong_and_unknown_look_alike(accounts: Accounts, credentials: Credentials):
    with pytest.raises(NotAuthenticated, match=r"^not authenticated$"):
        accounts.authenticate(credentials)


def test_a_secret_without_a_key_is_opened_by_none(accounts: Accounts, secrets: FakeSecretsManager):
    secrets.secrets[NAME] = secret(apiKey=None)

    for value in ("", "None", "null"):
        with pytest.raises(NotAuthenticated):
            accounts.authenticate(key(value))


def test_placeholders_open_nothing(accounts: Accounts, secrets: FakeSecretsManager):
    secrets.secrets[NAME] = secret(customerId="REPLACE_ME", email="REPLACE_ME", password="REPLACE_ME")
    claims = dict.fromkeys(("customerId", "email", "password"), "REPLACE_ME")

    with pytest.raises(NotAuthenticated):
        accounts.authenticate(Credentials(ACCOUNT_ID, claims))


def test_with_the_right_key_a_placeholder_is_a_clear_error(accounts: Accounts, secrets: FakeSecretsManager):
    secrets.secrets[NAME] = secret(password="REPLACE_ME")

    with pytest.raises(Misconfigured, match="password"):
        accounts.authenticate(key())


def test_a_rotated_key_works_at_once(accounts: Accounts, secrets: FakeSecretsManager):
    accounts.authenticate(key())
    secrets.secrets[NAME] = secret(apiKey="the new one")

    accounts.authenticate(key("the new one"))

    with pytest.raises(NotAuthenticated):
        accounts.authenticate(key())


def test_wrong_keys_read_the_secret_at_most_once_in_30_s(accounts: Accounts, secrets: FakeSecretsManager, clock: Clock):
    accounts.authenticate(key())
    for _ in range(50):
        with pytest.raises(NotAuthenticated):
            accounts.authenticate(key("guess"))
    assert secrets.reads == 2

    clock.sleep(REREAD_SECONDS)
    with pytest.raises(NotAuthenticated):
        accounts.authenticate(key("guess"))
    assert secrets.reads == 3


def test_an_unknown_account_costs_one_call_a_minute(accounts: Accounts, secrets: FakeSecretsManager, clock: Clock):
    for _ in range(50):
        with pytest.raises(NotAuthenticated):
            accounts.authenticate(key(name="GUESS"))
    assert secrets.reads == 1

    clock.sleep(UNKNOWN_SECONDS)
    secrets.secrets["bridge/GUESS"] = secret()
    assert accounts.authenticate(key(name="GUESS")).id == "GUESS"


def test_guessed_accounts_do_not_fill_the_memory(accounts: Accounts):
    for n in range(MOST_UNKNOWN + 10):
        with pytest.raises(UnknownAccount):
            accounts.get(f"G{n}")

    assert len(accounts._unknown) <= MOST_UNKNOWN


def test_guessed_accounts_do_not_fill_the_memory_while_secrets_manager_is_silent(
    accounts: Accounts, secrets: FakeSecretsManager
):
    secrets.down("get_secret_value", UNREACHED)
    for n in range(MOST_UNKNOWN + 10):
        with pytest.raises(AccountUnavailable):
            accounts.get(f"G{n}")

    assert len(accounts._silent) <= MOST_UNKNOWN


# When Secrets Manager does not answer


@pytest.mark.parametrize("fault", [LOST_BEFORE, UNREACHED, THROTTLED, DENIED, BROKEN_BEFORE])
def test_the_last_good_secret_serves_on_for_an_hour(
    accounts: Accounts, secrets: FakeSecretsManager, clock: Clock, fault: Fault
):
    accounts.get(ACCOUNT_ID)
    secrets.down("get_secret_value", fault)
    forget(accounts)
    clock.sleep(STALE_SECONDS - 1)
    assert accounts.get(ACCOUNT_ID) == account()

    clock.sleep(1)
    with pytest.raises(AccountUnavailable) as caught:
        accounts.get(ACCOUNT_ID)
    nothing_shows(caught.value)


def test_a_silent_secrets_manager_is_asked_once_in_30_s(accounts: Accounts, secrets: FakeSecretsManager, clock: Clock):
    secrets.down("get_secret_value", LOST_BEFORE)
    for _ in range(20):
        with pytest.raises(AccountUnavailable):
            accounts.authenticate(key())
    assert secrets.reads == 1

    secrets.heal()
    clock.sleep(REREAD_SECONDS)
    assert accounts.authenticate(key()).id == ACCOUNT_ID


def test_without_an_answer_nobody_is_told_that_the_key_was_wrong(accounts: Accounts, secrets: FakeSecretsManager):
    secrets.down("get_secret_value", LOST_BEFORE)

    with pytest.raises(AccountUnavailable):
        accounts.authenticate(key("guess"))


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidRequestException"])
def test_a_deleted_secret_does_not_serve_on(accounts: Accounts, secrets: FakeSecretsManager, code: str):
    accounts.get(ACCOUNT_ID)
    forget(accounts)
    secrets.down("get_secret_value", Fault(code, lambda: client_error(code)))

    with pytest.raises(UnknownAccount):
        accounts.get(ACCOUNT_ID)


def test_a_reload_reads_the_secret_as_it_is_now_but_at_most_once_in_30_s(
    accounts: Accounts, secrets: FakeSecretsManager, clock: Clock
):
    accounts.get(ACCOUNT_ID)
    secrets.secrets[NAME] = secret(password="the new one")
    assert accounts.reload(ACCOUNT_ID).password == "the new one"
    secrets.secrets[NAME] = secret(password="the newest")
    assert accounts.reload(ACCOUNT_ID).password == "the new one"
    assert secrets.reads == 2

    clock.sleep(REREAD_SECONDS)
    assert accounts.reload(ACCOUNT_ID).password == "the newest"


def test_an_account_keeps_its_secrets_out_of_its_repr():
    assert PASSWORD not in repr(account(auth_token=AUTH_TOKEN))
    assert AUTH_TOKEN not in repr(account(auth_token=AUTH_TOKEN))
    assert isinstance(account(), Account)


def nothing_shows(error: BridgeError) -> None:
    told = f"{error} {error.args} {error.__cause__}"
    for value in json.loads(json.dumps(secret())).values():
        assert value not in told


def test_a_broken_secret_is_told_only_to_who_has_the_receipt_key(accounts: Accounts, secrets: FakeSecretsManager):
    secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(receiptKey="opens-receipts", password="REPLACE_ME")

    with pytest.raises(UnknownAccount):
        accounts.of_receipts(ACCOUNT_ID, "a guess")
    with pytest.raises(Misconfigured):
        accounts.of_receipts(ACCOUNT_ID, "opens-receipts")


@pytest.mark.parametrize("given", ["", "REPLACE_ME", "opens-receipts "])
def test_without_a_receipt_key_in_the_secret_no_key_opens(accounts: Accounts, secrets: FakeSecretsManager, given: str):
    for held in (None, "", "REPLACE_ME"):
        secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(receiptKey=held)
        with pytest.raises(UnknownAccount):
            accounts.of_receipts(ACCOUNT_ID, given)
