"""The doors of delivery reports, receive and report, with their real wiring over fakes."""

from __future__ import annotations

import importlib
import json
import sys
from typing import TYPE_CHECKING, Any

from bridge import aws, times
from bridge.message import FINAL
from bridge.rows import to_item
from tests.fakes.clevertap import FakeCleverTap
from tests.fakes.clock import Clock
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.secrets_manager import FakeSecretsManager
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, RECEIPT_KEY, START, message_id, number, secret
from tests.unit.doors import Context

if TYPE_CHECKING:
    import pytest

    from bridge.rows import Row

OTHER_ACCOUNT = "OTHER-ACCOUNT"
OTHER_KEY = "OtherReceiptKey0815"
OTHER_URL = "https://us1.cb.example/sms/generic?account=2"
URL = secret()["callbackUrl"]


def row(index: int = 0, status: str = "sent", **changes: Any) -> Row:
    """A row of the log, as accept or dispatch left it; a change to None leaves the attribute out."""
    fields = {
        "recipient": number(index),
        "messageId": message_id(index),
        "account": ACCOUNT_ID,
        "status": str(status),
        "segments": 1,
        "acceptedAt": times.iso(START - 10),
        "claimedAt": times.iso(START - 5),
        "claimedBy": f"worker/{index}",
        "attempts": 1,
        "report": True,
        "expiresAt": int(START) + 86_400,
        "verificationId": f"v{index}" if status in ("sent", "delivered", "undelivered") else None,
        "finalAt": times.iso(START + 1.5) if status in FINAL else None,
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def receipt(index: int = 0, status: str = "DELIVRD", **changes: Any) -> dict[str, Any]:
    """A delivery report in the form that is expected; a change to None leaves the field out."""
    fields = {
        "verificationId": f"v{index}",
        "mobileNumber": number(index)[3:],
        "countryCode": "91",
        "status": status,
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def change(new: Row | None, old: Row | None = None, sequence: int = 1) -> dict[str, Any]:
    """A record of the table's stream."""
    images = {name: to_item(image) for name, image in (("NewImage", new), ("OldImage", old)) if image}
    name = "REMOVE" if new is None else "MODIFY" if old else "INSERT"
    return {"eventName": name, "eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": str(sequence), **images}}


class ReceiptDoors:
    """One execution environment of receive, and one of report."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RECEIPT_QUEUE_URL", "https://sqs.example/receipts")
        monkeypatch.setenv("REPORT_QUEUE_URL", "https://sqs.example/reports")
        self.clock = Clock()
        self.dynamodb = FakeDynamoDB()
        self.parked = FakeSQS(self.clock)
        self.delayed = FakeSQS(self.clock)
        self.clevertap = FakeCleverTap(self.clock.sleep)
        other = secret(receiptKey=OTHER_KEY, callbackUrl=OTHER_URL)
        self.secrets = FakeSecretsManager({f"bridge/{ACCOUNT_ID}": secret(), f"bridge/{OTHER_ACCOUNT}": other})
        monkeypatch.setattr(aws, "dynamodb", lambda *_, **__: self.dynamodb)
        monkeypatch.setattr(aws, "secrets_manager", lambda: self.secrets)
        for name in ("receive", "report", "wiring"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(aws, "sqs", lambda: self.parked)
        self.receive = importlib.import_module("receive")
        monkeypatch.setattr(aws, "sqs", lambda: self.delayed)
        self.report = importlib.import_module("report")
        self.report.reporter._callbacks._http = self.clevertap
        for part in (self.receive.receiver, self.report.reporter):
            part._clock = self.clock
            part._queue._pause = lambda _seconds: None
        self.receive.receiver._log._clock = self.clock

    def post(
        self,
        body: Any = "",
        *,
        account: str = ACCOUNT_ID,
        key: str | None = RECEIPT_KEY,
        query: str = "",
        milliseconds: int = 10_000,
        **changes: Any,
    ) -> tuple[int, Any]:
        """What Message Central gets: the status, and the body as JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        parameters = {"account": account, "receiptKey": key}
        event = {
            "version": "2.0",
            "routeKey": "POST /receipts/{account}/{receiptKey}",
            "rawQueryString": query,
            "headers": {},
            "pathParameters": {name: value for name, value in parameters.items() if value is not None},
            "body": text,
            "isBase64Encoded": False,
            **changes,
        }
        answer = self.receive.handler(event, Context(milliseconds=milliseconds))
        assert answer["headers"]["content-type"] == "application/json"
        return answer["statusCode"], json.loads(answer["body"])

    def retry_parked(self, *bodies: str, milliseconds: int = 10_000) -> list[str]:
        """Give receive what is parked, or other bodies; the ids of those that failed."""
        return _work(self.receive, self.parked, bodies, 1, milliseconds)

    def stream(self, *changes: dict[str, Any], milliseconds: int = 60_000) -> list[str]:
        """Give report a batch of the stream's; the sequence numbers of those that failed."""
        return _failures(self.report.handler({"Records": list(changes)}, Context(milliseconds=milliseconds)))

    def retry_delayed(self, *bodies: str, receives: int = 1, milliseconds: int = 60_000) -> list[str]:
        """Give report what waits in its queue, or other bodies; the ids of those that failed."""
        return _work(self.report, self.delayed, bodies, receives, milliseconds)


def _work(door: Any, queue: FakeSQS, bodies: tuple[str, ...], receives: int, milliseconds: int) -> list[str]:
    if not bodies:
        entries, queue.entries = queue.entries, []
        bodies = tuple(entry.body for entry in entries)
    attributes = {"ApproximateReceiveCount": str(receives)}
    records = [{"messageId": f"sqs-{n}", "body": body, "attributes": attributes} for n, body in enumerate(bodies)]
    return _failures(door.handler({"Records": records}, Context(milliseconds=milliseconds)))


def _failures(answer: Any) -> list[str]:
    assert {*answer} == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
