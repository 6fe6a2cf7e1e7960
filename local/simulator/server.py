"""The simulator's routes: the vendor's two calls and the controls of the tests."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from local.http_server import Drop, HttpAnswer, HttpRequest, HttpServer, json_answer
from local.simulator import sending, tokens
from local.simulator.account import Accepted, VendorAccount
from local.simulator.receipts import ReceiptSender
from local.simulator.settings import SettingError, SimulatorSettings, changed

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

TOKEN_PATH = "/auth/v1/authentication/token"  # noqa: S105 - a path
SEND_PATH = "/verification/v3/send"


class Simulator(HttpServer):
    """Message Central on 127.0.0.1. `stop()` and `start()` keep the port and the account: an outage.

    In a test: `with Simulator() as vendor:` then `vendor.url`, `vendor.accepted`, `vendor.change(...)`.
    `vendor.url` is the value for MESSAGE_CENTRAL_URL.
    """

    def __init__(self, settings: SimulatorSettings | None = None, *, port: int = 0, host: str = "127.0.0.1") -> None:
        super().__init__(self._handle, port=port, host=host)
        self.settings = self._first_settings = settings or SimulatorSettings()
        self.account = VendorAccount()
        self._tokens = tokens.IssuedTokens()
        self._receipts = ReceiptSender()
        self._outage: threading.Thread | None = None
        self._is_over = threading.Event()
        self._routes: dict[tuple[str, str], Callable[[HttpRequest], HttpAnswer | Drop]] = {
            ("GET", TOKEN_PATH): self._token,
            ("POST", SEND_PATH): self._send,
            ("GET", "/_simulator/accepted"): self._show_accepted,
            ("GET", "/_simulator/requests"): lambda _: json_answer(self.requests()),
            ("GET", "/_simulator/settings"): lambda _: json_answer(asdict(self.settings)),
            ("POST", "/_simulator/settings"): self._change,
            ("POST", "/_simulator/outage"): self._begin_outage,
            ("POST", "/_simulator/expire_tokens"): self._expire,
            ("POST", "/_simulator/reset"): self._reset,
        }

    @property
    def accepted(self) -> list[Accepted]:
        """Every message accepted so far, in order."""
        return list(self.account.accepted)

    def change(self, **changes: Any) -> None:
        """Change settings by name, as `POST /_simulator/settings` does. Raises SettingError."""
        self.settings = changed(self.settings, changes)

    def expire_tokens(self) -> None:
        """Answer 401 to every token issued so far."""
        self._tokens.expire()

    def reset(self) -> None:
        """Forget the account, the tokens, scheduled receipts and all changes of settings."""
        self.settings = self._first_settings
        self.account.forget()
        self._tokens = tokens.IssuedTokens()
        self._receipts.forget()

    def requests(self) -> dict[str, Any]:
        """Counts: requests by call, sends by behaviour, receipts by their answer."""
        return {
            "requests": dict(self.account.requests),
            "behaviours": dict(self.account.behaviours),
            "accepted": len(self.account.accepted),
            "receipts": self._receipts.counts(),
        }

    def start(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        super().start()
        self._receipts.start()
        return self

    def stop(self) -> None:
        """Stop listening, cut connections, and hold receipts back until the next start. Ends an outage, too."""
        if self._outage:
            self._is_over.set()
            self._outage.join()
            self._outage = None
        self._stop()

    def be_down(self, seconds: float) -> None:
        """Play an outage: refuse connections for so many seconds, then serve again. Returns at once."""
        self._is_over.clear()
        self._outage = threading.Thread(target=self._be_down, args=(seconds,), daemon=True)
        self._outage.start()

    def _be_down(self, seconds: float) -> None:
        self._stop()
        if not self._is_over.wait(seconds):
            self.start()

    def _stop(self) -> None:
        if self.is_running:
            self._receipts.stop()
            super().stop()

    def _handle(self, request: HttpRequest) -> HttpAnswer | Drop:
        route = self._routes.get((request.method, request.path))
        if route is None:
            return json_answer({"responseCode": 404, "message": "NOT_FOUND", "data": None}, 404)
        return route(request)

    def _token(self, request: HttpRequest) -> HttpAnswer:
        self.account.requests["token"] += 1
        parameters = dict(parse_qsl(request.query))
        latency = self.settings.latency_ms / 1000
        refused = tokens.refusal(parameters, self.settings)
        if refused:  # the vendor answers HTTP 200 then
            return json_answer({"status": 400, "error": refused}, after=latency)
        lifetime = self.settings.token_lifetime_seconds
        token = self._tokens.issue(parameters["customerId"], lifetime, time.time())
        return json_answer({"status": 200, "token": token}, after=latency)

    def _send(self, request: HttpRequest) -> HttpAnswer | Drop:
        now = time.time()
        token = request.headers.get("authtoken", "")
        is_authorized = self._tokens.holds(token, now) or token in self.settings.valid_tokens
        call = sending.Call(request.parameters(), is_authorized)
        self.account.requests["send"] += 1
        self.account.calls_for[call.number] += is_authorized
        earlier_id = self.account.latest(call.number, self.settings.repeat_seconds, now)
        behaviour = sending.decide(call, self.settings, self.account, now)
        self.account.behaviours[behaviour.name] += 1
        message = self.account.accept(call.form, now) if behaviour.accepts else None
        if message:
            self._receipts.plan(message, self.settings, now)
        return sending.answer(behaviour, message, earlier_id, self.settings)

    def _show_accepted(self, request: HttpRequest) -> HttpAnswer:
        return json_answer(self.account.accepted_as_json(dict(parse_qsl(request.query))))

    def _change(self, request: HttpRequest) -> HttpAnswer:
        try:
            self.settings = changed(self.settings, json.loads(request.body))
        except (SettingError, json.JSONDecodeError) as error:
            return json_answer({"error": str(error)}, 400)
        return json_answer(asdict(self.settings))

    def _begin_outage(self, request: HttpRequest) -> HttpAnswer:
        try:
            seconds = float(json.loads(request.body)["seconds"])
        except (KeyError, TypeError, ValueError):
            return json_answer({"error": "seconds are missing"}, 400)
        self.be_down(seconds)
        return json_answer({"status": "down", "seconds": seconds})

    def _expire(self, _: HttpRequest) -> HttpAnswer:
        self.expire_tokens()
        return json_answer({"status": "expired"})

    def _reset(self, _: HttpRequest) -> HttpAnswer:
        self.reset()
        return json_answer({"status": "reset"})
