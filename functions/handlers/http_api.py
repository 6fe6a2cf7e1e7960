"""API Gateway HTTP API events and answers, payload format 2.0."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HttpResponse = dict[str, Any]


def headers_of(event: dict[str, Any]) -> dict[str, str]:
    """The request's headers, their names in lower case."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def source_of(event: dict[str, Any]) -> str:
    """The address that the request came from, as API Gateway saw it; no header can say otherwise."""
    return str((event.get("requestContext") or {}).get("http", {}).get("sourceIp", ""))


def body_of(event: dict[str, Any]) -> bytes:
    """The request's body; API Gateway encodes what it does not take for text."""
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")


def response(status: int, body: Mapping[str, Any], **headers: str) -> HttpResponse:
    """A JSON answer; underscores in the headers' names stand for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **named},
        "body": json.dumps(body),
    }
