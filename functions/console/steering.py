"""Pause, resume and stop a campaign, or an account as a whole."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bridge.campaigns.control import State
from bridge.operations.actions import steered, write_down
from console.campaigns import key_of, name_of
from console.pages import page

if TYPE_CHECKING:
    from bridge.campaigns.control import Controls
    from bridge.telemetry import InvocationMetrics
    from console.request import Request
    from console.views import View

LONGEST_NAME = 60  # characters of a person's name that are kept

_THEN = {
    State.PAUSED: "Workers follow within seconds. Its messages wait, and their validity keeps running.",
    State.RUNNING: "What waits is sent as its chunks come up again.",
    State.STOPPED: "What no worker has begun becomes cancelled as its chunk comes up, and CleverTap is told.",
}


class SteeringPages:
    """Changes controls, and says so."""

    def __init__(self, controls: Controls, metrics: InvocationMetrics) -> None:
        self._controls = controls
        self._metrics = metrics

    def views(self) -> dict[str, View]:
        """What can be asked for."""
        states = {"pause": State.PAUSED, "resume": State.RUNNING, "stop": State.STOPPED}
        return {view: partial(self.change, state) for view, state in states.items()}

    def change(self, state: State, request: Request) -> str:
        """Change the control that a call names.

        Raises:
            LogUnavailable: the table did not say whether it took it.
        """
        key = request.account, key_of(request)
        control = self._controls.change(key, state, by=who(request), note=request.field("why") or None)
        write_down(steered(key, control), self._metrics)
        name = name_of(request, key[1])
        title = f"{name[0].upper()}{name[1:]}: {state.value}"
        back = {"view": "campaign", "campaign": key[1]}
        return page("done.html", request, title=title, text=_THEN[state], back=back)


def who(request: Request) -> str:
    """Who steers, as far as anybody can say: CloudWatch does not say, so it is the name that was typed."""
    name = request.field("who")[:LONGEST_NAME]
    return f"console, {name}" if name else "console"
