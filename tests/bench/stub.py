"""AWS, Message Central and CleverTap's callback in one process: fixed answers, as cheap as Python can give them.

Nothing is checked or kept: what is measured is the caller. `Stub.load()` says how busy the process was, so that a run
in which the stub was the bottleneck shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import ssl
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from pathlib import Path

VERIFICATION_ID = "20"
LIMITED = "BENCH-LIMITED"
"""The account with a rate and a daily cap, both beyond reach."""
LIMITS = {"partsPerSecond": "10000", "partsPerDay": "100000000"}
SECRET = {
    "customerId": "C-BENCH",
    "email": "bench@example.com",
    "password": "bench-password",
    "apiKey": "bench-api-key",
    "receiptKey": "bench-receipt-key",
    "senderId": "BENCHS",
}


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


# As the vendor answers: the token, and a message that was taken.
TOKEN = _json({"status": 200, "token": "a.e30.c"})
SENT = _json(
    {
        "responseCode": 200,
        "message": "SUCCESS",
        "data": {
            "verificationId": VERIFICATION_ID,
            "mobileNumber": "9876543210",
            "responseCode": "200",
            "errorMessage": None,
            "timeout": "60",
            "smsCLI": None,
            "transactionId": None,
        },
    }
)
CALLED = _json({"status": "success", "unprocessed": []})
ROW = {
    "messageId": {"S": "BENCH-ACCOUNT/m-1"},
    "account": {"S": "BENCH-ACCOUNT"},
    "status": {"S": "sent"},
    "acceptedAt": {"S": "2026-01-01T00:00:00.000Z"},
    "attempts": {"N": "1"},
    "report": {"BOOL": True},
    "expiresAt": {"N": "1798761600"},
    "verificationId": {"S": VERIFICATION_ID},
    "claimedAt": {"S": "2026-01-01T00:00:00.000Z"},
    "claimedBy": {"S": "bench/1"},
}
CAMPAIGNS = 25  # on the first page of the operators' console


def _found(body: bytes) -> bytes:
    """The rows of a recipient; or, on the table of campaigns, those of an account."""
    values = json.loads(body)["ExpressionAttributeValues"]
    recipient = values.get(":recipient")
    items = [{"recipient": recipient, **ROW}] if recipient else [_campaign(n) for n in range(CAMPAIGNS)]
    return _json({"Items": items, "Count": len(items), "ScannedCount": len(items)})


def _campaign(number: int) -> dict[str, Any]:
    counts = {"accepted": 1_000, "acceptedParts": 1_000, "n_sent": 300, "n_delivered": 700}
    return {
        "account": {"S": "BENCH-ACCOUNT"},
        "campaign": {"S": str(1_700_000_000 + number)},
        **{name: {"N": str(count)} for name, count in counts.items()},
        **{name: {"S": f"2026-01-01T00:{number:02}:00.000Z"} for name in ("firstAt", "lastAt")},
    }


def _changed() -> bytes:
    """What an item holds after it was changed: the schedule of an account's rate is free from now on."""
    return _json({"Attributes": {"actions": {"L": []}, "nextFreeAt": {"N": str(round(time.time() * 1_000))}}})


def _taken(body: bytes) -> bytes:
    """SQS's answer; botocore compares the checksums."""
    entries = json.loads(body)["Entries"]
    taken = [
        {
            "Id": entry["Id"],
            "MessageId": "m",
            "MD5OfMessageBody": hashlib.md5(entry["MessageBody"].encode()).hexdigest(),
        }
        for entry in entries
    ]
    return _json({"Successful": taken})


class _Connection(asyncio.Protocol):
    """One client; its requests come one after the other."""

    requests = 0  # of all clients
    sends: ClassVar[list[float]] = []  # when the vendor was called, in epoch seconds

    def __init__(self, vendor: float, aws: float, callback_url: str) -> None:
        self._vendor = vendor
        self._aws = aws
        self._callback = {"callbackUrl": callback_url}
        self._buffer = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # a TCP connection is one

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        head = head.lower()
        _, _, length = head.partition(b"\r\ncontent-length:")
        size = int(length.partition(b"\r\n")[0] or 0)
        if len(rest) >= size:
            self._buffer = b""
            self._answer(head, rest)

    def _answer(self, head: bytes, body: bytes) -> None:
        _Connection.requests += 1
        if b"/verification/v3/send" in head:
            self.sends.append(time.time())
            self._send(SENT, self._vendor)
        elif b"x-amz-target" in head:
            self._send(self._of_aws(head, body), self._aws)
        elif b"/auth/v1/" in head:
            self._send(TOKEN, self._vendor)
        elif b"/callback" in head:
            self._send(CALLED, self._vendor)
        elif b"/sends" in head:
            self._send(_json(self.sends), 0.0)
            self.sends.clear()
        elif b"/load" in head:
            self._send(_json({"cpu": time.process_time(), "requests": _Connection.requests}), 0.0)
        else:
            self._transport.close()

    def _of_aws(self, head: bytes, body: bytes) -> bytes:
        if b"dynamodb_20120810.query" in head:
            return _found(body)
        if b"dynamodb_20120810.updateitem" in head and b'"ReturnValues"' in body:
            return _changed()
        if b"x-amz-target: dynamodb" in head:
            return b"{}"  # written; or read, and no breaker is open
        if b"x-amz-target: amazonsqs" in head:
            return _taken(body)
        limits = LIMITS if LIMITED.encode() in body else {}
        return _json({"SecretString": json.dumps({**SECRET, **self._callback, **limits})})

    def _send(self, body: bytes, delay: float) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        if delay:
            asyncio.get_running_loop().call_later(delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def serve(vendor_ms: float, aws_ms: float, certificate: str | None) -> None:
    """Serve until killed; the first line written is the port."""
    loop = asyncio.get_running_loop()
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    url = ""

    def connection() -> _Connection:
        return _Connection(vendor_ms / 1_000, aws_ms / 1_000, f"{url}/callback")

    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=tls, backlog=512)
    url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    sys.stdout.write(url + "\n")
    sys.stdout.flush()
    await server.serve_forever()


@dataclass
class Load:
    """What the stub did so far: seconds of CPU, and requests."""

    cpu: float
    requests: int

    def __sub__(self, other: Load) -> Load:
        return Load(self.cpu - other.cpu, self.requests - other.requests)


class Stub:
    """The stub's process. `vendor_ms` and `aws_ms` are its latencies; with a certificate it speaks TLS."""

    def __init__(self, vendor_ms: float = 0.0, aws_ms: float = 0.0, certificate: Path | None = None) -> None:
        arguments = [str(vendor_ms), str(aws_ms), *([str(certificate)] if certificate else [])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.stub", *arguments], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def load_of(url: str) -> Load:
    """How busy the stub at a URL was so far; over TLS its certificate has to be in SSL_CERT_FILE."""
    with urllib.request.urlopen(f"{url}/load", timeout=5) as answer:
        return Load(**json.load(answer))


def sends_of(url: str) -> list[float]:
    """When the stub was given messages since it was asked last, in epoch seconds."""
    with urllib.request.urlopen(f"{url}/sends", timeout=5) as answer:
        found: list[float] = json.load(answer)
        return sorted(found)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
