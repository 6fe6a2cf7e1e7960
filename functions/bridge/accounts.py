"""CleverTap accounts: one secret each in Secrets Manager, and who may call (design §§4, 8)."""

from __future__ import annotations

import hmac
import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from bridge.clevertap.credentials import ACCOUNT_ID
from bridge.message import AccountUnavailable, Misconfigured, NotAuthenticated, UnknownAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from bridge.clevertap.credentials import Credentials

CACHE_SECONDS = 300
REREAD_SECONDS = 30  # how often a wrong key or a refused token may make us read a secret again
UNKNOWN_SECONDS = 60  # how long an account that does not exist is remembered
STALE_SECONDS = 3_600  # how long a secret serves on while Secrets Manager does not answer
MOST_UNKNOWN = 10_000  # remembered at once: a guesser must not fill the memory

PLACEHOLDER = "REPLACE_ME"
REQUIRED = ("customerId", "email", "password")

_COUNTRY = re.compile(r"[A-Z]{2}")

# Answers of Secrets Manager that mean: there is no such secret (any more).
_GONE = frozenset({"ResourceNotFoundException", "InvalidRequestException"})


@dataclass(frozen=True, slots=True)
class Account:
    """One CleverTap account: its Message Central credentials and its settings. Secrets stay out of its `repr`."""

    id: str
    customer_id: str
    email: str
    password: str = field(repr=False)
    sender_id: str | None = None
    country: str = "IN"
    message_type: str | None = None
    entity_id: str | None = None
    auth_token: str | None = field(default=None, repr=False)
    receipt_key: str | None = field(default=None, repr=False)
    callback_url: str | None = None


class Accounts:
    """Reads accounts from Secrets Manager, keeps them for 5 minutes, and tells who may call."""

    def __init__(self, stack: str, client: SecretsManagerClient, clock: Callable[[], float]) -> None:
        """`stack` is the prefix of the secrets' names; `clock` gives monotonic seconds."""
        self._stack = stack
        self._provider = SecretsProvider(boto3_client=client)
        self._clock = clock
        self._lock = threading.Lock()
        self._good: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._unknown: dict[str, float] = {}
        self._reread: dict[str, float] = {}
        self._silent: dict[str, float] = {}

    def authenticate(self, credentials: Credentials) -> Account:
        """The account that the credentials open.

        Raises:
            NotAuthenticated: wrong key, or no such account.
            Misconfigured: the key is right, and the secret holds a placeholder or misses a field.
            AccountUnavailable: Secrets Manager does not answer.
        """
        try:
            secret = self._secret(credentials.account)
            if not _opens(secret, credentials.claims):
                secret = self._secret_anew(credentials.account)
        except UnknownAccount:
            secret = {}
        if not _opens(secret, credentials.claims):
            raise NotAuthenticated("not authenticated")
        return _account(credentials.account, secret)

    def get(self, account: str) -> Account:
        """An account by its id.

        Raises:
            UnknownAccount, Misconfigured, AccountUnavailable: as their names say.
        """
        return _account(account, self._secret(account))

    def of_receipts(self, account: str, key: str) -> Account:
        """The account whose receipts a caller with this key may bring.

        Raises:
            UnknownAccount: no such account, or another key; all mistakes look alike from outside.
            Misconfigured, AccountUnavailable: as their names say.
        """
        secret = self._secret(account) if ACCOUNT_ID.fullmatch(account) else {}
        if not _opens(secret, {"receiptKey": key}):
            raise UnknownAccount("no such account, or another receipt key")
        return _account(account, secret)

    def reload(self, account: str) -> Account:
        """The account as its secret is now: read again, but at most once in 30 s.

        Raises:
            UnknownAccount, Misconfigured, AccountUnavailable: as their names say.
        """
        return _account(account, self._secret_anew(account))

    def _secret_anew(self, account: str) -> Mapping[str, str]:
        with self._lock:
            now = self._clock()
            due = now >= self._reread.get(account, 0.0)
            if due:
                self._reread[account] = now + REREAD_SECONDS
        return self._secret(account, force=due)

    def _secret(self, account: str, *, force: bool = False) -> Mapping[str, str]:
        now = self._clock()
        if now < self._unknown.get(account, 0.0):
            raise UnknownAccount(f"account {account} has no secret")
        if now < self._silent.get(account, 0.0):
            return self._stale(account, now, "it did not answer just now")
        try:
            value = self._provider.get(f"{self._stack}/{account}", max_age=CACHE_SECONDS, force_fetch=force)
        except GetParameterError as error:
            return self._without_answer(account, error.__context__, now)
        secret = _parse(account, value)
        self._good[account] = (now, secret)
        return secret

    def _without_answer(self, account: str, cause: BaseException | None, now: float) -> Mapping[str, str]:
        """What to go on with when Secrets Manager gave no secret: the last good one, for an hour."""
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
        if code in _GONE:
            self._remember_unknown(account, now)
            raise UnknownAccount(f"account {account} has no secret")
        self._make_room(self._silent)
        self._silent[account] = now + REREAD_SECONDS  # else every request would wait for the time-out again
        return self._stale(account, now, code)

    def _stale(self, account: str, now: float, why: str) -> Mapping[str, str]:
        read_at, secret = self._good.get(account, (-STALE_SECONDS, {}))
        if now - read_at >= STALE_SECONDS:
            raise AccountUnavailable(f"the secret of account {account} cannot be read: {why}")
        return secret

    @staticmethod
    def _make_room(remembered: dict[str, float]) -> None:
        if len(remembered) >= MOST_UNKNOWN:
            remembered.clear()

    def _remember_unknown(self, account: str, now: float) -> None:
        self._good.pop(account, None)
        self._make_room(self._unknown)
        self._unknown[account] = now + UNKNOWN_SECONDS


