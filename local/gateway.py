"""API Gateway's HTTP API on a port of this machine: the template's routes to the functions."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote

from local.errors import FunctionError, ThrottledError
from local.gateway_payload import InvalidAnswerError, answer_of, event_of
from local.http_server import HttpAnswer, HttpRequest, HttpServer, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.console import Console
    from local.event_sources import Route
    from local.function import Function

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MOST_BODY_BYTES = 10 * 1024 * 1024
# Requests that wait for a worker at the same time; CleverTap may come with 1,500 connections.
THREADS = 128


class Gateway(HttpServer):
    """Routes requests to functions.

    A request waits `timeout` seconds for a free worker, then it is answered 503. (AWS starts more workers, and
    answers 503 at once when the account may have no more. This machine has few workers, so a burst has to wait.)
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        timeout: float = 10.0,
        console: Console | None = None,
    ) -> None:
        """`console`: the operators' page, which AWS has in its own console."""
        super().__init__(self._handle, port=port, host=host, threads=THREADS)
        self._timeout = timeout
        self._console = console
        self._routes = [(route, function) for function in functions.values() for route in function.description.routes]

    def _handle(self, request: HttpRequest) -> HttpAnswer:
        if len(request.body) > MOST_BODY_BYTES:
            return json_answer({"message": "Request Entity Too Large"}, 413)
        if self._console and (shown := self._console.answer(request)):
            return shown
        for route, function in self._routes:
            parameters = match(route, request)
            if parameters is not None:
                return self._invoke(request, route, parameters, function)
        return json_answer({"message": "Not Found"}, 404)

    def _invoke(self, request: HttpRequest, route: Route, parameters: dict[str, str], function: Function) -> HttpAnswer:
        try:
            return answer_of(function.invoke(event_of(request, route, parameters), timeout=self._timeout))
        except ThrottledError:
            return json_answer({"message": "Service Unavailable"}, 503)
        except (FunctionError, InvalidAnswerError) as error:
            if self.is_running:  # afterwards nobody waits for the answer, and the functions are being stopped
                logger.warning("%s: %s", route.key, error)
            return json_answer({"message": "Internal Server Error"}, 500)


def match(route: Route, request: HttpRequest) -> dict[str, str] | None:
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
