"""Looks at a stack's alarms for some minutes, and fails as soon as one is on that fired after a deployment began.

python -m scripts.watch_alarms --stack clevertap-sms --since 2026-11-28T06:00:00Z --minutes 15
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECONDS = 30  # between two looks


def main(
    arguments: Sequence[str] | None = None,
    client: Any = None,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Watch. 1: an alarm fired."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", required=True, help="the stack's name")
    parser.add_argument("--since", required=True, type=moment, help="when the deployment began, with its offset or Z")
    parser.add_argument("--minutes", type=float, required=True, help="how long")
    options = parser.parse_args(arguments)
    client = client or boto3.Session().client("cloudwatch")
    for looks_left in reversed(range(int(options.minutes * 60 / SECONDS) + 1)):
        if new := on(client, options.stack, options.since):
            print(f"fired after the deployment began: {', '.join(sorted(new))}", file=sys.stderr)
            return 1
        if looks_left:
            sleep(SECONDS)
    return 0


def moment(text: str) -> datetime:
    """A time with an offset, as an argument. Raises ValueError, which argparse shows."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(text)
    return when


def on(client: Any, stack: str, since: datetime) -> set[str]:
    """The names of the stack's alarms that are on, and fired after a time."""
    pages = client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-", StateValue="ALARM")
    alarms = (alarm for page in pages for alarm in page["MetricAlarms"])
    return {alarm["AlarmName"] for alarm in alarms if alarm["StateTransitionedTimestamp"] >= since}


if __name__ == "__main__":
    sys.exit(main())
