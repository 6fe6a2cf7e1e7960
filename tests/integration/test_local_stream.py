"""A table's stream on this machine gives changes as DynamoDB does."""

from __future__ import annotations

import time
from typing import Any

import pytest

from local.aws import LocalAws
from local.stream import StreamReader

KEY = {"id": {"S": "1"}}
ITEM: dict[str, Any] = {
    **KEY,
    "text": {"S": "ä \u2028 \U0001f600"},
    "number": {"N": "12345678901234567890.5"},
    "list": {"L": [{"S": "a"}, {"M": {"b": {"BOOL": True}}}, {"NULL": True}]},
    "set": {"SS": ["x", "y"]},
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory):
    with LocalAws(log=tmp_path_factory.mktemp("aws") / "moto.log") as running:
        running.dynamodb().create_table(
            TableName="log",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        yield running


def test_what_was_written_changed_and_deleted_is_read_with_its_images(aws: LocalAws):
    begun, dynamodb = time.time(), aws.dynamodb()
    changed = {**ITEM, "number": {"N": "2"}}
    dynamodb.put_item(TableName="log", Item=ITEM)
    dynamodb.put_item(TableName="log", Item=changed)
    dynamodb.delete_item(TableName="log", Key=KEY)

    reader = StreamReader(aws, "log")
    records = [*reader.read(2), *reader.read()]

    assert [
        (one["eventName"], one["dynamodb"].get("OldImage"), one["dynamodb"].get("NewImage")) for one in records
    ] == [("INSERT", None, ITEM), ("MODIFY", ITEM, changed), ("REMOVE", changed, None)]
    assert all(one["dynamodb"]["Keys"] == KEY for one in records)
    assert all(begun - 1 <= one["dynamodb"]["ApproximateCreationDateTime"] <= time.time() for one in records)
    assert len({one["dynamodb"]["SequenceNumber"] for one in records}) == 3
    assert reader.read() == []
