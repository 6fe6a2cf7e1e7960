"""One execution environment of a function: its process, and the connection to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import uuid
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from local import process
from local.errors import FunctionError, HandlerError, TimedOutError, WorkerLostError
from local.names import ACCESS_KEY, ACCOUNT_ID, REGION, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.resources import FunctionDescription

# Seconds for the imports. Lambda gives 10; this machine may be busy with everything else.
INIT_TIMEOUT = 60
# What Python needs of our environment. Nothing else reaches a handler, above all no AWS profile.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_FILE")


class Environment:
    """A worker process of `function`. One event at a time."""

    def __init__(self, function: FunctionDescription, variables: Mapping[str, str], log: Path | None) -> None:
        self._function = function
        ours, theirs = socket.socketpair()
        self._connection = Connection(ours.detach())
        with theirs:
            self._process = process.start(
                "local.worker",
                [str(theirs.fileno())],
                log=log,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=_variables(function, variables),
            )
        self._is_ready = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def run(self, event: Any) -> Any:
        """Give the handler one event. Raises HandlerError, TimedOutError, WorkerLostError."""
        if not self._is_ready:
            self._wait_for_imports()
        deadline = time.time() + self._function.timeout
        request = {"event": event, "requestId": str(uuid.uuid4()), "deadline": deadline}
        try:
            self._connection.send_bytes(json.dumps(request).encode())
        except OSError as error:
            raise self._lost() from error
        return self._receive(self._function.timeout)["result"]

    def kill(self) -> None:
        """Kill the process, if it is still there."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Kill the process and close the connection. Only while nobody is in `run`."""
        self.kill()
        if not self._connection.closed:
            self._connection.close()

    def _wait_for_imports(self) -> None:
        try:
            self._receive(INIT_TIMEOUT)
        except FunctionError:
            self.kill()
            raise
        self._is_ready = True

    def _receive(self, timeout: float) -> dict[str, Any]:
        try:
            if not self._connection.poll(timeout):
                self.kill()
                raise TimedOutError(f"{self._function.name}: Task timed out after {timeout:.2f} seconds")
            answer: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError) as error:
            raise self._lost() from error
        if "error" in answer:
            raise HandlerError(self._function.name, answer["error"])
        return answer

    def _lost(self) -> WorkerLostError:
        status = self._process.wait()
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return WorkerLostError(f"{self._function.name}: the worker ended with {how}")


def _variables(function: FunctionDescription, overrides: Mapping[str, str]) -> dict[str, str]:
    """Lambda's reserved variables, the template's, and `overrides`, which replace either."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": process.search_path(function.code),
        "PYTHONUNBUFFERED": "1",
        "TZ": ":UTC",
        "_HANDLER": function.handler,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "LOCAL_FUNCTION_ARN": f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function.name}",
        "LAMBDA_TASK_ROOT": str(function.code),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **function.environment,
        **overrides,
    }
