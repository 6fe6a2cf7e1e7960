"""What a million messages cost at AWS's list prices: counted from what each message makes AWS do, and measured times.

Prices: US East (N. Virginia), arm64, without free tiers, in US dollars. They change, and differ elsewhere: look
before you rely on them.
"""

from __future__ import annotations

from dataclasses import dataclass

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
ACCEPT_GB, DISPATCH_GB, RECEIVE_GB, REPORT_GB, COUNT_GB = 288 / 1_024, 1.0, 0.5, 0.25, 0.25
FULL_CPU_GB = 1_769 / 1_024  # with so much memory a function has one CPU, with less its share
RETENTION_MONTHS = 1.0

# Counted with the bench's messages (a text of 100 characters) and AWS's latency.
AWS_SECONDS = 0.005
VENDOR_SECONDS = 0.350
ITEM_BYTES = 550  # of SmsLog, with DynamoDB's own 100
SENT_BYTES = 900  # of a send call, with its headers and TLS
ACCESS_LOG_BYTES = 350
# Ours: a line and the metrics. Lambda writes none of its own on what goes well.
SINGLE_LOG_BYTES = 790
BATCH_LOG_BYTES = 630
DISPATCH_LOG_BYTES = 2_100  # of 1,000 messages
RECEIVE_LOG_BYTES = 520
REPORT_LOG_BYTES = 570
COUNT_LOG_BYTES = 300
COUNT_CPU = 0.065  # seconds on one CPU for a batch of 1,000 changes, 1 MB of JSON
COUNT_ITEM_KB = 3  # a campaign's item with the places of a day's shards
# What single messages share: controls that an instance reads every five seconds, counts that are written every ten. The
# more there are, the less of it falls on each.
SINGLES_A_SECOND = 10
CONTROL_SECONDS, COUNT_SECONDS = 5, 10
CONTROL_ITEMS = 2  # the account's and the campaign's
LOOK_SECONDS = 2  # how often dispatch reads them while it sends


@dataclass(frozen=True)
class Measured:
    """CPU seconds a record or call, and wall seconds of 1,000 messages at 350 ms."""

    accept_single: float
    accept_record: float
    dispatch_thousand: float
    receipt: float
    report: float


def _lambda(gigabytes: float, cpu: float, waiting: float) -> float:
    """One invocation: its request and its time. A part of a CPU takes that much longer."""
    seconds = cpu * max(1.0, FULL_CPU_GB / gigabytes) + waiting
    return LAMBDA_REQUEST + gigabytes * seconds * LAMBDA_GB_SECOND


def _log(size: float) -> float:
    return size / GB * LOGS_GB


def _kept() -> float:
    """Claim, outcome, storage and backup of one message."""
    return 2 * DYNAMODB_WRITE + ITEM_BYTES / GB * (DYNAMODB_GB_MONTH + BACKUP_GB_MONTH) * RETENTION_MONTHS


def _counts(batches: float) -> float:
    """Batches of the log's changes that are counted, each in one campaign; their reading is free."""
    update = COUNT_ITEM_KB * DYNAMODB_WRITE
    return batches * (update + _lambda(COUNT_GB, COUNT_CPU, AWS_SECONDS) + _log(COUNT_LOG_BYTES))


def batched(found: Measured) -> dict[str, float]:
    """A million messages that come 1,000 in a request."""
    requests = MILLION / 1_000
    sqs = 2 * 5 + 1  # a request's ten chunks are 290 KB, sent and received; and one deletion
    invocations = _lambda(ACCEPT_GB, 1_000 * found.accept_record, AWS_SECONDS)
    invocations += LAMBDA_REQUEST + DISPATCH_GB * found.dispatch_thousand * LAMBDA_GB_SECOND
    looks = 1 + found.dispatch_thousand / LOOK_SECONDS
    logs = _log(BATCH_LOG_BYTES + DISPATCH_LOG_BYTES + ACCESS_LOG_BYTES)
    return {
        "DynamoDB": MILLION * _kept() + requests * looks * CONTROL_ITEMS * DYNAMODB_READ,
        "Lambda": requests * invocations,
        # Two changes a message, 1,000 in a batch, and not all batches full; and accept's update for each request.
        "counts": _counts(requests * 4) + requests * COUNT_ITEM_KB * DYNAMODB_WRITE,
        "API, SQS, logs": requests * (HTTP_API_REQUEST + sqs * SQS_REQUEST + logs),
        "traffic": MILLION * SENT_BYTES / GB * TRAFFIC_GB,
    }


def single(found: Measured) -> dict[str, float]:
    """A million messages that come one by one and are sent while CleverTap waits."""
    waiting = VENDOR_SECONDS + 2 * AWS_SECONDS
    logs = _log(SINGLE_LOG_BYTES + ACCESS_LOG_BYTES)
    instances = max(1.0, SINGLES_A_SECOND * waiting)
    looks = instances / CONTROL_SECONDS / SINGLES_A_SECOND
    return {
        "DynamoDB": MILLION * (_kept() + looks * CONTROL_ITEMS * DYNAMODB_READ),
        "Lambda": MILLION * _lambda(ACCEPT_GB, found.accept_single, waiting),
        "counts": _counts(MILLION / SINGLES_A_SECOND / COUNT_SECONDS),
        "API, SQS, logs": MILLION * (HTTP_API_REQUEST + logs),
        "traffic": MILLION * SENT_BYTES / GB * TRAFFIC_GB,
    }


def receipts(found: Measured) -> dict[str, float]:
    """A million delivery reports that come one by one, and their callbacks 100 at a time."""
    logs = _log(RECEIVE_LOG_BYTES + ACCESS_LOG_BYTES)
    report = _lambda(REPORT_GB, 100 * found.report, VENDOR_SECONDS) + _log(REPORT_LOG_BYTES)
    return {
        "DynamoDB": MILLION * (DYNAMODB_READ + DYNAMODB_WRITE),
        "Lambda": MILLION * _lambda(RECEIVE_GB, found.receipt, 2 * AWS_SECONDS) + MILLION / 100 * report,
        "counts": _counts(MILLION / SINGLES_A_SECOND / COUNT_SECONDS),
        "API, SQS, logs": MILLION * (HTTP_API_REQUEST + logs),
    }
