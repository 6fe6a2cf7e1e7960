"""`POST /sms`: CleverTap's requests (API Gateway HTTP API, payload 2.0)."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.accept import Post
from bridge.app import App
from bridge.clevertap.credentials import read_credentials
from bridge.errors import BridgeError, CannotOpen, Misconfigured, NotAuthenticated, RequestError
from bridge.telemetry import logger
from handlers.entry import lambda_handler
from handlers.http_api import HttpResponse, body_of, headers_of, response, source_of

if TYPE_CHECKING:
    from bridge.accept import Acceptor
    from bridge.authentication import Authenticator
    from bridge.invocation import Invocation

RESPONSE_MARGIN = 0.5  # seconds of the function's time, to give the answer
RETRY_AFTER_SECONDS = 60


def accept(
    acceptor: Acceptor, authenticator: Authenticator, event: dict[str, Any], invocation: Invocation
) -> HttpResponse:
    """Answer one request of CleverTap's, whatever it holds."""
    started = time.monotonic()
    account, reason = "", None
    try:
        post = Post(headers_of(event), body_of(event))
        credentials = read_credentials(post.headers, source_of(event))
        account = credentials.account
        answer = response(*acceptor.accept(post, authenticator.authenticate(credentials), invocation))
    except BridgeError as error:
        answer, reason = _refusal(error), str(error)
        # Anybody may name any account: only what a caller of one of ours does is counted by account.
        account = account if authenticator.knows(account) else "-"
        if isinstance(error, NotAuthenticated):
            invocation.metrics.add(account, "RequestsUnauthorized")
            return _logged(answer, reason=reason)
        # CleverTap repeats nothing: a key that the secret lacks is lost messages.
        if isinstance(error, Misconfigured | CannotOpen):
            invocation.metrics.add(account, "AccountMisconfigured")
    invocation.metrics.latencies[account, "AcceptLatency"].append((time.monotonic() - started) * 1_000)
    return _logged(answer, reason=reason, account=account, **invocation.metrics.summary())


def _refusal(error: BridgeError) -> HttpResponse:
    """The answer to a request of which nothing was taken."""
    if isinstance(error, RequestError):
        return response(error.status, {"status": "error", "error": str(error)})
    return response(503, {"status": "error", "error": str(error)}, retry_after=str(RETRY_AFTER_SECONDS))


def _logged(answer: HttpResponse, **fields: Any) -> HttpResponse:
    logger.info("answered", status=answer["statusCode"], **fields)
    return answer


app = App.from_environment()
handler = lambda_handler(partial(accept, app.accept, app.authenticator), RESPONSE_MARGIN)
