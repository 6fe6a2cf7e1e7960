"""The pages of campaigns: all of an account, and one with its control."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.campaigns.control import State
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_id_of, campaign_key
from console.figures import figures
from console.pages import page

if TYPE_CHECKING:
    from bridge.campaigns.control import Control, Controls
    from bridge.campaigns.counters import Campaign, Campaigns
    from console.figures import Figures
    from console.request import Request

ROWS = 25  # campaigns on one page
MOST_DIGITS = 8  # of a place in the list


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """One line of the list."""

    key: str
    name: str
    figures: Figures
    control: Control
    last_at: str | None


@dataclass(frozen=True, slots=True)
class ControlChange:
    """A change of a control that can be asked for: the view that makes it, its button, and what to confirm."""

    view: str
    label: str
    confirm: str


_CHANGES = {
    State.PAUSED: ControlChange("pause", "Pause", "Pause {}? Its messages wait until it is resumed, or expire."),
    State.RUNNING: ControlChange(
        "resume", "Resume", "Resume {}? What waits is sent; after a stop, what is not cancelled yet as well."
    ),
    State.STOPPED: ControlChange("stop", "Stop", "Stop {}? What is not sent yet is cancelled, and CleverTap is told."),
}


class CampaignPages:
    """Shows campaigns."""

    def __init__(self, campaigns: Campaigns, controls: Controls) -> None:
        self._campaigns = campaigns
        self._controls = controls

    def all(self, request: Request) -> str:
        """An account's campaigns, a page of them.

        Raises:
            LogUnavailable: the table cannot be read.
        """
        account = request.account
        found = self._campaigns.list(account)
        first = _first(request.parameter("first"), len(found))
        shown = found[first : first + ROWS]
        whole = (account, WHOLE_ACCOUNT)
        return page(
            "campaigns.html",
            request,
            rows=[_line(one) for one in shown],
            all=len(found),
            first=first,
            newer=str(max(0, first - ROWS)),
            older=str(first + ROWS) if first + ROWS < len(found) else "",
            control=self._controls.read([whole])[whole],
            whole=WHOLE_ACCOUNT,
        )

    def one(self, request: Request) -> str:
        """One campaign, or the account as a whole.

        Raises:
            LogUnavailable: the table cannot be read.
        """
        account, key = request.account, key_of(request)
        whole = (account, WHOLE_ACCOUNT)
        controls = self._controls.read([whole, (account, key)])
        is_account = key == WHOLE_ACCOUNT
        campaign = None if is_account else self._campaigns.get(account, campaign_id_of(key))
        shown = figures(campaign) if campaign else None
        name = name_of(request, key)
        return page(
            "campaign.html",
            request,
            key=key,
            name=name[0].upper() + name[1:],
            is_account=is_account,
            campaign=campaign,
            figures=shown,
            steps=_steps(shown) if shown else [],
            queued=shown.total - campaign.rows if campaign and shown else 0,
            control=controls[account, key],
            actions=self._controls.actions((account, key)),
            above=None if is_account else controls[whole],
            changes=_changes(controls[account, key].state, name),
        )


def key_of(request: Request) -> str:
    """The key that a call names, of a campaign or of the account as a whole; never that of something else."""
    named = request.parameter("campaign")
    return named if named == WHOLE_ACCOUNT else campaign_key(campaign_id_of(named))


def name_of(request: Request, key: str) -> str:
    """What people call that which a key stands for."""
    if key == WHOLE_ACCOUNT:
        return f"account {request.account}"
    campaign_id = campaign_id_of(key)
    return f"campaign {campaign_id}" if campaign_id else "messages without a campaign"


def _line(campaign: Campaign) -> CampaignLine:
    name = campaign.id or "(without a campaign)"
    return CampaignLine(campaign_key(campaign.id), name, figures(campaign), campaign.control, campaign.last_at)


def _steps(shown: Figures) -> list[tuple[str, int, str]]:
    """The funnel: step, messages that got so far, colour."""
    return [
        ("came from CleverTap", shown.total, "waiting"),
        ("taken by Message Central", shown.taken, "sent"),
        ("delivered", shown.groups["delivered"], "delivered"),
    ]


def _changes(state: State, name: str) -> list[ControlChange]:
    """What can be asked for in a state."""
    return [replace(change, confirm=change.confirm.format(name)) for to, change in _CHANGES.items() if to is not state]


def _first(text: str, count: int) -> int:
    """Where a page of the list begins; at the first where that is not a place in it."""
    place = int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else 0
    return place if place < count else 0
