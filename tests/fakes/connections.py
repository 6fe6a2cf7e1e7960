"""The connections below our clients of AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Sent:
    """A request as it went over the wire; headers by their names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, request: bytes) -> Sent:
        head, _, body = request.partition(b"\r\n\r\n")
        line, *lines = head.decode().split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs)
        assert int(headers["content-length"]) == len(body)
        return cls(line, headers, body)

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def signed_by(self) -> tuple[str, set[str]]:
        """Who signed, and which headers."""
        credential, signed, _ = self.headers["authorization"].split(", ")
        return credential, set(signed.removeprefix("SignedHeaders=").split(";"))


@dataclass
class FakeConnections:
    """Give one answer to everything."""

    status: int = 200
    content: bytes = b"{}"
    requests: list[Sent] = field(default_factory=list)

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        self.requests.append(Sent.read(request))
        return self.status, self.content
