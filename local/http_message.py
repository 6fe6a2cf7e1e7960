"""Requests and answers of `http_server`, and their bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is as sent (percent-encoded); header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    peer: str
    version: str = "HTTP/1.1"
    body: bytes = b""

    @property
    def content_length(self) -> int:
        """Bytes of the body as announced."""
        return int(self.headers.get("content-length") or 0)

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants to use the connection again."""
        wish = self.headers.get("connection", "").lower()
        return wish != "close" if self.version == "HTTP/1.1" else wish == "keep-alive"

    def with_body(self, body: bytes) -> Request:
        """The same request with the body that came after its head."""
        return replace(self, body=body) if body else self

    def parameters(self) -> dict[str, str]:
        """Query and form fields together, as the vendor reads them; a form field wins."""
        fields = dict(parse_qsl(self.query, keep_blank_values=True))
        fields.update(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        return fields


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, given `after` so many seconds."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Drop:
    """No answer: the connection is reset `after` so many seconds."""

    after: float = 0.0


def json_answer(value: Any, status: int = 200, *, after: float = 0.0) -> Answer:
    """An answer that carries `value` as JSON."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, body, [("Content-Type", "application/json")], after)


def read_head(head: bytes, peer: str) -> Request | Answer:
    """Read a request's line and headers, or refuse them with the answer that says why."""
    line, *header_lines = head.decode("latin-1").split("\r\n")
    words = line.split(" ")
    if len(words) != 3:  # noqa: PLR2004 - method, target, version
        return json_answer({"error": "not a request line"}, 400)
    headers = _read_headers(header_lines)
    if "transfer-encoding" in headers:
        return json_answer({"error": "send a Content-Length"}, 411)
    if not headers.get("content-length", "0").isdigit():
        return json_answer({"error": "Content-Length is no number"}, 400)
    path, _, query = words[1].partition("?")
    return Request(words[0], path, query, headers, peer, words[2])


def _read_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def answer_bytes(answer: Answer, *, keep_alive: bool) -> bytes:
    """Head and body in one piece: one write, one packet for a small answer."""
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"Content-Length: {len(answer.body)}", f"Connection: {'keep-alive' if keep_alive else 'close'}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + answer.body
