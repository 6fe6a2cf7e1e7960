"""Receive and report, put together from the real parts over fakes, and called as Lambda calls them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bridge import times
from bridge.app import App
from bridge.invocation import Invocation
from bridge.log.transitions import FINAL
from bridge.settings import Settings
from bridge.telemetry import InvocationMetrics
from handlers.receive import receive
from handlers.report import report
from tests.fakes import log
from tests.fakes.aws import FakeAws
from tests.fakes.clevertap import FakeCleverTap
from tests.fakes.clock import Clock
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.environment import ENVIRONMENT
from tests.fakes.secrets_manager import FakeSecretsManager
from tests.fakes.sqs import Entry, FakeSQS
from tests.fakes.values import ACCOUNT_ID, RECEIPT_KEY, START, message_id, number, secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.log.row import Row

OTHER_ACCOUNT = "OTHER-ACCOUNT"
OTHER_KEY = "OtherReceiptKey0815"
OTHER_URL = "https://us1.cb.example/sms/generic?account=2"
URL = secret()["callbackUrl"]
SECRET = f"bridge/{ACCOUNT_ID}"


def row(index: int = 0, status: str = "sent", **changes: Any) -> Row:
    """A row of the log, as accept, dispatch or receive left it."""
    final_at = times.iso(START + 1.5) if status in FINAL else None
    return log.row(index, status, **({"final_at": final_at} | changes))


def receipt(index: int = 0, status: str = "DELIVRD", **changes: Any) -> dict[str, Any]:
    """A delivery report in the form that is expected; a change to None leaves the field out."""
    fields = {
        "verificationId": f"v{index}",
        "mobileNumber": number(index)[3:],
        "countryCode": "91",
        "status": status,
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def change(new: Row | None, old: Row | None = None, sequence: int = 1, **attributes: Any) -> dict[str, Any]:
    """A record of the table's stream. `attributes` of the new image are as a person left them; None: taken out."""
    images = {name: image.to_item() for name, image in (("NewImage", new), ("OldImage", old)) if image}
    if new:
        edited = images["NewImage"] | attributes
        images["NewImage"] = {name: value for name, value in edited.items() if value is not None}
    name = "REMOVE" if new is None else "MODIFY" if old else "INSERT"
    return {"eventName": name, "eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": str(sequence), **images}}


class ReceiptHarness:
    """One execution environment of receive, and one of report."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.dynamodb = FakeDynamoDB()
        self.parked = FakeSQS(self.clock)
        self.delayed = FakeSQS(self.clock)
        self.clevertap = FakeCleverTap(self.clock.sleep)
        other = secret(receiptKey=OTHER_KEY, callbackUrl=OTHER_URL)
        self.secrets = FakeSecretsManager({SECRET: secret(), f"bridge/{OTHER_ACCOUNT}": other})
        self.counts: dict[str, int] = {}
        """What was counted so far, over all accounts."""
        self.receiver = self._app(self.parked).receive
        self.reporter = self._app(self.delayed).report

    def post(
        self,
        body: Any = "",
        *,
        account: str = ACCOUNT_ID,
        key: str | None = RECEIPT_KEY,
        query: str = "",
        seconds: float = 9.5,
        **changes: Any,
    ) -> tuple[int, Any]:
        """What Message Central gets: the status, and the body as JSON."""
        parameters = {"account": account, "receiptKey": key}
        event = {
            "version": "2.0",
            "routeKey": "POST /receipts/{account}/{receiptKey}",
            "rawQueryString": query,
            "headers": {},
            "pathParameters": {name: value for name, value in parameters.items() if value is not None},
            "body": body if isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
            **changes,
        }
        answer = self.receive(event, seconds)
        assert answer["headers"]["content-type"] == "application/json"
        return answer["statusCode"], json.loads(answer["body"])

    def receive(self, event: dict[str, Any], seconds: float = 9.5) -> dict[str, Any]:
        """What receive answers to an event."""
        invocation = self._invocation(seconds)
        try:
            return receive(self.receiver, event, invocation)
        finally:
            self._end(invocation)

    def report(self, event: dict[str, Any], seconds: float = 59.0) -> dict[str, Any]:
        """What report answers to an event."""
        invocation = self._invocation(seconds)
        try:
            return report(self.reporter, event, invocation)
        finally:
            self._end(invocation)

    def retry_parked(self, *bodies: str, seconds: float = 9.5) -> list[str]:
        """Give receive everything that is parked, or other bodies; the ids of those that failed."""
        entries, self.parked.entries = (self.parked.entries, []) if not bodies else ([], self.parked.entries)
        return _failures(self.receive(_sqs_event(bodies or _bodies(entries)), seconds))

    def stream(self, *changes: dict[str, Any], seconds: float = 59.0) -> list[str]:
        """Give report a batch of the stream's; the sequence numbers of those that failed."""
        return _failures(self.report({"Records": list(changes)}, seconds))

    def retry_delayed(self, *bodies: str, receives: int = 1, seconds: float = 59.0) -> list[str]:
        """Give report what waits with its delay over, or other bodies; the ids of those that failed."""
        entries = [] if bodies else [entry for entry in self.delayed.entries if entry.due <= self.clock.now]
        self.delayed.entries = [entry for entry in self.delayed.entries if entry not in entries]
        return _failures(self.report(_sqs_event(bodies or _bodies(entries), receives), seconds))

    def next_delayed(self) -> list[str]:
        """Let time pass until the queue gives delayed reports, and give them to report."""
        self.clock.now = max(self.clock.now, min(entry.due for entry in self.delayed.entries))
        return self.retry_delayed()

    def put(self, *rows: Row) -> None:
        """Lay rows into the log."""
        for one in rows:
            self.dynamodb.put(one)

    def status(self, index: int = 0) -> str | None:
        """How a message stands in the log."""
        found = self.dynamodb.row((number(index), message_id(index)))
        return found.status.value if found else None

    def _app(self, sqs: FakeSQS) -> App:
        aws: Any = FakeAws(self.dynamodb, sqs, self.secrets)
        return App.build(Settings(ENVIRONMENT), aws, self.clock, self.clock.sleep, transport=self.clevertap.transport)

    def _invocation(self, seconds: float) -> Invocation:
        return Invocation("request-id", self.clock.deadline(seconds), InvocationMetrics())

    def _end(self, invocation: Invocation) -> None:
        invocation.metrics.emit()
        for counts in invocation.metrics.counts.values():
            for name, count in counts.items():
                self.counts[name] = self.counts.get(name, 0) + count


def rounds(queue: FakeSQS) -> Iterator[None]:
    """Yield as long as something is on a queue; what never ends is a fault."""
    for _ in range(200):
        if not queue.entries:
            return
        yield
    raise AssertionError("still on the queue after 200 rounds")


def metrics(printed: str) -> dict[tuple[str, str], list[float]]:
    """All metrics that were written, by (account, name)."""
    documents = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    return {
        (one["account"], metric["Name"]): one[metric["Name"]]
        for one in documents
        for metric in one["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }


def _bodies(entries: list[Entry]) -> tuple[str, ...]:
    return tuple(entry.body for entry in entries)


def _sqs_event(bodies: tuple[str, ...], receives: int = 1) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": str(receives)}
    records = [{"messageId": f"sqs-{n}", "body": body, "attributes": attributes} for n, body in enumerate(bodies)]
    return {"Records": records}


def _failures(answer: dict[str, Any]) -> list[str]:
    assert {*answer} == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
