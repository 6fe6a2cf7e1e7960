"""How CloudWatch's console reads a link to Logs Insights: JSURL (https://github.com/Sage/jsurl) in its fragment."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_ESCAPE = re.compile(r"\*\*([0-9a-f]{4})|\*([0-9a-f]{2})")


def decoded(link: str) -> tuple[str, dict[str, Any]]:
    """The region and the query that a link opens. Raises ValueError where the console would not understand it."""
    parts = urlsplit(link)
    (region,) = parse_qs(parts.query)["region"]
    assert (parts.scheme, parts.netloc, parts.path) == (
        "https",
        f"{region}.console.aws.amazon.com",
        "/cloudwatch/home",
    )
    view, _, detail = unquote(re.sub(r"\$([0-9A-F]{2})", r"%\1", parts.fragment)).partition("?queryDetail=")
    assert view == "logsV2:logs-insights"
    return region, read(detail)


def read(text: str) -> Any:
    """A value in JSURL, all of it."""
    value, rest = _value(text)
    if rest:
        raise ValueError(f"after its end: {rest[:20]}")
    return value


def _value(text: str) -> tuple[Any, str]:
    if not text.startswith("~"):
        raise ValueError(f"no value: {text[:20]}")
    if text.startswith("~(~"):
        return _list(text[2:])
    if text.startswith("~("):
        return _object(text[2:])
    word = re.match(r"[^)~]*", text[1:])[0]  # type: ignore[index] # it always matches
    rest = text[1 + len(word) :]
    if word.startswith("'"):
        return _text(word[1:]), rest
    return {"true": True, "false": False, "null": None}.get(word, word) if word.isalpha() else float(word), rest


def _list(text: str) -> tuple[list[Any], str]:
    found = []
    while not text.startswith(")"):
        value, text = _value(text)
        found.append(value)
    return found, text[1:]


def _object(text: str) -> tuple[dict[str, Any], str]:
    found = {}
    while not text.startswith(")"):
        name, tilde, rest = text.partition("~")
        value, text = _value(tilde + rest)
        found[_text(name)] = value
        text = text.removeprefix("~")
    return found, text[1:]


def _text(text: str) -> str:
    if not re.fullmatch(r"(\*\*[0-9a-f]{4}|\*[0-9a-f]{2}|[\w.!-])*", text, re.ASCII):
        raise ValueError(f"not escaped: {text[:40]}")
    return _ESCAPE.sub(lambda one: chr(int(one[1] or one[2], 16)), text.replace("!", "$"))
