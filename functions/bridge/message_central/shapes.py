"""The shape of what cannot be read: the names of its fields, never their values."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_NAMES = 40
LONGEST_NAME = 40  # characters
DEPTH = 4  # how deep names are looked for
LEVELS = 12  # arrays included: JSON may be nested deeper than Python's calls can go
SAMPLES = 10  # documents of a call that are looked at, and items of an array
MOST_PATHS = 200  # of a document that are looked at

NO_NAME = "…"
"""In the place of a name that could be a value: a text, or longer than names are."""

_NAME = re.compile(rf"[\w.:@$\[\]-]{{1,{LONGEST_NAME}}}", re.ASCII)
_MEDIA_TYPE = re.compile(r"\s*([A-Za-z]+/[A-Za-z.+-]{1,40})")


def field_names(documents: Iterable[Any]) -> list[str]:
    """The names of all fields, sorted; those of nested ones after a dot. Digits are masked: they may be a number's."""
    paths = (path for document in islice(documents, SAMPLES) for path in islice(_paths(document, ()), MOST_PATHS))
    return sorted({".".join(map(_shown, path)) for path in paths})[:MOST_NAMES]


def media_type(content_type: str) -> str:
    """A `Content-Type` without its parameters; empty where there is none."""
    found = _MEDIA_TYPE.match(content_type)
    return found[1].lower() if found else ""


def _paths(document: Any, above: tuple[str, ...], levels: int = LEVELS) -> Iterator[tuple[str, ...]]:
    if not levels:
        return
    if isinstance(document, list):
        for item in document[:SAMPLES]:
            yield from _paths(item, above, levels - 1)
    elif isinstance(document, dict):
        for name, value in document.items():
            path = (*above, name)
            inner = list(islice(_paths(value, path, levels - 1), MOST_PATHS)) if len(path) < DEPTH else []
            yield from inner or [path]


def _shown(name: str) -> str:
    return re.sub(r"\d", "#", name) if _NAME.fullmatch(name) else NO_NAME
