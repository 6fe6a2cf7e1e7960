"""AWS on this machine: a moto server with what the template describes."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local import ports, process
from local.names import ACCESS_KEY, REGION, SECRET_KEY
from local.service import Service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

    from local.resources import TableDescription
    from local.template import Stack


class LocalAws(Service):
    """A moto server on a port of this machine. Everything in it is gone when it stops."""

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1", log: Path | None = None) -> None:
        self.port = port or ports.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._host = host
        self._log = log
        self._server: subprocess.Popen[bytes] | None = None
        self._session = boto3.Session(
            aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION
        )

    def start(self) -> Self:
        """Start the server. Raises StartError."""
        arguments = ["--port", str(self.port), "--host", self._host]
        environment = {**os.environ, "PYTHONPATH": process.search_path()}
        self._server = process.start(
            "local.moto_server", arguments, log=self._log, stdin=subprocess.PIPE, env=environment
        )
        ports.wait_until_open(self.port, self._server)
        return self

    def stop(self) -> None:
        """Stop the server, and forget everything in it."""
        if self._server:
            process.kill(self._server)
            self._server = None

    def dynamodb(self) -> DynamoDBClient:
        """A new DynamoDB client."""
        return self._session.client("dynamodb", endpoint_url=self.url, config=_CLIENT)

    def sqs(self) -> SQSClient:
        """A new SQS client."""
        return self._session.client("sqs", endpoint_url=self.url, config=_CLIENT)

    def secrets(self) -> SecretsManagerClient:
        """A new Secrets Manager client."""
        return self._session.client("secretsmanager", endpoint_url=self.url, config=_CLIENT)

    def streams(self) -> Any:
        """A new DynamoDB Streams client."""
        return self._session.client("dynamodbstreams", endpoint_url=self.url, config=_CLIENT)

    def create(self, stack: Stack, secret_values: Mapping[str, Mapping[str, str]]) -> None:
        """Create what the stack describes. `secret_values`, by secret name, replace the template's placeholders."""
        for table in stack.tables.values():
            self._create_table(table)
        # A queue can only point to a dead-letter queue that exists.
        for queue in sorted(stack.queues.values(), key=lambda one: "RedrivePolicy" in one.attributes):
            self.sqs().create_queue(QueueName=queue.name, Attributes=queue.attributes)  # type: ignore[arg-type]
        for secret in stack.secrets.values():
            value = {**secret.value, **secret_values.get(secret.name, {})}
            self.secrets().create_secret(Name=secret.name, SecretString=json.dumps(value))

    def _create_table(self, table: TableDescription) -> None:
        client = self.dynamodb()
        client.create_table(TableName=table.name, **table.definition)
        if table.ttl:
            specification: Any = {"AttributeName": table.ttl, "Enabled": True}
            client.update_time_to_live(TableName=table.name, TimeToLiveSpecification=specification)


# A pool for the pollers' threads. No long retries: an answer that does not come is a fault to see.
_CLIENT = Config(max_pool_connections=50, read_timeout=60, connect_timeout=5, retries={"total_max_attempts": 2})
