"""`python -m local.worker <fd>`: one execution environment of a function, as a process.

It imports the handler, then receives one event at a time over a connection of its own: standard output is for the
function's logs and metrics.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda gives a handler beside the event. `deadline` is in epoch seconds."""

    aws_request_id: str
    deadline: float
    function_name: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    function_version: str = "$LATEST"
    invoked_function_arn: str = field(default_factory=lambda: os.environ["LOCAL_FUNCTION_ARN"])
    memory_limit_in_mb: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    log_group_name: str = "local"
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the worker is killed."""
        return max(0, int((self.deadline - time.time()) * 1000))


def main() -> None:
    """Serve until the other end of the connection is closed or gone."""
    connection = Connection(int(sys.argv[1]))
    try:
        handler = load(os.environ["_HANDLER"])
    except BaseException as error:  # noqa: BLE001 - Lambda reports any failed import, SystemExit as well
        _send(connection, {"error": describe(error)})
        return
    _send(connection, {"ready": True})
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        _send(connection, run(handler, request))


def load(name: str) -> Callable[[Any, Context], Any]:
    """The handler that `module.function` names; the module may have dots."""
    module, _, function = name.rpartition(".")
    handler: Callable[[Any, Context], Any] = getattr(importlib.import_module(module), function)
    return handler


def run(handler: Callable[[Any, Context], Any], request: dict[str, Any]) -> dict[str, Any]:
    """Give the handler one event. What it returns goes through JSON, as on Lambda."""
    context = Context(request["requestId"], request["deadline"])
    try:
        return {"result": json.loads(json.dumps(handler(request["event"], context)))}
    except Exception as error:  # noqa: BLE001 - as Lambda's runtime: the caller decides what an exception means
        return {"error": describe(error)}


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as Lambda's runtime reports it."""
    return {
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": traceback.format_exception(error),
    }


def _send(connection: Connection, message: dict[str, Any]) -> None:
    sys.stdout.flush()
    connection.send_bytes(json.dumps(message).encode())


if __name__ == "__main__":
    main()
