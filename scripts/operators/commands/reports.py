"""`report-again`: the final statuses of a span of time, to CleverTap once more."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from bridge.operations.report_again import Span, find, queue_again
from bridge.sqs import Queue
from scripts.operators.errors import CommandError, UsageError
from scripts.operators.session import session_of

From = Annotated[str, typer.Argument(metavar="FROM", help="2026-11-28T10:00, in UTC, or with an offset")]
To = Annotated[str, typer.Argument(metavar="TO", help="the same")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]


def report_again(context: typer.Context, begin: From, end: To, yes: Yes = False) -> None:  # noqa: FBT002
    """Report once more what became of messages between two moments. CleverTap counts what it had already twice."""
    session = session_of(context)
    span = Span(_epoch(begin), _epoch(end), session.account)
    if span.begin > span.end:
        raise UsageError(f"{begin} is after {end}.")
    target = session.target
    client, table = target.aws.client("dynamodb"), target.resource("SmsLogTable")
    found = find(client, table, span, lambda read: session.output.remark(f"{read:,} rows read"))
    counts = {kind: count for (_, kind), count in sorted(found.counts().items())}
    if found.malformed:
        session.output.remark(f"{found.malformed:,} rows cannot be read: they are left out.")
    if found.events:
        told = " and ".join(f"{count:,} {kind}" for kind, count in counts.items())
        question = f"Report {told} of {session.account} once more. CleverTap counts twice what it had already."
        session.output.confirm(question, yes=yes)
    queue = Queue(target.resource("ReportQueue"), target.aws.sqs(), time.sleep)
    left = queue_again(found.events, queue, time.time)
    session.output.show({**counts, "notQueued": len(left)}, f"{len(found.events) - len(left):,} reports are queued.")
    if left:
        raise CommandError(f"{len(left):,} reports may not be queued: SQS did not confirm them.")


def _epoch(written: str) -> float:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise UsageError(f"{written} is not a time like 2026-11-28T10:00.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
