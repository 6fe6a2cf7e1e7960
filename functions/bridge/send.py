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
(`retrying`, a claim without an answer, an attempt that was revoked) hands its claim's id on with the message as an
*unsent claim*: that, and only that, lets the next worker claim over a row that says `sending`, or `unknown` where
somebody without that knowledge came by. Claim ids are never used twice, so of two workers with the same unsent claim
one wins. docs/reliability.md plays this through with rows and times.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from bridge import times
from bridge.errors import AlreadyClaimed, LogRefused, LogUnavailable, RowGone
from bridge.message import Cause, Failure, Message, Outcome, Status
from bridge.permit import Permit

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.account import Account
    from bridge.log.log import Log
    from bridge.log.row import Claim, Row
    from bridge.message_central.client import MessageCentral
    from bridge.times import Deadline

CLOCK_SKEW_SECONDS = 5.0
"""How far the clocks of two workers may be apart."""

MOST_UNSENT_CLAIMS = 5
"""As many are carried along with a message. A queue holds a hundred messages in one of its own."""

TOO_OLD = Outcome(Status.EXPIRED, Failure.EXPIRED, reason="could not be sent within its validity")
STOPPED = Outcome(Status.CANCELLED, Failure.STOPPED, reason="stopped by an operator")
"""How messages end that are not to be sent."""


class Ending(Enum):
    """How an attempt ended: what has to be done next follows from it."""

    ATTEMPTED = "attempted"
    """The vendor was called (or surely could not be): `outcome` is to be recorded under `claim`."""
    ENDED = "ended"
    """It is not to be sent, as `outcome` tells; the log says so already."""
    DUPLICATE = "duplicate"
    """The log holds it already, as `was`; or it was to be sent again, and was forgotten (None)."""
    ABANDONED = "abandoned"
    """The worker that claimed it died; the log now says `unknown`."""
    IN_FLIGHT = "in flight"
    """Another worker may be sending it for `busy_for` seconds."""
    NOT_ATTEMPTED = "not attempted"
    """Nothing was sent, because of `cause`; `reason` says it in words."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What one attempt came to. `message` is the message for a next attempt, with its unsent claims."""

    ending: Ending
    message: Message
    claim: Claim | None = None
    outcome: Outcome | None = None
    was: Status | None = None
    cause: Cause | None = None
    reason: str | None = None
    busy_for: float = 0.0
    waited: float = 0.0
    """Seconds from accept to the vendor's call, which took so many `seconds`."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send a message. While nothing was written to the vendor, the thread that waits may revoke it."""

    message: Message
    account: Account
    claim_id: str
    permit: Permit = field(default_factory=Permit)

    @classmethod
    def by(cls, worker: str, message: Message, account: Account) -> Attempt:
        """An attempt of a worker, which the log will name."""
        return cls(message, account, claim_id(worker))

    def revoke(self) -> SendResult | None:
        """Give the attempt up. None: too late, it may be sent at this moment."""
        if not self.permit.revoke():
            return None
        # Its claim may be written even now; naming it is what lets the next attempt pass.
        message = with_unsent_claim(self.message, self.claim_id)
        return SendResult(Ending.NOT_ATTEMPTED, message, cause=Cause.NO_TIME)


class Sender:
    """Claims and sends messages for one worker after another."""

    def __init__(self, log: Log, vendor: MessageCentral, worker_lifetime: float, clock: Callable[[], float]) -> None:
        """`worker_lifetime` is the longest that any worker lives, in seconds; `clock` gives epoch seconds."""
        self.log = log
        self.vendor = vendor
        self._lifetime = worker_lifetime + CLOCK_SKEW_SECONDS
        self._clock = clock

    def send(self, attempt: Attempt, deadline: Deadline) -> SendResult:
        """Claim a message and give it to the vendor."""
        try:
            message = self._with_room(attempt.message)
        except LogUnavailable as error:
            return _not_attempted(attempt.message, error)
        claim = self.log.new_claim(message, attempt.claim_id, report=bool(attempt.account.callback_url))
        refused = self._claim(message, claim.id, partial(self.log.claim, claim, deadline), deadline)
        if refused:
            return refused
        started = self._clock()
        outcome = self.vendor.send(message, attempt.account, deadline, attempt.permit)
        seconds = self._clock() - started
        if outcome.status is Status.RETRYING:  # only then: it says that nothing was sent
            message = with_unsent_claim(message, claim.id)
        waited = max(0.0, started - message.accepted_at)
        return SendResult(Ending.ATTEMPTED, message, claim, outcome, waited=waited, seconds=seconds)

    def end(
        self, message: Message, outcome: Outcome, worker: str, deadline: Deadline, *, report: bool = True
    ) -> SendResult:
        """End a message that is not to be sent, unless it was sent before. The log says so at once."""
        try:
            message = self._with_room(message)
        except LogUnavailable as error:
            return _not_attempted(message, error)
        name = claim_id(worker)
        end = partial(self.log.end, message, name, outcome, deadline, report=report)
        return self._claim(message, name, end, deadline) or SendResult(Ending.ENDED, message, outcome=outcome)

    def _with_room(self, message: Message) -> Message:
        """The message with room for the name of one more claim. Where it names as many as it may, the last takes the
        place of the one that stands, if one of them does. Its name stays: it may be written even now, too.

        Raises:
            LogUnavailable, LogRefused: DynamoDB did not say. Another claim would push out a name that may be needed.
        """
        if len(message.unsent_claims) < MOST_UNSENT_CLAIMS:
            return message
        self.log.gather(message)
        return replace(message, unsent_claims=message.unsent_claims[-1:])

    def _claim(self, message: Message, name: str, claim: Callable[[], None], deadline: Deadline) -> SendResult | None:
        """Make a claim. None: it is granted."""
        try:
            claim()
        except AlreadyClaimed as refusal:
            return self._already_claimed(message, refusal.row, deadline)
        except RowGone:
            return SendResult(Ending.DUPLICATE, message)
        except LogUnavailable as error:
            if error.perhaps_written:
                message = with_unsent_claim(message, name)
            return _not_attempted(message, error)
        return None

    def _already_claimed(self, message: Message, row: Row, deadline: Deadline) -> SendResult:
        if row.status is not Status.SENDING:
            return SendResult(Ending.DUPLICATE, message, was=row.status)
        busy_for = times.epoch(row.claimed_at or row.accepted_at) + self._lifetime - self._clock()
        if busy_for > 0:
            return SendResult(Ending.IN_FLIGHT, message, was=Status.SENDING, busy_for=busy_for)
        try:
            abandoned = self.log.mark_unknown(row, deadline)
        except LogUnavailable as error:
            return _not_attempted(message, error)
        return SendResult(Ending.ABANDONED if abandoned else Ending.DUPLICATE, message, was=Status.UNKNOWN)


def claim_id(worker: str) -> str:
    """The name of a new claim of a worker."""
    return f"{worker}/{secrets.token_hex(6)}"


def with_unsent_claim(message: Message, name: str) -> Message:
    """The message, knowing one more claim under which it was surely not sent. Where there are too many, those in the
    middle go: when the log went away it may still have written the first two, and the last three when it came back.
    """
    claims = (*message.unsent_claims, name)
    few = len(claims) <= MOST_UNSENT_CLAIMS
    return replace(message, unsent_claims=claims if few else (*claims[:2], *claims[-3:]))


def _not_attempted(message: Message, error: LogUnavailable) -> SendResult:
    cause = Cause.LOG_REFUSED if isinstance(error, LogRefused) else Cause.LOG
    return SendResult(Ending.NOT_ATTEMPTED, message, cause=cause, reason=str(error))
