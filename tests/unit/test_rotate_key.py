"""A new key for an account: everything else in its secret stays, and the old key works for a day."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from bridge.authentication import OVERLAP_SECONDS, Authenticator
from bridge.clevertap.credentials import Credentials
from bridge.errors import Misconfigured, UnknownAccount
from bridge.operations.rotate_key import ChangedMeanwhile, instructions, overlap_ends, rotate
from bridge.secrets import Secrets
from tests.fakes.values import ACCOUNT_ID, API_KEY, RECEIPT_KEY, secret

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = f"bridge/{ACCOUNT_ID}"
HELD = secret(encryptionKeys={"1": "k" * 32}, entityId=1107, unknown=[None, "ü"])


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        made = boto3.client("secretsmanager")
        made.create_secret(Name=NAME, SecretString=json.dumps(HELD))
        yield made


class AsTheBridgeReads:
    """Secrets Manager with times as they come, in epoch seconds, which boto3 turns into dates."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get_secret_value(self, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.get_secret_value(**request)
        return {**answer, "CreatedDate": answer["CreatedDate"].timestamp()}


def held(client: Any) -> Any:
    return json.loads(client.get_secret_value(SecretId=NAME)["SecretString"])


@pytest.mark.parametrize(("name", "old"), [("apiKey", API_KEY), ("receiptKey", RECEIPT_KEY)])
def test_a_new_key_is_in_and_all_else_stays_as_it_was(client: Any, name: str, old: str):
    rotation = rotate(client, NAME, name)

    assert held(client) == {**HELD, name: rotation.key}
    assert (rotation.account, rotation.name) == (ACCOUNT_ID, name)
    assert len(rotation.key) == 40
    assert rotation.key.isalnum()
    assert rotation.key not in repr(rotation)
    assert rotation.key != old


def test_a_key_that_there_was_none_of_is_made(client: Any):
    client.put_secret_value(SecretId=NAME, SecretString=json.dumps(secret(receiptKey=None)))

    assert held(client).get("receiptKey") is None
    assert rotate(client, NAME, "receiptKey").key == held(client)["receiptKey"]


def test_the_bridge_takes_the_old_key_and_the_new_one_until_the_time_that_is_told(client: Any):
    rotation = rotate(client, NAME, "apiKey")

    now = rotation.overlap_ends - 1
    reads: Any = AsTheBridgeReads(client)
    clocks = [lambda at=at: at for at in (now, now + 2)]
    early, late = (Authenticator(Secrets("bridge", reads, clock), clock) for clock in clocks)
    for key in (API_KEY, rotation.key):
        assert early.authenticate(Credentials(ACCOUNT_ID, {"apiKey": key})).id == ACCOUNT_ID
    assert late.authenticate(Credentials(ACCOUNT_ID, {"apiKey": rotation.key})).id == ACCOUNT_ID
    with pytest.raises(Exception, match="not authenticated"):
        late.authenticate(Credentials(ACCOUNT_ID, {"apiKey": API_KEY}))


def test_until_when_the_last_change_is_overlapped_can_be_asked_before(client: Any):
    made = client.get_secret_value(SecretId=NAME)["CreatedDate"].timestamp()

    assert overlap_ends(client, NAME) == made + OVERLAP_SECONDS


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}"])
def test_a_secret_that_cannot_be_read_is_left_as_it_is(client: Any, text: str):
    client.put_secret_value(SecretId=NAME, SecretString=text)

    with pytest.raises(Misconfigured, match="not a JSON object"):
        rotate(client, NAME, "apiKey")

    assert client.get_secret_value(SecretId=NAME)["SecretString"] == text


def test_an_unknown_account_and_an_unknown_key_are_told(client: Any):
    with pytest.raises(UnknownAccount, match="bridge/OTHER"):
        rotate(client, "bridge/OTHER", "apiKey")
    with pytest.raises(UnknownAccount, match="bridge/OTHER"):
        overlap_ends(client, "bridge/OTHER")
    with pytest.raises(ValueError, match="password is none of apiKey, receiptKey"):
        rotate(client, NAME, "password")


def test_a_change_that_somebody_made_in_the_same_moment_is_told_and_can_be_found(client: Any):
    put = client.put_secret_value

    def put_after_another(**call: Any) -> Any:
        put(SecretId=NAME, SecretString=json.dumps(HELD | {"callbackUrl": "https://new.example"}))
        return put(**call)

    client.put_secret_value = put_after_another

    with pytest.raises(ChangedMeanwhile) as caught:
        rotate(client, NAME, "apiKey")

    version = next(word for word in str(caught.value).split() if len(word) == 36)
    lost = json.loads(client.get_secret_value(SecretId=NAME, VersionId=version)["SecretString"])
    assert lost["callbackUrl"] == "https://new.example"


def test_the_instructions_say_where_the_key_goes(client: Any):
    api = rotate(client, NAME, "apiKey")
    receipts = rotate(client, NAME, "receiptKey")

    assert f"x-api-key: {api.key}" in instructions(api, "https://api.example")
    assert f"https://api.example/receipts/{ACCOUNT_ID}/{receipts.key}\n" in instructions(
        receipts, "https://api.example"
    )
