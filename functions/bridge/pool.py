"""Jobs over threads, with their results as they come in and an end that is kept."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bridge.times import Deadline

T = TypeVar("T")


def as_done(
    jobs: Sequence[Callable[[], T]], threads: int, until: Deadline, idle_seconds: float
) -> Iterator[tuple[int, Future[T]] | None]:
    """Each job's index and future once it has ended; None whenever none has ended for `idle_seconds`.

    At `until` every job has been yielded: those not begun are cancelled, those still running are yielded as they are
    and left alone.
    """
    done: SimpleQueue[int] = SimpleQueue()
    pool = ThreadPoolExecutor(min(threads, len(jobs)) or 1)
    futures = [pool.submit(job) for job in jobs]
    for index, future in enumerate(futures):
        future.add_done_callback(lambda _, index=index: done.put(index))  # type: ignore[misc] # bound now
    waiting = set(range(len(jobs)))
    try:
        while waiting and until.remaining():
            try:
                index = done.get(timeout=min(idle_seconds, until.remaining()))
            except Empty:
                yield None
            else:
                waiting.discard(index)
                yield index, futures[index]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    for index in sorted(waiting):
        yield index, futures[index]
