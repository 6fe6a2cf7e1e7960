"""A new key for an account, with the old one still valid for a day (`authentication.py`)."""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge import times
from bridge.account import KEYS
from bridge.authentication import OVERLAP_SECONDS
from bridge.documents import json_object
from bridge.errors import BridgeError, Misconfigured, UnknownAccount

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_LETTERS = string.ascii_letters + string.digits  # they go into a header, and into the path of a URL
_LENGTH = 40


class ChangedMeanwhile(BridgeError):
    """Somebody else changed the secret in the same moment; the text says where that change is to be found."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotated key. `name` is `apiKey` or `receiptKey`; `overlap_ends` in epoch seconds: until then the old key opens
    the account, too.
    """

    account: str
    name: str
    overlap_ends: float
    key: str = field(repr=False)


def overlap_ends(client: SecretsManagerClient, secret_name: str) -> float:
    """Until when what the secret held before its last change opens the account, in epoch seconds.

    A rotation before that moment ends it at once: it shuts out everybody who still uses the key from
    before the last change.

    Raises:
        UnknownAccount: there is no such secret.
    """
    try:
        made_at = client.get_secret_value(SecretId=secret_name)["CreatedDate"].timestamp()
    except client.exceptions.ResourceNotFoundException:
        raise UnknownAccount(f"there is no secret {secret_name}") from None
    return made_at + OVERLAP_SECONDS


def rotate(client: SecretsManagerClient, secret_name: str, name: str) -> Rotation:
    """Put a new key into the secret `<stack>/<account>`, under `name`: `apiKey` or `receiptKey`. All else stays.

    Raises:
        ValueError: no key has this name.
        UnknownAccount, Misconfigured: there is no such secret, or it is not a JSON object.
        ChangedMeanwhile: somebody else changed it just now, and that change is no longer the current version.
    """
    if name not in KEYS:
        raise ValueError(f"{name} is none of {', '.join(KEYS)}")
    try:
        before = client.get_secret_value(SecretId=secret_name)
    except client.exceptions.ResourceNotFoundException:
        raise UnknownAccount(f"there is no secret {secret_name}") from None
    fields = json_object(before.get("SecretString", ""))
    if not fields:
        raise Misconfigured(f"the secret {secret_name} is not a JSON object: fix that first")
    key = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    client.put_secret_value(SecretId=secret_name, SecretString=json.dumps({**fields, name: key}))
    _check_previous(client, secret_name, before["VersionId"])
    return Rotation(secret_name.rpartition("/")[2], name, overlap_ends(client, secret_name), key)


def instructions(rotation: Rotation, api_url: str) -> str:
    """What to paste where, in words. `api_url` is the endpoint without its path."""
    until = times.iso(rotation.overlap_ends)
    if rotation.name == "apiKey":
        where = (
            "In CleverTap: Settings, Channels, SMS, the provider of this account, Headers:\n"
            f"  x-api-key: {rotation.key}\n"
            "Where it uses Basic authentication instead, this is the password. Save, and send a test SMS."
        )
    else:
        where = (
            "Give Message Central's team the new address for delivery reports:\n"
            f"  {api_url}/receipts/{rotation.account}/{rotation.key}"
        )
    return (
        f"{where}\nWait a minute before you do so; the old key works until {until}. "
        "Do not change the secret again before then."
    )


def _check_previous(client: SecretsManagerClient, secret_name: str, version: str) -> None:
    """See that the version that was read is the one before ours: else somebody changed the secret between."""
    stages = client.describe_secret(SecretId=secret_name)["VersionIdsToStages"]
    for other, labels in stages.items():
        if "AWSPREVIOUS" in labels and other != version:
            raise ChangedMeanwhile(
                f"{secret_name} was changed while its key was rotated. The new key is in, that change is not: it is in "
                f"version {other} (aws secretsmanager get-secret-value --version-id); enter it again"
            )
