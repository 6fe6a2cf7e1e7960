"""What stands around the code: GitHub's workflow and Dependabot know what is here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_the_workflow_runs_the_make_targets_that_a_change_has_to_pass():
    matrix = read(".github/workflows/ci.yml")["jobs"]["make"]["strategy"]["matrix"]
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(matrix["target"]) == {"check", "test", "faults", "browser", "e2e"} <= targets


def test_dependabot_looks_at_every_lock_file():
    (pip,) = [one for one in read(".github/dependabot.yml")["updates"] if one["package-ecosystem"] == "pip"]
    locks = [path for folder in (".", "functions", "tests") for path in (ROOT / folder).glob("**/*.in")]
    ours = {path for path in locks if not path.relative_to(ROOT).parts[0].startswith(".")}
    assert {"/" + path.parent.relative_to(ROOT).as_posix().replace(".", "", 1) for path in ours} == {
        *pip["directories"]
    }


def test_every_make_target_is_listed_at_the_top_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    first = makefile.partition("\n")[0].removeprefix("# make ")
    assert set(first.split(" · ")) == set(re.findall(r"^([a-z0-9]+):.*## ", makefile, re.MULTILINE))
