"""AWS for a person at a command line, who sits far from the region, and can wait: boto3's clients, under the bridge."""

from __future__ import annotations

import time
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bridge.aws_clients import SecretsManager, Sqs
from bridge.dynamodb import DynamoDB
from bridge.errors import AwsRefused, AwsSilent

if TYPE_CHECKING:
    import boto3

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=16,
    retries={"mode": "standard", "total_max_attempts": 5},
)


class OperatorAws:
    """The clients as `bridge.aws.Aws` gives them, and all others that boto3 has."""

    def __init__(self, session: boto3.Session, endpoint: str | None = None) -> None:
        self._session = session
        self._endpoint = endpoint
        self.client = cache(self._client)

    def dynamodb(self) -> DynamoDB:
        """DynamoDB."""
        service: Any = BotoService(self.client("dynamodb"))
        return DynamoDB(service)

    def sqs(self) -> Sqs:
        """SQS."""
        service: Any = BotoService(self.client("sqs"))
        return Sqs(service)

    def secrets_manager(self) -> SecretsManager:
        """Secrets Manager."""
        service: Any = BotoService(self.client("secretsmanager"))
        return SecretsManager(service, time.sleep)

    def _client(self, service: str) -> Any:
        """boto3's client of a service, which tries again by itself."""
        clients: Any = self._session
        return clients.client(service, config=_CONFIG, endpoint_url=self._endpoint)


class BotoService:
    """boto3's client as the bridge calls a service, and with the bridge's errors."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Make one call.

        Raises:
            AwsRefused: it answered with an error.
            AwsSilent: it did not answer; the call may have been carried out.
        """
        method = getattr(self._client, xform_name(operation))
        try:
            answer: dict[str, Any] = method(**request)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise AwsRefused(error.response["Error"]["Code"], status, {**error.response}) from None
        except BotoCoreError as error:
            raise AwsSilent(type(error).__name__) from None
        # boto3 reads times; the protocol, and so the bridge, has them in epoch seconds.
        return {name: one.timestamp() if isinstance(one, datetime) else one for name, one in answer.items()}
