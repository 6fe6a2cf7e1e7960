"""Integration tests: what they share over sockets."""

from __future__ import annotations

from tests.fakes.raw_server import certificate, serving  # noqa: F401 - fixtures
