"""CleverTap's callback URL, in place of the transport: judges each call by its contract, and answers as told."""

from __future__ import annotations

import json
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from bridge.errors import MaybeSent, NotSent
from bridge.transport import HttpTransport, Response
from tests.fakes.encryption import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.errors import TransportFailure
    from bridge.permit import Permit
    from bridge.times import Deadline

SUCCESS = b'{"status": "success", "processed": 1, "unprocessed": []}'
SILENCES = (NotSent("no connection"), MaybeSent("no answer"))


def answer(status: int = 200, body: bytes = SUCCESS) -> Response:
    """What CleverTap, or something else at its URL, answers."""
    return Response(status, body)


class FakeCleverTap:
    """Takes calls. `script`: how the next ones end, then `by_url`, then `default`; `seconds` is how long each takes."""

    def __init__(self, sleep: Callable[[float], None] = lambda _seconds: None) -> None:
        self.script: deque[Response | TransportFailure] = deque()
        self.default: Response | TransportFailure = answer()
        self.by_url: dict[str, Response | TransportFailure] = {}
        self.seconds = 0.0
        self.calls: list[tuple[str, list[dict[str, Any]]]] = []
        """(URL, items, each with its `event`) of every call."""
        self.raw: list[tuple[str, Mapping[str, str], str]] = []
        """(URL, headers, body) of every call."""
        self.keys: Mapping[str, bytes] = {}
        """With which encrypted calls are read."""
        self.bodies: list[Any] = []
        """What was posted, as JSON, by every call."""
        self.taken: list[dict[str, Any]] = []
        """The items of the calls that were answered 2xx."""
        self.servers: list[str] = []
        """The base URL of every transport that was made."""
        self.allowed: list[float] = []
        """How many seconds each call was given."""
        self.sleep = sleep

    @property
    def metas(self) -> Counter[str]:
        """How often each message was told of, in calls that were taken."""
        return Counter(item["meta"] for item in self.taken)

    def transport(self, base_url: str, connections: int, clock: Callable[[], float]) -> HttpTransport:
        """A transport to one server; like the real one, only to what is the URL of a server."""
        self.servers.append(base_url)
        return _Transport(base_url, connections, clock, self)

    def take(self, url: str, headers: Mapping[str, str], body: str) -> Response:
        """One call."""
        self.raw.append((url, headers, body))
        posted = opened(headers, body, self.keys) if "x-aes-iv" in headers else json.loads(body)
        items = [{**item, "event": call["event"]} for call in posted for item in call["data"]]
        self.calls.append((url, items))
        self.bodies.append(posted)
        ending = self.script.popleft() if self.script else self.by_url.get(url, self.default)
        if isinstance(ending, Exception):
            raise ending
        if ending.status < 300:
            self.taken += items
        return ending


class _Transport(HttpTransport):
    """The real one, but for the network."""

    def __init__(self, base_url: str, connections: int, clock: Callable[[], float], clevertap: FakeCleverTap) -> None:
        super().__init__(base_url, connections, clock)
        self.base_url = base_url
        self.clevertap = clevertap

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        deadline: Deadline,
        *,
        body: str | bytes | None = None,
        permit: Permit | None = None,
    ) -> Response:
        assert (method, permit) == ("POST", None)
        assert headers["content-type"] == "application/json"
        assert isinstance(body, str)
        assert body
        allowed = deadline.remaining()
        self.clevertap.allowed.append(allowed)
        self.clevertap.sleep(min(self.clevertap.seconds, allowed))
        if self.clevertap.seconds > allowed:
            raise MaybeSent("no answer in time")
        return self.clevertap.take(self.base_url + path, headers, body)


# The documentation, copied out.
CODES = {str(code) for code in [*range(900, 911), *range(912, 921)]}
KEYS = {"delivered": {"ts", "meta", "description"}, "failed": {"ts", "meta", "description", "code"}}


def judge(posted: Any) -> None:
    """Hold what is posted against the documented shape, types included."""
    assert type(posted) is list
    assert posted
    assert sum(len(call["data"]) for call in posted) <= 100
    for call in posted:
        assert {*call} == {"event", "data"}
        assert type(call["data"]) is list
        assert call["data"]
        for item in call["data"]:
            assert {*item} == KEYS[call["event"]]
            assert type(item["ts"]) is int
            assert 1_000_000_000 <= item["ts"] < 10_000_000_000, "seconds, not milliseconds"
            assert type(item["meta"]) is str
            assert item["meta"]
            assert type(item["description"]) is str
            assert item["description"]
            if call["event"] == "failed":
                assert type(item["code"]) is str
                assert item["code"] in CODES
