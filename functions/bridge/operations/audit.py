"""Recounts campaigns from the rows of the log, and tells where their counters say something else.

Rows whose time is over count no more, deleted by DynamoDB or not: their campaign's item may be gone first. It reads the
whole log: for the command line, with the rights of whoever asks. While messages are on their way the counters are some
seconds behind; at rest there is no difference, but for rows that expired or were forgotten, which stay counted.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.campaigns.counting import CODE, MESSAGES, PARTS, REFUSED
from bridge.campaigns.keys import campaign_id_of, campaign_key, is_campaign
from bridge.campaigns.standing import MALFORMED, standing_of
from bridge.errors import AwsError, LogUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.campaigns.table import CampaignTable, Item
    from bridge.dynamodb import DynamoDB

NAMES = {"#status": "status", "#segments": "segments"}
READ = "account, campaignId, #status, #segments, code, attempts"
"""The attributes of a row that are counted; a scan is paid by what it reads, not by what it gives."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A counter of a campaign that says something else than the rows. `campaign_id` None: the messages without one.

    Where more were `counted` than there are `rows`, rows may have expired or been forgotten; never the other way round.
    """

    campaign_id: str | None
    counter: str
    counted: int
    rows: int


@dataclass(frozen=True, slots=True)
class Audit:
    """What a recount found: how many rows there are, how many of them nobody can read, and what differs."""

    rows: int
    malformed: int
    differences: list[Difference]


class Auditor:
    """Recounts."""

    def __init__(
        self, log_table: str, client: DynamoDB, campaigns: CampaignTable, clock: Callable[[], float] = time.time
    ) -> None:
        """`client` must be allowed to scan the log. `clock` gives epoch seconds."""
        self._log_table = log_table
        self._client = client
        self._campaigns = campaigns
        self._clock = clock

    def audit(self, account: str, *campaign_ids: str | None) -> Audit:
        """Recount an account's campaigns, or only some of them.

        Raises:
            LogUnavailable: the log, or the counters, cannot be read.
        """
        wanted = {campaign_key(name) for name in campaign_ids}
        found: dict[str, Counter[str]] = defaultdict(Counter)
        rows = malformed = 0
        for item in self._rows(account):
            try:
                standing = standing_of(item)
            except MALFORMED:
                malformed += 1
                continue
            if not wanted or standing.key[1] in wanted:
                rows += 1
                found[standing.key[1]].update(standing.counts)
        counted = {key: item for key, item in self._counters(account) if not wanted or key in wanted}
        return Audit(rows, malformed, [*_differences(found, counted)])

    def _counters(self, account: str) -> Iterator[tuple[str, Counter[str]]]:
        for item in self._campaigns.of_account(account):
            if is_campaign(item["campaign"]["S"]):
                yield item["campaign"]["S"], _counters_of(item)

    def _rows(self, account: str) -> Iterator[Item]:
        scan: dict[str, Any] = {
            "TableName": self._log_table,
            "FilterExpression": "account = :account AND (attribute_not_exists(expiresAt) OR expiresAt > :now)",
            "ProjectionExpression": READ,
            "ExpressionAttributeNames": NAMES,
            "ExpressionAttributeValues": {":account": {"S": account}, ":now": {"N": str(int(self._clock()))}},
            "ConsistentRead": True,
        }
        while True:
            try:
                page = self._client.scan(**scan)
            except AwsError as error:
                raise LogUnavailable(f"the log cannot be read: {error.code}", perhaps_written=False) from None
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            scan["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _counters_of(item: Item) -> Counter[str]:
    return Counter({name: int(item[name]["N"]) for name in item if name.startswith((MESSAGES, PARTS, CODE, REFUSED))})


def _differences(found: dict[str, Counter[str]], counted: dict[str, Counter[str]]) -> Iterator[Difference]:
    nothing: Counter[str] = Counter()
    for key in sorted({*found, *counted}):
        rows, counters = found.get(key, nothing), counted.get(key, nothing)
        for name in sorted({*rows, *counters}):
            if rows[name] != counters[name]:
                yield Difference(campaign_id_of(key), name, counters[name], rows[name])
