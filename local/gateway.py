"""API Gateway's HTTP API on a port of this machine: the template's routes, in front of the functions."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote

from local.errors import FunctionError, ThrottledError
from local.gateway_payload import InvalidAnswerError, answer_of, event_of
from local.http_message import Answer, Request, json_answer
from local.http_server import HttpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.event_sources import Route
    from local.function import Function

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MOST_BODY_BYTES = 10 * 1024 * 1024
# Requests that wait for a worker at the same time; CleverTap may come with 1,500 connections.
THREADS = 128


class Gateway:
    """Routes requests to functions. `listener` is told of each request and its answer.

    A request waits `patience` seconds for a free worker, then it is refused with 503. (AWS starts more workers, and
    refuses at once when the account has no more; this machine has few, so a burst is let wait.)
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        patience: float = 10.0,
        listener: Callable[[Request, Answer], None] = lambda *_: None,
    ) -> None:
        self.listener = listener
        self._server = HttpServer(self._handle, port=port, host=host, threads=THREADS)
        self._patience = patience
        self._is_open = False
        self._routes = [(route, function) for function in functions.values() for route in function.description.routes]

    @property
    def url(self) -> str:
        """Where it listens, without a trailing slash."""
        return self._server.url

    def start(self) -> None:
        """Listen. Raises PortTakenError."""
        self._server.start()
        self._is_open = True

    def stop(self) -> None:
        """Stop listening and cut every connection; what the functions do for them goes on."""
        self._is_open = False
        self._server.stop()

    def _handle(self, request: Request) -> Answer:
        answer = self._answer(request)
        self.listener(request, answer)
        return answer

    def _answer(self, request: Request) -> Answer:
        if len(request.body) > MOST_BODY_BYTES:
            return json_answer({"message": "Request Entity Too Large"}, 413)
        for route, function in self._routes:
            parameters = match(route, request)
            if parameters is not None:
                return self._invoke(request, route, parameters, function)
        return json_answer({"message": "Not Found"}, 404)

    def _invoke(self, request: Request, route: Route, parameters: dict[str, str], function: Function) -> Answer:
        try:
            return answer_of(function.invoke(event_of(request, route, parameters), patience=self._patience))
        except ThrottledError:
            return json_answer({"message": "Service Unavailable"}, 503)
        except (FunctionError, InvalidAnswerError) as error:
            if self._is_open:  # afterwards nobody waits for the answer, and the functions are being ended
                logger.warning("%s: %s", route.key, error)
            return json_answer({"message": "Internal Server Error"}, 500)


def match(route: Route, request: Request) -> dict[str, str] | None:
    """The path parameters, decoded, when the route is for the request; else None."""
    if route.method not in (request.method, "ANY"):
        return None
    wanted, given = route.path.split("/"), request.path.split("/")
    if len(wanted) != len(given):
        return None
    parameters = {}
    for pattern, part in zip(wanted, given, strict=True):
        if pattern.startswith("{") and part:
            parameters[pattern.strip("{}")] = unquote(part)
        elif pattern != part:
            return None
    return parameters
