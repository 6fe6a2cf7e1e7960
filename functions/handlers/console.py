"""The operators' page, to read: calls of CloudWatch's custom widgets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.app import App
from console.campaigns import CampaignPages
from console.messages import MessagePages
from console.request import request_of
from console.views import DESCRIPTION, Views
from handlers.entry import lambda_handler

if TYPE_CHECKING:
    from bridge.invocation import Invocation

RESPONSE_MARGIN = 0.5  # seconds of the function's time, to give the answer


def console(views: Views, event: dict[str, Any], _: Invocation) -> dict[str, str] | str:
    """The HTML that a widget shows; or, to a person who sets a widget up, what the function takes."""
    return {"markdown": DESCRIPTION} if event.get("describe") else views.answer(request_of(event))


def views_of(app: App) -> Views:
    """The pages that read."""
    campaigns = CampaignPages(app.campaigns, app.controls)
    messages = MessagePages(app.messages, app.logs_insights)
    views = {"campaign": campaigns.one, "messages": messages.found, "message": messages.one}
    return Views(views, campaigns.all, "Try again in a moment.")


handler = lambda_handler(partial(console, views_of(App.from_environment())), RESPONSE_MARGIN)
