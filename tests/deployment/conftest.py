"""docs/deploy.md followed by somebody with a copy of the repository, with ministack as AWS.

    make deploy ──▶ ministack ──runs──▶ the functions ──▶ Message Central simulator · CleverTap's sink

What is built is laid over by `overlay.py`. `SAM` names the SAM CLI, `MINISTACK` a Python that has ministack and is the
functions' runtime (`make deployment`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator.server import Simulator
from local.sink import Sink
from tests import documents
from tests.deployment.emulator import ACCOUNT_ID, Emulator
from tests.deployment.page import Reader
from tests.deployment.terminal import converse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

ROOT = documents.ROOT
STACK = "clevertap-sms"
ACCOUNT = "6K9-XXX-XX7Z"
POLICY = ROOT / "docs/deployer_policy.json"
# As a person fills it in; `make run` and the simulator know the same.
FILLED_IN = {
    "customerId": "C-LOCAL",
    "email": "dev@example.com",
    "password": "local-password",
    "receiptKey": "local-receipt-key",
}
COMMAND_SECONDS = 600  # a build and a deployment, on a busy machine
BUCKET_STACK = "aws-sam-cli-managed-default"  # SAM's own, of `resolve_s3`
SET_BY_MAKE = ("CI", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # of the `make` that runs these tests; nobody's at a terminal


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack on the emulator, the copy of the repository that it is deployed from, and what its functions talk to."""

    aws: Emulator
    project: Path
    vendor: Simulator
    clevertap: Sink
    variables: Mapping[str, str]
    reader: Reader

    def run(self, *command: str) -> str:
        """A command of the page, by who deploys, in the copy, at a terminal; what it printed. A failure raises."""
        return converse(
            command,
            self.reader.answer,
            directory=self.project,
            variables=self.variables,
            seconds=COMMAND_SECONDS,
        )

    def make(self, target: str) -> str:
        """`make …` as the page has it, in the environments that stand."""
        standing = [word for one in (".venv", ".venvs/sam") for word in ("-o", f"{one}/.ready")]
        return self.run("make", *standing, target, f"SAM={self.project / 'sam'}")

    def delete(self) -> None:
        """The stack, as `sam delete` does; ministack refuses SAM's last look at what is gone."""
        self.aws.client("cloudformation").delete_stack(StackName=STACK)
        self.eventually(lambda: not self.stacks(), "the stack is gone")

    def configure(self, **parameters: str) -> None:
        """Change parameters where the page says: under parameter_overrides in samconfig.toml."""
        path = self.project / "samconfig.toml"
        text = path.read_text()
        for name, value in parameters.items():
            text, changed = re.subn(rf'\b{name}=\\"[^"\\]*\\"', rf'{name}=\\"{value}\\"', text)
            assert changed == 1, f"{name} is not in samconfig.toml:\n{text}"
        path.write_text(text)

    def company(self) -> dict[str, str]:
        """A network, a boundary and a key that are there, as parameters."""
        ec2 = self.aws.client("ec2")
        network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=network, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="sms", Description="out only", VpcId=network)["GroupId"]
        return {
            "SubnetIds": subnet,
            "SecurityGroupIds": group,
            "KmsKeyArn": self.aws.client("kms").create_key()["KeyMetadata"]["Arn"],
            "PermissionsBoundary": self.policy("boundary", "dynamodb", "sqs", "secretsmanager", "logs", "kms", "ec2"),
        }

    def policy(self, name: str, *services: str) -> str:
        """A policy that allows everything of some services; its ARN."""
        statement = {"Effect": "Allow", "Action": [f"{service}:*" for service in services], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        made = self.aws.client("iam").create_policy(PolicyName=name, PolicyDocument=document)
        return str(made["Policy"]["Arn"])

    def bound(self, policy: str) -> None:
        """Put a boundary on every role of the stack: ministack's CloudFormation does not."""
        client = self.aws.client("iam")
        for name in self.roles():
            client.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=policy)

    @property
    def parameters(self) -> dict[str, str]:
        """Those of the stack."""
        (stack,) = self.stacks()
        return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}

    def keys(self) -> dict[str, str | None]:
        """The key with which tables, queues and the secret are encrypted, by logical id."""
        tables, queues = ("SmsLogTable", "CampaignTable"), ("DispatchQueue", "ReceiptQueue", "UnrecognisedReceipts")
        found = {}
        for name in tables:
            table = self.aws.client("dynamodb").describe_table(TableName=self.physical(name))["Table"]
            found[name] = table.get("SSEDescription", {}).get("KMSMasterKeyArn")
        for name in queues:
            attributes = self.aws.client("sqs").get_queue_attributes(
                QueueUrl=self.physical(name), AttributeNames=["KmsMasterKeyId"]
            )
            found[name] = attributes.get("Attributes", {}).get("KmsMasterKeyId")
        secret = self.aws.client("secretsmanager").describe_secret(SecretId=f"{STACK}/{ACCOUNT}")
        return {**found, "AccountSecret": secret.get("KmsKeyId")}

    def roles(self) -> list[str]:
        """The names of the stack's roles."""
        every = self.aws.client("iam").list_roles()["Roles"]
        return [one["RoleName"] for one in every if one["RoleName"].startswith(f"{STACK}-")]

    def stacks(self) -> list[dict[str, Any]]:
        every = self.aws.client("cloudformation").describe_stacks()["Stacks"]
        return [one for one in every if one["StackName"] == STACK and one["StackStatus"] != "DELETE_COMPLETE"]

    @property
    def outputs(self) -> dict[str, str]:
        (stack,) = self.stacks()
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def physical(self, logical: str) -> str:
        found = self.aws.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    # Secret

    @property
    def secret(self) -> dict[str, str]:
        found = self.aws.client("secretsmanager").get_secret_value(SecretId=f"{STACK}/{ACCOUNT}")
        return dict(json.loads(found["SecretString"]))

    def fill_in_the_secret(self) -> None:
        value = {**self.secret, **FILLED_IN, "callbackUrl": self.clevertap.callback_url}
        self.aws.client("secretsmanager").put_secret_value(
            SecretId=f"{STACK}/{ACCOUNT}", SecretString=json.dumps(value)
        )

    # HTTP

    def post(self, body: Any, **headers: str) -> Answer:
        """CleverTap's request, with the account's key."""
        own = {"account": ACCOUNT, "x-api-key": self.secret["apiKey"], "Content-Type": "application/json"}
        return self.call("/sms", body, {**own, **headers})

    def call(self, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        url = self.outputs["Endpoint"].removesuffix("/sms") + path
        request = urllib.request.Request(url, json.dumps(body).encode(), dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, json.load(response))
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.load(error))

    # What there is

    def rows(self) -> list[dict[str, Any]]:
        items = self.aws.client("dynamodb").scan(TableName=self.physical("SmsLogTable"))["Items"]
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in items]

    def versions(self, function: str) -> list[dict[str, Any]]:
        listed = self.aws.client("lambda").list_versions_by_function(FunctionName=self.physical(function))["Versions"]
        return [one for one in listed if one["Version"] != "$LATEST"]

    def live(self, function: str) -> dict[str, Any]:
        """The configuration of the version that the alias points to."""
        client, name = self.aws.client("lambda"), self.physical(function)
        return dict(client.get_function_configuration(FunctionName=name, Qualifier="live"))

    def log(self, name: str) -> list[dict[str, Any]]:
        """The JSON lines in a function's log group, oldest first."""
        client, group = self.aws.client("logs"), f"/aws/lambda/{STACK}-{name}"
        events = [
            event
            for stream in client.describe_log_streams(logGroupName=group)["logStreams"]
            for event in client.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]
        lines = [one["message"] for one in sorted(events, key=lambda one: one["timestamp"])]
        return [json.loads(line) for line in lines if line.startswith("{")]

    @staticmethod
    def eventually(holds: Callable[[], Any], what: str, seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            time.sleep(0.5)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    directory = tmp_path_factory.mktemp("ministack")
    with Emulator(shutil.which(os.environ["MINISTACK"]) or "", directory / "log") as emulator:
        yield emulator


@pytest.fixture(scope="session")
def deployer(aws: Emulator) -> dict[str, str]:
    """Credentials of somebody who may do what docs/deployer_policy.json allows, and nothing else."""
    client = aws.client("iam")
    policy = POLICY.read_text().replace("<stack>", STACK).replace("<account>", ACCOUNT_ID)
    client.create_user(UserName="deployer")
    made = client.create_policy(PolicyName="deploy", PolicyDocument=policy)
    client.attach_user_policy(UserName="deployer", PolicyArn=made["Policy"]["Arn"])
    key = client.create_access_key(UserName="deployer")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as somebody has it who has just cloned it, with the environments that stand here."""
    directory = tmp_path_factory.mktemp("clone")
    for path in documents.tracked():
        copy = directory / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    for name in (".venv", ".venvs"):
        (directory / name).symlink_to((ROOT / name).resolve())
    return directory


@pytest.fixture(scope="session")
def deployment(aws: Emulator, deployer: dict[str, str], project: Path) -> Iterator[Deployment]:
    sam = project / "sam"
    sam.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m tests.deployment.sam "$@"\n')
    sam.chmod(0o700)
    kept = {name: value for name, value in aws.variables.items() if name not in SET_BY_MAKE}
    variables = {**kept, **deployer, "SAM_ITSELF": os.environ["SAM"]}
    with Simulator() as vendor, Sink() as clevertap:
        reader = Reader(instead={"Parameter MessageCentralUrl": vendor.url})
        made = Deployment(aws, project, vendor, clevertap, variables, reader)
        make_bucket(made)
        yield made


def make_bucket(deployment: Deployment) -> None:
    """The first `sam deploy` in a region makes a bucket; this does it, and lets it be written without TLS.

    SAM's bucket refuses what comes without TLS, and ministack has none here.
    """
    empty = deployment.project / "empty.json"
    empty.write_text(json.dumps({"Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}))
    deployment.run(os.environ["SAM"], "package", "--resolve-s3", "--template-file", str(empty))
    found = deployment.aws.client("cloudformation").describe_stack_resource(
        StackName=BUCKET_STACK, LogicalResourceId="SamCliSourceBucket"
    )
    deployment.aws.client("s3").delete_bucket_policy(Bucket=found["StackResourceDetail"]["PhysicalResourceId"])
