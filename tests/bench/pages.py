"""How long the operators' page takes with a full log: `python -m tests.bench.pages` prints JSON, seconds by page.

What `make run` starts, with rows and counters laid into its tables: the page's own HTTP, the handler in its worker
process, and moto for DynamoDB, which is slower than DynamoDB is. In a process of its own, as it needs the development
environment.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import urllib3

from local.bridge import Bridge, Options
from local.names import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES, CAMPAIGNS = 100_000, 200
OF_ONE_NUMBER = 100
CALLS = 20
BATCH = 25

http = urllib3.PoolManager(timeout=60)


def number(index: int) -> str:
    """The recipient of a message; the first hundred went to one."""
    return f"+9198{index // OF_ONE_NUMBER if index < OF_ONE_NUMBER else index:08}"


def rows() -> Iterator[dict[str, Any]]:
    """The log."""
    for index in range(MESSAGES):
        at = f"2026-11-28T{index // 3_600 % 24:02}:{index // 60 % 60:02}:{index % 60:02}.000Z"
        texts = {
            "recipient": number(index),
            "messageId": f"{ACCOUNT}/m-{index}",
            "account": ACCOUNT,
            "status": "delivered",
            "campaignId": campaign(index % CAMPAIGNS),
            "text": "Your order is on its way. " * 4,
            "claimedBy": f"5b56e810-b084-4d0b-bd7c-b75d560b1338/{index}",
            "verificationId": str(index),
            **dict.fromkeys(("acceptedAt", "claimedAt", "sentAt", "finalAt"), at),
        }
        numbers = {"attempts": "1", "segments": "1", "expiresAt": "1900000000"}
        yield {
            **{name: {"S": value} for name, value in texts.items()},
            **{name: {"N": value} for name, value in numbers.items()},
            "report": {"BOOL": True},
        }


def campaign(index: int) -> str:
    """A campaign's id."""
    return f"campaign-{index:03}"


def counters() -> Iterator[dict[str, Any]]:
    """What is counted of them."""
    each = {"N": str(MESSAGES // CAMPAIGNS)}
    for index in range(CAMPAIGNS):
        at = {"S": f"2026-11-28T10:{index % 60:02}:00.000Z"}
        item = {"account": {"S": ACCOUNT}, "campaign": {"S": campaign(index)}, "firstAt": at, "lastAt": at}
        yield {**item, **dict.fromkeys(("accepted", "acceptedParts", "n_delivered", "parts_delivered"), each)}


def lay(bridge: Bridge) -> None:
    """Write it all into the tables. boto3 would take minutes for it; moto looks at no signature."""
    headers = {
        "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=local/20261128/{REGION}/dynamodb/aws4_request",
    }
    for table, found in ((bridge.table, rows()), (bridge.stack.tables["CampaignTable"].name, counters())):
        for items in batched(found):
            body = {"RequestItems": {table: [{"PutRequest": {"Item": item}} for item in items]}}
            answer = http.request("POST", bridge.aws.url, json=body, headers=headers)
            if answer.status != 200 or answer.json()["UnprocessedItems"]:
                raise RuntimeError(f"{answer.status} {answer.data[:200]!r}")


def batched(items: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As many as one call takes."""
    while batch := [*islice(items, BATCH)]:
        yield batch


def measured(bridge: Bridge) -> dict[str, list[float]]:
    """Seconds of each page's calls."""
    widget = http.request("GET", f"{bridge.url}/console/widget").json()
    one = {"number": number(0), "message_id": "m-7"}
    pages: dict[str, tuple[dict[str, str], str]] = {
        "the list of campaigns": ({}, f"1 to 25 of {CAMPAIGNS}"),
        "its last page": ({"view": "campaigns", "first": str(CAMPAIGNS - 25)}, f"of {CAMPAIGNS}"),
        "one campaign": ({"view": "campaign", "campaign": campaign(7)}, "came from CleverTap"),
        f"the {OF_ONE_NUMBER} messages to one number": ({"view": "messages", **one, "message_id": ""}, "m-99"),
        "one message": ({"view": "message", **one}, "taken by Message Central"),
    }
    found: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(CALLS):  # in turns
        for name, (pressed, said) in pages.items():
            event = {**pressed, "account": ACCOUNT, "widgetContext": {"params": widget["params"]}}
            begun = time.perf_counter()
            answer = http.request("POST", f"{bridge.url}/console/call", json={**widget, "event": event})
            found[name].append(time.perf_counter() - begun)
            if said not in answer.json():
                raise RuntimeError(f"{name} shows something else: {answer.data[:500]!r}")
    return found


def main() -> None:
    """Measure, and print."""
    with Bridge(Options(message_central_url="http://127.0.0.1:9", polls=False)) as bridge:
        lay(bridge)
        measured(bridge)  # the first call starts the worker
        json.dump(measured(bridge), sys.stdout)


if __name__ == "__main__":
    main()
