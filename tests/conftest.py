"""For all tests: whatever is logged, at any level, by anybody, must hold no secret, no text and no phone number."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from bridge.errors import BridgeError
from bridge.telemetry import logger
from tests.fakes.leaks import LogWatch, leaks

WATCHED = "bridge_log_watch"


@pytest.fixture(scope="session", autouse=True)
def _everything_is_logged_and_watched(request: pytest.FixtureRequest):
    """All loggers at DEBUG, into a watch that every test is judged by."""
    watch = LogWatch()
    setattr(request.config, WATCHED, watch)
    loggers = [logging.getLogger(), logging.getLogger(logger.name)]
    before = [one.level for one in loggers]
    for one in loggers:
        one.addHandler(watch)
        one.setLevel(logging.DEBUG)
    texts = pytest.MonkeyPatch()
    original = BridgeError.__init__

    def noting(self: BridgeError, *arguments: Any) -> None:
        watch.lines.append(f"{type(self).__name__}: {arguments}")
        original(self, *arguments)

    texts.setattr(BridgeError, "__init__", noting)
    yield
    texts.undo()
    for one, level in zip(loggers, before, strict=True):
        one.removeHandler(watch)
        one.setLevel(level)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Fail a test in which something was written that must not be."""
    report: pytest.TestReport = yield
    watch: LogWatch | None = getattr(item.config, WATCHED, None)
    if watch is None:
        return report
    ours = bool({"unit", "properties"} & {*item.path.parts})  # other tests talk to people, and show numbers
    written = {
        "a log record": "\n".join(watch.take()),
        "stdout": report.capstdout if ours else "",
        "stderr": report.capstderr if ours else "",
    }
    found = {where: names for where, what in written.items() if (names := leaks(what, numbers=ours))}
    if found and not item.get_closest_marker("leaks_on_purpose") and report.outcome == "passed":
        report.outcome = "failed"
        report.longrepr = f"leaked in {call.when}: {found}"
    return report


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "leaks_on_purpose: shows that the watch sees leaks")
    config.addinivalue_line("markers", "fault(id, ...): shows what happens at these faults of docs/operations.md")
