"""The accounts' secrets: read from Secrets Manager, and kept in memory."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from bridge.account import Account, account_of
from bridge.documents import json_object
from bridge.errors import AccountUnavailable, AwsError, Misconfigured, UnknownAccount
from bridge.retry import passing
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.aws_clients import SecretsManager

CACHE_SECONDS = 300
FAULTY_SECONDS = 30  # how long a secret that holds no account is kept: a person is about to fill it in
REREAD_SECONDS = 30  # how often a wrong key or a refused token may make us read a secret again
SILENT_SECONDS = 30  # how long Secrets Manager is not asked for a secret again after it did not answer
UNKNOWN_SECONDS = 60  # how long an account that does not exist is remembered
STALE_SECONDS = 3_600  # how long a secret serves on while Secrets Manager does not answer

# Answers of Secrets Manager that mean: there is no such secret (any more).
_GONE = frozenset({"ResourceNotFoundException", "InvalidRequestException"})


class _State(Enum):
    """What the last look-up brought."""

    NEW = auto()  # there was none
    FOUND = auto()
    UNKNOWN = auto()
    SILENT = auto()  # no answer


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that was read: its fields, and the account in it or what is wrong with it; which version it is, and when
    that was made.
    """

    fields: Mapping[str, str] = field(repr=False)
    account: Account | None
    fault: str = ""
    version: str = ""
    made_at: float = 0.0

    def usable(self) -> Account:
        """The account.

        Raises:
            Misconfigured: the secret holds none.
        """
        if self.account is None:
            raise Misconfigured(self.fault)
        return self.account


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a secret: its last version, when that was read, and when it has to be looked up again."""

    state: _State
    secret: Secret | None = None
    read_at: float = 0.0
    next_read: float = 0.0
    fault: str = ""
    """Why the last look-up brought nothing: AWS's code."""
    refused: bool = False
    """Whether the next one will not do better."""


@dataclass(frozen=True, slots=True)
class _Previous:
    """What a secret held before a version of it. `refused`: why that could not be read; it is asked for again later."""

    version: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    next_read: float = math.inf
    refused: str = ""


@dataclass(slots=True)
class _Record:
    """One account. `known` is replaced as a whole, so only those who look up need the lock.

    A name that was never found is forgotten at `forget_at`.
    """

    account: str
    forget_at: float
    known: _Known = _Known(_State.NEW)
    previous: _Previous = _Previous()
    next_reread: float = 0.0
    found: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def remembered(self, now: float) -> bool:
        return self.found or now < self.forget_at

    def due(self, now: float, *, reread: bool) -> bool:
        """Whether to look up; `reread`: before the cache's time is over."""
        early = reread and self.known.state is _State.FOUND and now >= self.next_reread
        return early or now >= self.known.next_read

    def usable(self, now: float) -> Secret:
        """The secret as it is known."""
        known = self.known
        if known.state is _State.UNKNOWN:
            raise UnknownAccount(f"account {self.account} has no secret")
        if known.secret is None or (known.state is _State.SILENT and now - known.read_at >= STALE_SECONDS):
            text = f"the secret of account {self.account} cannot be read: {known.fault}"
            raise AccountUnavailable(text, refused=known.refused)
        return known.secret


