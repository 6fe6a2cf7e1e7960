"""`form`: what to paste into CleverTap."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from scripts.clevertap_form import FormError, read_account
from scripts.clevertap_form import form as form_of
from scripts.operators.errors import CommandError
from scripts.operators.session import session_of

ShowKey = Annotated[bool, typer.Option("--show-key", help="print the keys themselves")]


def form(context: typer.Context, *, show_key: ShowKey = False) -> None:
    """CleverTap's provider form, filled in for the account. Passwords are never printed, keys only with --show-key."""
    session = session_of(context)
    client = session.target.aws.client("secretsmanager")
    try:
        deployed = read_account(client, session.target.stack, session.account, session.target.outputs)
    except FormError as error:
        raise CommandError(str(error)) from None
    document = asdict(deployed)
    if not show_key:
        document.update(api_key=None, receipt_key=None)
    session.output.show(document, form_of(deployed, show_keys=show_key))
