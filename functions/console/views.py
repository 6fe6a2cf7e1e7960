"""Which page answers a call, and what is shown when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.errors import LogUnavailable, MalformedRow
from console.pages import page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from console.request import Request

    View = Callable[[Request], str]

DESCRIPTION = """### Campaigns of the SMS bridge
Shows campaigns, and what became of each message; steers them where the widget names the function that does.

``` yaml
account: 6K9-XXX-XX7Z   # the CleverTap account that is shown first
console: arn:aws:lambda:…:function:…:live   # this function
steer: arn:aws:lambda:…:function:…:live     # the one that changes; leave it out for a widget that only shows
```"""


class Views:
    """The pages of one function, by the `view` that a button asks for."""

    def __init__(self, views: Mapping[str, View], otherwise: View | None, in_doubt: str) -> None:
        """`otherwise` answers what asks for none of them. `in_doubt` is what to know when a table did not answer."""
        self._views = views
        self._otherwise = otherwise or _nothing
        self._in_doubt = in_doubt

    def answer(self, request: Request) -> str:
        """The page that a call asks for."""
        if not request.account:
            return page("problem.html", request, title="Which account?", problem="This widget names no account.")
        try:
            return self._views.get(request.parameter("view"), self._otherwise)(request)
        except LogUnavailable as error:
            return page("problem.html", request, title="Not now", problem=f"{error}. {self._in_doubt}")
        except MalformedRow as error:
            return page("problem.html", request, title="Not readable", problem=f"{error}. Nothing was done.")


def _nothing(request: Request) -> str:
    return page("problem.html", request, title="Not done", problem="Nothing was asked for that this function can do.")
