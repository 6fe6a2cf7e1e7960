"""Message Central's tokens: fetched once, kept until they end, fetched anew when refused (contracts §1)."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bridge.message import AccountError
from bridge.message_central.verdicts import CREDENTIALS_REFUSED, NO_TIME, UNREACHED
from bridge.message_central.wire import Fate

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.accounts import Account
    from bridge.message import Outcome
    from bridge.message_central.wire import Wire
    from bridge.times import Deadline

PATH = "/auth/v1/authentication/token"
LONGEST_SECONDS = 86_400.0  # the vendor's tokens last for years; ours are new every day
EARLY_SECONDS = 60.0  # a token that ends this soon is not used any more
RENEW_SECONDS = 30.0  # a token or a refusal younger than this is not asked for again
UNREACHED_SECONDS = 5.0  # nor is a vendor who did not answer: each thread would wait for the same


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the account it was given for; `until` and `since` in epoch seconds.

    `replaced` is the account as its secret was before: who still holds that may use this token as well.
    """

    value: str = field(repr=False)
    account: Account
    since: float
    until: float
    replaced: Account | None = None

    def serves(self, account: Account, now: float) -> bool:
        """Whether the token is good for an account as somebody holds it."""
        return now < self.until and account in (self.account, self.replaced)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why there is no token, and until when not to ask again."""

    account: Account
    outcome: Outcome
    until: float


class Tokens:
    """The tokens of all accounts. One thread asks, the others wait for its answer."""

    def __init__(self, wire: Wire, reload: Callable[[str], Account], clock: Callable[[], float]) -> None:
        """`reload` gives an account as its secret is now; `clock` gives epoch seconds."""
        self._wire = wire
        self._reload = reload
        self._clock = clock
        self._locks: dict[str, threading.Lock] = {}
        self._tokens: dict[str, Token] = {}
        self._failures: dict[str, _Failure] = {}

    def get(self, account: Account, deadline: Deadline) -> Token | Outcome:
        """A token, or what it means for a message that there is none."""
        token = self._tokens.get(account.id)
        if token and token.serves(account, self._clock()):
            return token
        return self._locked(account, deadline, None)

    def renew(self, refused: Token, deadline: Deadline) -> Token | Outcome:
        """Another token in the place of one that was refused, for the account as its secret is now."""
        return self._locked(refused.account, deadline, refused)

    def _locked(self, account: Account, deadline: Deadline, refused: Token | None) -> Token | Outcome:
        lock = self._locks.setdefault(account.id, threading.Lock())
        if not lock.acquire(timeout=deadline.remaining()):
            return NO_TIME
        try:
            return self._current(account, refused) or self._new(account, deadline, refused)
        finally:
            lock.release()

    def _current(self, account: Account, refused: Token | None) -> Token | Outcome | None:
        """What another thread found out while this one waited for the lock."""
        now = self._clock()
        token, failure = self._tokens.get(account.id), self._failures.get(account.id)
        if token and token is not refused and token.serves(account, now):
            return token
        if failure and failure.account == account and now < failure.until:
            return failure.outcome
        if refused and now < refused.since + RENEW_SECONDS:
            return CREDENTIALS_REFUSED  # a brand-new token was refused: another would be, too
        return None

    def _new(self, account: Account, deadline: Deadline, refused: Token | None) -> Token | Outcome:
        """Ask for a token; if the credentials are refused, once more with those that the secret holds now."""
        result: Token | Outcome = CREDENTIALS_REFUSED if refused else self._fetch(account, deadline)
        if result is CREDENTIALS_REFUSED:
            now_held = self._reloaded(account)
            if refused or now_held != account:
                result = self._fetch(now_held, deadline, refused)
        if isinstance(result, Token):
            result = self._tokens[account.id] = replace(result, replaced=account)
        else:
            self._tokens.pop(account.id, None)
            wait = RENEW_SECONDS if result is CREDENTIALS_REFUSED else UNREACHED_SECONDS
            self._failures[account.id] = _Failure(account, result, self._clock() + wait)
        return result

    def _reloaded(self, account: Account) -> Account:
        try:
            return self._reload(account.id)
        except AccountError:
            return account

    def _fetch(self, account: Account, deadline: Deadline, refused: Token | None = None) -> Token | Outcome:
        if account.auth_token:
            # A token that an operator pasted: there is nothing to ask, and none better to be had.
            if refused and refused.value == account.auth_token:
                return CREDENTIALS_REFUSED
            return self._token(account.auth_token, account)
        query = urlencode(
            {
                "customerId": account.customer_id,
                "key": base64.b64encode(account.password.encode()).decode(),
                "scope": "NEW",
                "country": "91",
                "email": account.email,
            }
        )
        answer = self._wire.request("GET", f"{PATH}?{query}", {"accept": "*/*"}, deadline)
        if isinstance(answer, Fate) or answer.status in (429, *range(500, 600)):
            return UNREACHED  # a token call sends nothing: it can always be made again
        value = _value(answer.body)
        return self._token(value, account) if value else CREDENTIALS_REFUSED

    def _token(self, value: str, account: Account) -> Token:
        now = self._clock()
        until = min(now + LONGEST_SECONDS, (expiry(value) or now + LONGEST_SECONDS) - EARLY_SECONDS)
        return Token(value, account, now, max(until, now + RENEW_SECONDS))


def _value(body: bytes) -> str | None:
    """The token in an answer; bad credentials are answered with HTTP 200 and no token."""
    document = _json(body)
    token = document.get("token")
    return token if isinstance(token, str) and token.isascii() and token.isprintable() else None


def expiry(token: str) -> float | None:
    """The `exp` of a JWT in epoch seconds, or None when it has none. Its signature is the vendor's business."""
    _, _, rest = token.partition(".")
    payload, _, _ = rest.partition(".")
    exp = _json(_decoded(payload)).get("exp")
    try:
        return float(exp) if isinstance(exp, int | float) and not isinstance(exp, bool) else None
    except OverflowError:
        return None


def _decoded(payload: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except ValueError:
        return b""


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
