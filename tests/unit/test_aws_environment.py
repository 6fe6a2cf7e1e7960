"""What the environment says of AWS, beside what botocore makes of the same environment."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest

from bridge.aws_api import botocore_settings, environment
from bridge.aws_api.signing import AwsCredentials
from bridge.errors import AwsUnreached

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SERVICES = ("dynamodb", "secretsmanager", "sqs")
IN_ENVIRONMENT = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
URL = "http://127.0.0.1:4566"
OTHER_URL = "http://127.0.0.1:8000"


@pytest.fixture
def no_botocore(monkeypatch: pytest.MonkeyPatch):
    """Whoever imports it fails."""
    monkeypatch.delattr("bridge.aws_api.botocore_settings")
    monkeypatch.setitem(sys.modules, "bridge.aws_api.botocore_settings", None)


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """A person's machine: nothing in the environment, everything in a profile."""
    for name in IN_ENVIRONMENT:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    botocore_settings._session.cache_clear()
    yield lambda text: (tmp_path / "config").write_text(text) and None
    botocore_settings._session.cache_clear()


def test_on_lambda_botocore_is_not_imported(no_botocore):
    assert environment.region() == "eu-west-1"
    assert environment.credentials()() == AwsCredentials("none", "none", None)
    assert environment.endpoint("sqs", "eu-west-1") == "https://sqs.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("service", SERVICES)
def test_the_endpoint_in_every_region_is_botocores(service: str):
    regions = boto3.Session().get_available_regions(service)
    assert len(regions) > 20

    for region in regions:
        assert environment.endpoint(service, region) == botocore_settings.endpoint(service, region)


@pytest.mark.parametrize(
    ("service", "region", "environ"),
    [
        ("dynamodb", "us-east-1", {}),
        ("sqs", "us-east-1", {}),
        ("secretsmanager", "us-gov-west-1", {}),
        ("dynamodb", "us-gov-west-1", {"AWS_USE_FIPS_ENDPOINT": "true"}),
        ("sqs", "us-east-1", {"AWS_USE_FIPS_ENDPOINT": "true"}),
        ("secretsmanager", "us-east-1", {"AWS_USE_FIPS_ENDPOINT": "true"}),
        ("dynamodb", "ap-south-1", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}),
        ("secretsmanager", "ap-south-1", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}),
        ("dynamodb", "eu-west-1", {"AWS_ENDPOINT_URL": URL}),
        ("dynamodb", "eu-west-1", {"AWS_ENDPOINT_URL": URL, "AWS_ENDPOINT_URL_DYNAMODB": OTHER_URL}),
        ("secretsmanager", "eu-west-1", {"AWS_ENDPOINT_URL": URL, "AWS_ENDPOINT_URL_SECRETS_MANAGER": OTHER_URL}),
        ("sqs", "eu-west-1", {"AWS_ENDPOINT_URL_SQS": OTHER_URL, "AWS_ENDPOINT_URL_DYNAMODB": URL}),
    ],
)
def test_the_endpoint_is_boto3s(monkeypatch: pytest.MonkeyPatch, service: str, region: str, environ: dict[str, str]):
    botocore_settings._session.cache_clear()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    known = boto3.Session().client(service, region_name=region)

    assert environment.endpoint(service, region) == known.meta.endpoint_url


@pytest.mark.parametrize("service", SERVICES)
def test_the_endpoint_is_its_partitions(service: str):
    assert environment.endpoint(service, "cn-north-1") == f"https://{service}.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AWS_SESSION_TOKEN": "token"},
        {"AWS_SECURITY_TOKEN": "older name"},
        {"AWS_SESSION_TOKEN": "token", "AWS_SECURITY_TOKEN": "older name"},
        {"AWS_SESSION_TOKEN": ""},
        {"AWS_SESSION_TOKEN": "token", "AWS_CREDENTIAL_EXPIRATION": "2100-01-01T00:00:00Z"},
    ],
)
def test_credentials_are_botocores(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]):
    botocore_settings._session.cache_clear()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    session: Any = botocore.session.get_session()

    known = session.get_credentials().get_frozen_credentials()

    assert environment.credentials()() == AwsCredentials(known.access_key, known.secret_key, known.token)


def test_a_profiles_region_and_credentials_are_found(profile):
    profile("[default]\nregion = ap-south-1\naws_access_key_id = AK\naws_secret_access_key = SK\n")

    assert environment.region() == "ap-south-1"
    assert environment.credentials()() == AwsCredentials("AK", "SK", None)


def test_without_any_the_call_is_surely_not_made(profile):
    profile("")

    with pytest.raises(AwsUnreached, match="NoRegion"):
        environment.region()
    with pytest.raises(AwsUnreached, match="NoCredentials"):
        environment.credentials()()


def test_half_of_the_credentials_are_none(profile, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")

    with pytest.raises(AwsUnreached, match="PartialCredentialsError"):
        environment.credentials()()
