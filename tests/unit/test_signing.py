"""The signature of AWS's requests, beside botocore's own."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from bridge.aws_api.signing import AwsCredentials, Signer

TARGET = "DynamoDB_20120810.PutItem"
SERVICES = [
    ("dynamodb", "application/x-amz-json-1.0", "https://dynamodb.eu-west-1.amazonaws.com"),
    ("sqs", "application/x-amz-json-1.0", "http://127.0.0.1:4566"),
    ("secretsmanager", "application/x-amz-json-1.1", "https://secretsmanager.cn-north-1.amazonaws.com.cn:443"),
]
DAY = 86_400


def botocores(
    monkeypatch: pytest.MonkeyPatch, service: tuple[str, str, str], credentials: Any, body: bytes, now: float
) -> dict[str, str]:
    name, content_type, url = service
    moment = datetime.fromtimestamp(now, UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment.replace(tzinfo=None))
    request = AWSRequest("POST", url, {"Content-Type": content_type, "X-Amz-Target": TARGET}, body)
    SigV4Auth(ReadOnlyCredentials(*credentials), name, "eu-west-1").add_auth(request)
    return dict(request.headers)


@pytest.mark.parametrize("service", SERVICES)
def test_hundreds_of_requests_are_signed_as_botocore_signs_them(
    monkeypatch: pytest.MonkeyPatch, service: tuple[str, str, str]
):
    chance, now = random.Random(7), [1_700_000_000.0]
    name, content_type, url = service
    signer = Signer(url, name, "eu-west-1", content_type, lambda: now[0])

    for number in range(300):
        now[0] += chance.choice([0, 1, 3_600, DAY])
        key = chance.randrange(4)
        credentials = AwsCredentials(f"AK{key}", f"secret/{key}+", chance.choice([None, "tok/en+=="]))
        body = f'{{"n": {number}, "text": "é{"x" * chance.randrange(2_000)}"}}'.encode()

        ours = signer.headers(credentials, TARGET, body)
        theirs = botocores(monkeypatch, service, credentials, body, now[0])

        assert ours["Authorization"] == theirs["Authorization"]
        assert {name: ours[name] for name in theirs} == theirs


def test_the_days_key_is_not_used_for_other_credentials_or_on_the_next_day():
    now = [1_700_000_000.0]
    signer = Signer("https://x", "sqs", "eu-west-1", "-", lambda: now[0])

    def signature(secret: str) -> str:
        headers = signer.headers(AwsCredentials("AK", secret, None), TARGET, b"{}")
        return headers["Authorization"].rpartition("=")[2]

    first, other = signature("one"), signature("two")
    assert first != other
    assert signature("one") == first
    now[0] += DAY
    assert signature("one") != first
