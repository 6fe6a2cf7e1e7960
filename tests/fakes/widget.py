"""CloudWatch, as far as a custom widget of a dashboard sees it: what it calls with, and what it makes of the answer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from tests.fakes.values import ACCOUNT_ID

CONSOLE = "arn:aws:lambda:eu-west-1:123456789012:function:bridge-ConsoleFunction:live"
STEER = "arn:aws:lambda:eu-west-1:123456789012:function:bridge-SteerFunction:live"
PARAMS = {"account": ACCOUNT_ID, "console": CONSOLE, "steer": STEER}

# What CloudWatch takes out of a widget, and what else would run or load something.
FORBIDDEN = {
    "script",
    "iframe",
    "use",
    "object",
    "embed",
    "img",
    "link",
    "meta",
    "base",
    "video",
    "audio",
    "foreignobject",
}
_VOID = {"input", "br", "hr"}


def event(pressed: dict[str, Any] | None = None, typed: dict[str, Any] | None = None, **context: Any) -> dict[str, Any]:
    """A call: with the parameters of the button that was pressed, and what was typed."""
    known = {
        "dashboardName": "bridge",
        "widgetId": "widget-1",
        "accountId": "123456789012",
        "locale": "en",
        "theme": "light",
        "forms": {"all": typed or {}},
        "params": PARAMS,
        "width": 1_200,
        "height": 500,
    }
    return {**(pressed or {}), "widgetContext": {**known, **context}}


@dataclass
class Button:
    """A button and what it calls."""

    label: str
    endpoint: str
    parameters: dict[str, Any]
    confirmation: str | None


@dataclass
class Shown(HTMLParser):
    """A widget's HTML as a browser reads it: its text, its buttons, its elements. Raises ValueError where it holds what
    CloudWatch takes out, or what does not nest.
    """

    html: str
    text: str = ""
    buttons: list[Button] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _said: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._action: dict[str, str] | None = None
        self.feed(self.html)
        self.close()
        if self._open:
            raise ValueError(f"not closed: {self._open}")
        self.text = re.sub(r"\s+", " ", self.text).strip()

    def __hash__(self) -> int:
        return id(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in FORBIDDEN or any(name.startswith("on") for name in values):
            raise ValueError(f"CloudWatch takes this out: <{tag} {values}>")
        if "javascript:" in values.get("href", ""):
            raise ValueError("a link that runs something")
        self.elements.append((tag, values))
        self.text += " "
        if tag == "cwdb-action":
            self._action, self._label, self._said = values, self._said.strip(), ""
        elif tag == "button":
            self._said = ""
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            raise ValueError(f"</{tag}> closes nothing")
        if tag == "cwdb-action" and self._action is not None:
            given = self._action
            self.buttons.append(
                Button(self._label, given["endpoint"], json.loads(self._said), given.get("confirmation"))
            )
            self._action, self._said = None, ""

    def handle_data(self, data: str) -> None:
        self._said += data
        if self._action is None and "style" not in self._open:
            self.text += data

    def button(self, label: str) -> Button:
        """The one button with this label."""
        (found,) = [one for one in self.buttons if one.label == label]
        return found

    def labels(self) -> list[str]:
        """The labels of all buttons, in order."""
        return [one.label for one in self.buttons]
