"""AWS as `bridge.aws.Aws` gives it: the same fakes for whoever asks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.dynamodb import FakeDynamoDB
    from tests.fakes.secrets_manager import FakeSecretsManager
    from tests.fakes.sqs import FakeSQS


class FakeLogs:
    """CloudWatch's logs: what was written, by group and stream."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.fault: Exception | None = None

    def create_log_stream(self, *, logGroupName: str, logStreamName: str) -> None:  # noqa: N803 - boto3's names
        if self.fault:
            raise self.fault
        self.events[logGroupName, logStreamName] = []

    def put_log_events(self, *, logGroupName: str, logStreamName: str, logEvents: list[Any]) -> None:  # noqa: N803
        self.events[logGroupName, logStreamName] += [json.loads(event["message"]) for event in logEvents]


class FakeAws:
    """Makes no clients: hands out those it was given."""

    def __init__(self, dynamodb: FakeDynamoDB, sqs: FakeSQS, secrets: FakeSecretsManager) -> None:
        self._dynamodb, self._sqs, self._secrets = dynamodb, sqs, secrets
        self.logs = FakeLogs()

    def dynamodb(self) -> Any:
        return self._dynamodb

    def sqs(self) -> Any:
        return self._sqs

    def secrets_manager(self) -> Any:
        return self._secrets

    def client(self, service: str) -> Any:
        """boto3's client of a service, for what only the command line calls."""
        return {"logs": self.logs}[service]
