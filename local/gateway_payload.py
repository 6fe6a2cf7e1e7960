"""API Gateway's payload format 2.0: a request as an event, a result as an answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from local.http_server import HttpAnswer
from local.names import ACCOUNT_ID

if TYPE_CHECKING:
    from local.event_sources import Route
    from local.http_server import HttpRequest

# Bodies of these types, and of text/*, are handed over as text; any other in base64, also one without a type, and a
# form. AWS documents only "if the content type is binary"; this is what was measured on AWS in
# https://github.com/ministackorg/ministack/pull/766
TEXT_TYPES = ("application/json", "application/xml", "application/javascript")

API_ID = "local"
DOMAIN = "local.execute-api.localhost"


class InvalidAnswerError(ValueError):
    """A function returned something that is not an answer in format 2.0."""


def event_of(request: HttpRequest, route: Route, path_parameters: dict[str, str]) -> dict[str, Any]:
    """The event for a request on a route. Members without content are left out, as on AWS."""
    headers = dict(request.headers)
    cookies = headers.pop("cookie", "")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        "headers": {**headers, "x-forwarded-for": request.peer, "x-forwarded-proto": "https"},
        "requestContext": _request_context(request, route),
        **_body(request),
    }
    optional = {
        "cookies": [cookie.strip() for cookie in cookies.split(";") if cookie.strip()],
        "queryStringParameters": _query(request.query),
        "pathParameters": path_parameters,
    }
    return event | {name: value for name, value in optional.items() if value}


def _request_context(request: HttpRequest, route: Route) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": ACCOUNT_ID,
        "apiId": API_ID,
        "domainName": DOMAIN,
        "domainPrefix": API_ID,
        "http": {
            "method": request.method,
            "path": unquote(request.path),
            "protocol": request.version,
            "sourceIp": request.peer,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": route.key,
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }


def _query(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _body(request: HttpRequest) -> dict[str, Any]:
    if not request.body:
        return {"isBase64Encoded": False}
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in TEXT_TYPES:
        return {"body": request.body.decode("utf-8", "replace"), "isBase64Encoded": False}
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def answer_of(result: Any) -> HttpAnswer:
    """The answer for what a function returned. Raises InvalidAnswerError.

    Without a `statusCode` the result itself is the body of a 200, as JSON.
    """
    if not (isinstance(result, dict) and "statusCode" in result):
        return HttpAnswer(200, json.dumps(result).encode(), [("Content-Type", "application/json")])
    try:
        status = int(result["statusCode"])
        headers = [(name, str(value)) for name, value in (result.get("headers") or {}).items()]
        cookies = [("Set-Cookie", cookie) for cookie in result.get("cookies") or []]
        body = result.get("body") or ""
        encoded = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()
    except (AttributeError, TypeError, ValueError, binascii.Error) as error:
        raise InvalidAnswerError(f"no answer in format 2.0: {type(error).__name__}: {error}") from error
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "text/plain; charset=utf-8"))
    return HttpAnswer(status, encoded, [*headers, *cookies])
