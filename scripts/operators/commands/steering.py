"""`pause`, `resume` and `stop`: of a campaign, or of the account as a whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.campaigns.control import State
from bridge.errors import LogUnavailable
from bridge.operations.actions import steered
from scripts.operators.journal import write_down
from scripts.operators.session import campaign_id, session_of

if TYPE_CHECKING:
    from scripts.operators.session import Session

Campaign = Annotated[
    str | None, typer.Argument(help="its id; - for messages without one; left out: the account as a whole")
]
Note = Annotated[str | None, typer.Option(help="why; it is kept with the campaign")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]


def pause(context: typer.Context, campaign: Campaign = None, *, note: Note = None, yes: Yes = False) -> None:
    """Hold a campaign: what waits keeps its place, and its validity keeps running."""
    _change(
        context, campaign, State.PAUSED, note, "Pause {}: what waits keeps its place, validity keeps running.", yes=yes
    )


def resume(context: typer.Context, campaign: Campaign = None, *, note: Note = None, yes: Yes = False) -> None:
    """Let a campaign go on that was paused or stopped."""
    question = "Resume {}: what waits is sent; after a stop, what is not cancelled yet as well."
    _change(context, campaign, State.RUNNING, note, question, yes=yes)


def stop(context: typer.Context, campaign: Campaign = None, *, note: Note = None, yes: Yes = False) -> None:
    """End a campaign: what is not sent yet is cancelled, and CleverTap is told so."""
    _change(context, campaign, State.STOPPED, note, "Stop {}: what is not sent yet is cancelled.", yes=yes)


def _is_unknown(session: Session, campaign: str) -> bool:
    """Whether nothing is known of it, by which a mistyped id shows. Where nobody can say, no."""
    try:
        return session.bridge.campaigns.get(session.account, campaign_id(campaign)) is None
    except LogUnavailable:
        return False


def _change(
    context: typer.Context, campaign: str | None, state: State, note: str | None, question: str, *, yes: bool
) -> None:
    session = session_of(context)
    key = session.key(campaign)
    what = f"campaign {campaign} of {session.account}" if campaign else f"the whole account {session.account}"
    if campaign is not None and _is_unknown(session, campaign):
        session.output.remark(f"Nothing was counted of {what} yet: is that its id?")
    session.output.confirm(question.format(what), yes=yes)
    control = session.bridge.controls.change(key, state, by=session.by, note=note)
    write_down(session, steered(key, control))
    document = {"account": session.account, "campaign": campaign, **asdict(control)}
    session.output.show(document, f"{what[0].upper()}{what[1:]} is {control.state}. Workers follow within seconds.")
