"""What a custom widget of CloudWatch calls with, and what it can be answered.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html:
the parameters of the button that was pressed stand in the event itself, those of the widget in `widgetContext.params`,
what was typed in `widgetContext.forms.all`. Nothing says who pressed it: IAM decides who may call the function.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DARK, LIGHT = "dark", "light"
LONGEST_TYPED = 1_024  # characters of one field that are read; the log's longest key has as many bytes

_FUNCTION = re.compile(r"arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?")


@dataclass(frozen=True, slots=True)
class Widget:
    """The widget that called. `console` and `steer` are the functions behind its buttons, as ARNs; without `steer` it
    only shows.
    """

    account: str
    console: str
    steer: str | None
    theme: str = LIGHT


@dataclass(frozen=True, slots=True)
class Request:
    """One call. What is not text, or was not given, is empty."""

    widget: Widget
    pressed: Mapping[str, Any]
    typed: Mapping[str, Any]

    def parameter(self, name: str) -> str:
        """A parameter of the button that was pressed."""
        return _text(self.pressed, name)

    def field(self, name: str) -> str:
        """What was typed into a field, without the spaces around it."""
        return _text(self.typed, name)[:LONGEST_TYPED].strip()

    @property
    def account(self) -> str:
        """The account that it is about: the one that was asked for by name, else the button's, else the widget's."""
        asked = self.field("other") if self.parameter("view") == "other" else ""
        return asked or self.parameter("account") or self.widget.account


def request_of(event: Mapping[str, Any]) -> Request:
    """The call that an event is; whatever is malformed counts as absent."""
    context = _mapping(event, "widgetContext")
    params = _mapping(context, "params")
    widget = Widget(
        account=_text(params, "account"),
        console=_function(params, "console") or "",
        steer=_function(params, "steer"),
        theme=DARK if context.get("theme") == DARK else LIGHT,
    )
    return Request(widget, event, _mapping(_mapping(context, "forms"), "all"))


def _function(values: Mapping[str, Any], name: str) -> str | None:
    text = _text(values, name)
    return text if _FUNCTION.fullmatch(text) else None


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = values.get(name)
    return value if isinstance(value, dict) else {}
