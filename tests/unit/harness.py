"""The whole bridge on fakes, put together as on Lambda: one execution environment of accept and one of dispatch."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.accept import Post
from bridge.app import App
from bridge.chunk import Chunk, decode
from bridge.invocation import Invocation
from bridge.settings import Settings
from bridge.telemetry import InvocationMetrics
from bridge.waiting import LOOK_UP_SECONDS
from tests.fakes.aws import FakeAws
from tests.fakes.clock import Clock
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.environment import ENVIRONMENT, as_on_lambda
from tests.fakes.faults import LOST_BEFORE
from tests.fakes.secrets_manager import FakeSecretsManager
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, API_KEY, START, account, message, secret
from tests.fakes.vendor import FakeTransport, FakeVendor

with as_on_lambda():
    from handlers.accept import accept
    from handlers.dispatch import dispatch
    from handlers.entry import lambda_handler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.answers import Answer

LIFETIME = float(ENVIRONMENT["WORKER_LIFETIME_SECONDS"])
VALIDITY = 86_400.0
ACCEPT_SECONDS = 13.5
"""Of an invocation of accept: its timeout less the time to answer."""
KEY_HEADERS = {"account": ACCOUNT_ID, "x-api-key": API_KEY}


class FakedApp(App):
    """The bridge with another vendor."""

    fake: FakeVendor

    def vendor(self, concurrency: int) -> Any:  # noqa: ARG002 - the fake takes any number
        return self.fake


class Fakes:
    """The neighbours, and a bridge between them. `vendor`: on its outcomes; `transport`: below, on its HTTP."""

    def __init__(self, **settings: str) -> None:
        self.clock = Clock()
        self.dynamodb = FakeDynamoDB()
        self.sqs = FakeSQS(self.clock)
        self.secrets = FakeSecretsManager({f"bridge/{ACCOUNT_ID}": secret()})
        self.transport = FakeTransport()
        self.settings = Settings(ENVIRONMENT | settings)

    def app(self, kind: type[App] = App, *, sqs: FakeSQS | None = None, transport: Any = None) -> App:
        """A new execution environment, which remembers nothing; with other queues, or another transport."""
        aws: Any = FakeAws(self.dynamodb, sqs or self.sqs, self.secrets)
        transport = transport or self.transport.factory
        return kind.build(self.settings, aws, self.clock, self.clock.sleep, transport=transport)

    def hang_secrets(self) -> None:
        """From now on a look-up takes as long as its two calls may, and brings nothing."""

        def hangs(point: str) -> None:
            if point == "before get_secret_value":
                self.clock.sleep(LOOK_UP_SECONDS)

        self.secrets.around = hangs
        self.secrets.down("get_secret_value", LOST_BEFORE)


class Bridge(Fakes):
    """The bridge's rules over a vendor of outcomes. `settings` are changes to the environment."""

    def __init__(self, *, concurrency: int = 1, **settings: str) -> None:
        super().__init__(SEND_CONCURRENCY=str(concurrency), **settings)
        self.vendor = FakeVendor()
        self.metrics = InvocationMetrics()
        self.new_environment()

    def new_environment(self) -> None:
        """From now on a worker is at work that remembers nothing."""
        app = self.app(FakedApp)
        assert isinstance(app, FakedApp)
        app.fake = self.vendor
        self.app_now = app
        self.acceptor, self.dispatcher = app.accept, app.dispatch
        self.log = app.dispatch.engine.log

    def invocation(self, seconds: float, worker: str = "worker") -> Invocation:
        """An invocation that ends in so many seconds; all count into the same metrics."""
        return Invocation(worker, self.clock.deadline(seconds), self.metrics)

    def dispatch(self, *chunks: Chunk, seconds: float = 59.0, worker: str = "worker") -> list[bool]:
        """Process chunks; tells for each whether it is done."""
        return self.dispatcher.dispatch(chunks, self.invocation(seconds, worker))

    def post(self, records: Any, **changes: Any) -> Answer:
        """What CleverTap is told of records, for an account with these changes."""
        post, invocation = Post({}, json.dumps(records).encode()), self.invocation(ACCEPT_SECONDS, "request")
        return self.acceptor.accept(post, account(**changes), invocation)

    def counts(self) -> dict[str, int]:
        """What was counted, without the zeros."""
        return {name: count for name, count in self.metrics.summary().get("counts", {}).items() if count}


