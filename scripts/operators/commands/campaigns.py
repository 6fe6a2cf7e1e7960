"""`campaigns` and `campaign`: how far they are, and what was decided about them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.campaigns.control import RUNNING, strictest
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.message import Status
from scripts.operators.errors import CommandError
from scripts.operators.output import fields, table
from scripts.operators.session import campaign_id, campaign_name, session_of

if TYPE_CHECKING:
    from bridge.campaigns.control import Control
    from bridge.campaigns.counters import Campaign
    from scripts.operators.session import Session

# The columns of the list: what a message may end in. What is under way is in the campaign's own view.
_ENDS = (Status.UNDELIVERED, Status.REJECTED, Status.UNKNOWN, Status.EXPIRED, Status.CANCELLED)
SHOWN = (Status.SENT, Status.DELIVERED, *_ENDS)


def campaigns(context: typer.Context) -> None:
    """All campaigns of the account, those that changed last first."""
    session = session_of(context)
    found = session.bridge.campaigns.list(session.account)
    controls = _controls(session, found)
    whole = controls[session.account, WHOLE_ACCOUNT]
    states = {one.id: strictest([whole, controls[session.account, campaign_key(one.id)]]) for one in found}
    rows = [
        (
            campaign_name(one.id),
            states[one.id].state,
            one.accepted,
            *(one.statuses.get(status, 0) for status in SHOWN),
            one.last_at,
        )
        for one in found
    ]
    text = table(("campaign", "state", "accepted", *SHOWN, "last change"), rows) if found else "No campaign yet."
    if whole != RUNNING:
        text += f"\n\nThe account as a whole: {_decision(whole)}"
    session.output.show([_document(one, states[one.id]) for one in found], text)


def campaign(
    context: typer.Context, campaign: Annotated[str, typer.Argument(help="its id; - for messages without one")]
) -> None:
    """One campaign: how many messages stand in each status, and what was decided about it."""
    session = session_of(context)
    found = session.bridge.campaigns.get(session.account, campaign_id(campaign))
    if not found:
        raise CommandError(f"The account {session.account} has no campaign {campaign}.")
    controls = _controls(session, [found])
    own, whole = controls[session.account, campaign_key(found.id)], controls[session.account, WHOLE_ACCOUNT]
    pairs: list[tuple[str, Any]] = [
        ("campaign", campaign_name(found.id)),
        ("account", found.account),
        ("state", _decision(own)),
        ("whole account", None if whole == RUNNING else _decision(whole)),
        ("first message", found.first_at),
        ("last change", found.last_at),
        ("accepted", found.accepted),
        ("parts", found.accepted_parts),
    ]
    counts = [
        (status, found.statuses[status], found.parts.get(status, 0)) for status in Status if status in found.statuses
    ]
    codes = sorted(found.codes.items())
    actions = session.bridge.controls.actions((session.account, campaign_key(found.id)))
    done = [(one.at, one.what, one.by, one.note) for one in actions]
    text = [fields(pairs), table(("status", "messages", "parts"), counts)]
    text += [table(("code", "messages"), codes)] if codes else []
    text += [table(("when", "what", "who", "why"), done)] if done else []
    document = _document(found, strictest([whole, own])) | {"actions": [asdict(one) for one in actions]}
    session.output.show(document, "\n\n".join(text))


def _controls(session: Session, found: list[Campaign]) -> dict[tuple[str, str], Control]:
    keys = [(session.account, campaign_key(one.id)) for one in found]
    return session.bridge.controls.read([(session.account, WHOLE_ACCOUNT), *keys])


def _decision(control: Control) -> str:
    """A control in words."""
    said = [
        f"by {control.changed_by}" if control.changed_by else "",
        f"at {control.changed_at}" if control.changed_at else "",
    ]
    until = f"until {control.until}" if control.until else ""
    note = f"({control.note})" if control.note else ""
    return " ".join(filter(None, (control.state, *said, until, note)))


def _document(found: Campaign, control: Control) -> dict[str, Any]:
    return {**asdict(found), "control": asdict(control)}
