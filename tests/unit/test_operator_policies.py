"""What operators may do on AWS: what the operations call, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit import api_calls
from tests.unit.test_template import TABLES

ROOT = Path(__file__).parents[2]

READING = (
    "campaigns.list campaigns.get controls.read messages.to messages.one messages.of_campaign export.day audit.audit"
)
STEERING = f"{READING} controls.change resend.preview resend.resend forget.find forget.forget"

FOLLOWED = ("dynamodb", "sqs")  # the services that operations call; the others are the command line's own


def calls(tmp_path: Path, use: str, table: str | None = None) -> set[str]:
    """The actions of code that uses the bridge so; of all tables and queues, or on one table."""
    (tmp_path / "handlers").mkdir(exist_ok=True)
    if not (tmp_path / "bridge").exists():
        (tmp_path / "bridge").symlink_to(ROOT / "functions/bridge")
    handler = tmp_path / "handlers" / f"operators_{len(use)}.py"  # each is read once
    lines = [f"    app.{one}()" for one in use.split()]
    handler.write_text("\n".join(["from bridge.app import App", "app = App()", "def handler():", *lines]))
    if table is None:
        return api_calls.actions_of(handler)
    modules = [tmp_path / "bridge" / name for name in TABLES[table] if (tmp_path / "bridge" / name).exists()]
    return set().union(*(api_calls.actions_of(handler, module) for module in modules))


def allowed(*names: str, resource: str = "") -> set[str]:
    statements: list[dict[str, Any]] = []
    for name in names:
        statements += json.loads((ROOT / "docs" / f"{name}_policy.json").read_text())["Statement"]
    return {
        action
        for one in statements
        if resource in json.dumps(one["Resource"])
        for action in (one["Action"] if isinstance(one["Action"], list) else [one["Action"]])
        if action.startswith(FOLLOWED)
    }


def test_who_reads_may_make_the_calls_of_reading_and_no_other(tmp_path: Path):
    assert allowed("reading") == calls(tmp_path, READING)


def test_who_steers_besides_may_make_the_calls_of_steering_and_no_other(tmp_path: Path):
    assert allowed("reading", "steering") == calls(tmp_path, STEERING)


@pytest.mark.parametrize("table", TABLES)
def test_each_table_is_open_to_what_is_done_to_it(tmp_path: Path, table: str):
    assert allowed("reading", resource=table) == calls(tmp_path, READING, table)
    assert allowed("reading", "steering", resource=table) == calls(tmp_path, STEERING, table)
