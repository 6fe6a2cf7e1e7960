"""AWS's protocol: each request, answer and error is compared with what boto3's own clients make of the same."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from bridge.aws_api.service import JsonService
from bridge.aws_api.signing import AwsCredentials, Signer
from bridge.aws_clients import SecretsManager, Sqs
from bridge.dynamodb import DynamoDB
from bridge.errors import AwsRefused, AwsSilent, AwsUnreached
from bridge.retry import passing, perhaps_done
from tests.fakes.connections import FakeConnections, Sent

REGION = "ap-south-1"
ITEM = {
    "recipient": {"S": "+919876543210"},
    "messageId": {"S": "m-1"},
    "segments": {"N": "2"},
    "report": {"BOOL": True},
}
KEY = {name: ITEM[name] for name in ("recipient", "messageId")}


class Service(NamedTuple):
    target: str
    version: str
    client: Any


SERVICES = {
    "dynamodb": Service("DynamoDB_20120810", "1.0", DynamoDB),
    "sqs": Service("AmazonSQS", "1.0", Sqs),
    "secretsmanager": Service("secretsmanager", "1.1", lambda service: SecretsManager(service, lambda _: None)),
}
CALLS: dict[tuple[str, str], dict[str, Any]] = {
    ("dynamodb", "put_item"): {
        "TableName": "SmsLog",
        "Item": {**ITEM, "text": {"S": "Grüße, नमस्ते \u2028 🎉"}},
        "ConditionExpression": "attribute_not_exists(messageId) OR #status = :retrying",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":retrying": {"S": "retrying"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    },
    ("dynamodb", "update_item"): {
        "TableName": "SmsLog",
        "Key": KEY,
        "UpdateExpression": "SET finalAt = :final",
        "ExpressionAttributeValues": {":final": {"S": "2026-11-22T10:00:00.000Z"}},
    },
    ("dynamodb", "batch_write_item"): {"RequestItems": {"SmsLog": [{"PutRequest": {"Item": ITEM}}]}},
    ("dynamodb", "batch_get_item"): {"RequestItems": {"SmsLog": {"Keys": [KEY], "ConsistentRead": True}}},
    ("dynamodb", "query"): {
        "TableName": "SmsLog",
        "ConsistentRead": True,
        "KeyConditionExpression": "recipient = :recipient",
        "ExpressionAttributeValues": {":recipient": {"S": "+919876543210"}},
        "ExclusiveStartKey": KEY,
    },
    ("sqs", "send_message_batch"): {
        "QueueUrl": "https://sqs.ap-south-1.amazonaws.com/123456789012/Dispatch",
        "Entries": [{"Id": "0", "MessageBody": "Grüße 🎉", "DelaySeconds": 3, "MessageGroupId": "A"}],
    },
    ("secretsmanager", "get_secret_value"): {"SecretId": "stack/account"},
}


def ours(service: str, connections: FakeConnections, token: str | None = None) -> Any:
    known = SERVICES[service]
    url = f"https://{service}.{REGION}.amazonaws.com"
    signer = Signer(url, service, REGION, f"application/x-amz-json-{known.version}", lambda: 1_700_000_000.0)
    made: Any = connections
    return known.client(JsonService(known.target, signer, lambda: AwsCredentials("id", "secret", token), made))


def theirs(service: str, connections: FakeConnections, token: str | None = None) -> Any:
    """boto3's client over the same connections."""
    client = boto3.client(
        service,
        region_name=REGION,
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )

    def send(request: Any, **_: Any) -> AWSResponse:
        headers = {name.lower(): text(value) for name, value in request.headers.items()}
        connections.requests.append(Sent(f"{request.method} {request.url}", headers, request.body))
        answer = AWSResponse(request.url, connections.status, {}, None)
        answer._content = connections.content
        return answer

    client.meta.events.register(f"before-send.{service}", send)
    return client


def both(service: str, call: str, status: int, content: bytes) -> tuple[Any, Any]:
    """What comes of an answer, here and there: a document, or an error."""
    found = []
    for client in (ours(service, FakeConnections(status, content)), theirs(service, FakeConnections(status, content))):
        try:
            found.append(getattr(client, call)(**CALLS[service, call]))
        except (AwsRefused, ClientError) as error:
            found.append(error)
    return found[0], found[1]


def text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize("token", [None, "session-token"])
@pytest.mark.parametrize(("service", "call"), CALLS)
def test_a_request_is_boto3s(service: str, call: str, token: str | None):
    mine, other = FakeConnections(), FakeConnections()

    getattr(ours(service, mine, token), call)(**CALLS[service, call])
    getattr(theirs(service, other, token), call)(**CALLS[service, call])

    [request], [known] = mine.requests, other.requests
    assert request.line == "POST / HTTP/1.1"
    assert known.line == f"POST https://{request.headers['host']}/"
    assert request.document == known.document
    for name in ("content-type", "x-amz-target", "x-amz-security-token"):
        assert request.headers.get(name) == known.headers.get(name)
    # They sign more: two count their tries, one asks SQS for the codes of an older protocol.
    (signer, signed), (their_signer, their_signed) = request.signed_by, known.signed_by
    scope, their_scope = signer.split("/")[2:], their_signer.split("/")[2:]  # without the day
    assert scope == their_scope
    assert their_signed - signed <= {"amz-sdk-invocation-id", "amz-sdk-request", "x-amzn-query-mode"}
    assert signed >= {"host", "x-amz-date", "x-amz-target"}


