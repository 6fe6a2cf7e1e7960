"""What was posted, what the vendor took, what the log says: compared at the end of each test."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.simulator.account import Accepted

SETTLED = frozenset({"sent", "unknown", "delivered", "undelivered", "expired", "cancelled", "rejected"})
NOT_SENT = frozenset({"rejected", "expired", "cancelled", "retrying", ""})


@dataclass(frozen=True, slots=True)
class Sms:
    """One message as CleverTap posts it."""

    to: str
    text: str
    messageId: str  # noqa: N815 - CleverTap's word

    @property
    def key(self) -> tuple[str, str]:
        return f"+{self.to}", self.messageId


@dataclass(frozen=True, slots=True)
class Row:
    """A message's row in the log, as far as it is compared."""

    status: str
    verification_id: str = ""
    attempts: int = 0


NO_ROW = Row("")


@dataclass(slots=True)
class Findings:
    """What is wrong, by message; empty but for `unknown` when all is well."""

    messages: int = 0
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    unknown: int = 0


def compare(
    posted: Iterable[Sms],
    acknowledged: set[Sms],
    rows: Mapping[tuple[str, str], Row],
    accepted: Iterable[Accepted],
    *,
    may_be_rejected: bool,
) -> Findings:
    """Find what was sent twice, what was acknowledged and lost, and what the log says that is not so.

    `may_be_rejected`: the vendor refuses some of them, or they become too old.
    """
    findings = Findings()
    taken: dict[str, list[str]] = {}
    for one in accepted:
        taken.setdefault(one.number, []).append(one.verificationId)
    for sms in posted:
        findings.messages += 1
        row, ids = rows.get(sms.key, NO_ROW), taken.get(sms.to, [])
        what = f"{sms.messageId}: {row.status or 'no row'}, at the vendor {len(ids)} times"
        if len(ids) > 1:
            findings.twice.append(what)
        if sms in acknowledged and _is_lost(row, ids, may_be_rejected=may_be_rejected):
            findings.lost.append(what)
        if (ids and row.status in NOT_SENT) or (row.status == "sent" and row.verification_id not in ids):
            findings.untrue.append(what)
        findings.unknown += row.status == "unknown"
    return findings


def _is_lost(row: Row, ids: list[str], *, may_be_rejected: bool) -> bool:
    if row.status not in SETTLED:
        return True
    if row.status in ("rejected", "expired"):
        return not may_be_rejected
    return row.status != "unknown" and not ids


def statuses(rows: Mapping[tuple[str, str], Row]) -> Counter[str]:
    """How many messages stand where."""
    return Counter(row.status for row in rows.values())
