"""Unit tests: no sockets, the environment that the template gives the functions, and a clock that stands."""

from __future__ import annotations

import logging
import os
import sys

import pytest
from pytest_socket import disable_socket, enable_socket

from bridge.telemetry import logger
from tests.fakes.clock import Clock
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.environment import ENVIRONMENT
from tests.fakes.secrets_manager import FakeSecretsManager
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, secret

os.environ |= ENVIRONMENT  # handlers read it when they are imported

from tests.unit.harness import Bridge, Handlers  # noqa: E402 - after that


@pytest.fixture(autouse=True)
def _no_sockets():
    disable_socket()
    yield
    enable_socket()


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
def bridge() -> Bridge:
    return Bridge()


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()
