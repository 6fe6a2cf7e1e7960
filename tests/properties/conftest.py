"""Property tests: isolated as unit tests are (see tests/isolation.py)."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.isolation import functions_environment, log_lines_are_captured, no_sockets  # noqa: F401 - fixtures; first: handlers

# isort: split
from tests.unit.harness import Handlers

# How long an example takes is the machine's business: by default one that takes over 200 ms fails.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()
