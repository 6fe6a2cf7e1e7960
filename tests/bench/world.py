"""What the functions find on Lambda: their environment, their context, and events as AWS hands them over."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.bench.stub import LIMITED, SECRET, VERIFICATION_ID

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT = "BENCH-ACCOUNT"
TEXT = "Hello Asha, your order 4711 is on its way and will be with you this afternoon. Track it in the app."
CHUNK = 100
THREADS = 32

FUNCTIONS = ("accept", "dispatch", "receive", "report", "count", "console", "steer")
MODULES = {function: f"handlers.{function}" for function in FUNCTIONS}


def handler(function: str) -> str:
    """A function's handler as the template names it."""
    return f"{MODULES[function]}.handler"


def environment(function: str, url: str) -> dict[str, str]:
    """The variables that the template gives a function, all neighbours at one URL."""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "STACK_NAME": "bench",
        "SMS_LOG_TABLE": "SmsLog",
        "CAMPAIGN_TABLE": "CampaignTable",
        "DISPATCH_QUEUE_URL": f"{url}/dispatch",
        "SINGLE_QUEUE_URL": f"{url}/single",
        "RECEIPT_QUEUE_URL": f"{url}/receipts",
        "UNRECOGNISED_QUEUE_URL": f"{url}/unrecognised",
        "REPORT_QUEUE_URL": f"{url}/reports",
        "RECEIPTS_WITHOUT_NUMBER": "false",
        "MESSAGE_CENTRAL_URL": url,
        "MESSAGE_VALIDITY_HOURS": "24",
        "WORKER_LIFETIME_SECONDS": "60",
        "RETENTION_DAYS": "30",
        "STORE_TEXT": "true",
        "LOG_GROUPS": "/aws/lambda/bench-console",
        "POWERTOOLS_SERVICE_NAME": function,
        "POWERTOOLS_METRICS_NAMESPACE": "clevertap-sms",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        **({"SEND_CONCURRENCY": str(THREADS)} if function == "dispatch" else {}),
    }


class Context:
    """Lambda's context object, as far as the functions and Powertools read it."""

    aws_request_id = "8f5a6f2e-0000-4000-8000-000000000000"
    function_name = "bench"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:bench"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


def number(index: int) -> str:
    return f"+9198{index % 100_000_000:08}"


def accept_event(records: int) -> dict[str, Any]:
    """A request of CleverTap's."""
    messages = [{"to": number(i)[1:], "text": TEXT, "messageId": uuid.uuid4().hex * 2} for i in range(records)]
    body = {"campaignId": "1700000000", "messages": messages} if records > 1 else messages[0]
    headers = {"account": ACCOUNT, "x-api-key": SECRET["apiKey"], "content-type": "application/json"}
    return {"version": "2.0", "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}


def dispatch_event(messages: int, account: str = ACCOUNT) -> dict[str, Any]:
    """Chunks from the queue."""
    sizes = [min(CHUNK, messages - start) for start in range(0, messages, CHUNK)]
    return {"Records": [{"messageId": str(place), "body": _chunk(size, account)} for place, size in enumerate(sizes)]}


def _chunk(size: int, account: str) -> str:
    entries = [
        {
            "to": number(i),
            "cc": "91",
            "id": uuid.uuid4().hex * 2,
            "text": TEXT,
            "segments": 1,
            "campaignId": "1700000000",
        }
        for i in range(size)
    ]
    return json.dumps({"account": account, "acceptedAt": _now(), "attempts": 0, "request": "r", "messages": entries})


def receive_event(receipts: int) -> dict[str, Any]:
    """Delivery reports of Message Central's, in one call."""
    document = [
        {"verificationId": VERIFICATION_ID, "mobileNumber": number(i)[1:], "status": "DELIVRD"} for i in range(receipts)
    ]
    return {
        "version": "2.0",
        "pathParameters": {"account": ACCOUNT, "receiptKey": SECRET["receiptKey"]},
        "rawQueryString": "",
        "body": json.dumps(document),
        "isBase64Encoded": False,
    }


def report_event(changes: int) -> dict[str, Any]:
    """Final statuses from the table's stream."""
    return {"Records": [{"eventName": "MODIFY", "dynamodb": _change(i)} for i in range(changes)]}


def _change(index: int) -> dict[str, Any]:
    new = {
        "recipient": {"S": number(index)},
        "messageId": {"S": f"{ACCOUNT}/{uuid.uuid4().hex * 2}"},
        "account": {"S": ACCOUNT},
        "status": {"S": "delivered"},
        "attempts": {"N": "1"},
        "expiresAt": {"N": "1798761600"},
        "acceptedAt": {"S": _now()},
        "finalAt": {"S": _now()},
        "report": {"BOOL": True},
        "segments": {"N": "1"},
        "text": {"S": TEXT},
    }
    return {"SequenceNumber": str(index), "NewImage": new, "OldImage": {**new, "status": {"S": "sent"}}}


def count_event(changes: int) -> dict[str, Any]:
    """The stream once more: messages that were claimed, of one campaign."""
    images = [_change(i) for i in range(changes)]
    claimed = {"status": {"S": "sending"}, "campaignId": {"S": "1700000000"}}
    records = [
        {
            "eventName": "INSERT",
            "dynamodb": {"SequenceNumber": one["SequenceNumber"], "NewImage": one["NewImage"] | claimed},
        }
        for one in images
    ]
    return {"shardId": "shardId-00000001700000000000-bench", "Records": records, "state": {}}


def console_event(_: int) -> dict[str, Any]:
    """CloudWatch shows the operators' page: an account's campaigns."""
    arns = {name: f"arn:aws:lambda:eu-west-1:000000000000:function:{name}:live" for name in ("console", "steer")}
    return {"widgetContext": {"params": {"account": ACCOUNT, **arns}, "forms": {"all": {}}, "theme": "light"}}


def steer_event(_: int) -> dict[str, Any]:
    """A button of it was pressed: a campaign is paused."""
    return {**console_event(1), "view": "pause", "account": ACCOUNT, "campaign": "1700000000"}


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


LIMITED_DISPATCH = "dispatch, limited"
"""The contestant that is dispatch with messages of an account that has limits."""

LEAST_CALLS = {"accept": 0.001, "dispatch": 2, LIMITED_DISPATCH: 2, "receive": 2, "report": 0.01, "count": 0.001}
"""Requests to the stub for each message: with fewer a function did not do its work, and was not measured at it."""

EVENTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "accept": accept_event,
    "dispatch": dispatch_event,
    LIMITED_DISPATCH: partial(dispatch_event, account=LIMITED),
    "receive": receive_event,
    "report": report_event,
    "count": count_event,
    "console": console_event,
    "steer": steer_event,
}
