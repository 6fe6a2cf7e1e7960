"""Which status may follow which, and who may write it: the one table that everybody else derives from.

    (no row) ─claim─▶ sending ─outcome─▶ sent ─receipt─▶ delivered | undelivered
                         ├─outcome─▶ rejected
                         ├─outcome─▶ retrying ─claim─▶ sending | expired | cancelled
                         │              └─its claim's outcome─▶ rejected
                         ├─outcome, or its worker died─▶ unknown ─receipt─▶ delivered | undelivered
                         │                                  └─its claim's outcome─▶ sent | rejected
                         ├─unsent claim─▶ sending | expired | cancelled, from unknown as well
                         └─late receipt─▶ delivered | undelivered
    (no row) ─claim─▶ expired | cancelled
    (no row) ─rejection─▶ rejected ─later claim─▶ sending | expired | cancelled
    expired | cancelled | rejected as not queued ─resend─▶ sending | expired | cancelled
    unknown ─resend─▶ sending

* A message that is too old to be sent is claimed as `expired`, one whose campaign was stopped as `cancelled`: its claim
  is its end.
* An **unsent claim** is one under which surely nothing was sent. A message that names it may be claimed over its row,
  which says `sending`, or `unknown` where somebody without that knowledge found its worker gone. Claim ids are never
  used twice, so of two workers with the same unsent claim one wins.
* `unknown` may become anything but `retrying` when its claim's own outcome comes late: nobody would try it again, its
  chunk has ended.
* `retrying` becomes `rejected` under the same claim when the queue did not take the message for another attempt.
* `rejected` is an end, with one exception: a message that was **not queued** and of which CleverTap was told with a 503
  that nothing was accepted. CleverTap may give the same id again, and then it is sent. Only to a message that was
  accepted after the row was written is the claim granted: the chunk that SQS may have taken anyway, which is why
  the row was written at all, was accepted before, and stays refused.
* A **resend** is a person's word that a message be sent again over its end. What was provably not sent may be claimed
  again like anything else. `unknown` may only be sent: that it came to nothing this time says nothing of the time
  before, so that it becomes `unknown` again where another message would be `retrying` or `expired`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from bridge.message import Status

if TYPE_CHECKING:
    from collections.abc import Mapping


class Write(Enum):
    """Who writes a status."""

    CLAIM = "claim"
    """Anybody's claim."""

    UNSENT_CLAIM = "unsent claim"
    """A claim that names the one that stands as unsent."""

    LATER_CLAIM = "later claim"
    """A claim, or another rejection, of a message that was accepted after this row said that it was not queued."""

    REPORTED_REJECTION = "reported rejection"
    """The same rejection again, now with a report: the answer was to tell CleverTap of it, and then did not."""

    RESEND = "resend"
    """A claim over the very end that a person saw, and wants the message to be sent over. Of rejected messages it is
    granted only over those that were not queued."""

    REJECTION = "rejection"
    """A record that is not a message, or a message that was not queued."""

    OUTCOME = "outcome"
    """What came of the claim that stands."""

    DEATH = "death"
    """Somebody who found the claim's worker gone."""

    RECEIPT = "receipt"
    """A delivery report."""

    LATE_RECEIPT = "late receipt"
    """A delivery report of a message whose worker must be over, though nobody has said so yet."""


_CLAIMED = frozenset({Status.SENDING, Status.EXPIRED, Status.CANCELLED})  # of the latter two the claim is the end
_RECEIVED = frozenset({Status.DELIVERED, Status.UNDELIVERED})

TRANSITIONS: Mapping[Write, Mapping[Status | None, frozenset[Status]]] = {
    Write.CLAIM: {None: _CLAIMED, Status.RETRYING: _CLAIMED},
    Write.UNSENT_CLAIM: {Status.SENDING: _CLAIMED, Status.UNKNOWN: _CLAIMED},
    Write.LATER_CLAIM: {Status.REJECTED: _CLAIMED | {Status.REJECTED}},
    Write.RESEND: {
        Status.EXPIRED: _CLAIMED,
        Status.CANCELLED: _CLAIMED,
        Status.REJECTED: _CLAIMED,
        Status.UNKNOWN: frozenset({Status.SENDING}),
    },
    Write.REPORTED_REJECTION: {Status.REJECTED: frozenset({Status.REJECTED})},
    Write.REJECTION: {None: frozenset({Status.REJECTED})},
    Write.OUTCOME: {
        Status.SENDING: frozenset({Status.SENT, Status.REJECTED, Status.RETRYING, Status.UNKNOWN}),
        Status.UNKNOWN: frozenset({Status.SENT, Status.REJECTED, Status.UNKNOWN}),
        Status.RETRYING: frozenset({Status.REJECTED}),
    },
    Write.DEATH: {Status.SENDING: frozenset({Status.UNKNOWN})},
    Write.RECEIPT: {Status.SENT: _RECEIVED, Status.UNKNOWN: _RECEIVED},
    Write.LATE_RECEIPT: {Status.SENDING: _RECEIVED},
}
"""Who may write which status over which. None: there is no row yet."""


def may_write(write: Write, status: Status) -> frozenset[Status | None]:
    """Over which statuses such a write may put this one."""
    return frozenset(before for before, after in TRANSITIONS[write].items() if status in after)


FOLLOWS: Mapping[Status | None, frozenset[Status]] = {
    before: frozenset().union(*(by_status.get(before, frozenset()) for by_status in TRANSITIONS.values()))
    for before in (None, *Status)
}
"""All that may follow on a status, whoever writes it."""

CONCLUDED_BY_RECEIPT = frozenset(status for status in Status if status in TRANSITIONS[Write.RECEIPT])
"""Statuses that a receipt ends."""

FINAL = frozenset(
    status
    for status in Status
    if not any(
        status in by_status
        for write, by_status in TRANSITIONS.items()
        if write not in (Write.LATER_CLAIM, Write.REPORTED_REJECTION, Write.RESEND)
    )
)
"""Statuses at which a request has come to its end, and of which CleverTap is told."""

UNSETTLED = frozenset(before for before in (None, *Status) if Status.RETRYING in FOLLOWS[before]) | {
    *TRANSITIONS[Write.CLAIM]
}
"""Where a message is still under way: a worker has it, or the queue. None: it is not in the log yet."""
