"""`python -m local.moto_server --port 4566`: AWS in memory, with what the bridge needs to rely on.

moto's own server runs requests on threads, and its DynamoDB reads the item, checks the condition and writes in
three steps without a lock, so two conditional writes at once could both succeed. On AWS only one does, and claims
depend on it. So requests are handled one after the other here; only who waits for messages of a queue waits apart.

It is served by our own HTTP server: moto's starts a thread for each request, and looks for ten milliseconds whether
more comes, which takes as long as a read itself. Both close the connection after each answer.
"""

from __future__ import annotations

import argparse
import io
import sys
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local import process, quick_moto
from local.http_server import HttpAnswer, HttpRequest, HttpServer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

WAITING = 64
"""Who may wait for messages at the same time."""


class WsgiHandler:
    """Has a WSGI application answer the requests of our HTTP server."""

    def __init__(self, application: WSGIApplication, port: int) -> None:
        self._application = application
        self._port = port

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        """Answer one request, but none of a web page's: moto would let any site in a browser here read the secrets."""
        if "origin" in request.headers:
            return HttpAnswer(403, closes=True)
        started: dict[str, Any] = {}
        start: Any = partial(_keep, started)
        body = b"".join(self._application(self._environ(request), start))
        return HttpAnswer(int(started["status"].split()[0]), body, started["headers"], closes=True)

    def _environ(self, request: HttpRequest) -> WSGIEnvironment:
        """PEP 3333, and the URI as it was sent, as moto's own server gives it."""
        headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
        uri = f"{request.path}?{request.query}" if request.query else request.path
        return {
            **headers,
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(request.path).decode("latin1"),
            "QUERY_STRING": request.query,
            "REQUEST_URI": uri,
            "RAW_URI": uri,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self._port),
            "SERVER_PROTOCOL": request.version,
            "REMOTE_ADDR": request.peer,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }


def _keep(started: dict[str, Any], status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
    started.update(status=status, headers=headers)


def waits(request: HttpRequest) -> bool:
    """Whether moto may wait with its answer."""
    return request.headers.get("x-amz-target") == "AmazonSQS.ReceiveMessage"


def main() -> None:
    """Serve until SIGTERM, Ctrl-C or the end of standard input."""
    parser = argparse.ArgumentParser(prog="local.moto_server")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    quick_moto.make_quick()
    application: Any = DomainDispatcherApplication(create_backend_app)
    handler = WsgiHandler(application, options.port)
    with HttpServer(handler, port=options.port, host=options.host, threads=WAITING, may_block=waits):
        process.end_with_parent()
        process.wait_for_signal()


if __name__ == "__main__":
    main()
