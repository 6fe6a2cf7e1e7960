"""Puts the bridge together from the function's environment. Made once, while the function starts."""

from __future__ import annotations

import os
import time
from functools import cache

from bridge import aws
from bridge.accounts import Accounts
from bridge.delivery import Delivery
from bridge.message_central.client import MessageCentral
from bridge.queues import Queue
from bridge.send_log import SETTLERS, SendLog

HOUR = 3_600


@cache
def accounts() -> Accounts:
    """The accounts of this stack."""
    return Accounts(os.environ["STACK_NAME"], aws.secrets_manager(), time.time)


@cache
def send_log() -> SendLog:
    """The log."""
    threads = max(send_concurrency(), SETTLERS)
    return SendLog(
        os.environ["SMS_LOG_TABLE"],
        aws.dynamodb(threads),
        retention_days=int(os.environ["RETENTION_DAYS"]),
        store_text=os.environ["STORE_TEXT"] == "true",
        clock=time.time,
    )


@cache
def delivery() -> Delivery:
    """What sends a message."""
    vendor = MessageCentral(os.environ["MESSAGE_CENTRAL_URL"], send_concurrency(), accounts().reload, time.time)
    return Delivery(send_log(), vendor, float(os.environ["WORKER_LIFETIME_SECONDS"]), time.time)


@cache
def dispatch_queue() -> Queue:
    """The queue of chunks."""
    return Queue(os.environ["DISPATCH_QUEUE_URL"], aws.sqs())


def send_concurrency() -> int:
    """How many messages of one worker are at the vendor at once; accept sends one."""
    return int(os.environ.get("SEND_CONCURRENCY", "1"))
