"""`status`, `resend`, `forget` and `export`: the messages themselves."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.message import Status
from bridge.operations.actions import forgotten, resent
from bridge.operations.export import write_csv, write_lines
from bridge.operations.messages import history, masked
from scripts.operators.errors import CommandError, UsageError
from scripts.operators.journal import write_down
from scripts.operators.output import TerminalWriter, fields, table
from scripts.operators.session import campaign_id, session_of

if TYPE_CHECKING:
    from bridge.log.row import Row
    from bridge.operations.resend import Preview
    from scripts.operators.session import Session

Number = Annotated[str, typer.Argument(help="with its country's code: +919876543210, the plus may be left out")]
Message = Annotated[str | None, typer.Option("--message", help="only the message with this id")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]


def status(context: typer.Context, number: Number, message: Message = None) -> None:
    """What became of the messages to a number."""
    session = session_of(context)
    rows = _rows_to(session, number, message)
    if len(rows) == 1:
        session.output.show([rows[0].to_document()], _one(rows[0]))
        return
    lines = [
        (row.accepted_at, row.status, row.code, row.campaign_id, row.message_id, masked(row.recipient), row.reason)
        for row in rows
    ]
    heads = ("accepted", "status", "code", "campaign", "message", "to", "reason")
    session.output.show([row.to_document() for row in rows], table(heads, lines))


def resend(
    context: typer.Context,
    campaign: Annotated[str | None, typer.Argument(help="its id; - for messages without one")] = None,
    *,
    number: Annotated[str | None, typer.Option(help="only what went to this number")] = None,
    message: Message = None,
    unknown: Annotated[bool, typer.Option("--unknown", help="also messages that may have arrived already")] = False,
    yes: Yes = False,
) -> None:
    """Send again what ended without being sent: expired, cancelled, not queued. It shows first what it would do."""
    session = session_of(context)
    if (campaign is None) == (number is None):
        raise UsageError("Say what to send again: a CAMPAIGN, or --number NUMBER.")
    if message is not None and number is None:
        raise UsageError("A message is found by its number, too: --number NUMBER --message ID.")
    if campaign is not None:
        rows: Any = session.bridge.messages.of_campaign(campaign_id(campaign), session.account)
    else:
        rows = _rows_to(session, number or "", message)
    preview = session.bridge.resend.preview(rows, unknown=unknown)
    if not preview.rows:
        session.output.show({"queued": 0, **_counts(preview)}, f"Nothing to send again.\n{_words(preview)}")
        return
    session.bridge.resend.check(preview.rows)
    session.output.remark(_words(preview))
    session.output.confirm(f"Send {len(preview.rows):,} messages again?", yes=yes)
    result = session.bridge.resend.resend(preview.rows, session.by)
    write_down(session, resent(preview.rows, result, session.by))
    text = f"{result.queued:,} messages are queued; the workers' log lines have {result.request}."
    session.output.show({**asdict(result), **_counts(preview)}, text)
    if result.left:
        raise CommandError(
            f"{result.left:,} messages may not be queued: run the same command again, nothing is sent twice."
        )


def forget(context: typer.Context, number: Number, *, yes: Yes = False) -> None:
    """Delete all messages to a number from the log; counts stay. Young ones lose their text now, and go later."""
    session = session_of(context)
    rows = _rows_to(session, number, None)
    session.output.confirm(f"Forget {len(rows):,} messages to this number, for good?", yes=yes)
    result = session.bridge.forget.forget(rows, session.by)
    write_down(session, forgotten(session.account, result, session.by))
    text = f"{result.deleted:,} deleted."
    if result.emptied:
        text += (
            f" {result.emptied:,} emptied of their text: they keep copies in the queues from being sent again, "
            f"and are deleted by themselves from {result.gone_by} on."
        )
    session.output.show(asdict(result), text)
    if result.under_way:
        raise CommandError(f"{result.under_way:,} are still being sent: run forget again when they have ended.")


def export(
    context: typer.Context, day: Annotated[str, typer.Option(help="in UTC: 2026-11-28, by when messages were accepted")]
) -> None:
    """Print the messages of a day with numbers and texts, as CSV; with --json as JSON, one a line."""
    session = session_of(context)
    rows = session.bridge.export.day(day, session.account)
    write = write_lines if session.output.as_json else write_csv
    count = write(rows, TerminalWriter() if sys.stdout.isatty() else sys.stdout)
    session.output.remark(f"{count:,} messages.")


def _rows_to(session: Session, number: str, message: str | None) -> list[Row]:
    if message is None:
        rows = session.bridge.messages.to(number, session.account)
    else:
        one = session.bridge.messages.one(number, session.account, message)
        rows = [one] if one else []
    if not rows:
        what = "The message is not" if message else "No message to this number is"
        raise CommandError(f"{what} in the log of {session.account}. Is the country's code in the number?")
    return rows


def _one(row: Row) -> str:
    """One message, with what happened to it."""
    told = (pair for pair in row.to_document().items() if not pair[0].endswith("At"))  # the history has the times
    pairs = [("to", masked(row.recipient)), *((k, v) for k, v in told if k not in ("recipient", "replyText"))]
    lines = [(one.at, one.what if one.text is None else f"{one.what}: {one.text}") for one in history(row)]
    return f"{fields(pairs)}\n\n{table(('when', 'what'), lines)}"


def _counts(preview: Preview) -> dict[str, Any]:
    return {
        "would": dict(preview.statuses),
        "parts": preview.parts,
        "told": preview.told,
        "textless": preview.textless,
        "others": dict(preview.left),
    }


def _words(preview: Preview) -> str:
    """What a resend would do."""
    lines = [f"To be sent again: {_list(preview.statuses)} ({preview.parts:,} parts)."] if preview.rows else []
    if preview.statuses[Status.UNKNOWN]:
        lines.append("Of these the unknown ones may have arrived: their recipients may get them twice.")
    if preview.told:
        lines.append(f"CleverTap was told that {preview.told:,} of them failed, and is told of the new end, too.")
    if preview.textless:
        lines.append(f"Cannot be sent again: {preview.textless:,}, whose texts the log does not keep (StoreText).")
    if preview.left:
        lines.append(f"Left as they are: {_list(preview.left)}.")
    if preview.left[Status.UNKNOWN]:
        lines.append("Unknown messages may have arrived; --unknown sends them anyway.")
    return "\n".join(lines)


def _list(counts: Any) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items()) if count)
