"""The environment variables of `make run`."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.ports import StartError, is_free

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL, EVERYWHERE = "127.0.0.1", "0.0.0.0"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Where everything listens. A port is None for a neighbour that is somewhere else and need not be started.

    All parts listen on `host`, and reach each other by 127.0.0.1 in any case.
    """

    host: str
    port: int
    aws_port: int
    simulator_port: int | None
    sink_port: int | None
    message_central_url: str
    callback_url: str
    encryption_keys: Mapping[str, str]
    logs: Path

    def check_ports(self) -> None:
        """Raise StartError, with port and variable, when a port is taken."""
        wanted = {
            "PORT": self.port,
            "AWS_PORT": self.aws_port,
            "SIMULATOR_PORT": self.simulator_port,
            "SINK_PORT": self.sink_port,
        }
        for variable, port in wanted.items():
            if port is not None and not is_free(port, self.host):
                raise StartError(f"port {port} is in use by another program; choose another with {variable}=…")


def from_environment(variables: Mapping[str, str]) -> RunSettings:
    """Read the variables. Raises StartError."""
    simulator_port, sink_port = _port(variables, "SIMULATOR_PORT", 4010), _port(variables, "SINK_PORT", 4020)
    simulator_url = f"http://127.0.0.1:{simulator_port}"
    callback_url = f"http://127.0.0.1:{sink_port}/sms/generic?account=LOCAL-ACCOUNT"
    vendor, callback = variables.get("MESSAGE_CENTRAL_URL"), variables.get("CLEVERTAP_CALLBACK_URL")
    return RunSettings(
        host=_host(variables),
        port=_port(variables, "PORT", 3000),
        aws_port=_port(variables, "AWS_PORT", 4566),
        simulator_port=simulator_port if vendor in (None, "", simulator_url) else None,
        sink_port=sink_port if callback in (None, "", callback_url) else None,
        message_central_url=(vendor or simulator_url).rstrip("/"),
        callback_url=callback or callback_url,
        encryption_keys=_encryption_keys(variables),
        logs=Path(variables.get("LOGS") or tempfile.mkdtemp(prefix="sms-bridge-")),
    )


def _encryption_keys(variables: Mapping[str, str]) -> dict[str, str]:
    """CleverTap's keys by their versions, as the account's secret gets them."""
    text = variables.get("ENCRYPTION_KEYS") or "{}"
    try:
        keys = json.loads(text)
    except ValueError:
        keys = None
    if not isinstance(keys, dict):
        raise StartError('ENCRYPTION_KEYS is not a JSON object like {"v1": "<key>"}')
    return keys


def _host(variables: Mapping[str, str]) -> str:
    host = variables.get("HOST") or LOCAL
    if host not in (LOCAL, EVERYWHERE):
        raise StartError(f"HOST={host} is neither {LOCAL} nor {EVERYWHERE}, which containers can reach")
    return host


def _port(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name) or str(default)
    if not (text.isdecimal() and 0 < int(text) < 65536):  # noqa: PLR2004 - the ports there are
        raise StartError(f"{name}={text} is not a port")
    return int(text)
