"""The whole bridge put together: AWS, functions, pollers and gateway, for `make run` and for the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.aws import LocalAws
from local.console import Console
from local.function import Function
from local.gateway import Gateway
from local.names import ACCOUNT, STACK_NAME
from local.queue_poller import QueuePoller
from local.service import Service
from local.stream_poller import StreamPoller
from local.template import TEMPLATE, Stack, read_stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from local.poller import Poller

# Made up, and of use nowhere else.
CREDENTIALS = {
    "apiKey": "local-api-key",
    "customerId": "C-LOCAL",
    "email": "dev@example.com",
    "password": "local-password",
    "receiptKey": "local-receipt-key",
}
# Overrides that let counters follow within a second, where somebody watches them; on AWS later is cheaper.
LIVE = {"CountFunction": {"Events": {"Changes": {"Properties": {"MaximumBatchingWindowInSeconds": 1}}}}}
RECEIPTS_PATH = f"/receipts/{ACCOUNT}/{CREDENTIALS['receiptKey']}"

# Workers of a function, for each of its queues, unless Options say otherwise: few, as this machine has
# few cores for all of them. More where somebody waits for the answer, so that one request that hangs at the vendor
# does not hold up the next.
WORKERS = 2
WORKERS_OF_A_ROUTE = 6


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. Ports 0 take free ones; `host` is what AWS and the gateway listen on.

    `parameters` replace the template's defaults, `overrides` its resources' properties (see `read_stack`),
    `variables` the environment of every function, `secret` fields of the account's secret. `concurrency`: workers by
    logical id of the function. `logs`: a directory for what the functions print; None drops it. `polls`: False for
    tests that feed the functions themselves. `template`: another one, with its functions beside it.
    """

    message_central_url: str
    callback_url: str = ""
    port: int = 0
    aws_port: int = 0
    host: str = "127.0.0.1"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, Any] = field(default_factory=dict)
    concurrency: Mapping[str, int] = field(default_factory=dict)
    logs: Path | None = None
    polls: bool = True
    template: Path = TEMPLATE


class Bridge(Service):
    """`with Bridge(Options(message_central_url=…)) as bridge:` then `bridge.url`, `.aws`, `.stack`, `.functions`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        log = options.logs / "aws.log" if options.logs else None
        self.aws = LocalAws(options.aws_port, host=options.host, log=log)
        self.stack: Stack = read_stack(
            STACK_NAME,
            {"AccountId": ACCOUNT, "MessageCentralUrl": options.message_central_url, **options.parameters},
            self.aws.url,
            overrides=options.overrides,
            template=options.template,
        )
        self.functions = {name: self._function(name) for name in self.stack.functions}
        console = Console(self.functions.values(), self.stack.widgets)
        self.gateway = Gateway(self.functions, port=options.port, host=options.host, console=console)
        self._pollers: list[Poller] = []

    @property
    def url(self) -> str:
        """The gateway's, without a trailing slash."""
        return self.gateway.url

    @property
    def receipts_url(self) -> str:
        """Where Message Central posts delivery reports of the local account."""
        return self.url + RECEIPTS_PATH

    @property
    def table(self) -> str:
        """The name of the SmsLog table."""
        return self.stack.tables["SmsLogTable"].name

    def start(self) -> Self:
        """Start everything. Raises StartError or OSError; what was started is stopped again then."""
        try:
            self.aws.start()
            secret = {**CREDENTIALS, "callbackUrl": self.options.callback_url, **self.options.secret}
            secret = {name: value for name, value in secret.items() if value}
            self.aws.create(self.stack, {f"{STACK_NAME}/{ACCOUNT}": secret})
            self.gateway.start()
            if self.options.polls:
                self.start_pollers()
        except BaseException:
            self.stop()
            raise
        return self

    def start_pollers(self) -> None:
        """Feed the functions from their queues and streams."""
        for function in self.functions.values():
            queues, streams = function.description.queues, function.description.streams
            share = max(1, function.concurrency // max(1, len(queues)))  # so that no queue holds up another
            self._pollers += [QueuePoller(self.aws, one, function, share) for one in queues]
            self._pollers += [StreamPoller(self.aws, one, function) for one in streams]
        for poller in self._pollers:
            poller.start()

    def stop_pollers(self) -> None:
        """Stop feeding the functions. Returns when the events under way are done; can be started again."""
        for poller in self._pollers:
            poller.stop()
        for poller in self._pollers:
            poller.join()
        self._pollers = []

    def stop(self) -> None:
        """End everything, whatever it is doing."""
        self.stop_working()
        self.aws.stop()

    def stop_working(self) -> None:
        """Take nothing in any more, and end what is under way. AWS stays, for who still reads there."""
        for poller in self._pollers:
            poller.stop()
        self.gateway.stop()
        for function in self.functions.values():
            function.stop()
        self.stop_pollers()

    def _function(self, name: str) -> Function:
        log = self.options.logs / f"{name}.log" if self.options.logs else None
        variables = {"AWS_ENDPOINT_URL": self.aws.url, **self.options.variables}
        description = self.stack.functions[name]
        workers = WORKERS_OF_A_ROUTE if description.routes else WORKERS * max(1, len(description.queues))
        workers = self.options.concurrency.get(name, workers)
        return Function(description, variables, concurrency=workers, log=log)
