"""Where the command line works: a deployed stack, or `make run` on this machine."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from bridge.settings import Settings
from local.names import ACCESS_KEY, ACCOUNT, ACCOUNT_ID, REGION, SECRET_KEY, STACK_NAME
from scripts.operators.aws import OperatorAws
from scripts.operators.errors import CommandError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The settings of the bridge that are a resource of the stack, by its logical id.
TABLES = {"SMS_LOG_TABLE": "SmsLogTable", "CAMPAIGN_TABLE": "CampaignTable"}
QUEUES = {"DISPATCH_QUEUE_URL": "DispatchQueue", "SINGLE_QUEUE_URL": "SingleQueue"}


@dataclass(frozen=True)
class Target:
    """A bridge that can be worked with. `base_url`: its API's, without a slash at the end. `outputs` and `parameters`:
    the stack's.

    `resource` gives a resource's physical id by its logical one; `who` the person, for the campaign's actions.
    `has_logs`: whether its functions write into CloudWatch's logs.
    """

    stack: str
    aws: Any
    base_url: str
    outputs: Mapping[str, str]
    resource: Callable[[str], str]
    who: Callable[[], str]
    has_logs: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The bridge's settings, as far as operations need them."""
        names = {**TABLES, **QUEUES}
        return Settings({"STACK_NAME": self.stack, **{name: self.resource(place) for name, place in names.items()}})

    def accounts(self) -> list[str]:
        """The accounts that have a secret in this stack."""
        pages = self.aws.client("secretsmanager").get_paginator("list_secrets")
        prefix = f"{self.stack}/"
        found = pages.paginate(Filters=[{"Key": "name", "Values": [prefix]}])
        names = [one["Name"] for page in found for one in page["SecretList"]]
        return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def of_stack(name: str) -> Target:
    """A deployed stack, with the person's own AWS credentials and region. Raises CommandError."""
    session = boto3.Session()
    if not session.region_name:
        raise UsageError("There is no AWS region: set AWS_DEFAULT_REGION, or one for your profile (aws configure).")
    aws = OperatorAws(session)
    cloudformation = aws.client("cloudformation")
    try:
        [found] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise CommandError(
                f"There is no stack {name} in {session.region_name}: `make deploy` creates it."
            ) from None
        raise
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
    if "Endpoint" not in outputs:
        raise CommandError(
            f"The stack {name} has no output Endpoint: it is another stack, or its creation has not ended."
        )
    # Not describe_stack_resources, which knows the first hundred only.
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    resources = {
        one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
        for page in pages
        for one in page["StackResourceSummaries"]
    }
    return Target(
        stack=name,
        aws=aws,
        base_url=outputs["Endpoint"].removesuffix("/sms"),
        outputs=outputs,
        resource=lambda place: _resource(resources, place, name),
        who=lambda: str(aws.client("sts").get_caller_identity()["Arn"]),
        parameters={one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])},
    )


def local() -> Target:
    """`make run` on this machine, by its variables PORT and AWS_PORT. Raises CommandError."""
    port, aws_port = _port("PORT", 3000), _port("AWS_PORT", 4566)
    for variable, number in (("PORT", port), ("AWS_PORT", aws_port)):
        if not _listens(number):
            raise CommandError(
                f"Nothing listens on port {number}: `make run` is not there, or elsewhere ({variable}=…)."
            )
    url = f"http://127.0.0.1:{aws_port}"
    session = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)
    base, queues = f"http://127.0.0.1:{port}", f"{url}/{ACCOUNT_ID}"
    return Target(
        stack=STACK_NAME,
        aws=OperatorAws(session, url),
        base_url=base,
        outputs={"Endpoint": f"{base}/sms", "Account": ACCOUNT, "SecretLink": url, "DashboardLink": f"{base}/console"},
        resource=lambda place: f"{queues}/{STACK_NAME}-{place}" if is_queue(place) else f"{STACK_NAME}-{place}",
        who=lambda: f"local/{getpass.getuser()}",
        has_logs=False,
    )


def is_queue(place: str) -> bool:
    """Whether a resource is a queue, by its logical id."""
    return place.endswith("Queue") or place == "UnrecognisedReceipts"


def _resource(resources: Mapping[str, str], place: str, stack: str) -> str:
    if not resources.get(place):
        raise CommandError(f"The stack {stack} has no {place}: it is older than this command line. Deploy it again.")
    return resources[place]


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not (text.isdecimal() and 0 < int(text) < 65536):  # noqa: PLR2004 - the ports there are
        raise UsageError(f"{variable}={text} is not a port.")
    return int(text)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True
