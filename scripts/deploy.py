"""`make deploy`: `sam deploy`, guided where samconfig.toml has no answers yet, and then what is left to do.

    python -m scripts.deploy --sam PATH [--env default|staging|production] [--show-key]

With CI in the environment nothing is asked: what is missing in samconfig.toml is an error.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from scripts.check_quota import deploy_settings
from scripts.clevertap_form import FormError, read_account, read_outputs
from scripts.next_steps import next_steps
from scripts.roll_back import keep, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT, run: Callable[..., Any] = subprocess.run) -> int:
    """Deploy. The exit status is that of `sam deploy`; 1 where it was not begun, 130 where somebody broke it off."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sam", required=True, help="the SAM CLI")
    parser.add_argument("--env", default="default", help="a section of samconfig.toml (default: %(default)s)")
    parser.add_argument("--show-key", action="store_true", help="print the keys themselves")
    options = parser.parse_args(arguments)
    settings = deploy_settings(root / "samconfig.toml", options.env)
    has_answers = "parameter_overrides" in settings
    asks_nobody = bool(os.environ.get("CI"))
    if asks_nobody and not has_answers:
        print(f"samconfig.toml has no parameter_overrides under [{options.env}.deploy.parameters]", file=sys.stderr)
        return 1
    command = [options.sam, "deploy", "--config-env", options.env]
    command += [] if has_answers else ["--guided"]
    command += ["--no-confirm-changeset"] if asks_nobody else []
    try:
        with _kept_for_a_roll_back(settings, root):
            done: int = run(command, cwd=root, check=False).returncode
    except KeyboardInterrupt:  # as a shell says it
        return 130
    if done == 0:
        print(what_is_left(deploy_settings(root / "samconfig.toml", options.env), show_keys=options.show_key))
    return done


@contextmanager
def _kept_for_a_roll_back(settings: Mapping[str, Any], root: Path) -> Iterator[None]:
    """Keep what is deployed now, unless the deployment leaves it as it is."""
    stack = settings["stack_name"]
    try:
        client = session_of(settings).client("cloudformation")
        earlier = keep(client, stack, root)
    except (BotoCoreError, ClientError) as error:
        print(f"What is deployed now could not be saved for a roll-back: {error}", file=sys.stderr)
        yield
        return
    try:
        yield
    finally:
        with suppress(BotoCoreError, ClientError):  # it stays as it was kept
            settle(client, stack, earlier, root)


def session_of(settings: Mapping[str, Any]) -> boto3.Session:
    """The AWS account and region that samconfig.toml says, else those of the environment."""
    return boto3.Session(profile_name=settings.get("profile"), region_name=settings.get("region"))


def what_is_left(settings: Mapping[str, Any], *, show_keys: bool) -> str:
    """The next steps of a stack that stands; a word on where to find them where it cannot be asked."""
    stack = settings["stack_name"]
    session = session_of(settings)
    try:
        outputs = read_outputs(session.client("cloudformation"), stack)
        deployed = read_account(session.client("secretsmanager"), stack, None, outputs)
    except (FormError, BotoCoreError, ClientError) as error:
        return f"Deployed. What is left to do is in docs/deploy.md: the stack could not be asked ({error})"
    return next_steps(stack, outputs, deployed, show_keys=show_keys)


if __name__ == "__main__":
    sys.exit(main())
