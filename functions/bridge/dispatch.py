"""Chunks from the queue: their messages to the vendor, their outcomes into the log, the rest back to the queue.

Nothing is lost on the way: what was not sent goes back as new chunks **before** a chunk counts as done, and a chunk
whose leftovers could not be queued fails, so that SQS delivers it again. Nothing is sent twice: whoever gets a message
has to claim it (`send.py`), so that two chunks with the same message do no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.aws import CALL_SECONDS
from bridge.batch import Batch
from bridge.errors import LogUnavailable
from bridge.leftovers import Leftovers
from bridge.promotional_hours import until
from bridge.send import TOO_OLD
from bridge.sqs import Queued
from bridge.steering import keys_of
from bridge.telemetry import logger
from bridge.waiting import account_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.chunk import Chunk, ChunkQueue
    from bridge.engine import Engine
    from bridge.invocation import Invocation
    from bridge.message import Message
    from bridge.secrets import Secrets
    from bridge.times import Deadline


class Dispatcher:
    """Processes chunks."""

    def __init__(
        self,
        engine: Engine,
        secrets: Secrets,
        queue: ChunkQueue,
        *,
        validity_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        """`clock` gives epoch seconds."""
        self.engine = engine
        self._log = engine.log
        self._secrets = secrets
        self._queue = queue
        self._validity = validity_seconds
        self._clock = clock

    def dispatch(self, chunks: Sequence[Chunk], invocation: Invocation) -> list[bool]:
        """Process chunks; tells for each whether it is done, or has to be delivered again."""
        batch = Batch(self.engine, invocation)
        everything = [Leftovers(chunk) for chunk in chunks]
        if keys := keys_of(message for chunk in chunks for message in chunk.messages):
            self.engine.look(keys, may_probe=True)
        for leftovers in everything:
            with leftovers.guard():
                self._record(leftovers, batch.sending)
                self._add(leftovers, batch, invocation)
            invocation.metrics.add(leftovers.chunk.account, "Faults", int(leftovers.failed))
        batch.run()
        self._give_back(everything, invocation.deadline)
        return [not leftovers.failed for leftovers in everything]

    def _record(self, leftovers: Leftovers, deadline: Deadline) -> None:
        """Write rows that could not be written before; what cannot be written for a day is a fault of ours."""
        if not leftovers.chunk.outcomes:
            return
        unwritten = self._log.record(leftovers.chunk.outcomes, deadline).unwritten
        if self._is_too_old(leftovers.chunk.accepted_at):
            leftovers.failed = bool(unwritten)
        else:
            leftovers.rows += unwritten

    def _add(self, leftovers: Leftovers, batch: Batch, invocation: Invocation) -> None:
        """Give the batch what there is to do for each message of a chunk."""
        chunk = leftovers.chunk
        if not chunk.messages:
            return
        account = None
        if batch.sending.remaining():  # else the look-ups of ten accounts could outlast the worker
            account = account_or_none(self._secrets, chunk.account, invocation, "messages")
        held = 0.0
        for message in chunk.messages:
            if self._is_too_old(message.accepted_at):
                batch.end(message, leftovers, TOO_OLD)
            else:
                held = max(held, batch.add(message, account, leftovers))

        if held:
            logger.info(
                "promotional messages wait until their hours begin",
                account=chunk.account,
                until=until(self._clock(), held),
            )

    def _is_too_old(self, accepted_at: float) -> bool:
        return self._clock() - accepted_at > self._validity

    def _give_back(self, everything: Sequence[Leftovers], deadline: Deadline) -> None:
        """Queue all leftovers. A chunk that fails comes again as it was, without the unsent claims learned since."""
        chunks = [(leftovers, *entry) for leftovers in everything for entry in leftovers.chunks()]
        results = self._queue.put([(chunk, delay) for _, chunk, delay in chunks], deadline)
        for (leftovers, _, _), parts in zip(chunks, results, strict=True):
            leftovers.failed |= any(queued is not Queued.YES for _, queued in parts)
        for leftovers in everything:
            if leftovers.failed:
                self._reopen(leftovers.waiting(), deadline)

    def _reopen(self, messages: Sequence[Message], deadline: Deadline) -> None:
        """Let messages be claimed again though they will come without their unsent claims."""
        for message in messages:
            if not (message.unsent_claims and deadline.allows(CALL_SECONDS)):
                continue
            try:
                self._log.reopen(message)
            except LogUnavailable as error:
                logger.warning("unsent messages may end as unknown: the log does not answer", reason=str(error))
                return
