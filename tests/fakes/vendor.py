"""Message Central, twice: as what the sender calls, and one floor below, as the transport that carries its HTTP."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from bridge.errors import MaybeSent, NotSent, TransportFailure
from bridge.message import Outcome, Status
from bridge.message_central import verdicts
from bridge.message_central.client import PATH as SEND_PATH
from bridge.message_central.tokens import PATH as TOKEN_PATH
from bridge.transport import Response
from tests.fakes.faults import Neighbour
from tests.fakes.values import VENDOR_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.account import Account
    from bridge.message import Message
    from bridge.permit import Permit
    from bridge.times import Deadline

    Ending = Response | TransportFailure | Callable[[dict[str, str]], Response | TransportFailure]

LOST_BUT_SENT = "lost but sent"
"""The vendor took the message, and its answer was lost."""

NOT_SENT = NotSent("scripted: no connection")
MAYBE_SENT = MaybeSent("scripted: no response")


class FakeVendor(Neighbour):
    """Ends each send as the script says, and when that is empty, in `default`. Counts what it really sent."""

    def __init__(self) -> None:
        super().__init__()
        self.script: deque[Outcome | str | BaseException] = deque()
        self.default: Outcome | str = verdicts.SENT
        self.reachable = True
        """What a probe finds."""
        self.sent: Counter[tuple[str, str]] = Counter()
        self.tried: list[tuple[str, str]] = []
        self.before_writing: Callable[[], None] = lambda: None
        """Happens while the attempt can still be revoked."""
        self.meanwhile: Callable[[], None] = lambda: None
        """Happens while the vendor has the message."""

    @property
    def probes(self) -> int:
        """How often it was probed."""
        return self.calls["probe"]

    def send(self, message: Message, account: Account, deadline: Deadline, permit: Permit) -> Outcome:  # noqa: ARG002 - the client's
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

        self.before_writing()
        if not permit.begin():
            return verdicts.NO_TIME
        self.meanwhile()
        return self._call("send", effect)

    def probe(self, account: Account, deadline: Deadline) -> bool:  # noqa: ARG002 - the client's
        return self._call("probe", lambda: self.reachable)


def answer(http: int = 200, code: Any = None, /, *, retry_after: str | None = None, **fields: Any) -> Response:
    """An answer of Message Central's; without a code the body is what `fields` say."""
    document = fields if code is None else {"responseCode": code, **fields}
    return Response(http, json.dumps(document).encode(), retry_after)


def page(http: int, *, retry_after: str | None = None) -> Response:
    """A proxy's page."""
    return Response(http, f"<html><h1>{http}</h1></html>".encode(), retry_after)


def accepted(verification_id: str = "4711") -> Response:
    """The contract's success."""
    data = {"verificationId": verification_id, "responseCode": "200", "errorMessage": None, "timeout": "60"}
    return answer(200, 200, message="SUCCESS", data=data)


class FakeTransport:
    """Takes requests for Message Central; `token`, `sends` and `default` say what comes back, or what is raised."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.url: str | None = None
        self.token: Ending = answer(200, status=200, token=VENDOR_TOKEN)
        self.sends: deque[Ending] = deque()
        self.default: Ending = accepted()
        self.token_calls: list[dict[str, str]] = []
        self.send_calls: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.meanwhile: Callable[[str], None] = lambda _path: None
        """Happens, with the path, before anything is written."""

    def factory(self, url: str, connections: int, clock: Callable[[], float]) -> Any:  # noqa: ARG002 - as the real one
        """What stands in for the class `HttpTransport`: it gives this fake for every URL."""
        self.url = url
        return self

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        deadline: Deadline,  # noqa: ARG002 - as the real one
        *,
        body: str | bytes | None = None,
        permit: Permit | None = None,
    ) -> Response:
        self.meanwhile(path)
        url = urlsplit(path)
        with self.lock:
            if url.path == TOKEN_PATH:
                assert (method, body, permit) == ("GET", None, None)
                self.token_calls.append(_fields(url.query))
                return _returned(_resolved(self.token, self.token_calls[-1]))
            assert (method, url.path, url.query) == ("POST", SEND_PATH, "")
            assert isinstance(body, str)
            ending = _resolved(self.sends.popleft() if self.sends else self.default, _fields(body))
            if not isinstance(ending, NotSent):
                if permit and not permit.begin():
                    raise NotSent("the permit was revoked")
                self.headers.append(dict(headers))
                self.send_calls.append(_fields(body))
            return _returned(ending)


def _resolved(ending: Ending, fields: dict[str, str]) -> Response | TransportFailure:
    return ending(fields) if callable(ending) else ending


def _returned(ending: Response | TransportFailure) -> Response:
    if isinstance(ending, TransportFailure):
        raise type(ending)("scripted")
    return ending


def _fields(query: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(query, strict_parsing=True, keep_blank_values=True).items()}
