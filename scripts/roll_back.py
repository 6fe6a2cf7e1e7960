"""`make rollback`: deploys again what was deployed before the last `make deploy` from this directory.

    python -m scripts.roll_back --sam PATH [--env default|staging|production]

`make deploy` keeps the template as SAM uploaded it, which names the code in SAM's bucket, and the stack's parameters.
Nothing is built, so this takes only as long as CloudFormation does.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scripts.check_quota import deploy_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_cloudformation import CloudFormationClient

ROOT = Path(__file__).resolve().parents[1]
KEPT = Path(".aws-sam/before")  # below it a directory for each stack

STAYS = "WarmWritesPerSecond"
"""The parameter that is not taken back: DynamoDB refuses to lower it, and with it the whole roll-back would fail. What
is not given keeps its value.
"""


@dataclass(frozen=True, slots=True)
class Version:
    """What makes a stack what it is: the template that was uploaded, and the values of its parameters."""

    template: str
    parameters: Mapping[str, str]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT, run: Callable[..., Any] = subprocess.run) -> int:
    """Roll back. The exit status is that of `sam deploy`; 1 where nothing was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sam", required=True, help="the SAM CLI")
    parser.add_argument("--env", default="default", help="a section of samconfig.toml (default: %(default)s)")
    options = parser.parse_args(arguments)
    settings = deploy_settings(root / "samconfig.toml", options.env)
    kept = root / KEPT / settings["stack_name"]
    if not (kept / "template.yaml").exists():
        print(
            f"Nothing was kept of {settings['stack_name']} here. Check out the version to go back to and deploy it: "
            "docs/deploy.md, 'Roll back'.",
            file=sys.stderr,
        )
        return 1
    done: int = run(_command(options.sam, settings, kept), cwd=root, check=False).returncode
    return done


def keep(client: CloudFormationClient, stack: str, root: Path = ROOT) -> Version | None:
    """Keep a stack as it is now; nothing of one that is not there yet. What was kept before. Raises ClientError."""
    directory = root / KEPT / stack
    earlier = _kept(directory)
    if now := _deployed(client, stack):
        _write(directory, now)
    return earlier


def settle(client: CloudFormationClient, stack: str, earlier: Version | None, root: Path = ROOT) -> None:
    """After a deployment: where it left the stack as it was there is nothing to take back of it, and what was kept
    before, `earlier`, is kept on. It failed, or somebody did not want its changes. Raises ClientError.

    While CloudFormation still changes the stack, what is kept stays: whoever broke off `make deploy` did not stop that.
    """
    directory = root / KEPT / stack
    if _kept(directory) != _deployed(client, stack) or _is_changing(client, stack):
        return
    shutil.rmtree(directory, ignore_errors=True)
    if earlier:
        _write(directory, earlier)


def _deployed(client: CloudFormationClient, stack: str) -> Version | None:
    try:
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # there is no such stack
            return None
        raise
    template: Any = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    # boto3 makes an object of a template in JSON, and leaves YAML, SAM's own form, as it is.
    text = template if isinstance(template, str) else json.dumps(template)
    return Version(text, {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])})


def _is_changing(client: CloudFormationClient, stack: str) -> bool:
    return client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"].endswith("_IN_PROGRESS")


def _kept(directory: Path) -> Version | None:
    if not (directory / "template.yaml").exists():
        return None
    parameters = json.loads((directory / "parameters.json").read_text())
    return Version((directory / "template.yaml").read_text(), parameters)


def _write(directory: Path, version: Version) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "template.yaml").write_text(version.template)
    (directory / "parameters.json").write_text(json.dumps(version.parameters))
    # SAM reads the one beside the template, were there none: it has the parameters that are taken back.
    (directory / "samconfig.toml").write_text("version = 0.1\n")


def _command(sam: str, settings: dict[str, Any], kept: Path) -> list[str]:
    parameters = json.loads((kept / "parameters.json").read_text())
    if "Deployment" in parameters:  # a gradual one would not begin while the alarm is on that this is made for
        parameters["Deployment"] = "AllAtOnce"
    parameters.pop(STAYS, None)
    # In quotes: SAM overlooks an empty value without them, and CloudFormation would keep the one that is taken back.
    given = [f'ParameterKey={name},ParameterValue="{value}"' for name, value in parameters.items()]
    place = [f"--{name}={settings[name]}" for name in ("region", "profile") if name in settings]
    return [
        *(sam, "deploy", "--template-file", str(kept / "template.yaml"), "--config-file", str(kept / "samconfig.toml")),
        *("--stack-name", settings["stack_name"], "--resolve-s3", "--capabilities", "CAPABILITY_IAM"),
        *(
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--tags",
            settings.get("tags", "app=clevertap-sms"),
        ),
        *place,
        *("--parameter-overrides", *given),
    ]


if __name__ == "__main__":
    sys.exit(main())
