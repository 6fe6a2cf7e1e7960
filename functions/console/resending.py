"""Sends one message again: first what would happen, then, pressed there, does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.errors import Refused
from bridge.message import Status
from bridge.operations.actions import resent, write_down
from console.messages import gone
from console.pages import page
from console.steering import who

if TYPE_CHECKING:
    from bridge.log.row import Row
    from bridge.operations.messages import Messages
    from bridge.operations.resend import Resender
    from bridge.telemetry import InvocationMetrics
    from console.request import Request


class ResendPages:
    """Shows what sending a message again would do, and does it."""

    def __init__(self, messages: Messages, resender: Resender, metrics: InvocationMetrics) -> None:
        self._messages = messages
        self._resender = resender
        self._metrics = metrics

    def resend(self, request: Request) -> str:
        """One message; it is sent where the call says which end of it the person saw, and it still stands there.

        Raises:
            LogUnavailable: a table did not answer; nothing was queued.
            MalformedRow: somebody edited a row; nothing was done.
        """
        row = self._messages.one(request.parameter("number"), request.account, request.parameter("message_id"))
        if not row:
            return gone(request)
        preview = self._resender.preview([row], unknown=True)
        if not preview.rows:
            return _shown(request, row, problem=_not_again(row, textless=bool(preview.textless)))
        seen = request.parameter("seen")
        try:
            if seen == end_of(row):
                return self._queue(request, row)
            self._resender.check([row])
        except Refused as error:
            return _shown(request, row, problem=f"{error}.")
        return _shown(request, row, preview=preview, changed=bool(seen), seen=end_of(row))

    def _queue(self, request: Request, row: Row) -> str:
        by = who(request)
        result = self._resender.resend([row], by)
        write_down(resent([row], result, by), self._metrics)
        return _shown(request, row, resent=result)


def end_of(row: Row) -> str:
    """The end that a message has come to, in one word for the button that sends it again over that end."""
    return " ".join((row.status, row.claimed_by or "-", row.final_at or "-"))


def _not_again(row: Row, *, textless: bool) -> str:
    if textless:
        return "The log does not keep its text (StoreText), so it cannot be sent again from here."
    if row.status in (Status.SENDING, Status.RETRYING):
        return f"It is {row.status.value}, still under way."
    return f"It is {row.status.value}. Only what was surely not sent, or is unknown, can be sent again."


def _shown(request: Request, row: Row, **shown: Any) -> str:
    known: dict[str, Any] = {"problem": "", "preview": None, "changed": False, "seen": "", "resent": None}
    return page("resend.html", request, row=row, **(known | shown))
