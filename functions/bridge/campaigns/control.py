"""What people decided about a campaign, or about an account as a whole: whether its messages are sent.

    running ──pause──▶ paused ──resume──▶ running      what waits keeps its place, and its validity keeps running
       └──────stop──────┴─▶ stopped ──resume──▶ running  what was not begun is cancelled

It stands in the campaign's item in `CampaignTable`, beside its counters: `state` (absent: running), `changedAt`,
`changedBy`, `note`, `pausedUntil`, and in `actions` the last twenty changes. Of account and campaign the strictest
holds.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bridge import times
from bridge.documents import writable
from bridge.errors import ConditionFailed, LogUnavailable
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.campaigns.table import CampaignTable, Item, Key
    from bridge.telemetry import InvocationMetrics

MOST_ACTIONS = 20
LONGEST_NOTE = 300  # characters; the account's item is written often, and billed by its size
LONGEST_NAME = 200  # characters; AWS's name of a caller has up to 175, and ends with the person


class State(StrEnum):
    """Whether messages are sent."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


_STRICTEST_FIRST = (State.STOPPED, State.PAUSED, State.RUNNING)
DONE = {
    State.RUNNING: ("resumed", "CampaignsResumed"),
    State.PAUSED: ("paused", "CampaignsPaused"),
    State.STOPPED: ("stopped", "CampaignsStopped"),
}
"""What was done, in a word, where a state came to hold; and the metric that counts it."""
_ATTRIBUTES = ("state", "changedAt", "changedBy", "note", "pausedUntil")  # the fields of `Control`


@dataclass(frozen=True, slots=True)
class Control:
    """What was decided last, when (`times.iso`), by whom and why; and until when, where it ends by itself."""

    state: State = State.RUNNING
    changed_at: str | None = None
    changed_by: str | None = None
    note: str | None = None
    until: str | None = None


RUNNING = Control()
"""Where nobody has decided anything."""


@dataclass(frozen=True, slots=True)
class PastAction:
    """One of the last things that was done to a campaign or an account: when (`times.iso`), by whom, what, and why."""

    at: str
    by: str
    what: str
    note: str | None = None


def control_of(item: Item, now: float) -> Control:
    """The control in an item of `CampaignTable`, at a time in epoch seconds. A pause whose end has come is none."""
    state, changed_at, changed_by, note, until = (item.get(name, {}).get("S") for name in _ATTRIBUTES)
    if not state or (until is not None and until <= times.iso(now)):
        return RUNNING
    return Control(_state(state), changed_at, changed_by, note, until)


def _state(written: str) -> State:
    """The state that an item says. What is none was written by hand, to hold something: it waits for who can tell."""
    try:
        return State(written.lower())
    except ValueError:
        return State.PAUSED


def strictest(controls: Iterable[Control]) -> Control:
    """Of several controls that hold for a message the one that counts."""
    return min(controls, key=lambda control: _STRICTEST_FIRST.index(control.state), default=RUNNING)


