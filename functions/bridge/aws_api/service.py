"""AWS's JSON protocol, in which DynamoDB, SQS and Secrets Manager speak: POST of a document, its operation in a header.

boto3's clients do the same for any service, and work out endpoint, shapes and retries again for each call: most of a
message's CPU, and most of a cold start. What is sent and what comes back is the same; tests compare it with boto3's
(https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html).
"""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from bridge.aws_api import environment
from bridge.aws_api.connections import Connections
from bridge.aws_api.route import connector
from bridge.aws_api.signing import Signer
from bridge.documents import json_object
from bridge.errors import AwsRefused, AwsSilent

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from bridge.aws_api.signing import AwsCredentials

# Made once; without the search for circles, which our requests have none of.
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class JsonService:
    """One of AWS's services, for many threads. Nothing is tried twice."""

    def __init__(
        self, target: str, signer: Signer, credentials: Callable[[], AwsCredentials], connections: Connections
    ) -> None:
        """`target` is the service's name in the header `X-Amz-Target`."""
        self._target = target
        self._signer = signer
        self._credentials = credentials
        self._connections = connections

    @classmethod
    def found(cls, service: str, target: str, version: str) -> Self:
        """The service where the environment says; `version` of the protocol: 1.0 or 1.1.

        Raises:
            AwsUnreached: the environment names no region.
            ValueError: its proxy is none that can be used.
        """
        region = environment.region()
        url = environment.endpoint(service, region)
        signer = Signer(url, service, region, f"application/x-amz-json-{version}", time.time)
        return cls(target, signer, environment.credentials(), Connections(connector(url), time.time))

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Make one call.

        Raises:
            AwsRefused: it answered with an error.
            AwsUnreached: it was surely not called.
            AwsSilent: it did not answer, or with something else than JSON; the call may have been carried out.
        """
        body = _encode(request).encode()
        # Those of the moment, as a whole: credentials that are renewed meanwhile must not mix with the old ones.
        headers = self._signer.headers(self._credentials(), f"{self._target}.{operation}", body)
        status, content = self._connections.exchange(_written(headers, body))
        document = json_object(content)
        if status != HTTPStatus.OK:
            raise AwsRefused(_code(status, document), status, document)
        if not document and content.strip() != b"{}":  # a proxy's page, or half an answer
            raise AwsSilent("NoJson")
        return document


def _written(headers: dict[str, str], body: bytes) -> bytes:
    """The request as it goes over the wire."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _code(status: int, document: dict[str, Any]) -> str:
    """AWS's code of an error, which is written as `com.amazonaws.dynamodb.v20120810#Code`; else the HTTP status."""
    return str(document.get("__type", status)).rpartition("#")[2]
