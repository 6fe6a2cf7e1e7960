"""What is made quick in moto answers what moto answers."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError

from local import ports, process
from local.aws import LocalAws

KEY = {"id": {"S": "1"}, "part": {"S": "a"}}
EVERYTHING = {
    "text": {"S": "ä \u2028 \U0001f600"},
    "empty": {"S": ""},
    "number": {"N": "12345678901234567890.5"},
    "bytes": {"B": b"\x00\xff"},
    "truth": {"BOOL": False},
    "nothing": {"NULL": True},
    "list": {"L": [{"S": "a"}, {"M": {"S": {"BOOL": True}, "list": {"L": []}}}, {"NULL": True}, {"B": b"b"}]},
    "map": {"M": {"n": {"N": "1"}, "deep": {"M": {"er": {"SS": ["x", "y"]}}}}},
    "texts": {"SS": ["x", "y"]},
    "numbers": {"NS": ["1", "2"]},
    "several": {"BS": [b"1", b"2"]},
}
VALUES = {":one": {"N": "1"}, ":text": {"S": "ä"}, ":type": {"S": "S"}, ":null": {"NULL": True}, ":x": {"S": "x"}}

# Conditions that hold, that do not, and that are wrong in each way that moto tells.
CONDITIONS = [
    "attribute_exists(id)",
    "attribute_not_exists(id)",
    "attribute_not_exists(nowhere) AND NOT truth = :x",
    "#name = :text OR (number > :one AND size(texts) = :one)",
    "begins_with(#name, :text) AND contains(texts, :x)",
    "map.n = :one AND list[0] = :x",
    "number BETWEEN :one AND :one",
    "number BETWEEN :null AND :one",
    "number IN (:one, :x)",
    "attribute_type(#name, :type)",
    "((number = :one))",
    "(number = :one",
    "number = :one)",
    "number = ",
    "number = :missing",
    "#missing = :one",
    "#missing = ",
    "status = :one",
    "number == :one",
    "size(nowhere) = :one",
    "nonsense(number)",
    "NOT NOT number = :one",
    "number = :one AND",
    "",
]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory):
    with LocalAws(log=tmp_path_factory.mktemp("aws") / "moto.log") as running:
        yield running.url


@pytest.fixture(scope="module")
def slow():
    """moto as it is."""
    port = ports.free_port()
    server = process.start("moto.server", ["--port", str(port)])
    ports.wait_until_open(port, server)
    yield f"http://127.0.0.1:{port}"
    process.kill(server)


@pytest.fixture(scope="module")
def both(quick, slow):
    """Call both, and give what they answered."""
    clients = [client("dynamodb", quick), client("dynamodb", slow)]
    for one in clients:
        one.create_table(
            TableName="log",
            KeySchema=[
                {"AttributeName": "id", "KeyType": "HASH"},
                {"AttributeName": "part", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "part", "by")],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by",
                    "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
    return lambda method, **parameters: [answer(one, method, parameters) for one in clients]


def client(service: str, url: str) -> Any:
    # No checks of our own before a request, and none is repeated.
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, max_pool_connections=8)
    names = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=url, config=config, **names)


def answer(one: Any, method: str, parameters: dict[str, Any]) -> Any:
    try:
        given = getattr(one, method)(**parameters)
    except ClientError as error:
        given = error.response
    metadata = given.pop("ResponseMetadata")
    if metadata["HTTPStatusCode"] >= 500:  # moto's own exceptions, which its server shows on a page
        return metadata["HTTPStatusCode"], {}, ""
    kind = {
        name: value for name, value in metadata["HTTPHeaders"].items() if name.startswith(("content-", "x-amzn-err"))
    }
    return metadata["HTTPStatusCode"], kind, repr(given)


def assert_same(both, method: str, **parameters: Any) -> str:
    quickly, slowly = both(method, TableName="log", **parameters)
    assert quickly == slowly
    return slowly[2]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_holds_or_is_refused_as_at_moto_each_time_it_comes(both, condition):
    assert_same(both, "put_item", Item={**KEY, **EVERYTHING})
    for text in ("ä", "b"):
        used = {name: value for name, value in VALUES.items() if re.search(rf"{name}\b", condition)}
        used |= {":text": {"S": text}} if ":text" in used else {}
        names = {"ExpressionAttributeNames": {"#name": "text"}} if "#name" in condition else {}
        options = {**names, **({"ExpressionAttributeValues": used} if used else {}), "ConditionExpression": condition}
        assert_same(both, "put_item", Item={**KEY, **EVERYTHING}, ReturnValues="ALL_OLD", **options)
        assert_same(both, "delete_item", Key=KEY, ReturnValuesOnConditionCheckFailure="ALL_OLD", **options)
        assert_same(both, "put_item", Item={**KEY, **EVERYTHING})
        filtering = {("FilterExpression" if name == "ConditionExpression" else name): options[name] for name in options}
        assert_same(both, "scan", **filtering)


def test_a_condition_with_the_same_text_and_other_names_is_another_condition(both):
    assert_same(both, "put_item", Item={**KEY, **EVERYTHING})
    found = []
    for name in ("number", "nowhere", "number"):
        options = {"ExpressionAttributeNames": {"#a": name}, "FilterExpression": "attribute_exists(#a)"}
        found.append("'Count': 1" in assert_same(both, "scan", **options))
    assert found == [True, False, True]


def test_names_and_values_that_are_not_used_are_refused_as_at_moto(both):
    condition = {"ConditionExpression": "attribute_exists(id)", "ExpressionAttributeValues": VALUES}
    assert_same(both, "put_item", Item=KEY, **condition)
    assert "unused" in assert_same(both, "put_item", Item=KEY, **condition, ExpressionAttributeNames={"#a": "b"})


def test_items_are_read_as_they_were_written(both):
    assert_same(both, "put_item", Item={**KEY, **EVERYTHING, "by": {"S": "x"}})
    assert r"b'\x00\xff'" in assert_same(both, "get_item", Key=KEY)
    assert_same(both, "get_item", Key=KEY, ProjectionExpression="map.deep,number")
    assert_same(both, "get_item", Key={**KEY, "part": {"S": "none"}})
    assert_same(both, "scan", ProjectionExpression="id,list")
    by_key = {"ExpressionAttributeValues": {":id": {"S": "1"}}, "KeyConditionExpression": "id = :id"}
    assert_same(both, "query", **by_key)
    by_index = {"ExpressionAttributeValues": {":by": {"S": "x"}}, "KeyConditionExpression": "by = :by"}
    assert_same(both, "query", IndexName="by", **by_index)
    assert_same(
        both,
        "update_item",
        Key=KEY,
        UpdateExpression="REMOVE #l[0] SET #m = :n ADD texts :z",
        ExpressionAttributeNames={"#l": "list", "#m": "map"},
        ExpressionAttributeValues={":n": {"M": {"B": {"B": b"x"}}}, ":z": {"SS": ["z"]}},
        ReturnValues="ALL_NEW",
    )
    quickly, slowly = both("batch_get_item", RequestItems={"log": {"Keys": [KEY, {**KEY, "part": {"S": "none"}}]}})
    assert quickly == slowly


@pytest.mark.parametrize("size", [404_000, 405_001])
def test_an_item_is_too_large_where_it_is_at_moto(both, size):
    attributes = {"a": {"S": "x" * 1_000}, "b": {"S": "y" * (size - 1_010)}, "c": {"N": "1"}}
    answered = assert_same(both, "put_item", Item={"id": {"S": "large"}, "part": {"S": "a"}, **attributes})
    assert ("Item size" in answered) == (size > 405_000)
    assert_same(both, "delete_item", Key={"id": {"S": "large"}, "part": {"S": "a"}})


@pytest.mark.parametrize(
    "item",
    [
        {"id": {"S": "1"}},
        {**KEY, "n": {"N": "x"}},
        {**KEY, "n": {"N": "1e200"}},
        {**KEY, "s": {"SS": []}},
        {"id": {"S": ""}, "part": {"S": "a"}},
        {"id": {"N": "1"}, "part": {"S": "a"}},
        {**KEY, "x": {"NULL": False}},
    ],
)
def test_an_item_that_cannot_be_is_refused_as_at_moto(both, item):
    assert "'Error'" in assert_same(both, "put_item", Item=item)


def test_one_of_many_that_write_on_a_condition_at_once_succeeds(quick, both):
    one = client("dynamodb", quick)

    def write(nth: int) -> bool:
        item = {**KEY, "id": {"S": f"race {nth % 8}"}}
        try:
            one.put_item(TableName="log", Item=item, ConditionExpression="attribute_not_exists(id)")
        except one.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(64))) == 8


def test_who_waits_for_a_message_keeps_nobody_else_waiting(quick):
    queue = client("sqs", quick)
    url = queue.create_queue(QueueName="waiting")["QueueUrl"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client("sqs", quick).receive_message, QueueUrl=url, WaitTimeSeconds=10)
        time.sleep(0.5)
        begun = time.monotonic()
        queue.send_message(QueueUrl=url, MessageBody="hello")
        assert waiting.result()["Messages"][0]["Body"] == "hello"
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_no_web_page_reaches_what_make_run_keeps_as_aws_does(quick, method):
    page = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    target = {"X-Amz-Target": "secretsmanager.ListSecrets", "Content-Type": "application/x-amz-json-1.1"}

    answer = urllib3.request(method, quick, headers=page | target, body=b"{}", retries=False)

    assert (answer.status, answer.data) == (403, b"")
    assert "access-control-allow-origin" not in answer.headers
