"""docs/performance.md: the part of it that the bench writes."""

from __future__ import annotations

import re

BEGIN, END = "<!-- what follows is written by make bench -->\n", "<!-- until here -->\n"


def with_figures(document: str, figures: str) -> str:
    """The document with these figures in place of those that stood there.

    Raises:
        ValueError: it has no such place.
    """
    written, places = re.subn(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n{figures}\n\n{END}", document, flags=re.DOTALL
    )
    if places != 1:
        raise ValueError(f"the document has {places} places for figures")
    return written
