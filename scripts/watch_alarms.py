"""Looks at a stack's alarms for some minutes, and fails as soon as one fires that did not before.

python -m scripts.watch_alarms --stack clevertap-sms --minutes 15
"""

from __future__ import annotations

import argparse
import sys
import time
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
    parser.add_argument("--minutes", type=float, required=True, help="how long")
    options = parser.parse_args(arguments)
    client = client or boto3.Session().client("cloudwatch")
    before = on(client, options.stack)
    for _ in range(int(options.minutes * 60 / SECONDS)):
        sleep(SECONDS)
        if new := on(client, options.stack) - before:
            print(f"fired after the deployment: {', '.join(sorted(new))}", file=sys.stderr)
            return 1
    return 0


def on(client: Any, stack: str) -> set[str]:
    """The names of the stack's alarms that are on."""
    pages = client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-", StateValue="ALARM")
    return {alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]}


if __name__ == "__main__":
    sys.exit(main())
