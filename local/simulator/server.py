"""The simulator's routes: the vendor's two calls and the controls of the tests."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from local.http_message import Answer, Drop, Request, json_answer
from local.http_server import HttpServer
from local.simulator import sending, tokens
from local.simulator.account import Accepted, Account
from local.simulator.receipts import ReceiptSender
from local.simulator.settings import SettingError, Settings, changed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

TOKEN_PATH = "/auth/v1/authentication/token"  # noqa: S105 - a path
SEND_PATH = "/verification/v3/send"


class Simulator:
    """Message Central on 127.0.0.1. `stop()` and `start()` keep the port and the account: an outage.

    In a test: `with Simulator() as vendor:` then `vendor.url`, `vendor.accepted`, `vendor.change(...)`.
    """

    def __init__(self, settings: Settings | None = None, *, port: int = 0, host: str = "127.0.0.1") -> None:
        self.settings = self._first_settings = settings or Settings()
        self.account = Account()
        self._tokens = tokens.Tokens()
        self._receipts = ReceiptSender()
        self._server = HttpServer(self._handle, port=port, host=host)
        self._routes: dict[tuple[str, str], Callable[[Request], Answer | Drop]] = {
            ("GET", TOKEN_PATH): self._token,
            ("POST", SEND_PATH): self._send,
            ("GET", "/_simulator/accepted"): self._show_accepted,
            ("GET", "/_simulator/requests"): self._show_requests,
            ("GET", "/_simulator/settings"): self._show_settings,
            ("POST", "/_simulator/settings"): self._change,
            ("POST", "/_simulator/expire_tokens"): self._expire,
            ("POST", "/_simulator/reset"): self._reset,
        }

    @property
    def url(self) -> str:
        """The value for MESSAGE_CENTRAL_URL."""
        return self._server.url

    @property
    def accepted(self) -> list[Accepted]:
        """Every message accepted so far, in order."""
        return list(self.account.accepted)

    def change(self, **changes: Any) -> None:
        """Change settings by name, as `POST /_simulator/settings` does. Raises SettingError."""
        self.settings = changed(self.settings, changes)

    def expire_tokens(self) -> None:
        """Refuse every token given out so far with 401."""
        self._tokens.expire()

    def reset(self) -> None:
        """Forget the account, the tokens, receipts on their way and all changes of settings."""
        self.settings = self._first_settings
        self.account.forget()
        self._tokens = tokens.Tokens()
        self._receipts.forget()

    def requests(self) -> dict[str, Any]:
        """Counts: requests by call, sends by fate, receipts by outcome, the most connections open at once."""
        return {
            "requests": dict(self.account.requests),
            "fates": dict(self.account.fates),
            "accepted": len(self.account.accepted),
            "receipts": self._receipts.counts(),
            "most_connections": self._server.most_connections,
        }

    def start(self) -> Self:
        """Listen. Raises PortTakenError."""
        self._server.start()
        self._receipts.start()
        return self

    def stop(self) -> None:
        """Stop listening, cut connections, and hold receipts back until the next start."""
        self._receipts.stop()
        self._server.stop()

    def _handle(self, request: Request) -> Answer | Drop:
        route = self._routes.get((request.method, request.path))
        if route is None:
            return json_answer({"responseCode": 404, "message": "NOT_FOUND", "data": None}, 404)
        return route(request)

    def _token(self, request: Request) -> Answer:
        self.account.requests["token"] += 1
        parameters = dict(parse_qsl(request.query))
        latency = self.settings.latency_ms / 1000
        refused = tokens.refusal(parameters, self.settings)
        if refused:  # the vendor says so under HTTP 200 (contract §1)
            return json_answer({"status": 400, "error": refused}, after=latency)
        lifetime = self.settings.token_lifetime_seconds
        token = self._tokens.issue(parameters["customerId"], lifetime, time.time())
        return json_answer({"status": 200, "token": token}, after=latency)

    def _send(self, request: Request) -> Answer | Drop:
        now = time.time()
        token = request.headers.get("authtoken", "")
        is_authorized = self._tokens.holds(token, now) or token in self.settings.valid_tokens
        call = sending.Call(request.parameters(), is_authorized)
        self.account.requests["send"] += 1
        self.account.calls_for[call.number] += is_authorized
        earlier_id = self.account.latest(call.number, self.settings.repeat_seconds, now)
        fate = sending.decide(call, self.settings, self.account, now)
        self.account.fates[fate.name] += 1
        message = self.account.take(call.form, now) if fate.accepts else None
        if message:
            self._receipts.plan(message, self.settings, now)
        return sending.answer(fate, message, earlier_id, self.settings)

    def _show_accepted(self, request: Request) -> Answer:
        return json_answer(self.account.accepted_as_json(dict(parse_qsl(request.query))))

    def _show_requests(self, _: Request) -> Answer:
        return json_answer(self.requests())

    def _show_settings(self, _: Request) -> Answer:
        return json_answer(asdict(self.settings))

    def _change(self, request: Request) -> Answer:
        try:
            self.settings = changed(self.settings, json.loads(request.body))
        except (SettingError, json.JSONDecodeError) as error:
            return json_answer({"error": str(error)}, 400)
        return self._show_settings(request)

    def _expire(self, _: Request) -> Answer:
        self.expire_tokens()
        return json_answer({"status": "expired"})

    def _reset(self, _: Request) -> Answer:
        self.reset()
        return json_answer({"status": "reset"})

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
