"""How an invocation can fail."""

from __future__ import annotations

from typing import Any


class FunctionError(Exception):
    """A function did not give a result.

    FunctionError
    ├── HandlerError     the handler raised
    ├── TimedOutError    it ran longer than its Timeout and was killed
    ├── WorkerLostError  its process died
    └── ThrottledError   no worker was free
    """


class HandlerError(FunctionError):
    """The handler, or its import, raised. `report` has Lambda's errorType, errorMessage and stackTrace."""

    def __init__(self, name: str, report: dict[str, Any]) -> None:
        trace = "".join(report["stackTrace"])
        super().__init__(f"{name}: {report['errorType']}: {report['errorMessage']}\n{trace}")
        self.report = report


class TimedOutError(FunctionError):
    """The handler ran longer than the function's Timeout. Its process is dead."""


class WorkerLostError(FunctionError):
    """The process died before it answered."""


class ThrottledError(FunctionError):
    """Every worker is busy, and no more may be started."""
