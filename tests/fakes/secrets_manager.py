"""Secrets Manager."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.faults import Fault, Neighbour, client_error

GONE = Fault("GONE", lambda: client_error("ResourceNotFoundException"))


class FakeSecretsManager(Neighbour):
    """A client; `secrets` by their full names."""

    def __init__(self, secrets: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.secrets = secrets or {}

    def get_secret_value(self, *, SecretId: str, **_options: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        def effect() -> dict[str, Any]:
            if SecretId not in self.secrets:
                raise client_error("ResourceNotFoundException")
            value = self.secrets[SecretId]
            return {"SecretString": value if isinstance(value, str) else json.dumps(value)}

        return self._call("get_secret_value", effect)

    @property
    def reads(self) -> int:
        """How often a secret was asked for."""
        return self.calls["get_secret_value"]