class Secrets:
    """Reads accounts' secrets, and keeps each for 5 minutes. Thread-safe."""

    def __init__(self, stack: str, client: SecretsManager, clock: Callable[[], float]) -> None:
        """`stack` begins the secrets' names; `clock` gives epoch seconds."""
        self._stack = stack
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[str, _Record] = {}

    def get(self, account_id: str) -> Account:
        """An account by its id, which is trusted to be one's.

        Raises:
            UnknownAccount, Misconfigured, AccountUnavailable: as their names say.
        """
        return self.read(account_id).usable()

    def reload(self, account_id: str) -> Account:
        """The account as its secret is now: read again, but at most once in 30 s.

        Raises:
            UnknownAccount, Misconfigured, AccountUnavailable: as their names say.
        """
        return self.read(account_id, reread=True).usable()

    def read(self, account_id: str, *, reread: bool = False) -> Secret:
        """The secret as it is known; `reread`: read again now, but at most once in 30 s.

        Raises:
            UnknownAccount, AccountUnavailable: as their names say.
        """
        record = self._record(account_id)
        now = self._clock()
        if record.due(now, reread=reread):
            with record.lock:
                now = self._clock()
                if record.due(now, reread=reread):  # nobody did it meanwhile
                    self._look_up(record, now)
                    record.next_reread = now + REREAD_SECONDS if reread else record.next_reread
        return record.usable(now)

    def fields_before(self, account_id: str, secret: Secret) -> Mapping[str, str]:
        """What the secret held before this version: looked up once, however many keys are guessed.

        Raises:
            AccountUnavailable: Secrets Manager did not say.
        """
        record = self._record(account_id)
        with record.lock:
            now = self._clock()
            if record.previous.version != secret.version or now >= record.previous.next_read:
                record.previous = self._look_up_previous(account_id, secret.version, now)
            previous = record.previous
        if previous.refused:
            raise AccountUnavailable(f"what account {account_id} held before cannot be read: {previous.refused}")
        return previous.fields

    def knows(self, account_id: str) -> bool:
        """Whether the account was found before: what is counted for it is not counted for a guess."""
        record = self._records.get(account_id)
        return record is not None and record.found

    def remembers(self, account_id: str) -> bool:
        """Whether anything is known of the account: it was found before, or looked up just now."""
        record = self._records.get(account_id)
        return record is not None and record.remembered(self._clock())

    def _record(self, account_id: str) -> _Record:
        now = self._clock()
        with self._lock:
            record = self._records.get(account_id)
            if record is None or not record.remembered(now):
                self._records = {name: other for name, other in self._records.items() if other.remembered(now)}
                record = self._records[account_id] = _Record(account_id, now + UNKNOWN_SECONDS)
            return record

    def _look_up(self, record: _Record, now: float) -> None:
        try:
            answer = self._client.get_secret_value(SecretId=f"{self._stack}/{record.account}")
        except AwsError as error:
            self._note_failure(record, error, now)
        else:
            secret = _secret_of(record.account, answer)
            record.found = True
            kept = CACHE_SECONDS if secret.account else FAULTY_SECONDS
            record.known = _Known(_State.FOUND, secret, now, now + kept)

    def _look_up_previous(self, account_id: str, version: str, now: float) -> _Previous:
        try:
            answer = self._client.get_secret_value(
                SecretId=f"{self._stack}/{account_id}", VersionStage="AWSPREVIOUS"
            )  # fmt: skip
        except AwsError as error:
            if error.code in _GONE:
                return _Previous(version)
            logger.warning("secret not read: tried again in 30 s", account=account_id, reason=error.code)
            return _Previous(version, next_read=now + SILENT_SECONDS, refused=error.code)
        logger.info("key compared with the secret's previous version as well", account=account_id)
        return _Previous(version, _fields(answer))

    @staticmethod
    def _note_failure(record: _Record, error: AwsError, now: float) -> None:
        code = error.code
        if code in _GONE:
            record.known = _Known(_State.UNKNOWN, next_read=now + UNKNOWN_SECONDS)
        else:
            # Asked again at once, every request would wait for the timeout.
            record.known = replace(
                record.known,
                state=_State.SILENT,
                next_read=now + SILENT_SECONDS,
                fault=code,
                refused=not passing(error),
            )
            logger.warning("secret not read: tried again in 30 s", account=record.account, reason=code)
        record.forget_at = record.known.next_read


def _secret_of(account_id: str, answer: Mapping[str, Any]) -> Secret:
    """A secret from Secrets Manager's answer, whose times are in epoch seconds."""
    fields, version = _fields(answer), answer.get("VersionId", "")
    made_at = float(answer.get("CreatedDate", 0))
    try:
        return Secret(fields, account_of(account_id, fields), version=version, made_at=made_at)
    except Misconfigured as error:
        # A caller learns of the fault only with the right key, and a secret that is not a JSON object has no key.
        logger.error("account misconfigured: nothing is sent for it", account=account_id, reason=str(error))
        return Secret(fields, None, str(error), version, made_at)


def _fields(answer: Mapping[str, Any]) -> dict[str, str]:
    """A secret's fields. Absent and empty ones are left out."""
    document = json_object(answer.get("SecretString", ""))
    values = {name: _text(value) for name, value in document.items() if value is not None}
    return {name: value for name, value in values.items() if value}


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value).strip()
