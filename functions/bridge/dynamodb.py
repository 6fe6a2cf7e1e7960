"""DynamoDB's JSON protocol over botocore's connections, without the client that boto3 puts around them.

Each message is claimed by a call of its own, and in that call boto3's client takes more CPU than all the rest of a
message's way: it works out the endpoint, the parameters' shapes and the retries anew each time. What is sent and what
comes back is the same (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html).
"""

from __future__ import annotations

import json
import os
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.regions import EndpointResolver

from bridge.documents import json_object
from bridge.signing import Signer

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from botocore.httpsession import URLLib3Session

_VERSION = "DynamoDB_20120810"


def endpoint(settings: Any, region: str) -> str:
    """Where DynamoDB is, as boto3's clients find it, which take 17 ms of a cold start to be made for that alone.

    `settings` is botocore's session.
    """
    for name in ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"):
        if url := os.environ.get(name):
            return url
    regions: Any = EndpointResolver(settings.get_component("data_loader").load_data("endpoints"))
    found = regions.construct_endpoint(
        "dynamodb",
        region,
        use_fips_endpoint=settings.get_config_variable("use_fips_endpoint"),
        use_dualstack_endpoint=settings.get_config_variable("use_dualstack_endpoint"),
    )
    return f"https://{found['hostname']}"


class DynamoDB:
    """The calls that the bridge makes, with boto3's names, parameters, answers and errors. Nothing is tried twice."""

    def __init__(self, url: str, region: str, credentials: Credentials, http: URLLib3Session) -> None:
        """`http` has the timeouts, and as many connections as there are threads."""
        self._url = url
        self._signer = Signer(url, region, time.time)
        self._credentials = credentials
        self._http = http

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Write one item, on a condition."""
        return self._call("PutItem", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Change one item, on a condition."""
        return self._call("UpdateItem", request)

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        """Write up to 25 items."""
        return self._call("BatchWriteItem", request)

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Read one item; without "Item" there is none."""
        return self._call("GetItem", request)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Read up to 100 items."""
        return self._call("BatchGetItem", request)

    def query(self, **request: Any) -> dict[str, Any]:
        """Read the items of one partition, a page of them."""
        return self._call("Query", request)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Make one call.

        Raises:
            ClientError: DynamoDB answered with an error.
            BotoCoreError: it did not answer, or with something else than JSON; the call may have been carried out.
        """
        body = json.dumps(request).encode()
        # Frozen: credentials that are renewed meanwhile must not mix with the old ones.
        credentials = self._credentials.get_frozen_credentials()
        headers = self._signer.headers(credentials, f"{_VERSION}.{operation}", body)
        call: Any = AWSPreparedRequest  # a plain dictionary does for its headers
        answer = self._http.send(call("POST", self._url, headers, body, stream_output=False))
        document = json_object(answer.content)
        if answer.status_code != HTTPStatus.OK:
            raise ClientError(_error(answer.status_code, document), operation)
        if not document and answer.content.strip() != b"{}":  # a proxy's page, or half an answer
            raise HTTPClientError(error="DynamoDB's answer is no JSON object")
        return document


def _error(status: int, document: dict[str, Any]) -> Any:
    """An error as boto3 tells it. Its code is written `com.amazonaws.dynamodb.v20120810#Code`."""
    code = str(document.get("__type", status)).rpartition("#")[2]
    message = str(document.get("message", document.get("Message", "")))
    return {**document, "Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
