"""The operators' page over the bridge's fakes: both functions as their handlers put them together."""

from __future__ import annotations

from typing import Any

from bridge.campaigns.keys import campaign_key
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.environment import as_on_lambda
from tests.fakes.values import ACCOUNT_ID
from tests.fakes.widget import CONSOLE, STEER, Shown, event
from tests.unit.harness import Bridge

with as_on_lambda():
    from handlers.console import console, views_of
    from handlers.steer import steer

Pressed = dict[str, Any] | None


class Page(Bridge):
    """Calls the functions, and presses the buttons of what they show."""

    def call(self, function: str, call: dict[str, Any]) -> Shown:
        invocation = self.invocation(10.0, "page")
        app = self.app_now
        answer = console(views_of(app), call, invocation) if function == CONSOLE else steer(app, call, invocation)
        assert isinstance(answer, str)
        return Shown(answer)

    def show(self, pressed: Pressed = None, typed: Pressed = None, **context: Any) -> Shown:
        """What the widget shows when a button with these parameters is pressed; by default at first."""
        return self.call(CONSOLE, event(pressed, typed, **context))

    def press(self, shown: Shown, label: str, **typed: str) -> Shown:
        """Press a button, as CloudWatch does: it calls the function that the button names."""
        button = shown.button(label)
        assert button.endpoint in (CONSOLE, STEER)
        return self.call(button.endpoint, event(button.parameters, typed))

    def count(self, campaign_id: str | None, at: int = 0, accepted: int = 0, **counts: int) -> None:
        """Lay a campaign's counters into the table; `at` minutes past the hour it changed last."""
        key = campaign_key(campaign_id)
        item: dict[str, Any] = {"account": {"S": ACCOUNT_ID}, "campaign": {"S": key}, "accepted": {"N": str(accepted)}}
        item |= {f"n_{status}": {"N": str(count)} for status, count in counts.items()}
        item |= {f"parts_{status}": {"N": str(2 * count)} for status, count in counts.items()}
        item |= {name: {"S": f"2026-11-28T01:{at:02}:00.000Z"} for name in ("firstAt", "lastAt")}
        self.dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, key] = item

    def control(self, key: str) -> Any:
        """The control of a campaign or, under `*`, of the account."""
        return self.app_now.controls.read([(ACCOUNT_ID, key)])[ACCOUNT_ID, key]
