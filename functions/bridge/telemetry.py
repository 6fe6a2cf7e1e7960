"""The one place that logs and measures. Phone numbers, texts, keys and tokens never get here."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from bridge.message import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.message import Outcome, Status

VERSION = (Path(__file__).parent / "VERSION").read_text().strip()

logger = Logger(use_rfc3339=True, location=None, xray_trace_id=None)
"""JSON lines; service and level come from POWERTOOLS_SERVICE_NAME and POWERTOOLS_LOG_LEVEL. Without place and trace, a
quarter of a line: each text stands at one place in the code, and nothing is traced.
"""

# Lambda gives the root logger the template's LogLevel. At DEBUG botocore logs whole requests, secrets and texts
# included, and urllib3 the URL of the token call.
for _library in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_library).setLevel(logging.WARNING)

TIME_TO_VENDOR: Mapping[str, str] = {"single": "SingleTimeToVendor", "batch": "BatchTimeToVendor"}
"""From accept to Message Central's call, by the lane. Of the whole stack, not by function: who promises something of
95 % of the messages has to count all of them together.
"""

MAX_VALUES = 99  # of one metric in one document: at 100, CloudWatch's limit, Powertools writes it on its own

STATUS_METRICS: Mapping[str, str] = {
    "sent": "MessagesSent",
    "rejected": "MessagesRejected",
    "retrying": "MessagesRetrying",
    "unknown": "MessagesUnknown",
    "expired": "MessagesExpired",
    "cancelled": "MessagesCancelled",
    "duplicate": "MessagesDuplicate",
}
# Causes that call for a person, each with the metric its alarm watches.
CAUSE_METRICS: Mapping[Cause, str] = {
    Cause.CREDENTIALS: "CredentialsRefused",
    Cause.CREDITS: "CreditsExhausted",
    Cause.GATEWAY: "GatewayAnswers",
    Cause.LOG: "LogUnavailable",
    Cause.LOG_REFUSED: "LogRefused",
    Cause.BREAKER: "SendingPaused",
    Cause.PAUSED: "HeldByOperators",
}


@dataclass(slots=True)
class InvocationMetrics:
    """What one invocation did: metrics by account and name, and over all accounts what the vendor said."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    latencies: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    verdicts: Counter[str] = field(default_factory=Counter)
    """By Message Central's code."""
    failures: Counter[str] = field(default_factory=Counter)
    """Of rejected messages, by their `Failure`."""
    causes: Counter[str] = field(default_factory=Counter)
    """Of postponed messages, by their `Cause`."""

    def add(self, account: str, metric: str, count: int = 1) -> None:
        """Count something of an account."""
        if count:
            self.counts[account][metric] += count

    def add_status(self, account: str, status: Status | str, count: int = 1) -> None:
        """Count messages by what became of them."""
        self.add(account, STATUS_METRICS[str(status)], count)

    def add_outcome(self, account: str, outcome: Outcome, seconds: float) -> None:
        """Count one attempt, which took so many seconds at the vendor."""
        self.add_status(account, outcome.status)
        if outcome.failure:
            self.failures[outcome.failure] += 1
        if outcome.vendor_code:
            self.verdicts[outcome.vendor_code] += 1
        self.latencies[account, "SendLatency"].append(seconds * 1_000)

    def add_time_to_vendor(self, account: str, lane: str, seconds: float) -> None:
        """Measure how long a message took from accept to the vendor's call; `lane` as `chunk.Lane`."""
        self.latencies[account, TIME_TO_VENDOR[lane]].append(seconds * 1_000)

    def add_postponed(self, account: str, cause: Cause) -> None:
        """Count a message that has to wait."""
        self.add(account, "MessagesPostponed")
        if cause in CAUSE_METRICS:
            self.add(account, CAUSE_METRICS[cause])
        self.causes[cause] += 1

    def emit(self) -> None:
        """Write everything as CloudWatch metrics (EMF), once by service and once by service and account; the times to
        the vendor once, of the stack.
        """
        for account in {*self.counts, *(account for account, _ in self.latencies)}:
            metrics = EphemeralMetrics()
            metrics.add_dimensions(service=str(metrics.service), account=account)
            for name, count in self.counts[account].items():
                metrics.add_metric(name, MetricUnit.Count, count)
            for (owner, name), values in self.latencies.items():
                if owner == account:
                    metrics.add_metric(name, MetricUnit.Milliseconds, 0.0)
                    metrics.metric_set[name]["Value"] = [round(value, 1) for value in _some(values)]
            if metrics.metric_set:
                _write(metrics.serialize_metric_set())

    def summary(self) -> dict[str, Any]:
        """All counts together, for a log line; what is empty is left out."""
        found = {
            "counts": sum(self.counts.values(), Counter[str]()),
            "verdicts": self.verdicts,
            "failures": self.failures,
            "postponed": self.causes,
        }
        return {name: dict(counts) for name, counts in found.items() if counts}


def fault_of(error: BaseException) -> dict[str, Any]:
    """An error's kind and place, for a log line. Its text may hold anything, and is left out."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    return {"error": type(error).__name__, "where": where}


def _some(values: Sequence[float]) -> Sequence[float]:
    """About a hundred of many values, spread over all of them: of messages the last ones took the longest."""
    return values[:: -(-len(values) // MAX_VALUES)]


def _write(document: Any) -> None:
    """Write one of Powertools' documents, without spaces, a tenth of it. What is of the stack has no dimensions."""
    [directive] = document["_aws"]["CloudWatchMetrics"]
    all_of = directive["Metrics"]
    of_stack = [metric for metric in all_of if metric["Name"] in TIME_TO_VENDOR.values()]
    if of_stack:
        directive["Metrics"] = [metric for metric in all_of if metric not in of_stack]
        document["_aws"]["CloudWatchMetrics"].append({**directive, "Dimensions": [[]], "Metrics": of_stack})
    sys.stdout.write(json.dumps(document, separators=(",", ":")) + "\n")
