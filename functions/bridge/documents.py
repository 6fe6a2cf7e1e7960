"""JSON that others wrote."""

from __future__ import annotations

import json
from typing import Any


def json_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object in a text; empty when it holds none: a proxy's page, half an answer, an array."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def writable(value: Any, longest: int = 100) -> str:
    """A value as a short text that can be stored: JSON can hold half a character, DynamoDB and SQS cannot."""
    return str(value)[:longest].encode("utf-8", "replace").decode()
