"""Forgets a person: first what would go, then, pressed there, it goes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bridge.operations.actions import forgotten, write_down
from console.messages import gone
from console.pages import page
from console.steering import who

if TYPE_CHECKING:
    from bridge.log.row import Row
    from bridge.operations.forget import Forgetter
    from bridge.telemetry import InvocationMetrics
    from console.request import Request

SURE = "yes"


class ForgetPages:
    """Shows what the log holds of a number, and has it forgotten."""

    def __init__(self, forgetter: Forgetter, metrics: InvocationMetrics) -> None:
        self._forgetter = forgetter
        self._metrics = metrics

    def forget(self, request: Request) -> str:
        """All messages of an account to a number.

        Raises:
            LogUnavailable: the log did not answer; a part may be forgotten.
            MalformedRow: somebody edited a row; nothing was done.
        """
        rows = self._forgetter.find(request.parameter("number"), request.account)
        if not rows:
            return gone(request)
        if request.parameter("sure") != SURE:
            return _shown(request, rows)
        by = who(request)
        result = self._forgetter.forget(rows, by)
        write_down(forgotten(request.account, result, by), self._metrics)
        return _shown(request, rows, forgotten=result)


def _shown(request: Request, rows: list[Row], **shown: Any) -> str:
    statuses = Counter(row.status.value for row in rows)
    known: dict[str, Any] = {"forgotten": None, "statuses": statuses, "sure": SURE}
    return page("forget.html", request, recipient=rows[0].recipient, count=len(rows), **(known | shown))