def chunk(number: int = 3, *, first: int = 0, attempts: int = 0, **changes: Any) -> Chunk:
    """A chunk of test messages."""
    fields = {"accepted_at": START, "attempts": attempts} | changes
    messages = [message(index, **fields) for index in range(first, first + number)]
    return Chunk(messages[0].account if messages else ACCOUNT_ID, fields["accepted_at"], attempts, messages)


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


class Handlers(Fakes):
    """Accept and dispatch as Lambda calls them, down to the vendor's HTTP."""

    def __init__(self, **settings: str) -> None:
        super().__init__(**settings)
        app = self.app()
        self.accept = lambda_handler(partial(accept, app.accept, app.authenticator), 0.5)
        self.dispatch = lambda_handler(partial(dispatch, app.dispatch), 1.0)

    def post(self, body: Any, headers: dict[str, str] | None = None, **options: Any) -> tuple[int, Any]:
        """What CleverTap gets: the status, and the body as JSON."""
        answer = self.raw(body, headers, **options)
        return answer["statusCode"], json.loads(answer["body"])

    def raw(
        self,
        body: Any,
        headers: dict[str, str] | None = None,
        *,
        encoded: bool = False,
        source: str = "192.0.2.1",
    ) -> dict[str, Any]:
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        if encoded or isinstance(text, bytes):
            text = base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()
            encoded = True
        event = {
            "version": "2.0",
            "routeKey": "POST /sms",
            "rawPath": "/sms",
            "headers": KEY_HEADERS if headers is None else headers,
            "requestContext": {"http": {"method": "POST", "path": "/sms", "sourceIp": source}},
            "body": text,
            "isBase64Encoded": encoded,
        }
        return self.accept(event, Context())  # type: ignore[arg-type] # as far as it is looked at

    def work(self, *bodies: str) -> list[str]:
        """Deliver chunks, by default all that are on the queues; the ids of those that failed."""
        event = sqs_event(bodies or taken_out(self.sqs))
        return failures(self.dispatch(event, Context(milliseconds=60_000)))  # type: ignore[arg-type] # as above


def queued(bridge: Fakes, entries: Sequence[Any] | None = None) -> list[tuple[list[int], int, int]]:
    """What is on the queues: (numbers of the messages, attempts, delay) of each chunk."""
    found = []
    for entry in bridge.sqs.entries if entries is None else entries:
        back = decode(entry.body)
        found.append(([int(m.recipient[-5:]) for m in back.messages], back.attempts, entry.delay))
    return found


def taken_out(queue: FakeSQS, until: float | None = None) -> tuple[str, ...]:
    """The bodies on the queues, which are empty afterwards; with a time those whose delay is over by then."""
    due = [entry for entry in queue.entries if until is None or entry.due <= until]
    queue.entries = [entry for entry in queue.entries if entry not in due]
    return tuple(entry.body for entry in due)


def sqs_event(bodies: Sequence[str], receives: int = 1) -> dict[str, Any]:
    """What Lambda gives a function that SQS feeds."""
    attributes = {"ApproximateReceiveCount": str(receives)}
    return {
        "Records": [{"messageId": f"sqs-{n}", "body": body, "attributes": attributes} for n, body in enumerate(bodies)]
    }


def failures(answer: dict[str, Any]) -> list[str]:
    """The ids of what comes again, from a partial batch response."""
    assert {*answer} == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def metrics(printed: str) -> dict[tuple[str, str], list[float]]:
    """All metrics that were written, by (account, name)."""
    documents = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    return {
        (one["account"], metric["Name"]): one[metric["Name"]]
        for one in documents
        for metric in one["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