@pytest.mark.parametrize(
    ("service", "call", "document"),
    [
        ("dynamodb", "put_item", {}),
        ("dynamodb", "update_item", {}),
        ("dynamodb", "batch_write_item", {"UnprocessedItems": {"SmsLog": [{"PutRequest": {"Item": ITEM}}]}}),
        ("dynamodb", "query", {"Items": [ITEM], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": KEY}),
        (
            "sqs",
            "send_message_batch",
            {
                "Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "0" * 32}],
                "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError"}],
            },
        ),
        ("secretsmanager", "get_secret_value", {"Name": "stack/account", "SecretString": '{"password": "ä"}'}),
    ],
)
def test_an_answer_is_boto3s(service: str, call: str, document: dict[str, Any]):
    found, known = both(service, call, 200, json.dumps(document).encode())

    known.pop("ResponseMetadata")
    assert found == known == document


@pytest.mark.parametrize(
    ("service", "call", "status", "content"),
    [
        (
            "dynamodb",
            "put_item",
            400,
            {
                "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                "message": "The conditional request failed",
                "Item": ITEM,
            },
        ),
        (
            "dynamodb",
            "put_item",
            400,
            {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "slow"},
        ),
        ("dynamodb", "put_item", 400, {"__type": "com.amazon.coral.availability#ThrottlingException", "message": "-"}),
        ("dynamodb", "put_item", 400, {"__type": "ResourceNotFoundException", "Message": "no table"}),
        ("dynamodb", "put_item", 500, {"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"}),
        ("dynamodb", "put_item", 413, b"<html>too large</html>"),
        ("dynamodb", "put_item", 500, b""),
        ("dynamodb", "put_item", 503, b"<html>Service Unavailable</html>"),
        ("sqs", "send_message_batch", 400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "none"}),
        ("sqs", "send_message_batch", 403, {"__type": "com.amazon.coral.service#AccessDeniedException"}),
        ("secretsmanager", "get_secret_value", 400, {"__type": "ResourceNotFoundException", "Message": "none"}),
        ("secretsmanager", "get_secret_value", 400, {"__type": "DecryptionFailure"}),
    ],
)
def test_an_error_is_boto3s(service: str, call: str, status: int, content: dict[str, Any] | bytes):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    found, known = both(service, call, status, body)

    assert isinstance(found, AwsRefused)
    assert found.status == known.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert found.document.get("Item") == known.response.get("Item")
    assert found.code == (known.response["Error"]["Code"] if isinstance(content, dict) else str(status))
    assert str(found) == found.code, "AWS's own words may quote numbers and texts"


@pytest.mark.parametrize("content", [b"", b'{"UnprocessedI', b"<html>", b"\xff\xfe", b"[]", b"null"])
def test_half_an_answer_is_none(content: bytes):
    with pytest.raises(AwsSilent):
        ours("dynamodb", FakeConnections(200, content)).put_item(**CALLS["dynamodb", "put_item"])


@pytest.mark.parametrize(
    ("error", "is_passing", "is_perhaps_done"),
    [
        (AwsUnreached("ConnectionRefusedError"), True, False),
        (AwsSilent("TimeoutError"), True, True),
        (AwsRefused("ThrottlingException", 400, {}), True, False),
        (AwsRefused("AccessDeniedException", 400, {}), False, False),
        (AwsRefused("InternalServerError", 500, {}), True, True),
        (AwsRefused("503", 503, {}), True, True),
    ],
)
def test_an_error_tells_whether_the_call_was_made_and_may_be_made_again(
    error: Any, is_passing: Any, is_perhaps_done: Any
):
    assert (passing(error), perhaps_done(error)) == (is_passing, is_perhaps_done)


def test_credentials_are_those_of_the_moment():
    numbers = iter("12")
    connections: Any = FakeConnections()
    signer = Signer("https://x", "dynamodb", REGION, "-", lambda: 0.0)
    service = JsonService(
        "DynamoDB", signer, lambda: AwsCredentials(f"id-{next(numbers)}", "secret", None), connections
    )

    service.call("PutItem", {})
    service.call("PutItem", {})

    signers = [request.signed_by[0].split("=")[1].split("/")[0] for request in connections.requests]
    assert signers == ["id-1", "id-2"]


class Answering:
    """Gives its answers one after the other."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def call(self, _operation: str, _request: dict[str, Any]) -> Any:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    "failure", [AwsSilent("TimeoutError"), AwsUnreached("TimeoutError"), AwsRefused("ThrottlingException", 400, {})]
)
def test_a_secret_is_asked_for_a_second_time_where_that_may_help(failure: Exception):
    pauses: list[float] = []
    service: Any = Answering(failure, {"SecretString": "{}"})

    assert SecretsManager(service, pauses.append).get_secret_value(SecretId="x") == {"SecretString": "{}"}
    assert len(pauses) == 1
    assert 0 <= pauses[0] < 1


@pytest.mark.parametrize(
    "answers",
    [
        [AwsRefused("ResourceNotFoundException", 400, {})],
        [AwsSilent("TimeoutError"), AwsRefused("ResourceNotFoundException", 400, {})],
    ],
)
def test_a_secret_that_is_not_there_is_not_asked_for_again(answers: list[Any]):
    service: Any = Answering(*answers)

    with pytest.raises(AwsRefused):
        SecretsManager(service, lambda _: None).get_secret_value(SecretId="x")
