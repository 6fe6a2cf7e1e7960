"""Message Central's tokens: fetched once, kept until they end, fetched again when refused.

The calls and their answers: docs/contracts/message_central.md.
"""

from __future__ import annotations

import base64
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bridge.documents import json_object
from bridge.errors import AccountError, TransportFailure
from bridge.message import Cause
from bridge.message_central.verdicts import BUSY, CREDENTIALS_REFUSED, GATEWAY, NO_TIME, RATE, UNREACHED
from bridge.timed_connections import CONNECT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.account import Account
    from bridge.message import Outcome
    from bridge.times import Deadline
    from bridge.transport import HttpTransport, Response

PATH = "/auth/v1/authentication/token"
LONGEST_SECONDS = 86_400.0  # the vendor's tokens last for years; ours are new every day
EARLY_SECONDS = 60.0  # a token that ends this soon is not used any more
RENEW_SECONDS = 30.0  # a token or a refusal younger than this is not asked for again
UNREACHED_SECONDS = 5.0  # nor is a vendor who did not answer: each thread would wait for the same
SHORTEST_SECONDS = CONNECT_SECONDS + 1.0  # no call is started with less time than this
RELOAD_SECONDS = 3.0  # nor is a secret read again: one call to Secrets Manager may take as long


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the account it was given for; `until` and `since` in epoch seconds.

    `replaced` is the account as its secret was before: a thread that still holds that may use this token, too.
    """

    value: str = field(repr=False)
    account: Account
    since: float
    until: float
    replaced: Account | None = None

    def serves(self, account: Account, now: float) -> bool:
        """Whether the token is good for an account as somebody holds it."""
        return now < self.until and account in (self.account, self.replaced)


class NoToken(Exception):
    """There is no token; `outcome` is what that means for a message. Stays within this package."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why there is no token, and until when not to ask again."""

    account: Account
    outcome: Outcome
    until: float


