"""Threads, locks, queues and sleep in virtual time: greenlets that one seed interleaves.

Time stands while anything can run, and jumps to the next moment at which something is due when nothing can. What runs
next, of all that could, is drawn by the seed; at a lock or a queue another may step in. So the same seed gives the same
run, and another seed other interleavings.
"""

from __future__ import annotations

import heapq
import queue
from collections import deque
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from greenlet import GreenletExit, getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

STEP_IN = 0.02
"""How often another thread steps in where a lock or a queue is used."""


class Deadlock(Exception):
    """A thread takes a lock that it holds already."""


class Owner:
    """A process: it is frozen with all its threads, and dies with them."""

    def __init__(self) -> None:
        self.tasks: dict[Task, None] = {}
        self.frozen = False
        self.dead = False
        self.parked: list[Task] = []


class Task(greenlet):
    """One thread. `turn` numbers its waits, so that a timer of an earlier one means nothing."""

    owner: Owner
    turn = 0
    waiting = False
    woken = False


class Runtime:
    """The clock and all threads. `threading` stands in for the module of that name."""

    def __init__(self, rng: Random, now: float) -> None:
        self.now = now
        self._random = rng.random
        self._ready: list[Task] = []
        self._timers: list[tuple[float, int, Task, int]] = []
        self.numbers = count()
        self._hub = getcurrent()
        self._infrastructure = Owner()
        self.failure: BaseException | None = None
        self.threading = SimpleNamespace(
            Thread=self._of(Thread),
            Lock=self._of(Lock),
            RLock=self._of(RLock),
            Condition=self._of(Condition),
            Event=self._of(Event),
            Semaphore=self._of(Semaphore),
            BoundedSemaphore=self._of(Semaphore),
        )
        self.SimpleQueue = self._of(SimpleQueue)
        self.ThreadPoolExecutor = self._of(ThreadPoolExecutor)

    def _of(self, kind: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments, **options: kind(self, *arguments, **options)

    def __call__(self) -> float:
        """The time, in epoch seconds."""
        return self.now

    # ── Threads ───────────────────────────────────────────────────────────────────────────────────────────────────

    def spawn(self, run: Callable[[], None], owner: Owner | None = None) -> Task:
        """Begin a thread; without an owner it belongs to the world outside, which does not die."""
        task = Task(self._guarded(run), self._hub)
        task.owner = owner or self._infrastructure
        task.owner.tasks[task] = None
        self._ready.append(task)
        return task

    def _guarded(self, run: Callable[[], None]) -> Callable[[], None]:
        def body() -> None:
            task = self.current
            try:
                run()
            except GreenletExit:
                pass
            except BaseException as error:  # noqa: BLE001 - raised again where the run was started
                self.failure = self.failure or error
            finally:
                task.owner.tasks.pop(task, None)

        return body

    @property
    def current(self) -> Task:
        """The thread that runs now."""
        task = getcurrent()
        assert isinstance(task, Task)
        return task

    def kill(self, owner: Owner) -> None:
        """End a process at once: none of its threads does anything any more."""
        owner.dead = True
        current = getcurrent()
        for task in list(owner.tasks):
            if task is not current:
                task.parent = current
                task.throw(GreenletExit)
        owner.tasks.clear()
        owner.parked.clear()
        if isinstance(current, Task) and current.owner is owner:
            raise GreenletExit

    def freeze(self, owner: Owner) -> None:
        """Stop a process's threads, as Lambda does between two invocations."""
        owner.frozen = True

    def thaw(self, owner: Owner) -> None:
        """Let them go on."""
        owner.frozen = False
        self._ready += owner.parked
        owner.parked.clear()

    # ── Waiting ───────────────────────────────────────────────────────────────────────────────────────────────────

    def alive(self) -> None:
        """Nothing that a dead process does has an effect."""
        if self.current.owner.dead:
            raise GreenletExit

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.wait(seconds)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait to be woken; False when the time was over first."""
        task = self.current
        if task.owner.dead:
            raise GreenletExit
        task.turn += 1
        task.waiting, task.woken = True, False
        if seconds is not None:
            heapq.heappush(self._timers, (self.now + max(0.0, seconds), next(self.numbers), task, task.turn))
        self._hub.switch()
        return task.woken

    def wake(self, task: Task) -> bool:
        """Let a waiting thread go on."""
        if not task.waiting or task.owner.dead:
            return False
        task.waiting, task.woken = False, True
        self._ready.append(task)
        return True

    def step(self) -> None:
        """A point at which another thread may step in."""
        task = self.current
        if task.owner.dead:
            raise GreenletExit
        if self._random() < STEP_IN:
            task.turn += 1
            self._ready.append(task)
            self._hub.switch()

    # ── The loop ──────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, done: Callable[[], bool]) -> None:
        """Let everything happen until it is done, or nothing is left to happen."""
        ready, random = self._ready, self._random
        while self.failure is None:
            if not ready:
                if done() or not self._advance():
                    break
                continue
            place = int(random() * len(ready))
            ready[place], ready[-1] = ready[-1], ready[place]
            task = ready.pop()
            owner = task.owner
            if owner.frozen and not owner.dead:
                owner.parked.append(task)
            elif not task.dead:
                task.parent = self._hub
                task.switch()
        if self.failure:
            raise self.failure

    def end(self) -> None:
        """Drop what still waits."""
        for _, _, task, _ in self._timers:
            if not task.dead and not task.owner.dead:
                self.kill(task.owner)

    def _advance(self) -> bool:
        """Go on to the next moment at which something is due."""
        timers = self._timers
        while timers:
            at, _, task, turn = heapq.heappop(timers)
            if not task.waiting or task.turn != turn or task.owner.dead:
                continue
            self.now = max(self.now, at)
            task.waiting = False
            self._ready.append(task)
            while timers and timers[0][0] <= at:
                _, _, task, turn = heapq.heappop(timers)
                if task.waiting and task.turn == turn and not task.owner.dead:
                    task.waiting = False
                    self._ready.append(task)
            return True
        return False


class Lock:
    """`threading.Lock`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._holder: Task | None = None
        self._waiting: deque[Task] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - the module's
        self._runtime.step()
        task = self._runtime.current
        if self._holder is task:
            raise Deadlock
        deadline = None if timeout < 0 else self._runtime.now + timeout
        while self._holder is not None:
            left = None if deadline is None else deadline - self._runtime.now
            if not blocking or (left is not None and left <= 0):
                return False
            self._waiting.append(task)
            self._runtime.wait(left)
            if task in self._waiting:
                self._waiting.remove(task)
        self._holder = task
        return True

    def release(self) -> None:
        if self._holder is None:
            raise RuntimeError("release unlocked lock")
        self._holder = None
        while self._waiting and not self._runtime.wake(self._waiting.popleft()):
            pass

    def locked(self) -> bool:
        return self._holder is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class RLock(Lock):
    """`threading.RLock`."""

    _depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - the module's
        if self._holder is not self._runtime.current and not super().acquire(blocking, timeout):
            return False
        self._depth += 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            super().release()


class Condition:
    """`threading.Condition`."""

    def __init__(self, runtime: Runtime, lock: Lock | None = None) -> None:
        self._runtime = runtime
        self._lock = lock or RLock(runtime)
        self.acquire, self.release = self._lock.acquire, self._lock.release
        self._waiting: deque[Task] = deque()

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        task = self._runtime.current
        self._waiting.append(task)
        self._lock.release()
        woken = self._runtime.wait(timeout)
        if not woken and task in self._waiting:
            self._waiting.remove(task)
        self._lock.acquire()
        return woken

    def notify(self, n: int = 1) -> None:
        while n and self._waiting:
            n -= self._runtime.wake(self._waiting.popleft())

    def notify_all(self) -> None:
        self.notify(len(self._waiting))


class Event:
    """`threading.Event`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._set = False
        self._waiting: list[Task] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        for task in self._waiting:
            self._runtime.wake(task)
        self._waiting.clear()

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            self._waiting.append(self._runtime.current)
            self._runtime.wait(timeout)
        return self._set


class Semaphore:
    """`threading.BoundedSemaphore`, and without the bound `threading.Semaphore`."""

    def __init__(self, runtime: Runtime, value: int = 1) -> None:
        self._runtime = runtime
        self._value = self._bound = value
        self._waiting: deque[Task] = deque()

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002 - the module's
        runtime = self._runtime
        runtime.step()
        deadline = None if timeout is None else runtime.now + timeout
        while not self._value:
            left = None if deadline is None else deadline - runtime.now
            if not blocking or (left is not None and left <= 0):
                return False
            task = runtime.current
            self._waiting.append(task)
            runtime.wait(left)
            if task in self._waiting:
                self._waiting.remove(task)
        self._value -= 1
        return True

    def release(self, n: int = 1) -> None:
        if self._value + n > self._bound:
            raise ValueError("Semaphore released too many times")
        self._value += n
        while n and self._waiting:
            n -= self._runtime.wake(self._waiting.popleft())


class SimpleQueue:
    """`queue.SimpleQueue`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._items: deque[Any] = deque()
        self._waiting: deque[Task] = deque()

    def put(self, item: Any) -> None:
        self._runtime.step()
        self._items.append(item)
        while self._waiting and not self._runtime.wake(self._waiting.popleft()):
            pass

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - the module's
        runtime = self._runtime
        deadline = None if timeout is None else runtime.now + timeout
        while not self._items:
            left = None if deadline is None else deadline - runtime.now
            if not block or (left is not None and left <= 0):
                raise queue.Empty
            task = runtime.current
            self._waiting.append(task)
            runtime.wait(left)
            if task in self._waiting:
                self._waiting.remove(task)
        return self._items.popleft()


class Thread:
    """`threading.Thread`."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        target: Callable[..., Any],
        args: tuple[Any, ...] = (),
        daemon: bool | None = None,  # noqa: ARG002 - nothing waits for any thread here
    ) -> None:
        self._runtime = runtime
        self._run = lambda: target(*args)
        self._ended = Event(runtime)

    def start(self) -> None:
        def run() -> None:
            try:
                self._run()
            finally:
                self._ended.set()

        self._runtime.spawn(run, self._runtime.current.owner)

    def join(self, timeout: float | None = None) -> None:
        self._ended.wait(timeout)

    def is_alive(self) -> bool:
        return not self._ended.is_set()


class Future:
    """`concurrent.futures.Future`, as far as it is used."""

    def __init__(self, runtime: Runtime) -> None:
        self.ended = Event(runtime)
        self.value: Any = None
        self.error: BaseException | None = None
        self._number = next(runtime.numbers)

    def __hash__(self) -> int:
        """The same in each run of a seed: sets of futures are in one order."""
        return self._number

    def result(self) -> Any:
        self.ended.wait()
        if self.error:
            raise self.error
        return self.value


def first_ended(futures: set[Future], return_when: str) -> tuple[set[Future], set[Future]]:
    """`concurrent.futures.wait`, until one of them has ended."""
    assert return_when == "FIRST_COMPLETED"
    if not any(future.ended.is_set() for future in futures):
        next(iter(futures)).ended.wait()
    ended = {future for future in futures if future.ended.is_set()}
    return ended, futures - ended


class ThreadPoolExecutor:
    """`concurrent.futures.ThreadPoolExecutor`."""

    def __init__(self, runtime: Runtime, max_workers: int) -> None:
        self._runtime = runtime
        self._most = max_workers
        self._running = 0
        self._jobs: deque[tuple[Future, Callable[[], Any]]] = deque()
        self._futures: list[Future] = []

    def submit(self, run: Callable[..., Any], *arguments: Any) -> Future:
        future = Future(self._runtime)
        self._futures.append(future)
        self._jobs.append((future, lambda: run(*arguments)))
        if self._running < self._most:
            self._running += 1
            self._runtime.spawn(self._work, self._runtime.current.owner)
        return future

    def map(self, run: Callable[..., Any], *items: Any) -> Any:
        futures = [self.submit(run, *one) for one in zip(*items, strict=False)]
        return (future.result() for future in futures)

    def _work(self) -> None:
        while self._jobs:
            future, run = self._jobs.popleft()
            try:
                future.value = run()
            except GreenletExit:
                raise
            except BaseException as error:  # noqa: BLE001 - as the real one
                future.error = error
            future.ended.set()
        self._running -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for future in self._futures:
            future.ended.wait()
