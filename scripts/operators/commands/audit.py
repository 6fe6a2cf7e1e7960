"""`audit`: whether the campaigns' counters say what the log's rows say."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from scripts.operators.errors import CommandError
from scripts.operators.output import table
from scripts.operators.session import campaign_id, campaign_name, session_of

Campaign = Annotated[str | None, typer.Argument(help="its id; - for messages without one; left out: all")]


def audit(context: typer.Context, campaign: Campaign = None) -> None:
    """Recount campaigns from the log's rows. It reads the whole log; a campaign on its way is some seconds behind."""
    session = session_of(context)
    wanted = () if campaign is None else (campaign_id(campaign),)
    found = session.bridge.audit.audit(session.account, *wanted)
    lines = [(campaign_name(one.campaign_id), one.counter, one.counted, one.rows) for one in found.differences]
    text = f"{found.rows:,} rows counted."
    text += f" {found.malformed:,} cannot be read." if found.malformed else ""
    text += "\n\n" + table(("campaign", "counter", "counted", "rows"), lines) if lines else " Nothing differs."
    session.output.show(asdict(found), text)
    if any(one.counted < one.rows for one in found.differences):
        raise CommandError("Some counters are too low: messages are still on their way, or counting is behind.")
