"""CleverTap's callback URL, in the place of urllib3: judges each call by its contract, and answers as told."""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3.exceptions import HTTPError

SUCCESS = b'{"status": "success", "processed": 1, "unprocessed": []}'


@dataclass(frozen=True)
class Answer:
    """What urllib3 gives back, as far as it is looked at."""

    status: int = 200
    data: bytes = SUCCESS


UNREACHED = NewConnectionError(None, "refused")
NO_CONNECTION = ConnectTimeoutError("connect")
NO_ANSWER = ReadTimeoutError(None, "url", "read")
CUT = ProtocolError("connection aborted")
SILENCES = (UNREACHED, NO_CONNECTION, NO_ANSWER, CUT)


class FakeCleverTap:
    """Takes calls. `script`: how the next ones end, then `default`; `seconds` is how long each takes."""

    def __init__(self, sleep: Callable[[float], None] = lambda _seconds: None) -> None:
        self.script: deque[Answer | HTTPError] = deque()
        self.default: Answer | HTTPError = Answer()
        self.by_url: dict[str, Answer | HTTPError] = {}
        self.seconds = 0.0
        self.calls: list[tuple[str, list[dict[str, Any]]]] = []
        """(URL, items, each with its `event`) of every call."""
        self.taken: list[dict[str, Any]] = []
        """The items of the calls that were answered 2xx."""
        self._sleep = sleep

    @property
    def metas(self) -> Counter[str]:
        """How often each message was told of, in calls that were taken."""
        return Counter(item["meta"] for item in self.taken)

    def request(self, method: str, url: str, *, body: bytes, headers: dict[str, str], redirect: bool) -> Answer:
        assert (method, redirect) == ("POST", False)
        assert headers["content-type"] == "application/json"
        items = [{**item, "event": call["event"]} for call in json.loads(body) for item in call["data"]]
        self.calls.append((url, items))
        self._sleep(self.seconds)
        ending = self.script.popleft() if self.script else self.by_url.get(url, self.default)
        if isinstance(ending, Exception):
            raise ending
        if ending.status < 300:
            self.taken += items
        return ending
