"""Message Central, twice: as what `delivery` calls, and one floor below, as the wire that carries its HTTP."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from bridge.message import Outcome, Status
from bridge.message_central import verdicts
from bridge.message_central.tokens import PATH as TOKEN_PATH
from bridge.message_central.wire import Answer, Fate
from tests.fakes.faults import Neighbour
from tests.fakes.values import VENDOR_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.accounts import Account
    from bridge.message import Message
    from bridge.times import Deadline

LOST_BUT_SENT = "lost but sent"
"""The vendor took the message, and its answer was lost."""


class FakeVendor(Neighbour):
    """Ends each send as the script says, and when that is empty, in `default`. Counts what it really sent."""

    def __init__(self) -> None:
        super().__init__()
        self.script: deque[Outcome | str | BaseException] = deque()
        self.default: Outcome | str = verdicts.SENT
        self.sent: Counter[tuple[str, str]] = Counter()
        self.tried: list[tuple[str, str]] = []
        self.meanwhile: Callable[[], None] = lambda: None
        """Happens while the vendor has the message."""

    def send(self, message: Message, account: Account, deadline: Deadline) -> Outcome:  # noqa: ARG002 - the client's
        def effect() -> Outcome:
            key = (message.recipient, message.message_id)
            self.tried.append(key)
            ending = self.script.popleft() if self.script else self.default
            if isinstance(ending, BaseException):
                raise ending
            if ending == LOST_BUT_SENT:
                self.sent[key] += 1
                return verdicts.LOST
            assert isinstance(ending, Outcome)
            if ending.status is Status.SENT:
                self.sent[key] += 1
                return Outcome(Status.SENT, verification_id=f"v{sum(self.sent.values())}", vendor_code="200")
            return ending

        self.meanwhile()
        return self._call("send", effect)


def answer(http: int = 200, code: Any = None, /, *, retry_after: str | None = None, **fields: Any) -> Answer:
    """An answer of Message Central's; without a code the body is what `fields` say."""
    document = fields if code is None else {"responseCode": code, **fields}
    return Answer(http, json.dumps(document).encode(), retry_after)


def accepted(verification_id: str = "4711") -> Answer:
    """The contract's success."""
    data = {"verificationId": verification_id, "responseCode": "200", "errorMessage": None, "timeout": "60"}
    return answer(200, 200, message="SUCCESS", data=data)


class FakeWire:
    """Takes requests for Message Central; `token` and `sends` say what comes back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.token: Answer | Fate | Callable[[dict[str, str]], Answer | Fate] = answer(
            200, status=200, token=VENDOR_TOKEN
        )
        self.sends: deque[Answer | Fate] = deque()
        self.default: Answer | Fate | Callable[[dict[str, str]], Answer | Fate] = accepted()
        self.token_calls: list[dict[str, str]] = []
        self.send_calls: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.meanwhile: Callable[[str], None] = lambda _path: None

    def request(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        deadline: Deadline,  # noqa: ARG002 - as the real one
        body: str | None = None,
    ) -> Answer | Fate:
        self.meanwhile(path)
        url = urlsplit(path)
        with self.lock:
            if url.path == TOKEN_PATH:
                assert method == "GET"
                self.token_calls.append(_fields(url.query))
                return self.token(self.token_calls[-1]) if callable(self.token) else self.token
            assert (method, url.path, url.query) == ("POST", "/verification/v3/send", "")
            self.headers.append(dict(headers))
            self.send_calls.append(_fields(body or ""))
            ending = self.sends.popleft() if self.sends else self.default
            return ending(self.send_calls[-1]) if callable(ending) else ending


def _fields(query: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(query, strict_parsing=True, keep_blank_values=True).items()}