class Tokens:
    """The tokens of all accounts. One thread asks, the others wait for its answer."""

    def __init__(self, transport: HttpTransport, reload: Callable[[str], Account], clock: Callable[[], float]) -> None:
        """`reload` gives an account as its secret is now; `clock` gives epoch seconds."""
        self._transport = transport
        self._reload = reload
        self._clock = clock
        self._locks: dict[str, threading.Lock] = {}
        self._tokens: dict[str, Token] = {}
        self._failures: dict[str, _Failure] = {}

    def get(self, account: Account, deadline: Deadline) -> Token:
        """A token.

        Raises:
            NoToken: there is none.
        """
        token = self._tokens.get(account.id)
        if token and token.serves(account, self._clock()):
            return token
        with self._turn(account, deadline):
            return self._current(account, None) or self._new(account, deadline, None)

    def renew(self, refused: Token, deadline: Deadline) -> Token:
        """Another token in place of one that was refused, for the account as its secret is now.

        Raises:
            NoToken: there is none.
        """
        account = refused.account
        with self._turn(account, deadline):
            return self._current(account, refused) or self._new(account, deadline, refused)

    def probe(self, account: Account, deadline: Deadline) -> bool:
        """Whether the vendor's own token service answers; that it refuses the credentials is an answer, too.

        Raises:
            TransportFailure: it does not.
        """
        # With a pasted token nobody logs in: a new token might end the one that was pasted, a wrong password lock it.
        response = self._ask({} if account.auth_token else _credentials(account), deadline)
        document = _vendors_own(response)
        value = _usable(document.get("token"))
        if value and not account.auth_token:
            self._tokens[account.id] = self._token(value, account)  # for the same reason: it may be the only good one
        return bool(document)

    @contextmanager
    def _turn(self, account: Account, deadline: Deadline) -> Iterator[None]:
        lock = self._locks.setdefault(account.id, threading.Lock())
        if not lock.acquire(timeout=deadline.remaining()):
            raise NoToken(NO_TIME)
        try:
            yield
        finally:
            lock.release()

    def _current(self, account: Account, refused: Token | None) -> Token | None:
        """What another thread found out while this one waited for its turn."""
        now = self._clock()
        token, failure = self._tokens.get(account.id), self._failures.get(account.id)
        if token and token is not refused and token.serves(account, now):
            return token
        if failure and failure.account == account and now < failure.until:
            raise NoToken(failure.outcome)
        if refused and now < refused.since + RENEW_SECONDS:
            raise NoToken(CREDENTIALS_REFUSED)  # a brand-new token was refused: another would be as well
        return None

    def _new(self, account: Account, deadline: Deadline, refused: Token | None) -> Token:
        """Ask for a token, and remember what came of it."""
        try:
            token = self._renewed(refused, deadline) if refused else self._first(account, deadline)
        except NoToken as failure:
            self._tokens.pop(account.id, None)
            self._remember(account, failure.outcome, deadline)
            raise
        token = self._tokens[account.id] = replace(token, replaced=account)
        return token

    def _remember(self, account: Account, outcome: Outcome, deadline: Deadline) -> None:
        cut_short = outcome.cause is Cause.UNREACHABLE and not deadline.remaining()
        if cut_short or outcome.cause is Cause.NO_TIME:
            return  # others may have more, above all those of a later invocation
        wait = RENEW_SECONDS if outcome.cause is Cause.CREDENTIALS else UNREACHED_SECONDS
        self._failures[account.id] = _Failure(account, outcome, self._clock() + wait)

    def _first(self, account: Account, deadline: Deadline) -> Token:
        """A token; if the credentials are refused, with those that the secret holds now."""
        try:
            return self._fetch(account, deadline)
        except NoToken as failure:
            now_held = self._reloaded(account, deadline) if failure.outcome.cause is Cause.CREDENTIALS else account
            if now_held == account:
                raise
        return self._fetch(now_held, deadline)

    def _renewed(self, refused: Token, deadline: Deadline) -> Token:
        account = self._reloaded(refused.account, deadline)
        if account.auth_token == refused.value:
            raise NoToken(CREDENTIALS_REFUSED)  # it was pasted, and there is none better to be had
        return self._fetch(account, deadline)

    def _reloaded(self, account: Account, deadline: Deadline) -> Account:
        if not deadline.allows(RELOAD_SECONDS):
            return account
        try:
            return self._reload(account.id)
        except AccountError:
            return account

    def _fetch(self, account: Account, deadline: Deadline) -> Token:
        """The token that was pasted, else one that is asked for."""
        value = _usable(account.auth_token) if account.auth_token else self._asked_for(account, deadline)
        if value is None:
            raise NoToken(CREDENTIALS_REFUSED)
        return self._token(value, account)

    def _asked_for(self, account: Account, deadline: Deadline) -> str | None:
        """The token in the vendor's answer; None if that says that the credentials are wrong."""
        if not deadline.allows(SHORTEST_SECONDS):
            raise NoToken(NO_TIME)
        try:
            response = self._ask(_credentials(account), deadline)
        except TransportFailure:  # a token call sends nothing: it can always be made again
            raise NoToken(UNREACHED) from None
        document = _vendors_own(response)
        if not document:
            raise NoToken(replace(_without(response.status), vendor_code=f"HTTP {response.status}"))
        return _usable(document.get("token"))

    def _ask(self, credentials: dict[str, str], deadline: Deadline) -> Response:
        query = urlencode({**credentials, "scope": "NEW", "country": "91"})
        return self._transport.request("GET", f"{PATH}?{query}", {"accept": "*/*"}, deadline)

    def _token(self, value: str, account: Account) -> Token:
        now = self._clock()
        until = min(now + LONGEST_SECONDS, (expiry(value) or now + LONGEST_SECONDS) - EARLY_SECONDS)
        return Token(value, account, now, max(until, now + RENEW_SECONDS))


def _credentials(account: Account) -> dict[str, str]:
    key = base64.b64encode(account.password.encode()).decode()
    return {"customerId": account.customer_id, "key": key, "email": account.email}


def _vendors_own(response: Response) -> dict[str, Any]:
    """What the vendor itself says; empty when it is down, or a proxy answered in its place."""
    down = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status == HTTPStatus.TOO_MANY_REQUESTS
    return {} if down else json_object(response.body)


def _without(status: int) -> Outcome:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RATE
    return BUSY if status >= HTTPStatus.INTERNAL_SERVER_ERROR else GATEWAY


def _usable(token: Any) -> str | None:
    """A token that can be written into a header."""
    return token if token and isinstance(token, str) and token.isascii() and token.isprintable() else None


def expiry(token: str) -> float | None:
    """The `exp` of a JWT in epoch seconds, or None when it has none. Its signature is the vendor's business."""
    _, _, rest = token.partition(".")
    payload, _, _ = rest.partition(".")
    exp = json_object(_decoded(payload)).get("exp")
    try:
        return float(exp) if isinstance(exp, int | float) and not isinstance(exp, bool) else None
    except OverflowError:
        return None


def _decoded(payload: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except ValueError:
        return b""
