"""What a million messages cost at AWS's list prices: counted from what each message makes AWS do, and measured times.

Prices: US East (N. Virginia), arm64, without free tiers, in US dollars. They change, and differ elsewhere: look
before you rely on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MILLION = 1_000_000
GB = 1_024**3

LAMBDA_GB_SECOND = 0.0000133334  # arm64
LAMBDA_REQUEST = 0.20 / MILLION
HTTP_API_REQUEST = 1.00 / MILLION  # for each 512 KB
SQS_REQUEST = 0.40 / MILLION  # for each 64 KB
DYNAMODB_WRITE = 0.625 / MILLION  # on demand, for each KB
DYNAMODB_READ = 0.125 / MILLION  # on demand, strongly consistent, for each 4 KB
DYNAMODB_GB_MONTH = 0.25
BACKUP_GB_MONTH = 0.20  # point-in-time recovery
LOGS_GB = 0.50  # CloudWatch Logs, taken in; metrics come as log lines
TRAFFIC_GB = 0.09  # out to the internet

# The template's.
ACCEPT_GB, DISPATCH_GB, RECEIVE_GB, REPORT_GB, COUNT_GB = 288 / 1_024, 0.5, 0.25, 0.25, 0.25
FULL_CPU_GB = 1_769 / 1_024  # with so much memory a function has one CPU, with less its share
RETENTION_MONTHS = 1.0

# Counted with the bench's messages (a text of 100 characters) and AWS's latency.
AWS_SECONDS = 0.005
VENDOR_SECONDS = 0.350
THREADS = 32  # of a worker
ITEM_BYTES = 550  # of SmsLog, with DynamoDB's own 100
SENT_BYTES = 900  # of a send call, with its headers and TLS
ACCESS_LOG_BYTES = 180
COUNT_ITEM_KB = 3  # a campaign's item with the places of a day's shards
# What single messages share: controls that an instance reads every five seconds, counts that are written every ten. The
# more there are, the less of it falls on each.
SINGLES_A_SECOND = 10
CONTROL_SECONDS, COUNT_SECONDS = 5, 10
CONTROL_ITEMS = 2  # the account's and the campaign's
LOOK_SECONDS = 2  # how often dispatch reads them while it sends


@dataclass(frozen=True)
class Measured:
    """CPU seconds a record, call or change that is counted; and of 1,000 messages at 350 ms wall seconds, too."""

    accept_single: float
    accept_record: float
    dispatch_thousand: float
    dispatch_cpu: float
    receipt: float
    report: float
    change: float
    logs: Mapping[str, float]
    """Bytes of log of an invocation, by function and what came to it: "accept 1"."""


def slower(gigabytes: float) -> float:
    """How many times as long a function with so much memory works as on a whole CPU."""
    return max(1.0, FULL_CPU_GB / gigabytes)


def dispatch_seconds(found: Measured, gigabytes: float) -> float:
    """How long a worker has to do with 1,000 messages. Its threads wait at the same time: each adds its own part of the
    slower work.
    """
    more = (slower(gigabytes) - 1) * found.dispatch_cpu
    return max(found.dispatch_thousand + more / THREADS, slower(gigabytes) * found.dispatch_cpu)


def _lambda(gigabytes: float, cpu: float, waiting: float) -> float:
    """One invocation: its request and its time."""
    return LAMBDA_REQUEST + gigabytes * (cpu * slower(gigabytes) + waiting) * LAMBDA_GB_SECOND


def _log(size: float) -> float:
    return size / GB * LOGS_GB


def _kept() -> float:
    """Claim, outcome, storage and backup of one message."""
    return 2 * DYNAMODB_WRITE + ITEM_BYTES / GB * (DYNAMODB_GB_MONTH + BACKUP_GB_MONTH) * RETENTION_MONTHS


def _counts(found: Measured, batches: float, changes: float) -> float:
    """Batches of so many of the log's changes that are counted, each in one campaign; their reading is free."""
    update = COUNT_ITEM_KB * DYNAMODB_WRITE
    return batches * (update + _lambda(COUNT_GB, changes * found.change, AWS_SECONDS) + _log(found.logs["count 1000"]))


def batched(found: Measured, gigabytes: float = DISPATCH_GB) -> dict[str, float]:
    """A million messages that come 1,000 in a request; `gigabytes` is dispatch's memory."""
    requests = MILLION / 1_000
    sqs = 2 * 5 + 1  # a request's ten chunks are 290 KB, sent and received; and one deletion
    invocations = _lambda(ACCEPT_GB, 1_000 * found.accept_record, AWS_SECONDS)
    seconds = dispatch_seconds(found, gigabytes)
    invocations += LAMBDA_REQUEST + gigabytes * seconds * LAMBDA_GB_SECOND
    looks = 1 + seconds / LOOK_SECONDS
    logs = _log(found.logs["accept 1000"] + found.logs["dispatch 1000"] + ACCESS_LOG_BYTES)
    return {
        "DynamoDB": MILLION * _kept() + requests * looks * CONTROL_ITEMS * DYNAMODB_READ,
        "Lambda": requests * invocations,
        # Two changes a message, 1,000 in a batch, and not all batches full; and accept's update for each request.
        "counts": _counts(found, requests * 4, 500) + requests * COUNT_ITEM_KB * DYNAMODB_WRITE,
        "API, SQS, logs": requests * (HTTP_API_REQUEST + sqs * SQS_REQUEST + logs),
        "traffic": MILLION * SENT_BYTES / GB * TRAFFIC_GB,
    }


def single(found: Measured, gigabytes: float = ACCEPT_GB) -> dict[str, float]:
    """A million messages that come one by one and are sent while CleverTap waits; `gigabytes` is accept's memory."""
    waiting = VENDOR_SECONDS + 2 * AWS_SECONDS
    logs = _log(found.logs["accept 1"] + ACCESS_LOG_BYTES)
    instances = max(1.0, SINGLES_A_SECOND * waiting)
    looks = instances / CONTROL_SECONDS / SINGLES_A_SECOND
    batches = MILLION / SINGLES_A_SECOND / COUNT_SECONDS
    return {
        "DynamoDB": MILLION * (_kept() + looks * CONTROL_ITEMS * DYNAMODB_READ),
        "Lambda": MILLION * _lambda(gigabytes, found.accept_single, waiting),
        "counts": _counts(found, batches, 2 * MILLION / batches),
        "API, SQS, logs": MILLION * (HTTP_API_REQUEST + logs),
        "traffic": MILLION * SENT_BYTES / GB * TRAFFIC_GB,
    }


def receipts(found: Measured, gigabytes: float = RECEIVE_GB) -> dict[str, float]:
    """A million delivery reports that come one by one, and their callbacks 100 at a time; `gigabytes` is receive's
    memory.
    """
    logs = _log(found.logs["receive 1"] + ACCESS_LOG_BYTES)
    report = _lambda(REPORT_GB, 100 * found.report, VENDOR_SECONDS) + _log(found.logs["report 100"])
    batches = MILLION / SINGLES_A_SECOND / COUNT_SECONDS
    return {
        "DynamoDB": MILLION * (DYNAMODB_READ / 2 + DYNAMODB_WRITE),  # read as it was a moment ago: half the price
        "Lambda": MILLION * _lambda(gigabytes, found.receipt, 2 * AWS_SECONDS) + MILLION / 100 * report,
        "counts": _counts(found, batches, MILLION / batches),
        "API, SQS, logs": MILLION * (HTTP_API_REQUEST + logs),
    }
