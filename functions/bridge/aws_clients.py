"""The calls of SQS and of Secrets Manager, with boto3's names, parameters and answers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from bridge.errors import AwsError
from bridge.retry import passing

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.aws_api.service import JsonService

PAUSE_SECONDS = 0.2  # at most, before a secret is asked for again


class Sqs:
    """SQS (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/)."""

    def __init__(self, service: JsonService) -> None:
        self._call = service.call

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """Put up to 10 messages on a queue; those that it did not take are named in the answer. Not tried again.

        Raises:
            AwsError: it did not answer, or with an error.
        """
        return self._call("SendMessageBatch", request)


class SecretsManager:
    """Secrets Manager (https://docs.aws.amazon.com/secretsmanager/latest/apireference/)."""

    def __init__(self, service: JsonService, sleep: Callable[[float], None]) -> None:
        self._call = service.call
        self._sleep = sleep

    def get_secret_value(self, **request: Any) -> dict[str, Any]:
        """Read a secret, at a second try if that may do better.

        Raises:
            AwsError: it did not answer, or with an error.
        """
        try:
            return self._call("GetSecretValue", request)
        except AwsError as error:
            if not passing(error):
                raise
        self._sleep(random.uniform(0, PAUSE_SECONDS))  # noqa: S311 - jitter, no secret
        return self._call("GetSecretValue", request)
