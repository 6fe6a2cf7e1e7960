"""On which condition the log is written: the transitions (`transitions.py`) as DynamoDB's expressions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from bridge.clevertap.codes import CODES
from bridge.log.transitions import Write, may_write
from bridge.message import Failure, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.log.row import Claim, Row
    from bridge.message import Message, Resend

NAMES = {"#status": "status"}
"""How an expression names attributes whose names DynamoDB reserves."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition expression, with the values of its placeholders."""

    text: str
    values: Mapping[str, Any]

    def __or__(self, other: Condition) -> Condition:
        return Condition(f"{self.text} OR {other.text}", {**self.values, **other.values})

    def given(self, **values: str) -> Condition:
        """With texts for placeholders that had no value yet."""
        return Condition(self.text, {**self.values, **{f":{name}": {"S": value} for name, value in values.items()}})

    def parameters(self) -> dict[str, Any]:
        """As DynamoDB's calls take it, which refuse placeholders that are not used."""
        used = {"ExpressionAttributeNames": NAMES, "ExpressionAttributeValues": self.values} if self.values else {}
        return {"ConditionExpression": self.text, **used}


# Where no row stands, a write undoes nothing: it is the first one, or the row was deleted meanwhile.
_NO_ROW = Condition("attribute_not_exists(messageId)", {})


def claimable(claim: Claim) -> Condition:
    """Where a claim is granted."""
    if claim.message.resend:
        condition = _resendable(claim.message, claim.message.resend, claim.row.status)
    else:
        condition = _claimable(claim.row.status).given(acceptedAt=claim.row.accepted_at)
    unsent = {f"unsent{n}": name for n, name in enumerate(claim.message.unsent_claims)}
    if not unsent:
        return condition
    return condition | _over(Write.UNSENT_CLAIM, claim.row.status, *unsent).given(**unsent)


def recordable(row: Row) -> Condition:
    """Where an outcome or a rejection may be written: over its own claim, or where it undoes nothing."""
    condition = _NO_ROW
    if row.claimed_by and may_write(Write.OUTCOME, row.status):
        condition |= _over(Write.OUTCOME, row.status, "claim").given(claim=row.claimed_by)
    if may_write(Write.LATER_CLAIM, row.status):
        condition |= _not_queued_before(row.status).given(acceptedAt=row.accepted_at)
    if row.report and may_write(Write.REPORTED_REJECTION, row.status):
        condition |= _unreported(row.status).given(acceptedAt=row.accepted_at)
    return condition


def one_stands(unsent_claims: Sequence[str]) -> Condition:
    """Where one of these claims stands, under which surely nothing was sent, whatever it was called since."""
    names = {f"unsent{n}": name for n, name in enumerate(unsent_claims)}
    return _over(Write.UNSENT_CLAIM, Status.SENDING, *names).given(**names)


def reopenable(unsent_claims: Sequence[str], status: Status) -> Condition:
    """Where a row may be given this status while one of these claims stands, under which surely nothing was sent."""
    names = {f"unsent{n}": name for n, name in enumerate(unsent_claims)}
    return _over(Write.OUTCOME, status, *names).given(**names)


def abandoned(row: Row) -> Condition:
    """Where a row's worker may be called dead: while its claim stands, and nobody has called it so."""
    return _NO_ROW | _over(Write.DEATH, Status.UNKNOWN, "claim").given(claim=row.claimed_by or "")


def unchanged(row: Row) -> Condition:
    """Where a row still has the status and the claim that it was read with; or no claim, as it was read."""
    if not row.claimed_by:
        return Condition("#status = :seen AND attribute_not_exists(claimedBy)", {}).given(seen=row.status.value)
    return Condition("#status = :seen AND claimedBy = :claim", {}).given(seen=row.status.value, claim=row.claimed_by)


def _resendable(message: Message, resend: Resend, status: Status) -> Condition:
    """Over the end that a person saw, and no other; or where the message waits, sent again, for another attempt."""
    seen = {"seenClaim": resend.claimed_by, "seenEnd": resend.final_at}
    known = {name: value for name, value in seen.items() if value}
    given = {**known, "seen": resend.status.value}
    if resend.status is Status.REJECTED:
        given["notQueued"] = CODES[Failure.NOT_QUEUED]
    condition = _over_seen(status, resend.status, *known).given(**given)
    return condition if message.sent_in_doubt else condition | _over(Write.CLAIM, status)


@cache
def _over_seen(status: Status, seen: Status, *known: str) -> Condition:
    """Over an end with these marks, and without the others."""
    condition = _over(Write.RESEND, status)
    marks = {"seenClaim": "claimedBy", "seenEnd": "finalAt"}
    parts = [condition.text, "#status = :seen"]
    parts += [f"{name} = :{mark}" if mark in known else f"attribute_not_exists({name})" for mark, name in marks.items()]
    if seen is Status.REJECTED:
        parts.append("code = :notQueued")
    return Condition(f"({' AND '.join(parts)})", condition.values)


@cache
def _claimable(status: Status) -> Condition:
    return _NO_ROW | _over(Write.CLAIM, status) | _not_queued_before(status)


@cache
def _over(write: Write, status: Status, *claims: str) -> Condition:
    """Over a row whose status lets such a write put this one; and, if any are named, whose claim is one of these."""
    before = sorted(over for over in may_write(write, status) if over)
    text = f"#status IN ({', '.join(f':{over}' for over in before)})"
    if claims:
        text = f"({text} AND claimedBy IN ({', '.join(f':{claim}' for claim in claims)}))"
    return Condition(text, {f":{over}": {"S": over.value} for over in before})


@cache
def _not_queued_before(status: Status) -> Condition:
    """Over the row of a message that was not queued, and that was written before this one was accepted."""
    condition = _over(Write.LATER_CLAIM, status)
    return Condition(
        f"({condition.text} AND code = :notQueued AND report = :no AND finalAt < :acceptedAt)",
        {**condition.values, ":notQueued": {"S": CODES[Failure.NOT_QUEUED]}, ":no": {"BOOL": False}},
    )


@cache
def _unreported(status: Status) -> Condition:
    """Over the same request's row, of which CleverTap was not to be told."""
    condition = _over(Write.REPORTED_REJECTION, status)
    text = f"({condition.text} AND report = :no AND acceptedAt = :acceptedAt)"
    return Condition(text, {**condition.values, ":no": {"BOOL": False}})
