"""`python -m local.worker <fd>`: one execution environment of a function, as a process.

It imports the handler, then takes one event at a time over a connection that is apart from standard output, which
is the function's own for its logs and metrics.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from local.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable


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
    """The handler that `module.function` names."""
    module, _, function = name.rpartition(".")
    handler: Callable[[Any, Context], Any] = getattr(importlib.import_module(module), function)
    return handler


def run(handler: Callable[[Any, Context], Any], request: dict[str, Any]) -> dict[str, Any]:
    """Give the handler one event. What it returns goes through JSON, as on Lambda."""
    context = Context(request["requestId"], request["deadline"])
    try:
        return {"result": json.loads(json.dumps(handler(request["event"], context)))}
    except Exception as error:  # noqa: BLE001 - this is the runtime: what a handler raises is its caller's to judge
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
