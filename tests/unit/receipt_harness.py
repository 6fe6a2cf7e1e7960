"""Receive and report, put together from the real parts over fakes, and called as Lambda calls them."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bridge import times
from bridge.invocation import Invocation
from bridge.log.transitions import FINAL
from bridge.telemetry import InvocationMetrics
from tests.fakes import log
from tests.fakes.clevertap import FakeCleverTap
from tests.fakes.environment import as_on_lambda
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, RECEIPT_KEY, START, message_id, number, secret
from tests.unit.harness import Fakes, failures, sqs_event, taken_out

with as_on_lambda():
    from handlers.receive import receive
    from handlers.report import report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.log.row import Row
    from tests.fakes.sqs import Entry

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


class ReceiptHarness(Fakes):
    """One execution environment of receive, and one of report; each with queues of its own."""

    def __init__(self, **settings: str) -> None:
        super().__init__(**settings)
        self.parked = FakeSQS(self.clock)
        self.delayed = FakeSQS(self.clock)
        self.clevertap = FakeCleverTap(self.clock.sleep)
        self.secrets.secrets[f"bridge/{OTHER_ACCOUNT}"] = secret(receiptKey=OTHER_KEY, callbackUrl=OTHER_URL)
        self.counts: Counter[str] = Counter()
        """What was counted so far, over all accounts."""
        self.receiver = self.app(sqs=self.parked, transport=self.clevertap.transport).receive
        self.reporter = self.app(sqs=self.delayed, transport=self.clevertap.transport).report

    def post(self, *arguments: Any, **options: Any) -> tuple[int, Any]:
        """What Message Central gets, as `answer` has it: the status, and the body as JSON."""
        answer = self.answer(*arguments, **options)
        assert answer["headers"]["content-type"] == "application/json"
        return answer["statusCode"], json.loads(answer["body"])

    def answer(
        self,
        body: Any = "",
        *,
        account: str = ACCOUNT_ID,
        key: str | None = RECEIPT_KEY,
        query: str = "",
        method: str = "POST",
        content_type: str = "",
        seconds: float = 9.5,
        **changes: Any,
    ) -> dict[str, Any]:
        """What API Gateway is given for Message Central."""
        parameters = {"account": account, "receiptKey": key}
        event = {
            "version": "2.0",
            "routeKey": "POST /receipts/{account}/{receiptKey}",
            "rawQueryString": query,
            "headers": {"Content-Type": content_type} if content_type else {},
            "requestContext": {"http": {"method": method}},
            "pathParameters": {name: value for name, value in parameters.items() if value is not None},
            "body": body if isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
            **changes,
        }
        return self.receive(event, seconds)

    def receive(self, event: dict[str, Any], seconds: float = 9.5) -> dict[str, Any]:
        """What receive answers to an event."""
        with self._invocation(seconds) as invocation:
            return receive(self.receiver, event, invocation)

    def report(self, event: dict[str, Any], seconds: float = 59.0) -> dict[str, Any]:
        """What report answers to an event."""
        with self._invocation(seconds) as invocation:
            return report(self.reporter, event, invocation)

    def retry_parked(self, *bodies: str, seconds: float = 9.5) -> list[str]:
        """Give receive everything that is parked, or other bodies; the ids of those that failed."""
        return failures(self.receive(sqs_event(bodies or taken_out(self.parked)), seconds))

    @property
    def kept(self) -> list[Entry]:
        """What receive could not read."""
        return [entry for entry in self.parked.entries if entry.queue == "unrecognised"]

    @property
    def passed_on(self) -> list[Entry]:
        """What receive gave to report."""
        return [entry for entry in self.parked.entries if entry.queue == "reports"]

    def redrive(self, seconds: float = 9.5) -> list[str]:
        """Give receive what is kept, and nothing else; the ids of those that failed."""
        kept = self.kept
        self.parked.entries = [entry for entry in self.parked.entries if entry not in kept]
        return failures(self.receive(sqs_event([entry.body for entry in kept]), seconds))

    def stream(self, *changes: dict[str, Any], seconds: float = 59.0) -> list[str]:
        """Give report a batch of the stream's; the sequence numbers of those that failed."""
        return failures(self.report({"Records": list(changes)}, seconds))

    def retry_delayed(self, *bodies: str, receives: int = 1, seconds: float = 59.0) -> list[str]:
        """Give report what waits with its delay over, or other bodies; the ids of those that failed."""
        bodies = bodies or taken_out(self.delayed, self.clock.now)
        return failures(self.report(sqs_event(bodies, receives), seconds))

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

    @contextmanager
    def _invocation(self, seconds: float) -> Iterator[Invocation]:
        """An invocation, whose metrics are written in the end, as the handlers' decorator does it."""
        invocation = Invocation("request-id", self.clock.deadline(seconds), InvocationMetrics())
        try:
            yield invocation
        finally:
            invocation.metrics.emit()
            for counts in invocation.metrics.counts.values():
                self.counts.update(counts)


def rounds(queue: FakeSQS) -> Iterator[None]:
    """Yield as long as something is on a queue; what never ends is a fault."""
    for _ in range(200):
        if not queue.entries:
            return
        yield
    raise AssertionError("still on the queue after 200 rounds")
