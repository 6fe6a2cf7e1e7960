"""Secrets Manager."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.faults import Fault, Neighbour, client_error

GONE = Fault("GONE", lambda: client_error("ResourceNotFoundException"))


class FakeSecretsManager(Neighbour):
    """A client; `secrets` by their full names. Those that were never `changed` were made long ago."""

    def __init__(self, secrets: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.secrets = secrets or {}
        self.previous: dict[str, Any] = {}
        self.versions: dict[str, tuple[str, float]] = {}
        """Of each secret that was changed: the version that stands, and when it was made."""

    def change(self, name: str, value: Any, now: float) -> None:
        """Put a new version of a secret; the one that stood is the previous one."""
        self.previous[name] = self.secrets[name]
        self.secrets[name] = value
        number = int(self.versions[name][0]) + 1 if name in self.versions else 1
        self.versions[name] = (str(number), now)

    def get_secret_value(
        self,
        *,
        SecretId: str,  # noqa: N803 - boto3's names
        VersionStage: str = "AWSCURRENT",  # noqa: N803
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            held = self.secrets if VersionStage == "AWSCURRENT" else self.previous
            if SecretId not in held:
                raise client_error("ResourceNotFoundException")
            value = held[SecretId]
            answer = {"SecretString": value if isinstance(value, str) else json.dumps(value)}
            if SecretId not in self.versions:
                return answer
            version, made = self.versions[SecretId]
            return {**answer, "VersionId": version, "CreatedDate": made}

        return self._call("get_secret_value", effect)

    @property
    def reads(self) -> int:
        """How often a secret was asked for."""
        return self.calls["get_secret_value"]
