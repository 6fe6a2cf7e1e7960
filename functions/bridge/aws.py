"""AWS clients with timeouts that fit into CleverTap's 15 s. Used by `send_log`, `queues` and `accounts` alone."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from boto3.session import Session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# In one region a connection takes milliseconds, and so does an answer: what takes longer will not come.
CONNECT_SECONDS = 1
READ_SECONDS = 2
CALL_SECONDS = CONNECT_SECONDS + READ_SECONDS


@cache
def _session() -> Session:
    return Session()


def dynamodb(connections: int) -> DynamoDBClient:
    """A DynamoDB client for so many threads, which does not retry by itself: the log knows what may be repeated."""
    return _session().client("dynamodb", config=_config(connections, 1))


def sqs() -> SQSClient:
    """An SQS client that does not retry by itself: the queue's own rules do."""
    return _session().client("sqs", config=_config(10, 1))


def secrets_manager() -> SecretsManagerClient:
    """A Secrets Manager client."""
    return _session().client("secretsmanager", config=_config(10, 2))


def _config(connections: int, attempts: int) -> Config:
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": attempts},
        # Without this botocore puts its user agent together anew for each call, a sixth of a call's CPU.
        user_agent="clevertap-message-central-bridge",
        # We write the requests ourselves and tests run them: checking each again costs a tenth of the call.
        parameter_validation=False,
    )
