"""What `make run` prints once everything is up: what listens where, and what to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.bridge import CREDENTIALS
from local.names import ACCOUNT, REGION
from local.settings import EVERYWHERE
from local.simulator.guide import guide

if TYPE_CHECKING:
    from local.bridge import Bridge
    from local.settings import RunSettings

# What samconfig.toml and events/env/local.json call this machine.
CONTAINERS_NAME = "host.docker.internal"

MANY = (
    'import json; print(json.dumps({"campaignId": "42", "messages": [{"to": f"9198765{n:05}", '
    '"text": f"Hello {n}", "messageId": f"demo-{n}"} for n in range(1000)]}))'
)


def welcome(settings: RunSettings, bridge: Bridge) -> str:
    """Where everything is, and what to paste."""
    parts = [_places(settings, bridge), _single(bridge.url), _batch(bridge.url), _log(bridge)]
    if settings.simulator_port:
        parts.append(guide(settings.message_central_url))
    return "\n\n".join(parts)


def _places(settings: RunSettings, bridge: Bridge) -> str:
    rows = [
        ("endpoint", f"{bridge.url}/sms"),
        ("the operators' page", f"{bridge.url}/console"),
        ("delivery reports to", bridge.receipts_url),
        ("AWS (moto server)", bridge.aws.url),
        ("Message Central" + (" simulator" if settings.simulator_port else ""), settings.message_central_url),
        ("CleverTap callback" + (" sink" if settings.sink_port else ""), settings.callback_url),
        ("the functions' logs", str(settings.logs)),
    ]
    if settings.host == EVERYWHERE:
        rows.append(("for containers", f"the same ports of {CONTAINERS_NAME} (sam local invoke)"))
    table = "\n".join(f"  {name:26}{place}" for name, place in rows)
    return f"The bridge, with the account {ACCOUNT}:\n{table}"


def _single(url: str) -> str:
    headers = {
        "account": ACCOUNT,
        "customerId": CREDENTIALS["customerId"],
        "email": CREDENTIALS["email"],
        "password": CREDENTIALS["password"],
        "Content-Type": "application/json",
    }
    options = " ".join(f"-H '{name}: {value}'" for name, value in headers.items())
    body = '{"to":"919876543210","text":"Welcome"}'
    return f"One message, as CleverTap's Message Central page sends it:\n  curl {url}/sms {options} -d '{body}'"


def _batch(url: str) -> str:
    options = f"-H 'account: {ACCOUNT}' -H 'x-api-key: {CREDENTIALS['apiKey']}' -H 'Content-Type: application/json'"
    return f"1,000 in one request:\n  python3 -c '{MANY}' | curl {url}/sms {options} --data-binary @-"


def _log(bridge: Bridge) -> str:
    credentials = f"AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION={REGION}"
    scan = f"aws dynamodb scan --endpoint-url {bridge.aws.url} --table-name {bridge.table}"
    return f"What became of them:\n  {credentials} \\\n  {scan}"
