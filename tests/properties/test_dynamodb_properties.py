"""Whatever DynamoDB answers is an answer or one of the errors that boto3 knows."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from bridge.dynamodb import DynamoDB
from tests.fakes.http import FakeHTTP

URL = "https://dynamodb.ap-south-1.amazonaws.com"
ITEM = {"recipient": {"S": "+919876543210"}, "messageId": {"S": "m-1"}}


@given(st.integers(200, 599), st.binary(max_size=60) | st.from_regex(r'\{"__type": ?.{0,20}\}').map(str.encode))
def test_no_answer_brings_an_error_of_another_kind(status: int, content: bytes):
    session: Any = FakeHTTP(status, content)
    client = DynamoDB(URL, "ap-south-1", Credentials("id", "secret", None), session)

    with suppress(ClientError, BotoCoreError):
        assert isinstance(client.put_item(TableName="SmsLog", Item=ITEM), dict)
