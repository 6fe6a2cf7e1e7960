"""The log's stream, and count reading it: batches cut as they come, given twice, and readers that die half-way.

All writes of a run are kept in their order, and counted when it is over: the stream may be read that late.
"""

from __future__ import annotations

import random
from collections import defaultdict
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from zlib import crc32

from bridge import count
from bridge.app import App
from bridge.invocation import Invocation
from bridge.log.change import RowChange
from bridge.telemetry import InvocationMetrics
from bridge.times import Deadline
from tests.fakes.aws import FakeAws
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.faults import LOST_AFTER, THROTTLED, UNREACHED, Crash

if TYPE_CHECKING:
    from bridge.operations.audit import Difference
    from tests.simulation.world import World

PARTITIONS = 3
SHARD_SECONDS = 4 * 3_600
MOST_RECORDS = 1_000
SILENT = SimpleNamespace(info=lambda *_a, **_f: None, error=lambda *_a, **_f: None)


class Stream:
    """The changes of the log, by shard. A partition begins a new shard every four hours."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = random.Random(f"stream {world.seed}")
        self._shards: dict[str, list[tuple[float, RowChange]]] = defaultdict(list)
        self._places = 0

    def write(self, key: tuple[str, str], before: Any, after: Any) -> None:
        """The log wrote an item. What changes nothing leaves no record."""
        if before == after:
            return
        self._places += 1
        now = self._world.runtime.now
        shard = f"shardId-{int(now // SHARD_SECONDS):020}-{crc32(key[0].encode()) % PARTITIONS:08x}"
        self._shards[shard].append((now, RowChange(str(self._places), before or {}, after)))

    def count(self) -> list[Difference]:
        """Have all of it counted; what then differs from the log."""
        dynamodb = FakeDynamoDB()
        dynamodb.tables = self._world.tables.tables
        with patch.object(count, "logger", SILENT):
            for shard in sorted(self._shards):
                self._read(shard, dynamodb)
        accounts = [self._world.account(number) for number in range(self._world.plan.accounts)]
        audit = self._app(dynamodb, 0.0).audit
        return [difference for account in accounts for difference in audit.audit(account).differences]

    def _read(self, shard: str, dynamodb: FakeDynamoDB) -> None:
        """Give a shard from beginning to end: batches of any size, some from further back, until each passes."""
        records, rng = self._shards[shard], self._rng
        reached = 0
        while reached < len(records):
            start = reached if rng.random() < 0.7 else rng.randrange(reached + 1)
            batch = records[start : start + rng.choice((1, 10, 100, MOST_RECORDS))]
            failed = self._invoke(shard, batch, dynamodb)
            if failed is None:
                reached = max(reached, start + len(batch))

    def _invoke(self, shard: str, batch: list[tuple[float, RowChange]], dynamodb: FakeDynamoDB) -> str | None:
        """One invocation of a new reader; in one of five cases it dies, or its update fails, answered or not."""
        fate = self._rng.choice((None,) * 16 + (UNREACHED, LOST_AFTER, THROTTLED, Crash))
        if fate is Crash:
            dynamodb.around = _dying(self._rng.choice(("before update_item", "after update_item")))
        elif fate:
            dynamodb.fail("update_item", fate)
        counter = self._app(dynamodb, batch[-1][0] + 10).count
        invocation = Invocation("count", Deadline.within(59, lambda: 0.0), InvocationMetrics())
        failed: str | None = "died"
        with suppress(Crash):
            failed = counter.count(shard, [change for _, change in batch], invocation)
        dynamodb.around = lambda _point: None
        dynamodb.heal()
        return failed

    def _app(self, dynamodb: FakeDynamoDB, now: float) -> App:
        aws: Any = FakeAws(dynamodb, None, None)  # type: ignore[arg-type] # count needs nothing else
        return App.build(self._world.settings, aws, lambda: now, lambda _seconds: None)


def _dying(where: str) -> Any:
    def around(point: str) -> None:
        if point == where:
            raise Crash

    return around
