"""People at their command line, who have messages sent again: cut short, repeated, two of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.app import App
from bridge.campaigns.control import State
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.errors import LogUnavailable, Refused
from tests.simulation.runtime import Owner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.log.row import Row
    from tests.simulation.plan import Resending
    from tests.simulation.world import World

TURNS = 3
"""How often somebody tries what was cut short."""

DONE, REFUSED = "done", "refused"
"""How a command ends."""


class Person(Owner):
    """One command: its process may be killed at any call."""

    def __init__(self, world: World, name: str, calls_left: float) -> None:
        super().__init__()
        self.name = name
        self.calls_left = calls_left
        self.app = App.build(world.settings, world.aws, world.runtime, world.runtime.sleep)


class Resends:
    """Has people send messages again, as the plan says."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.busy = 0
        """How many people are at it."""

    def play(self, plan: Resending) -> None:
        """Somebody tries until it is done, or gives up; some do again what is done already, as they saw it before."""
        world = self._world
        self.busy += 1
        world.runtime.sleep(plan.at)
        seen: list[Row] = []
        for turn in range(TURNS):
            end = self._run(plan, turn, seen)
            if end == DONE and (turn or not plan.again):
                break
            if end == REFUSED:
                self._resume(plan, seen)
            world.runtime.sleep(plan.pause)
            if not plan.again:  # else what was seen first is what is tried
                seen.clear()
        self.busy -= 1

    def _run(self, plan: Resending, turn: int, seen: list[Row]) -> str | None:
        """One command, in a process of its own, and how it ends; None: it is cut short."""
        runtime = self._world.runtime
        calls = self._world.rng.expovariate(1 / plan.dies_after) if plan.dies_after and not turn else float("inf")
        person = Person(self._world, f"{plan.by}-{turn}", 1 + calls)
        ended, ends = runtime.threading.Event(), []

        def work() -> None:
            try:
                ends.append(self._command(person.app, plan, seen))
            finally:
                ended.set()

        runtime.spawn(work, person)
        ended.wait()
        return next(iter(ends), None)

    def _command(self, app: App, plan: Resending, seen: list[Row]) -> str | None:
        ledger = self._world.ledger
        try:
            if not seen:
                seen += self._look(app, plan)
            if not seen:
                return DONE
            self._world.runtime.sleep(plan.thinks)
            ledger.say_again(seen)
            resent = app.resend.resend(seen, plan.by)
        except Refused as refused:
            ledger.happen(f"{plan.by} is refused: {refused}")
            return REFUSED
        except LogUnavailable as error:
            ledger.happen(f"{plan.by} has to try again: {error}")
            return None
        ledger.happen(f"{plan.by} sends {resent.queued} messages again, {resent.left} are left")
        if resent.left:
            return None
        ledger.expect_again(seen)
        return DONE

    def _look(self, app: App, plan: Resending) -> Sequence[Row]:
        account = self._world.account(plan.account)
        if plan.one:
            if not (posted := sorted(self._world.ledger.stories)):
                return ()  # nobody has posted anything yet
            recipient, _ = self._world.ledger.keys[self._world.rng.choice(posted)]
            rows = app.messages.to(recipient, account)
        else:
            rows = list(app.messages.of_campaign(plan.campaign, account))
        return app.resend.preview(rows, unknown=plan.unknown).rows

    def _resume(self, plan: Resending, seen: Sequence[Row]) -> None:
        """Some resume for it what was stopped, or has paused itself."""
        keys = {(row.account, campaign_key(row.campaign_id)) for row in seen if plan.resumes}
        for key in sorted(keys | {(account, WHOLE_ACCOUNT) for account, _ in keys}):
            self._world.change(key, State.RUNNING, plan.by)
