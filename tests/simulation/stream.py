"""The log's stream, and count reading it while the run goes on: batches cut as they come, some given again from further
back, at once with newer ones, and readers that die half-way.

A partition has one shard after the other, as DynamoDB's have; each is read from its beginning to its end.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from zlib import crc32

from bridge.app import App
from tests.fakes.aws import FakeAws
from tests.fakes.dynamodb import FakeDynamoDB

if TYPE_CHECKING:
    from bridge.operations.audit import Difference
    from tests.simulation.world import Environment, World

PARTITIONS = 3
SHARD_SECONDS = 4 * 3_600
WINDOW_SECONDS = 10.0
"""How long Lambda waits for a batch to fill."""
MOST_RECORDS = 1_000
MOST_BACK = 300
"""From how much further back records are given again."""
LONGEST_PAUSE_SECONDS = 60.0
"""Until Lambda tries again what has failed: a second at first, and twice as long each time."""


@dataclass(slots=True)
class Shard:
    """Records in their order; the first `read` of them are done with."""

    name: str
    records: list[dict[str, Any]] = field(default_factory=list)
    read: int = 0


class Stream:
    """The changes of the log, and who reads them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._partitions = [_Partition(world, number) for number in range(PARTITIONS)]
        self._places = 0

    @property
    def unread(self) -> int:
        """How many records are not counted yet."""
        return sum(len(shard.records) - shard.read for one in self._partitions for shard in one.shards)

    def write(self, key: tuple[str, str], before: Any, after: Any) -> None:
        """The log wrote an item. What changes nothing leaves no record."""
        if before == after:
            return
        self._places += 1
        images = {"OldImage": before} if before else {}
        record = {"dynamodb": {"SequenceNumber": str(self._places), **images, "NewImage": after}}
        self._partitions[crc32(key[0].encode()) % PARTITIONS].add(record)

    def differences(self) -> list[Difference]:
        """What the counters say otherwise than the log."""
        dynamodb = FakeDynamoDB()
        dynamodb.tables = self._world.tables.tables
        aws: Any = FakeAws(dynamodb, None, None)  # type: ignore[arg-type] # an audit needs nothing else
        audit = App.build(self._world.settings, aws, lambda: self._world.runtime.now, lambda _seconds: None).audit
        accounts = [self._world.account(number) for number in range(self._world.plan.accounts)]
        return [difference for account in accounts for difference in audit.audit(account).differences]


class _Partition:
    """One after the other its shards, and Lambda's poller, which reads them."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._rng = random.Random(f"stream {world.seed} {number}")
        self._number = number
        self.shards: list[Shard] = []
        self._news = world.runtime.threading.Event()
        world.runtime.spawn(self._poll)

    def add(self, record: dict[str, Any]) -> None:
        name = f"shardId-{int(self._world.runtime.now // SHARD_SECONDS):020}-{self._number:08x}"
        if not self.shards or self.shards[-1].name != name:
            self.shards.append(Shard(name))
        self.shards[-1].records.append(record)
        self._news.set()

    def _poll(self) -> None:
        runtime, rng = self._world.runtime, self._rng
        while True:
            self._news.wait()
            self._news.clear()
            runtime.sleep(rng.uniform(0, WINDOW_SECONDS))
            for shard in self.shards:
                self._read(shard)

    def _read(self, shard: Shard) -> None:
        """Give a shard's records until all have passed."""
        runtime, rng = self._world.runtime, self._rng
        pause = 1.0
        while shard.read < len(shard.records):
            if rng.random() < 0.1:  # who had the shard before gives once more what it had
                runtime.spawn(partial(self._give, shard, *self._cut(shard, self._further_back(shard))))
            start = shard.read if rng.random() < 0.7 else self._further_back(shard)
            start, end = self._cut(shard, start)
            failed = self._give(shard, start, end)
            shard.read = max(shard.read, end if failed is None else start + failed)
            if failed is not None:
                runtime.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                pause = 1.0

    def _further_back(self, shard: Shard) -> int:
        return self._rng.randrange(max(0, shard.read - MOST_BACK), shard.read + 1)

    def _cut(self, shard: Shard, start: int) -> tuple[int, int]:
        return start, min(len(shard.records), start + self._rng.choice((1, 10, 100, MOST_RECORDS)))

    def _give(self, shard: Shard, start: int, end: int) -> int | None:
        """One invocation. From the which-th of these records on they have to come again; None: all are counted."""
        ended = self._world.runtime.threading.Event()
        answers: list[Any] = []

        def finished(_environment: Environment, answer: Any) -> None:
            answers.append(answer)
            ended.set()

        records = shard.records[start:end]
        self._world.invoke("count", {"Records": records, "shardId": shard.name}, finished)
        ended.wait()
        [answer] = answers
        if answer is None:
            return 0
        places = [record["dynamodb"]["SequenceNumber"] for record in records]
        failures = answer["batchItemFailures"]
        return min((places.index(one["itemIdentifier"]) for one in failures), default=None)
