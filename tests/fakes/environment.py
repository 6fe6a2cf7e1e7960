"""The environment that the template gives the functions, all of them together."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT = {
    "STACK_NAME": "bridge",
    "SMS_LOG_TABLE": "SmsLog",
    "CAMPAIGN_TABLE": "Campaigns",
    "DISPATCH_QUEUE_URL": "https://sqs.example/dispatch",
    "SINGLE_QUEUE_URL": "https://sqs.example/single",
    "RECEIPT_QUEUE_URL": "https://sqs.example/receipts",
    "RECEIPTS_WITHOUT_NUMBER": "false",
    "UNRECOGNISED_QUEUE_URL": "https://sqs.example/unrecognised",
    "REPORT_QUEUE_URL": "https://sqs.example/reports",
    "MESSAGE_CENTRAL_URL": "https://vendor.example",
    "MESSAGE_VALIDITY_HOURS": "24",
    "SEND_CONCURRENCY": "4",
    "WORKER_LIFETIME_SECONDS": "60",
    "RETENTION_DAYS": "30",
    "STORE_TEXT": "true",
    "LOG_GROUPS": "/aws/lambda/bridge-accept /aws/lambda/bridge-dispatch",
    "POWERTOOLS_SERVICE_NAME": "test",
    "POWERTOOLS_METRICS_NAMESPACE": "bridge",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}


@contextmanager
def as_on_lambda() -> Iterator[None]:
    """The environment of a function, while its handler is imported; afterwards it is as it was."""
    with patch.dict(os.environ, ENVIRONMENT):
        yield
