"""Property tests: isolated as unit tests are (see tests/isolation.py)."""

from __future__ import annotations

import pytest

from tests.isolation import functions_environment, log_lines_are_captured, no_sockets  # noqa: F401 - fixtures; first: handlers

# isort: split
from tests.unit.harness import Handlers


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()
