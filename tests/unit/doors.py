"""The functions' doors with their real wiring, over fakes."""

from __future__ import annotations

import base64
import importlib
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge import aws
from bridge.message_central import client
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.secrets_manager import FakeSecretsManager
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, API_KEY, secret
from tests.fakes.vendor import FakeWire

if TYPE_CHECKING:
    import pytest

DOORS = ("accept", "dispatch", "wiring")
KEY_HEADERS = {"account": ACCOUNT_ID, "x-api-key": API_KEY}


@dataclass
class Context:
    """Lambda's context, as far as it is looked at."""

    aws_request_id: str = "3f6e0b3c-request"
    function_name: str = "bridge"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:none:function:bridge"
    milliseconds: int = 14_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


class Doors:
    """One execution environment: accept and dispatch as they start on Lambda."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dynamodb = FakeDynamoDB()
        self.sqs = FakeSQS()
        self.secrets = FakeSecretsManager({f"bridge/{ACCOUNT_ID}": secret()})
        self.wire = FakeWire()
        monkeypatch.setattr(aws, "dynamodb", lambda *_, **__: self.dynamodb)
        monkeypatch.setattr(aws, "sqs", lambda: self.sqs)
        monkeypatch.setattr(aws, "secrets_manager", lambda: self.secrets)
        monkeypatch.setattr(client, "Wire", lambda *_: self.wire)
        for name in DOORS:
            monkeypatch.delitem(sys.modules, name, raising=False)
        self.accept = importlib.import_module("accept")
        self.dispatch = importlib.import_module("dispatch")
        # No test waits for SQS or DynamoDB to think again.
        self.accept.intake._queue._pause = self.accept.intake._log._pause = lambda _seconds: None

    def post(self, body: Any, headers: dict[str, str] | None = None, *, encoded: bool = False) -> tuple[int, Any]:
        """What CleverTap gets: the status, and the body as JSON."""
        answer = self.raw(body, headers, encoded=encoded)
        return answer["statusCode"], json.loads(answer["body"])

    def raw(self, body: Any, headers: dict[str, str] | None = None, *, encoded: bool = False) -> dict[str, Any]:
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        if encoded or isinstance(text, bytes):
            text = base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()
            encoded = True
        event = {
            "version": "2.0",
            "routeKey": "POST /sms",
            "rawPath": "/sms",
            "headers": KEY_HEADERS if headers is None else headers,
            "requestContext": {"http": {"method": "POST", "path": "/sms", "sourceIp": "192.0.2.1"}},
            "body": text,
            "isBase64Encoded": encoded,
        }
        answer: dict[str, Any] = self.accept.handler(event, Context())
        return answer

    def work(self, *bodies: str) -> list[str]:
        """Deliver chunks, by default all that are on the queue; the ids of those that failed."""
        if not bodies:
            entries, self.sqs.entries = self.sqs.entries, []
            bodies = tuple(entry.body for entry in entries)
        records = [{"messageId": f"sqs-{n}", "body": body} for n, body in enumerate(bodies)]
        answer = self.dispatch.handler({"Records": records}, Context(milliseconds=60_000))
        assert {*answer} == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
