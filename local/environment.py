"""One execution environment of a function: its process, and the talk with it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from local import process
from local.aws import ACCESS_KEY, SECRET_KEY
from local.errors import FunctionError, HandlerError, TimedOutError, WorkerLostError
from local.template import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.resources import Function

# Seconds for the imports. Lambda gives 10; this machine may be busy with everything else.
INIT_PATIENCE = 60
# What a Python needs of the surroundings; nothing else of them reaches a handler, no AWS profile above all.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_FILE")


class Environment:
    """A worker process of `function`. One event at a time."""

    def __init__(self, function: Function, variables: Mapping[str, str], log: Path | None) -> None:
        self._function = function
        ours, theirs = socket.socketpair()
        self._connection = Connection(ours.detach())
        self._process = _start(function, theirs.fileno(), variables, log)
        theirs.close()
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
        """Kill the process and forget it. Only while nobody is in `run`."""
        self.kill()
        if not self._connection.closed:
            self._connection.close()

    def _wait_for_imports(self) -> None:
        try:
            self._receive(INIT_PATIENCE)
        except FunctionError:
            self.kill()
            raise
        self._is_ready = True

    def _receive(self, patience: float) -> dict[str, Any]:
        try:
            if not self._connection.poll(patience):
                self.kill()
                raise TimedOutError(f"{self._function.name}: Task timed out after {patience:.2f} seconds")
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


def _start(
    function: Function, connection: int, variables: Mapping[str, str], log: Path | None
) -> subprocess.Popen[bytes]:
    output = log.open("ab") if log else None
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "local.worker", str(connection)],
            pass_fds=[connection],
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=subprocess.STDOUT if output else subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us alone
            env=_variables(function, variables),
        )
    finally:
        if output:
            output.close()


def _variables(function: Function, overrides: Mapping[str, str]) -> dict[str, str]:
    """Lambda's reserved variables, the template's, and what stands over them."""
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
