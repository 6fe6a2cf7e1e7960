"""CleverTap's provider form, filled in for an account of a deployed stack (`scripts/bridge form`)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

PAYLOAD = '{"campaignId": "$$CampaignID", "messages": [{"to": "$$To", "text": "$$Body", "messageId": "$$MessageID"}]}'
PLACEHOLDER = "REPLACE_ME"
YES = ("true", "yes", "on")
WIDTH = 16  # of the field names' column


class FormError(Exception):
    """Why there is no form; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a form is filled in with. `missing`: fields of the secret that are not there or still placeholders."""

    endpoint: str
    account: str
    secret_link: str
    api_key: str = field(repr=False)
    receipt_key: str | None = field(repr=False)
    callback_url: str | None
    customer_id: str | None
    missing: Sequence[str]


def read_outputs(client: CloudFormationClient, stack: str) -> dict[str, str]:
    """The stack's outputs. Raises FormError."""
    try:
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise FormError(
                f"There is no stack {stack} in this account and region: `make deploy` creates it."
            ) from error
        raise
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def read_account(client: SecretsManagerClient, stack: str, account: str | None, outputs: Mapping[str, str]) -> Deployed:
    """What the form of an account (None: the stack's own) says. Raises FormError."""
    if "Endpoint" not in outputs:
        raise FormError(
            f"The stack {stack} has no output Endpoint: it is another stack, or its creation has not ended."
        )
    account = account or outputs["Account"]
    name = f"{stack}/{account}"
    try:
        text = client.get_secret_value(SecretId=name)["SecretString"]
    except client.exceptions.ResourceNotFoundException as error:
        raise FormError(f"There is no secret {name}: see 'Several accounts' in docs/deploy.md.") from error
    try:
        secret = json.loads(text)
    except ValueError:
        secret = None
    if not isinstance(secret, dict):
        raise FormError(f"The secret {name} is not a JSON object: see 'The secret' in docs/configuration.md.")
    return Deployed(
        endpoint=outputs["Endpoint"],
        account=account,
        secret_link=outputs["SecretLink"].replace(f"%2F{outputs['Account']}", f"%2F{account}"),
        api_key=secret.get("apiKey", PLACEHOLDER),
        receipt_key=secret.get("receiptKey"),
        callback_url=secret.get("callbackUrl"),
        customer_id=None if secret.get("customerId") == PLACEHOLDER else secret.get("customerId"),
        missing=[name for name in _needed(secret) if secret.get(name, PLACEHOLDER) == PLACEHOLDER],
    )


def _needed(secret: Mapping[str, Any]) -> tuple[str, ...]:
    """What an account needs before something is sent: docs/configuration.md, "The secret"."""
    if str(secret.get("sandbox")).lower() in YES:
        return ("apiKey",)
    login = ("customerId",) if secret.get("authToken") else ("customerId", "email", "password")
    return (*login, "apiKey")


def form(deployed: Deployed, *, show_keys: bool) -> str:
    """The form as text, field by field in CleverTap's order, and what is still to be done."""
    key = deployed.api_key if show_keys else "<apiKey: run again with --show-key>"
    fields = [
        ("Provider", "Other (Generic)"),
        ("Request type", "POST"),
        ("HTTP endpoint", deployed.endpoint),
        ("Authentication", "No authentication"),
        ("Headers", f"account: {deployed.account}"),
        ("", f"x-api-key: {key}"),
        ("", "Content-Type: application/json"),
        ("Parameters", f"JSON: {PAYLOAD}"),
        ("Batch", "on, batch key: messages, up to 1,000"),
        ("Encryption", "off"),
    ]
    lines = [f"{name:{WIDTH}}{value}" for name, value in fields]
    return "\n".join(
        ["CleverTap: Settings → Channels → SMS → Add provider", "", *lines, "", *_to_do(deployed, show_keys)]
    )


def _to_do(deployed: Deployed, show_keys: bool) -> list[str]:  # noqa: FBT001 - handed on
    base = deployed.endpoint.removesuffix("/sms")
    receipt_key = deployed.receipt_key if show_keys else "<receiptKey: run again with --show-key>"
    steps = []
    if deployed.missing:
        steps.append(f"Nothing is sent before the secret has its {', '.join(deployed.missing)}: {deployed.secret_link}")
    if not deployed.callback_url:
        steps.append(
            "For delivery reports, copy the callback URL of CleverTap's Setup tab into the secret: callbackUrl"
        )
    if deployed.receipt_key:
        steps.append(f"Message Central posts its receipts to {base}/receipts/{deployed.account}/{receipt_key}")
    else:
        steps.append(
            "For Message Central's receipts, put letters and digits (openssl rand -hex 24) into the secret: receiptKey"
        )
    return steps
