"""The heart: one attempt to send one message, at most once whatever happens.

    claim ──granted──▶ call Message Central ──▶ outcome, which the caller records
      │                     │
      │                     └─ no answer after the request was written ▶ `unknown`: never sent again by us
      ├─ refused: it was sent, rejected … before ▶ a duplicate, nothing is done
      ├─ refused: another worker is at it ▶ look again when that worker must be over
      │           and when that time has passed, the worker died ▶ `unknown`
      └─ the log does not answer ▶ nothing is sent; try again later, naming the claim that perhaps was written

The claim is one conditional write **before** the vendor is called, so a crash at any line leaves a row that says
`sending`, and whoever comes next knows that the message may be out. A failure that is certain to have sent nothing
(`retrying`, or a claim without an answer) hands its claim's id on with the message as an *unsent claim*: that, and only
that, lets the next worker claim over a row that says `sending`, or `unknown` where somebody without that knowledge came
by. Claim ids are never used twice, so of two workers with the same unsent claim one wins.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.clevertap import codes
from bridge.message import LogUnavailable, Message, Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.accounts import Account
    from bridge.message_central.client import MessageCentral
    from bridge.rows import Claim
    from bridge.send_log import Existing, SendLog
    from bridge.times import Deadline

CLOCK_SKEW_SECONDS = 5.0
"""How far the clocks of two workers may be apart."""

MOST_UNSENT_CLAIMS = 5  # carried along with a message while the log does not answer

TOO_OLD = Outcome(Status.EXPIRED, codes.EXPIRED, "could not be sent within its validity")


@dataclass(frozen=True, slots=True)
class Attempted:
    """The vendor was called under this claim (or surely could not be); the outcome is not recorded yet."""

    claim: Claim
    outcome: Outcome
    seconds: float

    @property
    def message(self) -> Message:
        """The message, for the attempt after this one, if surely nothing was sent."""
        return replace(self.claim.message, unsent_claims=(self.claim.id,))

    @property
    def outage(self) -> bool:
        """Whether the next message would fail as well."""
        return self.outcome.outage


@dataclass(frozen=True, slots=True)
class Refused:
    """The message was claimed before; while it is `sending`, another worker may have it for `busy_for` seconds."""

    message: Message
    was: Status
    busy_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Postponed:
    """The log did not answer, so nothing was sent; the message names the claim that may stand."""

    message: Message


Result = Attempted | Refused | Postponed


class Delivery:
    """Claims and sends messages for one worker after another."""

    def __init__(
        self, log: SendLog, vendor: MessageCentral, worker_lifetime: float, clock: Callable[[], float]
    ) -> None:
        """`worker_lifetime` is the longest that any worker lives, in seconds; `clock` gives epoch seconds."""
        self._log = log
        self._vendor = vendor
        self._lifetime = worker_lifetime + CLOCK_SKEW_SECONDS
        self._clock = clock

    def attempt(self, message: Message, account: Account, worker: str, deadline: Deadline) -> Result:
        """Claim a message and give it to the vendor. `worker` tells in the log who did it."""
        claim = self._log.new_claim(message, _claim_id(worker), report=bool(account.callback_url))
        refusal = self._claim(claim, deadline)
        if refusal:
            return refusal
        started = self._clock()
        outcome = self._vendor.send(message, account, deadline)
        return Attempted(claim, outcome, self._clock() - started)

    def expire(self, message: Message, worker: str, deadline: Deadline) -> Result:
        """End a message that is too old to be sent, unless it was sent before. Its outcome is recorded at once."""
        claim = self._log.new_claim(message, _claim_id(worker), report=True)
        claim = replace(claim, row=self._log.outcome_row(claim, TOO_OLD))
        return self._claim(claim, deadline) or Attempted(claim, TOO_OLD, 0.0)

    def _claim(self, claim: Claim, deadline: Deadline) -> Refused | Postponed | None:
        try:
            existing = self._log.claim(claim, deadline)
            return self._refused(claim.message, existing, deadline) if existing else None
        except LogUnavailable as error:
            if not error.perhaps_written:
                return Postponed(claim.message)
            # When the log went away it may still have written the first of them, and the last when it came back.
            unsent = (*claim.message.unsent_claims, claim.id)
            kept = unsent if len(unsent) <= MOST_UNSENT_CLAIMS else (*unsent[:2], *unsent[2 - MOST_UNSENT_CLAIMS :])
            return Postponed(replace(claim.message, unsent_claims=kept))

    def _refused(self, message: Message, existing: Existing, deadline: Deadline) -> Refused:
        if existing.status is not Status.SENDING:
            return Refused(message, existing.status)
        busy_for = existing.claimed_at + self._lifetime - self._clock()
        if busy_for > 0:
            return Refused(message, Status.SENDING, busy_for)
        self._log.give_up(existing, deadline)
        return Refused(message, Status.UNKNOWN)


def _claim_id(worker: str) -> str:
    return f"{worker}/{uuid.uuid4().hex[:12]}"
