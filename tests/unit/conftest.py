"""Unit tests: no sockets, and the bridge put together from fakes."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_socket import disable_socket, enable_socket

from bridge.delivery import Delivery
from bridge.dispatching import Dispatcher
from bridge.intake import Intake
from bridge.queues import Queue
from bridge.send_log import SendLog
from bridge.telemetry import Tally, logger
from tests.fakes.clock import Clock
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.secrets_manager import FakeSecretsManager
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, account, secret
from tests.fakes.vendor import FakeVendor
from tests.unit.doors import Doors

LIFETIME = 60.0


@pytest.fixture(autouse=True)
def _no_sockets():
    disable_socket()
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch):
    """What the template gives the functions."""
    for name, value in {
        "STACK_NAME": "bridge",
        "SMS_LOG_TABLE": "SmsLog",
        "DISPATCH_QUEUE_URL": "https://sqs.example/dispatch",
        "MESSAGE_CENTRAL_URL": "https://vendor.example",
        "MESSAGE_VALIDITY_HOURS": "24",
        "SEND_CONCURRENCY": "4",
        "WORKER_LIFETIME_SECONDS": "60",
        "RETENTION_DAYS": "30",
        "STORE_TEXT": "true",
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "bridge",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }.items():
        monkeypatch.setenv(name, value)


class _Stdout:
    """Whatever `sys.stdout` is at the moment, so that what is logged is seen by pytest's capture."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture(autouse=True)
def _log_lines_are_captured(monkeypatch: pytest.MonkeyPatch):
    for handler in logging.getLogger(logger.name).handlers:
        if isinstance(handler, logging.StreamHandler):
            monkeypatch.setattr(handler, "stream", _Stdout())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dynamodb() -> FakeDynamoDB:
    return FakeDynamoDB()


@pytest.fixture
def sqs(clock: Clock) -> FakeSQS:
    return FakeSQS(clock)


@pytest.fixture
def secrets() -> FakeSecretsManager:
    return FakeSecretsManager({f"bridge/{ACCOUNT_ID}": secret()})


@pytest.fixture
def vendor() -> FakeVendor:
    return FakeVendor()


@pytest.fixture
def log(dynamodb: FakeDynamoDB, clock: Clock) -> SendLog:
    return send_log(dynamodb, clock)


def send_log(dynamodb: FakeDynamoDB, clock: Clock, **changes: Any) -> SendLog:
    options = {"retention_days": 30, "store_text": True, "clock": clock, "pause": clock.sleep} | changes
    return SendLog("SmsLog", dynamodb, **options)


@dataclass
class Accounts:
    """Accounts by id; an exception in the place of one is raised."""

    known: dict[str, Any] = field(default_factory=lambda: {ACCOUNT_ID: account()})

    def get(self, name: str) -> Any:
        found = self.known[name]
        if isinstance(found, Exception):
            raise found
        return found


class Bridge:
    """The bridge above the vendor's client, on fakes."""

    def __init__(self, concurrency: int = 1) -> None:
        self.clock = Clock()
        self.dynamodb = FakeDynamoDB()
        self.sqs = FakeSQS(self.clock)
        self.vendor = FakeVendor()
        self.accounts = Accounts()
        self.log = send_log(self.dynamodb, self.clock)
        self.queue = Queue("https://sqs.example/dispatch", self.sqs, self.clock.sleep)
        self.delivery = Delivery(self.log, self.vendor, LIFETIME, self.clock)
        self.intake = Intake(self.delivery, self.log, self.queue, self.clock)
        self.dispatcher = Dispatcher(
            self.delivery,
            self.log,
            self.queue,
            self.accounts,
            concurrency=concurrency,
            validity_seconds=86_400,
            clock=self.clock,
        )
        self.tally = Tally()

    def counts(self) -> dict[str, int]:
        return {name: count for name, count in self.tally.summary()["counts"].items() if count}


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


@pytest.fixture
def doors(_environment: None, monkeypatch: pytest.MonkeyPatch) -> Doors:
    return Doors(monkeypatch)
