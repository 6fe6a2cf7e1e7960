"""`python -m local.moto_server --port 4566`: AWS in memory, with what the bridge needs to rely on.

moto's own server runs requests on threads, and its DynamoDB reads the item, checks the condition and writes in
three steps without a lock, so two conditional writes at once could both succeed. On AWS only one does, and claims
depend on it. So requests to DynamoDB are handled one at a time here (which is a little faster, too).
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import threading
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moto.dynamodb.models.table import Table
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from local import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Query = Callable[..., Any]

LARGEST_LIMIT = 1_000
"""Records that GetRecords gives at most."""


def narrowed(query: Query) -> Query:
    """Make `Table.query` quick: moto sorts all items of the table for each query (25 ms with 1,000 messages).

    A copy of the table with only the wanted partition gives the same result.
    """

    def query_partition(table: Table, hash_key: Any, *arguments: Any, **options: Any) -> Any:
        if table.all_indexes():  # a query of an index is not about a partition of the table
            return query(table, hash_key, *arguments, **options)
        partition = copy.copy(table)
        partition.items = defaultdict(dict, {hash_key: table.items.get(hash_key, {})})
        return query(partition, hash_key, *arguments, **options)

    return query_partition


def get_records(handler: DynamoDBStreamsHandler) -> str:
    """GetRecords, made quick: moto looks up each value of each record in the service's description, though records are
    held as they are answered (1.8 s for 1,000 of the log).
    """
    asked = json.loads(handler.body)
    answer = handler.backend.get_records(asked["ShardIterator"], asked.get("Limit", LARGEST_LIMIT))
    return json.dumps(answer, default=datetime.timestamp)


class OneAtATime:
    """A WSGI application that lets one DynamoDB request in at a time."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._turn = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            with self._turn:
                return self._application(environ, start_response)
        return self._application(environ, start_response)


class QuietHandler(MotoRequestHandler):
    """No line per request; and no waiting for an acknowledgement between the head and the body of an answer."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def main() -> None:
    """Serve until SIGTERM, Ctrl-C or the end of standard input."""
    parser = argparse.ArgumentParser(prog="local.moto_server")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    Table.query = narrowed(Table.query)  # type: ignore[method-assign]
    DynamoDBStreamsHandler.get_records = get_records  # type: ignore[method-assign,assignment]
    application: Any = DomainDispatcherApplication(create_backend_app)
    server = make_server(
        options.host, options.port, OneAtATime(application), threaded=True, request_handler=QuietHandler
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process.end_with_parent()
    process.wait_for_signal()


if __name__ == "__main__":
    main()
