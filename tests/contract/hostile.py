"""Hostile bodies and headers, posted to the real handlers: no 5xx, little memory, and nothing told in any log.

`python -m tests.contract.hostile --count 100000 --seed 1` prints what was seen, as JSON. Neighbours are fakes and are
well, so a 5xx would be a fault of ours.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import random
import re
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bridge.telemetry import logger
from tests.fakes.encryption import KEYS, VERSION, sealed
from tests.fakes.environment import as_on_lambda
from tests.fakes.leaks import leaks
from tests.fakes.values import ACCOUNT_ID, API_KEY, EMAIL, PASSWORD, RECEIPT_KEY, message_id, number, secret, text
from tests.unit.harness import KEY_HEADERS, Handlers
from tests.unit.receipt_harness import SECRET, ReceiptHarness, receipt

if TYPE_CHECKING:
    from collections.abc import Callable

ROUND = 500  # requests of one execution environment: afterwards the fakes, which forget nothing, are new
LARGE_EVERY = 1_000  # requests, one of megabytes

ODD_TEXTS = (
    *("", " ", "\x00", "\ud800", "\ufffe\uffff", "😀" * 40, "अ" * 300, "a" * 2_000, "\u202e", "$$To", "$$MessageID"),
    *("null", "NaN", "Infinity", "-0", "1e999", "9" * 400, "٠١٢٣", "'; DROP TABLE", "{{7*7}}", "../../", "%00", "%ff"),
    *(PASSWORD, API_KEY, RECEIPT_KEY, EMAIL, text(), number(7), message_id(7)),
)
NAMES = (
    *("to", "text", "messageId", "campaignId", "templateId", "senderId", "messageType", "messages", "ciphertext"),
    *("verificationId", "mobileNumber", "status", "data", "results", "", "__proto__", "a" * 300),
)
HEADERS = (
    *("account", "x-api-key", "authorization", "customerId", "email", "password", "content-type", "X-AES-IV"),
    *("X-AES-KEY-VERSION", "x-forwarded-for", "", "ÿ"),
)


class Hostile:
    """Makes requests."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def body(self) -> str | bytes:
        """Any body of at most some KB."""
        return self.random.choice((self._noise, self._cut, self._document, self._form, self._messages, self._spliced))()

    def large(self) -> str:
        """A body of megabytes, which costs as much memory as it can."""
        unit = self.random.choice(("{}", '""', "[]", '{"a":1}', '"\\ud83d"', "7"))
        shapes = (
            lambda: "[" + ",".join([unit] * (self.random.randint(1, 5_200_000) // (len(unit) + 1))) + "]",
            lambda: "[" * self.random.randint(1, 5_000_000),
            lambda: json.dumps({"to": number(), "text": "x" * self.random.randint(1, 5_000_000)}),
            lambda: "{" + ",".join(f'"k{n}":""' for n in range(self.random.randint(1, 300_000))) + "}",
            lambda: json.dumps({"ciphertext": "A" * self.random.randint(1, 5_000_000)}),
            lambda: "to=" + "%e2" * self.random.randint(1, 1_000_000),
        )
        return self.random.choice(shapes)()

    def headers(self) -> dict[str, str]:
        """Mostly those that open the account, so that the rest is reached."""
        given = dict(KEY_HEADERS) if self.random.random() < 0.8 else {}
        for _ in range(self.random.choice((0, 0, 0, 1, 3))):
            given[self.random.choice(HEADERS)] = self._word()
        return given

    def encrypted(self) -> tuple[dict[str, str], str]:
        """An encrypted payload, of which anything may be wrong."""
        body = self.body()
        headers, sealed_body = sealed(body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass"))
        document = json.loads(sealed_body)
        ciphertext = bytearray(base64.b64decode(document["ciphertext"]))
        match self.random.randrange(6):
            case 0:
                ciphertext[self.random.randrange(len(ciphertext))] ^= self.random.randint(1, 255)
            case 1:
                del ciphertext[self.random.randrange(len(ciphertext)) :]
            case 2:
                headers["X-AES-IV"] = self._word()
            case 3:
                headers["X-AES-KEY-VERSION"] = self._word()
            case 4:
                return KEY_HEADERS | headers, json.dumps({"ciphertext": self._value(2)})
        return KEY_HEADERS | headers, json.dumps({"ciphertext": base64.b64encode(ciphertext).decode()})

    def receipt_call(self) -> dict[str, Any]:
        """A call of /receipts."""
        call: dict[str, Any] = {"method": self.random.choice(("GET", "POST")), "content_type": self._word()}
        call["body"] = self.random.choice((self._noise_text, self._document, self._receipts))()
        call["query"] = "&".join(f"{quote(self._name(), errors='ignore')}={self._quoted()}" for _ in range(3))
        if self.random.random() < 0.2:
            call["account"], call["key"] = self._word(), self.random.choice((RECEIPT_KEY, self._word()))
        return call

    def _receipts(self) -> Any:
        found = [receipt(self.random.randrange(5)) for _ in range(self.random.choice((1, 1, 3)))]
        for one in found:
            one[self._name()] = self._value(1)
        return self.random.choice((found, found[0], {"data": found}, [found, self._value(2)]))

    def _noise(self) -> bytes:
        return self.random.randbytes(self.random.randrange(200))

    def _noise_text(self) -> str:
        return "".join(chr(self.random.randrange(0x110000)) for _ in range(self.random.randrange(60)))

    def _cut(self) -> str:
        whole = str(self._document())
        return whole[: self.random.randrange(len(whole) + 1)]

    def _document(self) -> str:
        return json.dumps(self._value(4), ensure_ascii=self.random.random() < 0.5)

    def _form(self) -> str:
        return "&".join(f"{self._name()}={self._quoted()}" for _ in range(self.random.randrange(1, 8)))

    def _messages(self) -> str:
        records = [self._record(n) for n in range(self.random.choice((1, 1, 2, 5, 30)))]
        return json.dumps(self.random.choice((records, {"m": records, self._name(): self._value(1)}, records[0])))

    def _spliced(self) -> bytes:
        whole = bytearray(self._messages().encode())
        place = self.random.randrange(len(whole))
        whole[place : place + self.random.randrange(4)] = self.random.randbytes(self.random.randrange(4))
        return bytes(whole)

    def _record(self, n: int) -> dict[str, Any]:
        record = {"to": number(n), "text": text(), "messageId": message_id(self.random.randrange(10**5))}
        if self.random.random() < 0.6:
            record[self._name()] = self._value(2)
        return record

    def _value(self, depth: int) -> Any:
        kinds: tuple[Callable[[], Any], ...] = (
            self._word,
            lambda: self.random.choice((None, True, 0, -1, 1.5, 10**40, float("nan"), 919876500001)),
            lambda: [self._value(depth - 1) for _ in range(self.random.randrange(4))],
            lambda: {self._name(): self._value(depth - 1) for _ in range(self.random.randrange(5))},
        )
        return self.random.choice(kinds if depth else kinds[:2])()

    def _word(self) -> str:
        return self.random.choice((lambda: self.random.choice(ODD_TEXTS), self._noise_text))()

    def _name(self) -> str:
        return self.random.choice(NAMES) if self.random.random() < 0.9 else self._noise_text()

    def _quoted(self) -> str:
        return self.random.choice((quote(self._word(), errors="ignore"), self._word()))


class Stdout:
    """Whatever `sys.stdout` is at the moment, for the logger."""

    def write(self, written: str) -> None:
        sys.stdout.write(written)

    def flush(self) -> None:
        """Nothing to do."""


def run(count: int, seed: int) -> dict[str, Any]:
    """Post so many requests; what was seen."""
    hostile, seen, leaked = Hostile(seed), Counter[str](), Counter[str]()
    begun, logged = time.process_time(), 0
    for start in range(0, count, ROUND):
        written = io.StringIO()
        with redirect_stdout(written):
            for place in range(start, min(count, start + ROUND)):
                if place % ROUND == 0:
                    handlers, harness = _new()
                seen[_one(hostile, place, handlers, harness)] += 1
        logged += len(written.getvalue())
        leaked.update(leaks(written.getvalue()))
    return {
        "requests": count,
        "seed": seed,
        "statuses": dict(sorted(seen.items())),
        "server_errors": sum(times for status, times in seen.items() if status.split()[1] >= "500"),
        "logged_bytes": logged,
        "leaks": dict(leaked),
        "peak_megabytes": _peak(),
        "cpu_seconds": round(time.process_time() - begun),
    }


def _new() -> tuple[Handlers, ReceiptHarness]:
    handlers, harness = Handlers(), ReceiptHarness()
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = harness.secrets.secrets[SECRET] = secret(encryptionKeys=KEYS)
    assert VERSION in KEYS
    return handlers, harness


def _one(hostile: Hostile, place: int, handlers: Handlers, harness: ReceiptHarness) -> str:
    """Make one request; its path and the status that it got."""
    handlers.clock.sleep(1)
    if place % LARGE_EVERY == LARGE_EVERY - 1:
        return f"/sms {handlers.raw(hostile.large())['statusCode']}"
    match place % 4:
        case 0 | 1:
            return f"/sms {handlers.raw(hostile.body(), hostile.headers())['statusCode']}"
        case 2:
            headers, body = hostile.encrypted()
            return f"/sms-encrypted {handlers.raw(body, headers)['statusCode']}"
    return f"/receipts {harness.answer(**hostile.receipt_call())['statusCode']}"


def _peak() -> int:
    """The most memory that this process had, in MB; with the fakes, the tests' modules and what they keep."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) // 1_000 if found else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for handler in logger.handlers:
        if hasattr(handler, "setStream"):
            handler.setStream(Stdout())
    with as_on_lambda():
        found = run(given.count, given.seed)
    sys.stdout.write(json.dumps(found) + "\n")
