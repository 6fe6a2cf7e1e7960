"""ministack on a port of this machine: an AWS that shares no code with moto, and that asks roles for permission."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3

from local import ports, process

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

REGION = "ap-south-1"
ACCOUNT_ID = "000000000000"
START_SECONDS = 60


@dataclass
class Emulator:
    """A ministack, started by `python`, which has it and is the functions' runtime: functions run as its children."""

    python: str
    log: Path
    port: int = field(default_factory=ports.free_port)

    @property
    def url(self) -> str:
        # By name: the addresses of queues and APIs that it hands out begin so.
        return f"http://localhost:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a command that takes this for AWS. Nobody's own credentials are in it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        own = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
        return {**kept, **own, "AWS_ENDPOINT_URL": self.url, "SAM_CLI_TELEMETRY": "0"}

    def client(self, service: str, **credentials: str) -> Any:
        own = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **(credentials or own))

    def __enter__(self) -> Self:
        settings = {
            "AUTH": "true",  # roles are asked: what a role lacks is refused here as on AWS
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": REGION,
            "PATH": os.pathsep.join([os.path.dirname(self.python), os.environ["PATH"]]),  # noqa: PTH120 - a text
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [self.python, "-m", "ministack"],
                env={**kept, **settings},
                cwd=self.log.parent,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        ports.wait_until_open(self.port, self._process)
        return self

    def __exit__(self, *_: object) -> None:
        process.stop(self._process)
