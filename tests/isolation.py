"""What tests without processes beside them have in common: no sockets, the environment that the template gives the
functions, and log lines where pytest's capture sees them.
"""

from __future__ import annotations

import logging
import sys

import pytest
from pytest_socket import disable_socket, enable_socket

from bridge.telemetry import logger
from tests.fakes.environment import as_on_lambda


@pytest.fixture(autouse=True)
def functions_environment():
    with as_on_lambda():
        yield


@pytest.fixture(autouse=True)
def no_sockets():
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
def log_lines_are_captured(monkeypatch: pytest.MonkeyPatch):
    for handler in logging.getLogger(logger.name).handlers:
        if isinstance(handler, logging.StreamHandler):
            monkeypatch.setattr(handler, "stream", _Stdout())