class Controls:
    """Reads and changes controls. Keys are an account with one of `keys.py`: `campaign_key(id)` or `WHOLE_ACCOUNT`."""

    def __init__(self, table: CampaignTable, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._table = table
        self._clock = clock

    def read(self, keys: Iterable[Key]) -> dict[Key, Control]:
        """The controls of campaigns and accounts, one for each key.

        Raises:
            LogUnavailable: they cannot be read.
        """
        wanted = list(keys)
        items, now = self._table.read(wanted), self._clock()
        return {key: control_of(items.get(key, {}), now) for key in wanted}

    def actions(self, key: Key) -> list[PastAction]:
        """What was done to a campaign or an account, the last first; the older ones are forgotten.

        Raises:
            LogUnavailable: it cannot be read.
        """
        item = self._table.read([key]).get(key, {})
        return [_past(action["M"]) for action in reversed(item.get("actions", {}).get("L", []))]

    def change(self, key: Key, state: State, *, by: str, note: str | None = None, until: str | None = None) -> Control:
        """Decide about a campaign or an account. Running workers follow within seconds. Doing it again does no harm.

        `by`: who decides, in a word that others know. `note`: why, at most 300 characters; the rest is cut off.
        `until` (`times.iso`): when a pause ends by itself.

        Raises:
            LogUnavailable: the table did not say whether it took it.
        """
        control = self._control(state, by, note, until)
        update, options = _change(control)
        changed = self._table.update(key, update, **options)
        self._trim(key, len(changed["actions"]["L"]))
        return control

    def pause_running(self, key: Key, *, by: str, note: str, until: str) -> tuple[Control, bool]:
        """Pause what is running, and leave alone what a person has paused or stopped: the control that holds then, and
        whether it is this one.

        Raises:
            LogUnavailable: the table did not say whether it took it.
        """
        control = self._control(State.PAUSED, by, note, until)
        update, options = _change(control)
        values = options["ExpressionAttributeValues"]
        values[":running"], values[":now"] = {"S": State.RUNNING.value}, {"S": control.changed_at}
        running = "attribute_not_exists(#state) OR #state = :running OR pausedUntil <= :now"
        try:
            changed = self._table.update(key, update, ConditionExpression=running, **options)
        except ConditionFailed as failed:
            return control_of(failed.item, self._clock()), False
        self._trim(key, len(changed["actions"]["L"]))
        return control, True

    def _control(self, state: State, by: str, note: str | None, until: str | None) -> Control:
        short = writable(note, LONGEST_NOTE) if note else None
        return Control(state, times.iso(self._clock()), writable(by, LONGEST_NAME), short, until)

    def note(self, key: Key, what: str, *, by: str) -> None:
        """Add to the actions what a person did to a campaign's messages, in words without a number or a text.

        It is done by now: where the table does not take this, its line and its metric have to do.
        """
        try:
            self._note(key, what, by)
        except LogUnavailable as error:
            logger.warning("done, and perhaps not among its campaign's actions", account=key[0], reason=str(error))

    def _note(self, key: Key, what: str, by: str) -> None:
        action = {"what": what, "changedAt": times.iso(self._clock()), "changedBy": writable(by, LONGEST_NAME)}
        changed = self._table.update(
            key,
            "SET actions = list_append(if_not_exists(actions, :none), :actions)",
            ExpressionAttributeValues={
                ":actions": {"L": [{"M": {name: {"S": value} for name, value in action.items()}}]},
                ":none": {"L": []},
            },
            ReturnValues="ALL_NEW",
        )
        self._trim(key, len(changed["actions"]["L"]))

    def _trim(self, key: Key, count: int) -> None:
        """Drop the oldest actions. Where somebody adds one at this moment, or nobody answers, the next change does."""
        if count <= MOST_ACTIONS:
            return
        oldest = ", ".join(f"actions[{place}]" for place in range(count - MOST_ACTIONS))
        with suppress(ConditionFailed, LogUnavailable):
            self._table.update(
                key,
                f"REMOVE {oldest}",
                ConditionExpression="size(actions) = :count",
                ExpressionAttributeValues={":count": {"N": str(count)}},
            )


def announce(key: Key, control: Control, metrics: InvocationMetrics) -> None:
    """Have a change that a worker made leave its line and its count, too; people's: `operations/actions.py`."""
    what, metric = DONE[control.state]
    logger.info("steered", account=key[0], campaign=key[1], action=what, by=control.changed_by)
    metrics.add(key[0], metric)


def _past(action: Item) -> PastAction:
    said = {name: value["S"] for name, value in action.items()}
    what = said.get("what") or DONE[State(said["state"])][0]
    return PastAction(said["changedAt"], said["changedBy"], what, said.get("note"))


def _change(control: Control) -> tuple[str, dict[str, Any]]:
    """The update that writes a control, and adds it to the actions."""
    values = dict(zip(_ATTRIBUTES, (control.state.value, *astuple(control)[1:]), strict=True))
    given = {name: {"S": value} for name, value in values.items() if value is not None}
    absent = [name for name in values if name not in given]
    if control.state is not State.RUNNING:
        absent.append("expiresAt")  # what a person held back stays held back, however long nothing is sent
    changes = ", ".join(f"{'#state' if name == 'state' else name} = :{name}" for name in given)
    update = f"SET {changes}, actions = list_append(if_not_exists(actions, :none), :actions)"
    options = {
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {
            **{f":{name}": value for name, value in given.items()},
            ":actions": {"L": [{"M": given}]},
            ":none": {"L": []},
        },
        "ReturnValues": "ALL_NEW",
    }
    return update + (f" REMOVE {', '.join(absent)}" if absent else ""), options
