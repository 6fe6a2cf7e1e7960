"""Unit tests: isolated (see tests/isolation.py), over fakes and a clock that stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.isolation import functions_environment, log_lines_are_captured, no_sockets  # noqa: F401 - fixtures; first: handlers

# isort: split
from tests.fakes.clock import Clock
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.log import new_log
from tests.fakes.secrets_manager import FakeSecretsManager
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, secret
from tests.unit.harness import Bridge, Handlers
from tests.unit.receipt_harness import ReceiptHarness

if TYPE_CHECKING:
    from bridge.log.log import Log


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dynamodb() -> FakeDynamoDB:
    return FakeDynamoDB()


@pytest.fixture
def log(dynamodb: FakeDynamoDB, clock: Clock) -> Log:
    return new_log(dynamodb, clock)


@pytest.fixture
def sqs(clock: Clock) -> FakeSQS:
    return FakeSQS(clock)


@pytest.fixture
def secrets() -> FakeSecretsManager:
    return FakeSecretsManager({f"bridge/{ACCOUNT_ID}": secret()})


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
def harness() -> ReceiptHarness:
    return ReceiptHarness()
