"""`rotate-key`: a new key for an account; the old one works for a day."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import typer

from bridge import times
from bridge.operations.rotate_key import instructions, overlap_ends, rotate
from scripts.operators.session import session_of

Name = Annotated[Literal["apiKey", "receiptKey"], typer.Argument(help="whose key: CleverTap's, or the receipts'")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]


def rotate_key(context: typer.Context, name: Name, yes: Yes = False) -> None:  # noqa: FBT002
    """Make a new key, and say what to paste where. The old one works for 24 hours more."""
    session = session_of(context)
    client, secret = session.target.aws.client("secretsmanager"), f"{session.target.stack}/{session.account}"
    early = overlap_ends(client, secret) > time.time()
    shut_out = (
        " It was made or changed within the last day: everybody who still uses what it held before that is shut out."
        if early
        else ""
    )
    session.output.confirm(f"Put a new {name} into the secret {secret}.{shut_out}", yes=yes)
    rotation = rotate(client, secret, name)
    document = {
        "account": rotation.account,
        "name": rotation.name,
        "key": rotation.key,
        "oldWorksUntil": times.iso(rotation.overlap_ends),
    }
    session.output.show(document, instructions(rotation, session.target.base_url))
