"""The clients of AWS, for the log, the queues and the accounts."""

from __future__ import annotations

import time

from bridge.aws_api.route import CALL_SECONDS
from bridge.aws_api.service import JsonService
from bridge.aws_clients import SecretsManager, Sqs
from bridge.dynamodb import DynamoDB

__all__ = ["CALL_SECONDS", "Aws"]


class Aws:
    """Makes the clients, each for many threads. Credentials, region and endpoints are what botocore would find."""

    def dynamodb(self) -> DynamoDB:
        """DynamoDB."""
        return DynamoDB(JsonService.found("dynamodb", "DynamoDB_20120810", "1.0"))

    def sqs(self) -> Sqs:
        """SQS."""
        return Sqs(JsonService.found("sqs", "AmazonSQS", "1.0"))

    def secrets_manager(self) -> SecretsManager:
        """Secrets Manager."""
        return SecretsManager(JsonService.found("secretsmanager", "secretsmanager", "1.1"), time.sleep)
