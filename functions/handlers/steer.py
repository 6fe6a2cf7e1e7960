"""The operators' page, to change something: calls of the buttons in CloudWatch's custom widgets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.app import App
from console.forgetting import ForgetPages
from console.request import request_of
from console.resending import ResendPages
from console.steering import SteeringPages
from console.views import Views
from handlers.entry import lambda_handler

if TYPE_CHECKING:
    from bridge.invocation import Invocation

RESPONSE_MARGIN = 0.5  # seconds of the function's time, to give the answer


def steer(app: App, event: dict[str, Any], invocation: Invocation) -> str:
    """Do what a button asks for; the HTML that says what came of it."""
    metrics = invocation.metrics
    control, resending = SteeringPages(app.controls, metrics), ResendPages(app.messages, app.resend, metrics)
    forgetting = ForgetPages(app.forget, metrics)
    views = {**control.views(), "resend": resending.resend, "forget": forgetting.forget}
    return Views(views, None, "It may have been done: look before you do it again.").answer(request_of(event))


handler = lambda_handler(partial(steer, App.from_environment()), RESPONSE_MARGIN)
