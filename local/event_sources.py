"""What makes a function run: routes of the HTTP API, queues and streams, as the template's `Events` say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.patterns import check_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTS_FAILURES = "ReportBatchItemFailures"


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the HTTP API. `path` may hold `{names}`."""

    method: str
    path: str

    @property
    def key(self) -> str:
        """As API Gateway writes it: `POST /sms`."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class QueueSource:
    """A queue that feeds a function. `maximum_concurrency`: invocations at the same time."""

    arn: str
    batch_size: int
    maximum_concurrency: int
    reports_failures: bool

    @property
    def queue_name(self) -> str:
        """The queue's name."""
        return self.arn.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class StreamSource:
    """A table's stream that feeds a function.

    `window` in seconds; `tumbling` the seconds of its tumbling window, 0 for none; `retries` -1: no limit; `bisects`: a
    failed batch is halved; `failures_arn`: the queue for what was given up.
    """

    arn: str
    batch_size: int
    window: float
    tumbling: int
    patterns: list[dict[str, Any]]
    reports_failures: bool
    retries: int
    bisects: bool
    failures_arn: str | None
    starting_position: str

    @property
    def table_name(self) -> str:
        """The table whose stream it is (`arn:…:table/<name>/stream/<label>`)."""
        return self.arn.split("/")[1]


def route(properties: Mapping[str, Any]) -> Route:
    """Read a SAM event of type HttpApi."""
    return Route(properties["Method"].upper(), properties["Path"])


def queue_source(properties: Mapping[str, Any]) -> QueueSource:
    """Read a SAM event of type SQS."""
    return QueueSource(
        arn=properties["Queue"],
        batch_size=int(properties.get("BatchSize", 10)),
        # 1,000 is what Lambda scales a queue to by itself.
        maximum_concurrency=int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 1000)),
        reports_failures=REPORTS_FAILURES in properties.get("FunctionResponseTypes", []),
    )


def stream_source(properties: Mapping[str, Any]) -> StreamSource:
    """Read a SAM event of type DynamoDB. Raises UnknownPatternError."""
    filters = properties.get("FilterCriteria", {}).get("Filters", [])
    patterns = [json.loads(one["Pattern"]) for one in filters]
    for pattern in patterns:
        check_pattern(pattern)
    return StreamSource(
        arn=properties["Stream"],
        batch_size=int(properties.get("BatchSize", 100)),
        window=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
        tumbling=int(properties.get("TumblingWindowInSeconds", 0)),
        patterns=patterns,
        reports_failures=REPORTS_FAILURES in properties.get("FunctionResponseTypes", []),
        retries=int(properties.get("MaximumRetryAttempts", -1)),
        bisects=bool(properties.get("BisectBatchOnFunctionError", False)),
        failures_arn=properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
        starting_position=properties["StartingPosition"],
    )
