"""The functions as Lambda runs them: built by `sam build`, in containers, with AWS and the neighbours on this machine.

    container of a function ──host.docker.internal──▶ moto server · Message Central simulator · CleverTap's sink

`SAM` names the SAM CLI (default: `sam` on the PATH), `SAM_INVOKE_IMAGE` a base image for the containers (default: the
one that SAM pulls). Without Docker or Python 3.13 these tests skip; with `CI=true` that is a failure.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.aws import LocalAws
from local.simulator.server import Simulator
from local.sink import Sink
from local.template import Stack, read_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
HOST = "host.docker.internal"
STACK = "local"  # SAM's own name for a stack that is not deployed
ACCOUNT = "LOCAL-ACCOUNT"
CREDENTIALS = {
    "apiKey": "local-api-key",
    "customerId": "C-LOCAL",
    "email": "dev@example.com",
    "password": "local-password",
    "receiptKey": "local-receipt-key",
}
ARCHITECTURE = {"x86_64": "x86_64", "AMD64": "x86_64"}.get(platform.machine(), "arm64")
BUILD_SECONDS = 600
INVOKE_SECONDS = 300  # the first one may pull an image


def cannot(reason: str) -> None:
    """Skip, or fail where nobody would read that something was skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Sam:
    """The SAM CLI."""

    program: str

    def options(self, artifacts: Path, variables: Path, **parameters: str) -> list[str]:
        """Those of commands that start containers; `parameters` are the template's."""
        image = os.environ.get("SAM_INVOKE_IMAGE")
        values = [f"{name}={value}" for name, value in {"Architecture": ARCHITECTURE, **parameters}.items()]
        return [
            *("--template", str(artifacts / "template.yaml"), "--env-vars", str(variables)),
            *("--add-host", f"{HOST}:host-gateway", "--parameter-overrides", " ".join(values)),
            *(("--invoke-image", image, "--skip-pull-image") if image else ()),
        ]

    def run(self, *arguments: str, seconds: float = INVOKE_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run a command in the repository; a failure raises with what it printed."""
        command = [self.program, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done


def environment() -> dict[str, str]:
    """No telemetry, and nobody's AWS credentials or profile."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    own = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    return {**kept, **own, "SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="session")
def sam() -> Sam:
    program = shutil.which(os.environ.get("SAM", "sam"))
    if not program:
        cannot("the SAM CLI is not on the PATH (SAM=…)")
    if not shutil.which("python3.13"):
        cannot("python3.13, the functions' runtime, is not on the PATH")
    return Sam(str(program))


@pytest.fixture(scope="session")
def docker() -> None:
    asked = shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, timeout=60, check=False)
    if not asked or asked.returncode:
        cannot("no Docker engine answers")


@pytest.fixture(scope="session")
def artifacts(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sam build` makes: template.yaml, and a directory for each function."""
    return build(sam, tmp_path_factory.mktemp("build"))


def build(sam: Sam, directory: Path) -> Path:
    sam.run("build", "--build-dir", str(directory), seconds=BUILD_SECONDS)
    return directory


@dataclass(frozen=True, slots=True)
class World:
    """What the functions talk to, on this machine."""

    aws: LocalAws
    vendor: Simulator
    clevertap: Sink
    stack: Stack
    variables: Path

    @property
    def table(self) -> str:
        return self.stack.tables["SmsLogTable"].name

    def row(self, recipient: str) -> dict[str, Any]:
        """The one row of a recipient, as plain values; empty when there is none."""
        found = self.rows(recipient)
        assert len(found) <= 1, found
        return found[0] if found else {}

    def rows(self, recipient: str) -> list[dict[str, Any]]:
        page = self.aws.dynamodb().query(
            TableName=self.table,
            KeyConditionExpression="recipient = :recipient",
            ExpressionAttributeValues={":recipient": {"S": recipient}},
            ConsistentRead=True,
        )
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in page["Items"]]

    def put(self, row: dict[str, Any]) -> None:
        self.aws.dynamodb().put_item(TableName=self.table, Item=row)

    def chunks(self, queue: str) -> list[dict[str, Any]]:
        """Everything that waits in a queue, taken out of it."""
        client, url = self.aws.sqs(), f"{self.aws.url}/123456789012/{STACK}-{queue}"
        found: list[dict[str, Any]] = []
        while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found += [json.loads(message["Body"]) for message in messages]
        return found

    def sent_to(self, recipient: str) -> list[str]:
        """The texts that Message Central took for a recipient."""
        return [one.message for one in self.vendor.accepted if f"+{one.countryCode}{one.mobileNumber}" == recipient]


def seen_from_containers(url: str) -> str:
    """A URL of a server on this machine, as a container reaches it."""
    return re.sub(r"//(127\.0\.0\.1|0\.0\.0\.0):", f"//{HOST}:", url)


@pytest.fixture(scope="session")
def world(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # Containers reach this machine by its address on Docker's network, so all have to listen there, too.
    with LocalAws(host="0.0.0.0") as aws, Simulator(host="0.0.0.0") as vendor, Sink(host="0.0.0.0") as clevertap:
        endpoint = seen_from_containers(aws.url)
        parameters = {"AccountId": ACCOUNT, "MessageCentralUrl": seen_from_containers(vendor.url)}
        stack = read_stack(STACK, parameters, endpoint)
        callback = {"callbackUrl": seen_from_containers(clevertap.callback_url)}
        aws.create(stack, {f"{STACK}/{ACCOUNT}": {**CREDENTIALS, **callback}})
        variables = tmp_path_factory.mktemp("variables") / "env.json"
        functions = {name: {**one.environment, "AWS_ENDPOINT_URL": endpoint} for name, one in stack.functions.items()}
        variables.write_text(json.dumps(functions))
        yield World(aws, vendor, clevertap, stack, variables)
