"""What operators may do on AWS: what the commands of `scripts/bridge` call, and nothing else."""

from __future__ import annotations

import ast
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from scripts.operators.cli import app
from tests.unit import api_calls
from tests.unit.test_template import TABLES, TEMPLATE

ROOT = Path(__file__).parents[2]

# Each command, by the policy that is enough for it together with that of reading.
COMMANDS = {
    "reading": "campaigns.campaigns campaigns.campaign messages.status messages.export audit.audit",
    "steering": "steering.pause steering.resume steering.stop messages.resend messages.forget receipts.shapes "
    "receipts.redriven reports.report_again",
    "keys": "form.form keys.rotate_key smoke.smoke",
}
OTHERS = ("steering", "keys")


@pytest.fixture(scope="module", params=["reading", *OTHERS])
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, ...], Path]:
    """The policies that a person holds, and code that calls all their commands, as `api_calls` reads it."""
    policies = tuple(dict.fromkeys(("reading", request.param)))
    root = tmp_path_factory.mktemp("operators")
    (root / "handlers").mkdir()
    (root / "bridge").symlink_to(ROOT / "functions/bridge")
    shutil.copytree(ROOT / "scripts", root / "scripts")
    commands = [command for policy in policies for command in COMMANDS[policy].split()]
    for command in {command for names in COMMANDS.values() for command in names.split()} - {*commands}:
        _take_out(root, command)
    lines = [
        "from scripts.operators.target import of_stack",
        f"from scripts.operators.commands import {', '.join(sorted({name.split('.')[0] for name in commands}))}",
        "def handler():",
        "    of_stack()",
        *[f"    {command}()" for command in commands],
    ]
    handler = root / "handlers" / "operators.py"
    handler.write_text("\n".join(lines))
    return policies, handler


def calls(handler: Path, *modules: str) -> set[str]:
    """The actions that it calls; `modules` (of functions/bridge): only what these do."""
    found = [handler.parents[1] / "bridge" / name for name in modules]
    services = api_calls.OPERATORS_SERVICES
    return set().union(*(api_calls.actions_of(handler, one, services) for one in found or [None]))


def _take_out(root: Path, command: str) -> None:
    """Have no such command: others may use its name for something else, and would seem to call it."""
    module, _, name = command.partition(".")
    path = root / f"scripts/operators/commands/{module}.py"
    tree = ast.parse(path.read_text())
    tree.body = [one for one in tree.body if getattr(one, "name", None) != name]
    path.write_text(ast.unparse(tree))


def statements(*policies: str) -> list[dict[str, Any]]:
    return [
        one for name in policies for one in json.loads((ROOT / "docs" / f"{name}_policy.json").read_text())["Statement"]
    ]


def allowed(*policies: str, resource: str = "") -> set[str]:
    return {
        action
        for one in statements(*policies)
        if resource in json.dumps(one["Resource"])
        for action in (one["Action"] if isinstance(one["Action"], list) else [one["Action"]])
    }


def test_each_command_belongs_to_a_policy():
    commands = {one.callback.__name__ for one in app.registered_commands if one.callback}
    listed = {name.partition(".")[2] for names in COMMANDS.values() for name in names.split()}
    assert commands <= listed
    assert listed - commands == {"shapes", "redriven"}, "of a group of their own"


def test_a_policy_allows_what_its_commands_call_and_no_more(held: tuple[tuple[str, ...], Path]):
    policies, handler = held
    assert allowed(*policies) == calls(handler)


@pytest.mark.parametrize("table", TABLES)
def test_each_table_is_open_to_what_is_done_to_it(held: tuple[tuple[str, ...], Path], table: str):
    policies, handler = held
    direct = {"SmsLogTable": ["operations/audit.py", "operations/report_again.py"]}.get(table, [])
    assert allowed(*policies, resource=table) == calls(handler, *TABLES[table], *direct)


def test_a_policy_names_resources_that_the_template_has():
    named = [re.findall(r"<stack>-(\w+)-\*", json.dumps(one["Resource"])) for one in statements("reading", *OTHERS)]
    assert {name for names in named for name in names} - TEMPLATE["Resources"].keys() == set()
    group = TEMPLATE["Resources"]["SteerLog"]["Properties"]["LogGroupName"]["Fn::Sub"]
    logs = [one["Resource"] for one in statements("steering") if "logs:PutLogEvents" in one["Action"]]
    assert logs == [f"arn:aws:logs:*:<account>:log-group:{group.replace('${AWS::StackName}', '<stack>')}:*"]


def test_who_reads_can_change_nothing_and_open_no_secret():
    words = {action.partition(":")[2] for action in allowed("reading")}
    assert [word for word in words if not re.match(r"(Get|BatchGet|Describe|List|Query|Scan)", word)] == []
    assert "GetSecretValue" not in words | {action.partition(":")[2] for action in allowed("steering")}
