"""The command line over the tests' own bridge: what it prints, and how it ends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.operators.cli import main
from scripts.operators.target import Target
from tests.fakes.aws import FakeAws
from tests.fakes.values import ACCOUNT_ID

if TYPE_CHECKING:
    import pytest

    from tests.unit.harness import Bridge

WHO = "arn:aws:sts::1:assumed-role/ops/ana"

RESOURCES = {
    "SmsLogTable": "SmsLog",
    "CampaignTable": "Campaigns",
    "DispatchQueue": "https://sqs.example/dispatch",
    "SingleQueue": "https://sqs.example/single",
    "SteerLog": "/aws/lambda/bridge-steer",
}


@dataclass(frozen=True)
class FakeTarget(Target):
    """A stack of fakes."""

    names: tuple[str, ...] = (ACCOUNT_ID,)

    def accounts(self) -> list[str]:
        return [*self.names]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        return json.loads(self.out)


class Operators:
    """Runs commands of `scripts/bridge` on a bridge."""

    def __init__(self, bridge: Bridge, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        aws: Any = FakeAws(bridge.dynamodb, bridge.sqs, bridge.secrets)
        self.logs = aws.logs
        self.target = FakeTarget(
            stack="bridge",
            aws=aws,
            base_url="https://api.example",
            outputs={"DashboardLink": "https://console.example/dashboard"},
            resource=RESOURCES.__getitem__,
            who=lambda: WHO,
        )

    def __call__(self, *words: str) -> Ended:
        """Run a command on the stack; `--stack` is added."""
        self._capsys.readouterr()
        code = main(["--stack", "bridge", *words], lambda _stack, _local: self.target)
        out, err = self._capsys.readouterr()
        return Ended(code, out, err)
