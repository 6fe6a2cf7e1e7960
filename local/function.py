"""A Lambda function on this machine: worker processes that run the deployed handler, one event at a time each."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from local.environment import Environment
from local.errors import ThrottledError, WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.resources import FunctionDescription


class Function:
    """Runs a function of the template.

    `variables` are added to the template's environment, and replace what it has. Workers are started when they are
    needed, `concurrency` of them at most, and kept. What they print goes to the file `log`, or nowhere.
    """

    def __init__(
        self,
        description: FunctionDescription,
        variables: Mapping[str, str],
        *,
        concurrency: int = 2,
        log: Path | None = None,
    ) -> None:
        self.description = description
        self.concurrency = concurrency
        self._variables = variables
        self._log = log
        self._places = threading.Semaphore(concurrency)
        self._lock = threading.Lock()
        self._idle: list[Environment] = []
        self._busy: list[Environment] = []
        self._is_closed = False

    def invoke(self, event: Any, *, timeout: float = 60.0) -> Any:
        """Run the handler with `event`, and give what it returned.

        Waits up to `timeout` seconds for a worker. Raises ThrottledError, HandlerError (the handler raised),
        WorkerLostError (the process died, for instance killed) or TimedOutError (killed at the function's Timeout).
        """
        if not self._places.acquire(timeout=timeout):
            raise ThrottledError(f"{self.description.name}: all {self.concurrency} workers are busy")
        try:
            environment = self._take()
            try:
                return environment.run(event)
            finally:
                self._give_back(environment)
        finally:
            self._places.release()

    def pids(self, *, busy: bool = False) -> list[int]:
        """Process ids of the workers; of those with an event in hand when `busy`."""
        with self._lock:
            return [one.pid for one in (self._busy if busy else self._busy + self._idle)]

    def stop(self) -> None:
        """End every worker, whatever it is doing."""
        with self._lock:
            self._is_closed = True
            idle, busy = self._idle, list(self._busy)
            self._idle = []
        for environment in idle:
            environment.end()
        for environment in busy:
            environment.kill()  # whoever waits for it sees it lost, and gives it back

    def _take(self) -> Environment:
        with self._lock:
            while self._idle:
                environment = self._idle.pop()  # the last used one first, as Lambda lets the others run out
                if environment.is_alive():
                    self._busy.append(environment)
                    return environment
            if self._is_closed:
                raise WorkerLostError(f"{self.description.name} is stopped")
            environment = Environment(self.description, self._variables, self._log)
            self._busy.append(environment)
            return environment

    def _give_back(self, environment: Environment) -> None:
        with self._lock:
            self._busy.remove(environment)
            if environment.is_alive() and not self._is_closed:
                self._idle.append(environment)
                return
        environment.end()
