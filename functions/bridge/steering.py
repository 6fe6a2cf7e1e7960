"""What one worker knows of people's decisions: read when it begins and while it sends, and asked for each message.

A decision that was read is kept until another is read: while the table is silent, what was stopped stays stopped, and
everything else goes on.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bridge.campaigns.control import State, control_of, strictest
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.errors import LogUnavailable
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.campaigns.control import Control
    from bridge.campaigns.table import CampaignTable, Item, Key
    from bridge.message import Message


class Steering:
    """Of one execution environment. Thread-safe; only `look` calls the table."""

    def __init__(self, table: CampaignTable, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._table = table
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[Key, Control] = {}  # the few that are not running
        self._looks = 0
        self._newest = 0  # of the looks that are over
        self._noted: dict[Key, int] = {}  # how many looks there were when this worker decided something itself

    def look(self, keys: Iterable[Key]) -> dict[Key, Item] | None:
        """Read what was decided, with all else that is shared in these items; those that do not exist are left out.

        None: the table does not answer, and what is known holds.
        """
        wanted = list(keys)
        with self._lock:
            self._looks += 1
            number = self._looks
        try:
            items = self._table.read(wanted)
        except LogUnavailable as error:
            logger.warning("pauses and stops cannot be read: this worker goes by what it read last", reason=str(error))
            return None
        with self._lock:
            if number > self._newest:  # else a later look was quicker
                self._newest = number
                for key in wanted:
                    if number > self._noted.get(key, 0):
                        self._note(key, control_of(items.get(key, {}), self._clock()))
        return items

    def note(self, key: Key, control: Control) -> None:
        """Know of a decision that this worker made itself."""
        with self._lock:
            self._noted[key] = self._looks  # what is being read of it at this moment may be older
            self._note(key, control)

    def state_of(self, message: Message) -> State:
        """Whether a message may be sent, as far as is known."""
        if not self._held:
            return State.RUNNING
        with self._lock:
            held = (self._held.get(key) for key in keys_of([message]))
            return strictest(control for control in held if control).state

    def _note(self, key: Key, control: Control) -> None:
        self._held.pop(key, None)
        if control.state is not State.RUNNING:
            self._held[key] = control


def keys_of(messages: Iterable[Message]) -> list[Key]:
    """Under which keys stands what was decided about messages: their accounts, then their campaigns."""
    campaigns = dict.fromkeys((message.account, message.campaign_id) for message in messages)
    accounts = dict.fromkeys(account for account, _ in campaigns)
    return [
        *((account, WHOLE_ACCOUNT) for account in accounts),
        *((account, campaign_key(campaign_id)) for account, campaign_id in campaigns),
    ]
