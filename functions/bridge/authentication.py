"""Who may call: what callers give, compared with the accounts' secrets."""

from __future__ import annotations

import hmac
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from bridge.account import KEYS, PLACEHOLDER, SHORTEST_KEY
from bridge.clevertap.credentials import ACCOUNT_ID
from bridge.errors import AccountUnavailable, NotAuthenticated, UnknownAccount
from bridge.secrets import UNKNOWN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.account import Account
    from bridge.clevertap.credentials import Credentials
    from bridge.errors import AccountError
    from bridge.secrets import Secret, Secrets

OVERLAP_SECONDS = 86_400  # how long what a secret held before its last change still opens the account
# Look-ups that callers may cause in UNKNOWN_SECONDS with names of no account, as each costs money: those from one
# address, whose guesses must not shut out the accounts of others; and all callers together.
GUESSES = 10
MOST_GUESSES = 300


class _Guess(NamedTuple):
    """A name that was looked up and is none: when, from which address, and what that brought."""

    at: float
    source: str
    answer: type[AccountError]


class Authenticator:
    """Tells which account a caller may use. Thread-safe."""

    def __init__(self, secrets: Secrets, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._secrets = secrets
        self._clock = clock
        self._guesses: deque[_Guess] = deque(maxlen=MOST_GUESSES)

    def authenticate(self, credentials: Credentials) -> Account:
        """The account that the credentials open.

        Raises:
            NotAuthenticated: wrong key, or no such account.
            Misconfigured: the key is right, and the secret is faulty elsewhere.
            AccountUnavailable: Secrets Manager does not answer.
        """
        try:
            secret = self._opened_by(credentials.account, credentials.claims, credentials.source)
        except UnknownAccount:
            raise NotAuthenticated("not authenticated") from None
        return secret.usable()

    def authenticate_receipts(self, account_id: str, key: str, source: str = "") -> Account:
        """The account whose receipts a caller with this key, from the address `source`, may bring.

        Raises:
            UnknownAccount: no such account, or another key; all mistakes look alike from outside.
            Misconfigured: the key is right, and the secret is faulty elsewhere.
            AccountUnavailable: Secrets Manager does not answer.
        """
        if not ACCOUNT_ID.fullmatch(account_id):
            raise UnknownAccount("no such account, or another receipt key")
        return self._opened_by(account_id, {"receiptKey": key}, source).usable()

    def knows(self, account_id: str) -> bool:
        """Whether the account was found before: what is counted for it is not counted for a guess."""
        return self._secrets.knows(account_id)

    def _opened_by(self, account_id: str, claims: Mapping[str, str], source: str) -> Secret:
        """The secret that the claims open as it is, as it has become meanwhile, or as it was before its last change.

        Raises:
            UnknownAccount: they open none.
            AccountUnavailable: Secrets Manager does not answer.
        """
        secret = self._named_by_caller(account_id, source)
        if not _matches(secret.fields, claims):
            secret = self._secrets.read(account_id, reread=True)
        if not _matches(secret.fields, claims) and not self._matched_before(account_id, secret, claims):
            raise UnknownAccount("no such account, or another key")
        return secret

    def _matched_before(self, account_id: str, secret: Secret, claims: Mapping[str, str]) -> bool:
        """Whether the claims opened the secret before its last change. That counts for a day: a person cannot change a
        key here and at CleverTap in the same moment, and CleverTap repeats nothing.
        """
        if self._clock() - secret.made_at >= OVERLAP_SECONDS:
            return False
        return _matches(self._secrets.fields_before(account_id, secret), claims)

    def _named_by_caller(self, account_id: str, source: str) -> Secret:
        """The secret of an account that a caller names, who may have made it up."""
        if self._secrets.remembers(account_id):
            return self._secrets.read(account_id)
        now = self._clock()
        self._check_guesses(now, source)
        try:
            return self._secrets.read(account_id)
        except (UnknownAccount, AccountUnavailable) as error:
            self._guesses.append(_Guess(now, source, type(error)))
            raise

    def _check_guesses(self, now: float, source: str) -> None:
        """Refuse to look up one more name if too many were named that are none. A real account waits a minute."""
        recent = [guess for guess in self._guesses if now - guess.at < UNKNOWN_SECONDS]
        own = sum(guess.source == source for guess in recent)
        if own >= GUESSES or len(recent) == MOST_GUESSES:
            raise recent[-1].answer("too many unknown accounts were named: not looked up")


def _matches(secret: Mapping[str, str], claims: Mapping[str, str]) -> bool:
    """Whether each claim equals its field, compared in constant time; what is missing or no key opens nothing."""
    results = [
        hmac.compare_digest(_bytes(secret.get(name, "")), _bytes(claim)) and _opens(name, secret.get(name, ""))
        for name, claim in claims.items()
    ]
    return all(results)


def _opens(name: str, value: str) -> bool:
    return value not in ("", PLACEHOLDER) and (name not in KEYS or len(value) >= SHORTEST_KEY)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
