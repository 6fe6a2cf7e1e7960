"""`receipts` and `receipts redrive`: delivery reports that the bridge could not read."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from bridge.operations.kept_receipts import peek, redrive
from bridge.sqs import Queue
from scripts.operators.output import table
from scripts.operators.session import session_of

if TYPE_CHECKING:
    from bridge.operations.kept_receipts import Shape

NOTHING = "Nothing is kept: all receipts were recognised."

receipts = typer.Typer(help="Receipts that were not recognised: their shapes, and redrive.")


@receipts.callback(invoke_without_command=True)
def shapes(context: typer.Context) -> None:
    """Show the shapes of what is kept: fields' names, and what was missing. No values."""
    if context.invoked_subcommand:
        return
    session = session_of(context)
    target = session.target
    without_number = target.parameters.get("ReceiptsWithoutNumber") == "true"
    kept = peek(target.aws.client("sqs"), target.resource("UnrecognisedReceipts"), without_number=without_number)
    found = kept.most_common()
    heads = ("calls", "account", "method", "content type", "fields", "what is wrong")
    text = table(heads, [(count, *_cells(shape)) for shape, count in found]) if found else NOTHING
    session.output.show([_document(shape, count) for shape, count in found], text)


@receipts.command("redrive")
def redriven(context: typer.Context) -> None:
    """Take what is kept up once more, after receipts.py was fixed and deployed."""
    session = session_of(context)
    target, aws = session.target, session.target.aws
    queue = Queue(target.resource("ReceiptQueue"), aws.sqs(), time.sleep)
    count = redrive(aws.client("sqs"), target.resource("UnrecognisedReceipts"), queue)
    text = f"{count:,} kept calls are taken up. What is still not recognised is kept again within a minute."
    session.output.show({"redriven": count}, text if count else NOTHING)


def _cells(shape: Shape) -> tuple[str, str, str, str, str]:
    wrong = "nothing any more: redrive" if shape.readable else "; ".join([*shape.errors, *shape.words])
    return shape.account, shape.method, shape.content_type, ", ".join(shape.fields), wrong


def _document(shape: Shape, count: int) -> dict[str, Any]:
    return {"count": count, **asdict(shape), "readable": shape.readable}
