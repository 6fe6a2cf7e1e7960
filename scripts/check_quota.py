"""Checks, before `make deploy` changes anything, that the stack fits into the AWS account.

    python scripts/check_quota.py [--force] [--env default|staging|production]

Lambda's concurrency quota is the account's, in a region: 1,000 as a rule, often 10 in a new account. Dispatch may use
MaximumConcurrency of it. Where nothing is left for CleverTap's requests they are throttled, and CleverTap does not
repeat them. Reads the parameters from samconfig.toml and template.yaml, and the quota with your AWS credentials.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]  # cfn-lint ships no types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
# Beside dispatch's batches: single messages, parked receipts and reports to repeat (5 workers each), the stream's
# shards, and some 30 of CleverTap's requests and receipts at a time.
RESERVE = 50
UNRESERVED = 100  # what Lambda keeps for functions without a reserve: nobody can set these aside


class QuotaError(Exception):
    """Why not to deploy; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Concurrency that the stack's parameters ask for."""

    dispatch: int
    reserved: int

    @property
    def quota(self) -> int:
        """The least quota with which nothing is throttled for want of it."""
        return max(self.dispatch + RESERVE, UNRESERVED if self.reserved else 0) + self.reserved


def main(
    arguments: Sequence[str] | None = None,
    root: Path = ROOT,
    session_of: Callable[..., Any] = boto3.Session,
) -> int:
    """Say whether the stack fits. 1: it does not, or nobody knows where it would go."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--force", action="store_true", help="only warn of a quota that is too small")
    parser.add_argument("--env", default="default", help="a section of samconfig.toml (default: %(default)s)")
    options = parser.parse_args(arguments)
    settings = deploy_settings(root / "samconfig.toml", options.env)
    try:
        session = session_of(profile_name=settings.get("profile"), region_name=settings.get("region"))
        check(session, wanted(root / "template.yaml", settings))
    except QuotaError as error:
        print(error, file=sys.stderr)
        return 0 if options.force and session.region_name else 1
    except BotoCoreError as error:  # no credentials, no such profile, no connection
        print(error, file=sys.stderr)
        return 1
    return 0


def deploy_settings(path: Path, env: str = "default") -> dict[str, Any]:
    """What samconfig.toml says to `sam deploy --config-env`: as SAM reads it, with `global` below `deploy`.

    Raises:
        SystemExit: it has no such section; the text says which there are.
    """
    sections = {name: section for name, section in tomllib.loads(path.read_text()).items() if isinstance(section, dict)}
    if env not in sections:
        raise SystemExit(f"{path.name} has no section [{env}.deploy.parameters]. ENV is one of: {', '.join(sections)}.")
    config = sections[env]
    return {**config.get("global", {}).get("parameters", {}), **config.get("deploy", {}).get("parameters", {})}


def wanted(template: Path, settings: Mapping[str, Any]) -> Wanted:
    """The concurrency that the parameters ask for: those of samconfig.toml, else the template's defaults."""
    given = settings.get("parameter_overrides", "")
    overrides = dict(one.split("=", 1) for one in (shlex.split(given) if isinstance(given, str) else given))
    declared = cfn_yaml.load(str(template))["Parameters"]

    def value(name: str) -> int:
        return int(overrides.get(name, declared[name]["Default"]))

    return Wanted(value("MaximumConcurrency"), value("AcceptReservedConcurrency") + value("ReceiveReservedConcurrency"))


def check(session: Any, stack: Wanted) -> None:
    """Compare the account's quota with what the stack wants. Raises QuotaError."""
    if not session.region_name:
        raise QuotaError(
            "There is no AWS region. Set AWS_DEFAULT_REGION, or a region for your profile (aws configure): "
            "`sam deploy --guided` asks for one, but fails without this at its end."
        )
    try:
        limit = session.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except ClientError as error:
        print(f"Lambda's concurrency quota could not be read, so it was not checked: {error}", file=sys.stderr)
        return
    if limit < stack.quota:
        raise QuotaError(
            f"Lambda's concurrency quota in {session.region_name} is {limit}; this stack wants {stack.quota}: "
            f"{stack.dispatch} for dispatch (MaximumConcurrency), {stack.reserved} reserved, and {RESERVE} for "
            "CleverTap's requests, receipts and reports. With less, a campaign takes what requests need: they are "
            "throttled, and CleverTap does not repeat them. Ask for 1,000 (Service Quotas, AWS Lambda, Concurrent "
            "executions; it is free) or lower MaximumConcurrency. For a trial with single messages: make deploy FORCE=1"
        )


if __name__ == "__main__":
    sys.exit(main())
