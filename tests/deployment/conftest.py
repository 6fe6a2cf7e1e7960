"""`sam deploy` of the template as it was built, onto ministack, with what `overlay.py` says laid over it.

    sam deploy ──▶ ministack ──runs──▶ the functions ──▶ Message Central simulator · CleverTap's sink

`SAM` names the SAM CLI, `MINISTACK` a Python that has ministack and is the functions' runtime (`make deployment`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.decode import cfn_yaml

from local.simulator.server import Simulator
from local.sink import Sink
from scripts import roll_back
from tests.deployment.emulator import ACCOUNT_ID, Emulator
from tests.deployment.overlay import overlaid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
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
DEPLOY_SECONDS = 240
BUILD_SECONDS = 400
BUCKET_STACK = "aws-sam-cli-managed-default"  # SAM's own, of `resolve_s3`


def run(*command: str, variables: Mapping[str, str], seconds: float) -> str:
    """Run a command in the repository; a failure raises with what it printed."""
    done = subprocess.run(
        command, cwd=ROOT, env=dict(variables), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack on the emulator, and what its functions talk to."""

    aws: Emulator
    sam: str
    artifacts: Path
    vendor: Simulator
    clevertap: Sink
    deployer: Mapping[str, str]

    def make_bucket(self, directory: Path) -> None:
        """The first `sam deploy` in a region makes a bucket; this does it, and lets it be written without TLS.

        SAM's bucket refuses what comes without TLS, and ministack has none here.
        """
        empty = directory / "empty.json"
        empty.write_text(json.dumps({"Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}))
        variables = {**self.aws.variables, **self.deployer}
        run(self.sam, "package", "--resolve-s3", "--template-file", str(empty), variables=variables, seconds=60)
        found = self.aws.client("cloudformation").describe_stack_resource(
            StackName=BUCKET_STACK, LogicalResourceId="SamCliSourceBucket"
        )
        self.aws.client("s3").delete_bucket_policy(Bucket=found["StackResourceDetail"]["PhysicalResourceId"])

    def deploy(self, **parameters: str) -> str:
        """`sam deploy` with samconfig.toml, as whoever deploys; what is not given stays as it is."""
        source = json.loads(json.dumps(cfn_yaml.load(str(self.artifacts / "template.yaml"))))
        template = self.artifacts / "overlaid.json"
        template.write_text(json.dumps(overlaid(source, self.aws.url, self.packed())))
        return run(
            *(self.sam, "deploy", "--template-file", str(template), "--config-file", str(ROOT / "samconfig.toml")),
            *("--no-confirm-changeset", "--no-progressbar"),
            *(
                ("--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items()))
                if parameters
                else ()
            ),
            variables={**self.aws.variables, **self.deployer},
            seconds=DEPLOY_SECONDS,
        )

    def packed(self) -> str:
        """The artifact that all functions are, as a zip: SAM would pack it seven times, with the same result."""
        return shutil.make_archive(str(self.artifacts / "artifact"), "zip", self.artifacts / "AcceptFunction")

    def keep(self, directory: Path) -> None:
        """As `make deploy` does before it changes anything."""
        shutil.copy(ROOT / "samconfig.toml", directory)
        roll_back.keep(self.aws.client("cloudformation"), STACK, directory)

    def roll_back(self, directory: Path) -> None:
        """`make rollback`, by who deploys."""
        variables = {**self.aws.variables, **self.deployer}

        def as_deployer(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(command, cwd=ROOT, env=variables, timeout=DEPLOY_SECONDS, check=True)

        assert roll_back.main(["--sam", self.sam], directory, as_deployer) == 0

    def delete(self) -> None:
        self.aws.client("cloudformation").delete_stack(StackName=STACK)
        self.eventually(lambda: not self.stacks(), "the stack is gone")

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
        # The output Endpoint names an address of AWS; ministack serves the same API by its id.
        api = self.outputs["Endpoint"].partition("//")[2].partition(".")[0]
        url = f"{self.aws.url}/_aws/execute-api/{api}/$default{path}"
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
    def eventually(holds: Callable[[], Any], what: str, seconds: float = 45) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            time.sleep(0.5)


@pytest.fixture(scope="session")
def sam() -> str:
    return os.environ["SAM"]


@pytest.fixture(scope="session")
def artifacts(sam: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sam build` makes of this checkout."""
    directory = tmp_path_factory.mktemp("build")
    variables = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    run(sam, "build", "--build-dir", str(directory), variables=variables, seconds=BUILD_SECONDS)
    return directory


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
def deployment(
    sam: str, artifacts: Path, aws: Emulator, deployer: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    with Simulator() as vendor, Sink() as clevertap:
        made = Deployment(aws, sam, artifacts, vendor, clevertap, deployer)
        made.make_bucket(tmp_path_factory.mktemp("bucket"))
        yield made
