"""The sink's routes: the callback URL, and controls for tests."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from typing import Any

from local.http_server import Drop, HttpAnswer, HttpRequest, HttpServer, json_answer
from local.sink.encryption import opened
from local.sink.rules import faults_of, items_of
from local.sink.state import REFUSALS, ReceivedEvents, SinkSettings, changed


class Sink(HttpServer):
    """CleverTap's callback URL: keeps what it receives. In a test: `with Sink() as clevertap:`."""

    def __init__(self, settings: SinkSettings | None = None, *, port: int = 0, host: str = "127.0.0.1") -> None:
        super().__init__(self._handle, port=port, host=host)
        self.settings = settings or SinkSettings()
        self.received = ReceivedEvents()

    @property
    def callback_url(self) -> str:
        """The value for an account's `callbackUrl`."""
        return f"{self.url}/sms/generic?account=LOCAL-ACCOUNT"

    def change(self, **changes: Any) -> None:
        """Change settings by name. Raises ValueError."""
        self.settings = changed(self.settings, changes)

    def reset(self) -> None:
        """Forget what came and every change of settings."""
        self.settings = SinkSettings(encryption_keys=self.settings.encryption_keys)
        self.received = ReceivedEvents()

    def _handle(self, request: HttpRequest) -> HttpAnswer | Drop:
        match request.method, request.path:
            case "GET", "/_sink/events":
                return json_answer(self.received.events)
            case "GET", "/_sink/counts":
                return json_answer({**self.received.counts(), "faults": self.received.invalid})
            case "POST", "/_sink/settings":
                return self._change(request)
            case "POST", "/_sink/reset":
                self.reset()
                return json_answer({"status": "reset"})
            case "POST", _:
                return self._callback(request)
        return json_answer({"status": "fail"}, 404)

    def _change(self, request: HttpRequest) -> HttpAnswer:
        try:
            self.change(**json.loads(request.body))
        except (ValueError, TypeError) as error:
            return json_answer({"error": str(error)}, 400)
        return json_answer(asdict(self.settings))

    def _callback(self, request: HttpRequest) -> HttpAnswer | Drop:
        self.received.calls += 1
        answer = self._next_answer()
        if answer == "drop":
            return Drop()
        if answer in REFUSALS:
            return json_answer({"status": "fail", "processed": 0, "unprocessed": []}, REFUSALS[answer])
        items, fault = self._items(request)
        if fault:
            self.received.invalid.append(fault)
            return json_answer({"status": "fail", "processed": 0, "unprocessed": [], "error": fault}, 400)
        after = self.settings.slow_seconds if answer == "slow" else 0.0
        return self._process(items, after, processes_all=answer != "partial")

    def _items(self, request: HttpRequest) -> tuple[list[dict[str, Any]], str]:
        """The items of a call, or what is wrong with it as a whole."""
        try:
            return items_of(opened(request.headers, request.body, self.settings.encryption_keys))
        except ValueError as error:
            return [], str(error)

    def _next_answer(self) -> str:
        """The answer of this call; each uses up one of the setting's `times`."""
        settings = self.settings
        if settings.times is None:
            return settings.answer
        if settings.times == 0:
            return "success"
        self.settings = replace(settings, times=settings.times - 1)
        return settings.answer

    def _process(self, items: list[dict[str, Any]], after: float, *, processes_all: bool) -> HttpAnswer:
        unprocessed = []
        for place, item in enumerate(items):
            fault = faults_of(item)
            if fault:
                self.received.invalid.append(fault)
            elif not processes_all and place % 2:
                fault = "try again"
            if fault:
                record = {"event": item["event"], "data": [{key: item[key] for key in item if key != "event"}]}
                unprocessed.append({"status": "fail", "code": 400, "error": fault, "record": record})
            else:
                self.received.events.append({**item, "at": time.time()})
        processed = len(items) - len(unprocessed)
        status = "success" if not unprocessed else "partial" if processed else "fail"
        return json_answer(
            {"status": status, "processed": processed, "unprocessed": unprocessed},
            200 if processed or not items else 400,
            after=after,
        )
