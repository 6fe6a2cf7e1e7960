"""Forgets a person: first what would go, then, pressed there, it goes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bridge.telemetry import logger
from console.messages import gone
from console.pages import page
from console.steering import who

if TYPE_CHECKING:
    from bridge.log.row import Row
    from bridge.operations.forget import Forgetter
    from console.request import Request

SURE = "yes"


class ForgetPages:
    """Shows what the log holds of a number, and has it forgotten."""

    def __init__(self, forgetter: Forgetter) -> None:
        self._forgetter = forgetter

    def forget(self, request: Request) -> str:
        """All messages of an account to a number.

        Raises:
            LogUnavailable: the log did not answer; a part may be forgotten.
        """
        rows = self._forgetter.find(request.parameter("number"), request.account)
        if not rows:
            return gone(request)
        if request.parameter("sure") != SURE:
            return _shown(request, rows)
        forgotten = self._forgetter.forget(rows)
        counts: dict[str, Any] = {
            "deleted": forgotten.deleted,
            "emptied": forgotten.emptied,
            "under_way": forgotten.under_way,
        }
        logger.info("forgotten", account=request.account, by=who(request), **counts)
        return _shown(request, rows, forgotten=forgotten)


def _shown(request: Request, rows: list[Row], **shown: Any) -> str:
    statuses = Counter(row.status.value for row in rows)
    known: dict[str, Any] = {"forgotten": None, "statuses": statuses, "sure": SURE}
    return page("forget.html", request, recipient=rows[0].recipient, count=len(rows), **(known | shown))
