"""Turns what is shown into HTML. Everything that is filled in is escaped, whoever wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.figures import GROUPS, MEANINGS
from console.words import WORDS

if TYPE_CHECKING:
    from console.request import Request


def page(template: str, request: Request, **shown: Any) -> str:
    """A page in answer to a request."""
    text: str = _PAGES.get_template(template).render(widget=request.widget, account=request.account, **shown)
    return text


_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_PAGES.globals |= {"groups": GROUPS, "meanings": MEANINGS}
_PAGES.filters |= WORDS