def _opens(secret: Mapping[str, str], claims: Mapping[str, str]) -> bool:
    """Whether each claim equals its field, compared in constant time; a missing field or placeholder opens nothing."""
    results = [
        hmac.compare_digest(_bytes(secret.get(name, "")), _bytes(value))
        and secret.get(name, "") not in ("", PLACEHOLDER)
        for name, value in claims.items()
    ]
    return all(results)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _parse(account: str, value: Any) -> Mapping[str, str]:
    try:
        document = json.loads(value)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        # Nothing of the value may show, not even through a decoder's message.
        raise Misconfigured(f"the secret of account {account} is no JSON object")
    return {key: str(item).strip() for key, item in document.items() if item is not None and str(item).strip()}


def _account(account: str, secret: Mapping[str, str]) -> Account:
    needed = ("customerId",) if "authToken" in secret else REQUIRED
    for name in needed:
        if name not in secret:
            raise Misconfigured(f"the secret of account {account} has no field {name}")
    for name, value in secret.items():
        if value == PLACEHOLDER and (name in needed or name not in REQUIRED):
            raise Misconfigured(f"the secret of account {account} still holds a placeholder in {name}")
    if not _COUNTRY.fullmatch(country := secret.get("country", "IN").upper()):
        raise Misconfigured(f"the secret of account {account} has no ISO country code of two letters in country")
    if not (secret.get("authToken", "-").isascii() and secret.get("authToken", "-").isprintable()):
        raise Misconfigured(f"the secret of account {account} has an authToken that no header can carry")
    if not secret.get("callbackUrl", "http").startswith("http"):
        raise Misconfigured(f"the secret of account {account} has no URL in callbackUrl")
    return Account(
        id=account,
        customer_id=secret["customerId"],
        email=secret.get("email", ""),
        password=secret.get("password", ""),
        sender_id=secret.get("senderId"),
        country=country,
        message_type=secret.get("messageType"),
        entity_id=secret.get("entityId"),
        auth_token=secret.get("authToken"),
        receipt_key=secret.get("receiptKey"),
        callback_url=secret.get("callbackUrl"),
    )
