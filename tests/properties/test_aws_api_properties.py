"""Whatever AWS answers, in whatever pieces, is an answer or one of our errors; and an answer is http.client's."""

from __future__ import annotations

import http.client
import io
import os
import time
from contextlib import suppress
from itertools import pairwise
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.aws_api.connections import Connections
from bridge.aws_api.service import JsonService
from bridge.aws_api.signing import AwsCredentials, Signer
from bridge.dynamodb import DynamoDB
from bridge.errors import AwsError, AwsSilent
from tests.fakes.connections import FakeConnections

ITEM = {"recipient": {"S": "+919876543210"}, "messageId": {"S": "m-1"}}


class Channel:
    """A socket that gives prepared pieces, and then its end."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self._read_end, self._write_end = os.pipe()  # what can be polled: nothing comes
        self.closed = False

    def fileno(self) -> int:
        return self._read_end

    def sendall(self, data: bytes) -> None:
        """Taken."""

    def recv(self, size: int) -> bytes:
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if piece[size:]:
            self._pieces.insert(0, piece[size:])
        return piece[:size]

    def recv_into(self, buffer: Any) -> int:
        piece = self.recv(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self._read_end)
            os.close(self._write_end)


class Whole:
    """A socket for http.client, which has everything at once."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces."""
    at = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[begin:end] for begin, end in pairwise(at)]


def exchanged(pieces: list[bytes]) -> tuple[tuple[int, bytes] | None, bool]:
    """What our connection makes of an answer in pieces, None without one; and whether it is used again."""
    channel: Any = Channel(pieces)
    connections = Connections(lambda: channel, time.time)
    try:
        answer = connections.exchange(b"request")
    except AwsSilent:
        answer = None
    kept = not channel.closed
    channel.close()
    return answer, kept


def known(data: bytes) -> tuple[tuple[int, bytes] | None, bool]:
    """What http.client makes of it."""
    source: Any = Whole(data)
    response = http.client.HTTPResponse(source, method="POST")
    try:
        response.begin()
        return (response.status, response.read()), not response.will_close
    except (http.client.HTTPException, OSError, ValueError):
        return None, False


NAMES = st.sampled_from(
    [
        b"Server",
        b"x-amzn-RequestId",
        b"X-Content-Length",
        b"connection",
        b"Date",
        b"Transfer-Encoding-X",
        b"content-type",
    ]
)
OTHER = st.lists(st.tuples(NAMES, st.sampled_from([b"x", b"keep-alive", b"Keep-Alive", b"close", b"", b"a: b; 12"])))
PLACES = st.lists(st.integers(0, 400), max_size=6)


@given(
    status=st.sampled_from([b"200 OK", b"400 Bad Request", b"500 ", b"200", b"204 None", b"304 x", b"503 Slow Down"]),
    version=st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]),
    before=OTHER,
    after=OTHER,
    body=st.binary(max_size=200),
    framing=st.sampled_from(["length", "length", "length", "chunked", "both", "none", "short", "twice"]),
    places=PLACES,
)
def test_an_answer_is_http_clients_in_whatever_pieces_it_comes(
    status: bytes, version: bytes, before: Any, after: Any, body: bytes, framing: str, places: list[int]
):
    length = (b"Content-Length", b"%d" % (len(body) + (framing == "short")))
    chunked = (b"Transfer-Encoding", b"chunked")
    framed = {"chunked": [chunked], "both": [length, chunked], "none": [], "twice": [length, length]}.get(
        framing, [length]
    )
    head = b"".join(b"\r\n%b: %b" % pair for pair in [*before, *framed, *after])
    content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked in framed and body else body
    content = b"0\r\n\r\n" if chunked in framed and not body else content
    data = version + b" " + status + head + b"\r\n\r\n" + content

    answer, kept = exchanged(cut(data, places))
    their_answer, theirs_stays = known(data)

    assert answer == their_answer
    assert theirs_stays or not kept


@given(st.binary(max_size=120) | st.from_regex(rb"HTTP/1\.1 \d{3} .{0,20}\r\n(\w+: ?\w*\r\n){0,3}\r\n.{0,9}"), PLACES)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{}", [])
def test_whatever_comes_is_an_answer_or_none(data: bytes, places: list[int]):
    answer, _ = exchanged(cut(data, places))

    assert answer is None or isinstance(answer[1], bytes)


def test_what_comes_after_an_answer_is_no_answer_to_the_next_request():
    answer, kept = exchanged([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{}"])

    assert answer == (200, b"{}")
    assert not kept


@given(st.integers(200, 599), st.binary(max_size=60) | st.from_regex(r'\{"__type": ?.{0,20}\}').map(str.encode))
def test_no_answer_brings_an_error_of_another_kind(status: int, content: bytes):
    connections: Any = FakeConnections(status, content)
    signer = Signer("https://x", "dynamodb", "ap-south-1", "-", lambda: 0.0)
    client = DynamoDB(JsonService("DynamoDB", signer, lambda: AwsCredentials("id", "secret", None), connections))

    with suppress(AwsError):
        assert isinstance(client.put_item(TableName="SmsLog", Item=ITEM), dict)
