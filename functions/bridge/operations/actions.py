"""What people do to an account's messages, and the traces that it leaves.

Each action stands in the item of its campaign or account (`campaigns/control.py`), in a line of the log, and in a
metric: of the function that was called from the console (`write_down`), or in the same log from the command line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.campaigns.control import DONE
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.campaigns.control import Control
    from bridge.campaigns.table import Key
    from bridge.log.row import Row
    from bridge.operations.forget import Forgotten
    from bridge.operations.resend import Resent
    from bridge.telemetry import InvocationMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that a person did: `what` in a word, `by` whom, and how often it counts as which `metric`.

    `campaign` is a key of `keys.py` (`*`: the account as a whole); None where it was about several.
    """

    what: str
    account: str
    campaign: str | None
    by: str
    metric: str
    count: int = 1
    details: Mapping[str, Any] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """What its line in the log says: no number, no text, no name but who did it."""
        said = {"account": self.account, "campaign": self.campaign, "action": self.what, "by": self.by}
        return {name: value for name, value in said.items() if value is not None} | dict(self.details)


def write_down(action: Action, metrics: InvocationMetrics) -> None:
    """Write an action into the log of the function that did it, and count it."""
    logger.info("steered", **action.fields())
    metrics.add(action.account, action.metric, action.count)


def steered(key: Key, control: Control) -> Action:
    """Somebody paused, stopped or resumed a campaign, or an account."""
    what, metric = DONE[control.state]
    return Action(what=what, account=key[0], campaign=key[1], by=control.changed_by or "", metric=metric)


def resent(rows: Iterable[Row], result: Resent, by: str) -> Action:
    """Somebody had messages of one account sent again."""
    keys = {(row.account, campaign_key(row.campaign_id)) for row in rows}
    (account,) = {account for account, _ in keys}
    return Action(
        what="resent",
        account=account,
        campaign=keys.pop()[1] if len(keys) == 1 else None,
        by=by,
        metric="MessagesResent",
        count=result.queued,
        details={"request": result.request, "queued": result.queued, "left": result.left},
    )


def forgotten(account: str, result: Forgotten, by: str) -> Action:
    """Somebody had a person forgotten."""
    details = {"deleted": result.deleted, "emptied": result.emptied, "under_way": result.under_way}
    done = bool(result.deleted or result.emptied)
    return Action(
        what="forgotten",
        account=account,
        campaign=WHOLE_ACCOUNT,
        by=by,
        metric="PeopleForgotten",
        count=int(done),
        details=details,
    )
