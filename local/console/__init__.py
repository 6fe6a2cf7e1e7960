"""The operators' page on this machine: `/console` shows the dashboard's custom widget, and does for it what CloudWatch
does (page.js).
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.errors import FunctionError
from local.http_server import HttpAnswer, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.function import Function
    from local.http_server import HttpRequest
    from local.resources import WidgetDescription

logger = logging.getLogger(__name__)

PATH = "/console"
FILES = {PATH: "page.html", f"{PATH}/page.css": "page.css", f"{PATH}/page.js": "page.js"}
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
# Nothing of a widget runs but the page's own script, whatever the widget holds; CloudWatch takes scripts out.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [("Content-Security-Policy", POLICY), ("Cache-Control", "no-store")]
CALL_SECONDS = 30.0  # until a worker of the function is free


class Console:
    """Serves the page, and calls functions for it."""

    def __init__(self, functions: Iterable[Function], widgets: Sequence[WidgetDescription]) -> None:
        """The first of `widgets` is shown."""
        self._functions = {one.description.name: one for one in functions}
        self._widgets = widgets

    def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """The answer to a request for the page or to one of its calls; None when the request is for something else."""
        if not self._widgets:
            return None
        if request.method == "GET" and request.path in FILES:
            return _file(FILES[request.path])
        if request.method == "GET" and request.path == f"{PATH}/widget":
            widget = self._widgets[0]
            return json_answer({"endpoint": widget.endpoint, "params": widget.params})
        if request.method == "POST" and request.path == f"{PATH}/call":
            return self._call(request)
        return None

    def _call(self, request: HttpRequest) -> HttpAnswer:
        # Another site's page in the same browser can post a form here, but no JSON.
        if request.headers.get("content-type") != "application/json":
            return json_answer({"message": "Unsupported Media Type"}, 415)
        try:
            call = json.loads(request.body)
            function = self._functions[call["endpoint"].split(":")[6]]
            event = call["event"]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return json_answer({"message": "no such function"}, 400)
        return self._invoke(function, event)

    def _invoke(self, function: Function, event: Any) -> HttpAnswer:
        try:
            return json_answer(function.invoke(event, timeout=CALL_SECONDS))
        except FunctionError as error:
            logger.warning("%s: %s", function.description.name, error)
            return json_answer({"message": str(error)}, 502)


def _file(name: str) -> HttpAnswer:
    path = Path(__file__).parent / name
    kind = f"{TYPES[path.suffix]}; charset=utf-8"
    return HttpAnswer(200, path.read_bytes(), [("Content-Type", kind), *HEADERS])
