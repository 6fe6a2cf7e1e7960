"""DynamoDB's protocol: each request, answer and error is compared with what boto3's own client makes of the same."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError

from bridge.aws import CONNECT_SECONDS, READ_SECONDS, Aws
from bridge.dynamodb import DynamoDB
from tests.fakes.http import FakeHTTP

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

URL = "https://dynamodb.ap-south-1.amazonaws.com"
ITEM = {
    "recipient": {"S": "+919876543210"},
    "messageId": {"S": "m-1"},
    "segments": {"N": "2"},
    "report": {"BOOL": True},
}
KEY = {name: ITEM[name] for name in ("recipient", "messageId")}
CALLS: dict[str, dict[str, Any]] = {
    "put_item": {
        "TableName": "SmsLog",
        "Item": {**ITEM, "text": {"S": "Grüße, नमस्ते \u2028 🎉"}},
        "ConditionExpression": "attribute_not_exists(messageId) OR #status = :retrying",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":retrying": {"S": "retrying"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    },
    "update_item": {
        "TableName": "SmsLog",
        "Key": KEY,
        "UpdateExpression": "SET finalAt = :final",
        "ExpressionAttributeValues": {":final": {"S": "2026-11-22T10:00:00.000Z"}},
    },
    "batch_write_item": {"RequestItems": {"SmsLog": [{"PutRequest": {"Item": ITEM}}]}},
    "get_item": {"TableName": "SmsLog", "Key": KEY, "ConsistentRead": True},
    "batch_get_item": {"RequestItems": {"SmsLog": {"Keys": [KEY], "ConsistentRead": True}}},
    "query": {
        "TableName": "SmsLog",
        "ConsistentRead": True,
        "KeyConditionExpression": "recipient = :recipient",
        "ExpressionAttributeValues": {":recipient": {"S": "+919876543210"}},
        "ExclusiveStartKey": KEY,
    },
}


def ours(http: Any, token: str | None = None) -> DynamoDB:
    return DynamoDB(URL, "ap-south-1", Credentials("id", "secret", token), http)


def theirs(http: FakeHTTP, token: str | None = None) -> Any:
    """boto3's client over the same connections."""
    client = boto3.client(
        "dynamodb",
        region_name="ap-south-1",
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.meta.events.register("before-send.dynamodb", lambda request, **_: http.send(request))
    return client


def both(call: str, status: int, content: bytes) -> tuple[Any, Any]:
    """What comes of an answer, here and there: a document, or an error."""
    found = []
    for client in (ours(FakeHTTP(status, content)), theirs(FakeHTTP(status, content))):
        try:
            found.append(getattr(client, call)(**CALLS[call]))
        except ClientError as error:
            found.append(error)
    return found[0], found[1]


def text(value: str | bytes | None) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def authorization(request: AWSPreparedRequest) -> tuple[str, set[str]]:
    """Who signed, and what."""
    credential, signed, _ = str(text(request.headers["Authorization"])).split(", ")
    return credential, set(signed.removeprefix("SignedHeaders=").split(";"))


@pytest.mark.parametrize("token", [None, "session-token"])
@pytest.mark.parametrize("call", CALLS)
def test_a_request_is_boto3s(call: str, token: str | None):
    mine, other = FakeHTTP(), FakeHTTP()

    getattr(ours(mine, token), call)(**CALLS[call])
    getattr(theirs(other, token), call)(**CALLS[call])

    [request], [known] = mine.requests, other.requests
    assert (request.method, request.url.rstrip("/")) == (known.method, known.url.rstrip("/"))
    assert json.loads(request.body) == json.loads(known.body)
    for name in ("Content-Type", "X-Amz-Target", "X-Amz-Security-Token"):
        assert text(request.headers.get(name)) == text(known.headers.get(name))
    # They sign two more, which count their tries.
    (signer, signed), (their_signer, their_signed) = authorization(request), authorization(known)
    assert signer == their_signer
    assert their_signed - signed <= {"amz-sdk-invocation-id", "amz-sdk-request"}
    assert signed >= {"host", "x-amz-date", "x-amz-target"}


@pytest.mark.parametrize(
    ("call", "document"),
    [
        ("put_item", {}),
        ("update_item", {}),
        ("get_item", {"Item": ITEM}),
        ("get_item", {}),
        ("batch_write_item", {"UnprocessedItems": {"SmsLog": [{"PutRequest": {"Item": ITEM}}]}}),
        ("query", {"Items": [ITEM], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": KEY}),
    ],
)
def test_an_answer_is_boto3s(call: str, document: dict[str, Any]):
    found, known = both(call, 200, json.dumps(document).encode())

    known.pop("ResponseMetadata")
    assert found == known == document


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (
            400,
            {
                "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                "message": "The conditional request failed",
                "Item": ITEM,
            },
        ),
        (400, {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "slow"}),
        (400, {"__type": "com.amazon.coral.availability#ThrottlingException", "message": "Rate exceeded"}),
        (400, {"__type": "ResourceNotFoundException", "Message": "no table"}),
        (500, {"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": "oh"}),
        (413, b"<html>too large</html>"),
        (500, b""),
        (503, b"<html>Service Unavailable</html>"),
    ],
)
def test_an_error_is_boto3s(status: int, content: dict[str, Any] | bytes):
    found, known = both("put_item", status, content if isinstance(content, bytes) else json.dumps(content).encode())

    assert isinstance(found, ClientError)
    assert found.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert found.response.get("Item") == known.response.get("Item")
    if isinstance(content, dict):
        assert found.response["Error"] == {name: known.response["Error"][name] for name in ("Code", "Message")}
    else:
        assert found.response["Error"]["Code"] == str(status)


@pytest.mark.parametrize("content", [b"", b'{"UnprocessedI', b"<html>", b"\xff\xfe", b"[]", b"null"])
def test_half_an_answer_is_none(content: bytes):
    with pytest.raises(HTTPClientError):
        ours(FakeHTTP(200, content)).put_item(**CALLS["put_item"])


def test_what_ends_a_connection_is_told_as_it_is():
    class Silent:
        def send(self, request: AWSPreparedRequest) -> AWSResponse:
            raise ReadTimeoutError(endpoint_url=request.url)

    with pytest.raises(ReadTimeoutError):
        ours(Silent()).put_item(**CALLS["put_item"])


def test_credentials_are_read_anew_for_each_call_and_never_half():
    class Renewed:
        """Their parts change between two reads; frozen they belong together."""

        count = 0

        def get_frozen_credentials(self) -> Any:
            self.count += 1
            return Credentials(f"id-{self.count}", f"secret-{self.count}").get_frozen_credentials()

    http = FakeHTTP()
    client = DynamoDB(URL, "ap-south-1", Renewed(), http)  # type: ignore[arg-type]

    client.put_item(**CALLS["put_item"])
    client.put_item(**CALLS["put_item"])

    assert [authorization(request)[0].split("=")[1].split("/")[0] for request in http.requests] == ["id-1", "id-2"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000"},
    ],
)
@pytest.mark.parametrize("region", ["us-east-1", "ap-south-1", "eu-west-1", "us-gov-west-1"])
def test_the_endpoint_is_boto3s(monkeypatch: pytest.MonkeyPatch, region: str, environment: dict[str, str]):
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    known = boto3.Session().client("dynamodb", aws_access_key_id="id", aws_secret_access_key="secret")

    assert made()._url == known.meta.endpoint_url


def test_the_endpoint_is_its_partitions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")

    assert made()._url == "https://dynamodb.cn-north-1.amazonaws.com.cn"


def test_the_environments_proxy_and_certificates_are_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/certificates.pem")

    http = made()._http

    assert http._proxy_config.proxy_url_for(URL) == "http://proxy.example:3128"
    assert http._verify == "/etc/certificates.pem"


def made() -> Any:
    """As the bridge makes it, with the environment of now."""
    return Aws().dynamodb(7)


def test_it_waits_no_longer_than_the_other_clients_and_has_a_connection_for_each_thread():
    http = made()._http

    assert (http._timeout.connect_timeout, http._timeout.read_timeout) == (CONNECT_SECONDS, READ_SECONDS)
    assert http._max_pool_connections == 7
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in http._socket_options
