"""AWS as `bridge.aws.Aws` gives it: the same fakes for whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.dynamodb import FakeDynamoDB
    from tests.fakes.secrets_manager import FakeSecretsManager
    from tests.fakes.sqs import FakeSQS


class FakeAws:
    """Makes no clients: hands out those it was given."""

    def __init__(self, dynamodb: FakeDynamoDB, sqs: FakeSQS, secrets: FakeSecretsManager) -> None:
        self._dynamodb, self._sqs, self._secrets = dynamodb, sqs, secrets

    def dynamodb(self) -> Any:
        return self._dynamodb

    def sqs(self) -> Any:
        return self._sqs

    def secrets_manager(self) -> Any:
        return self._secrets
