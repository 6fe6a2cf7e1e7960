"""What stands around the code: GitHub's workflow and Dependabot know what is here, and no two classes have one name."""

from __future__ import annotations

import ast
import graphlib
import json
import re
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import documents

ROOT = Path(__file__).parents[2]


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_the_workflow_runs_the_make_targets_that_a_change_has_to_pass():
    matrix = read(".github/workflows/ci.yml")["jobs"]["make"]["strategy"]["matrix"]
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(matrix["target"]) == {"check", "test", "faults", "contract", "browser", "deployment", "e2e"} <= targets


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
    assert set(first.split(" · ")) == set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))


def test_what_a_workflow_uses_of_others_is_one_commit_with_its_version_beside_it_for_dependabot():
    texts = [path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml")]
    used = [one for text in texts for one in re.findall(r"uses: (.+)", text) if not one.startswith("./")]
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


# The workflow that deploys a copy of this repository


def test_nothing_is_deployed_but_by_a_tag_or_by_hand_in_a_copy_that_is_set_up_for_it():
    workflow = read(".github/workflows/deploy.yml")
    triggers = workflow[True]  # YAML 1.1 reads "on" so
    assert triggers.keys() == {"push", "workflow_dispatch"}
    assert triggers["push"] == {"tags": ["v*"]}
    assert all("vars.DEPLOY == 'true'" in job["if"] for job in workflow["jobs"].values())


def test_each_stack_that_is_deployed_is_a_section_of_samconfig():
    sections = tomllib.loads((ROOT / "samconfig.toml").read_text())
    jobs = [job["with"] for job in read(".github/workflows/deploy.yml")["jobs"].values()]
    assert {one["stack"]: sections[one["environment"]]["deploy"]["parameters"]["stack_name"] for one in jobs} == {
        "staging-clevertap-sms": "staging-clevertap-sms",
        "clevertap-sms": "clevertap-sms",
    }
    names = sorted(one["stack"] for one in jobs)
    assert not any(name != other and name.startswith(f"{other}-") for name in names for other in names)


def test_what_samconfig_proposes_does_not_protect_tables_that_a_first_deployment_may_have_to_take_back():
    proposed = re.findall(r"^# parameter_overrides = (.+)$", (ROOT / "samconfig.toml").read_text(), re.MULTILINE)
    assert len(proposed) == 2
    assert [one for one in proposed if "DeletionProtection=true" in one] == []


def test_a_deployment_has_no_keys_is_tried_and_is_taken_back_when_that_fails():
    job = read(".github/workflows/deploy_one.yml")["jobs"]["deploy"]
    assert job["permissions"]["id-token"] == "write"
    assert "secrets." not in (ROOT / ".github/workflows/deploy_one.yml").read_text()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert [re.split(r"[ =]", command)[0] for command in commands] == [
        "echo",
        "make",
        "scripts/bridge",
        ".venv/bin/python",
        "make",
    ]
    assert job["steps"][-1]["if"] == "failure() && steps.deploy.outcome == 'success'"


def test_a_role_and_a_job_last_as_long_as_the_slowest_way_to_deploy():
    limits = read(".github/workflows/deploy_one.yml")["jobs"]["deploy"]
    (credentials,) = [step["with"] for step in limits["steps"] if "configure-aws-credentials" in step.get("uses", "")]
    (role,) = map(int, re.findall(r"--max-session-duration (\d+)", (ROOT / "docs/deploy.md").read_text()))
    watched = max(job["with"]["minutes"] for job in read(".github/workflows/deploy.yml")["jobs"].values())
    ways = documents.template()["Parameters"]["Deployment"]["AllowedValues"]
    needed = max(minutes_to_shift(way) for way in ways) + 20 + watched  # built, tried and, if need be, taken back
    assert needed <= limits["timeout-minutes"] <= credentials["role-duration-seconds"] / 60 <= role / 60


def minutes_to_shift(way: str) -> int:
    """What CodeDeploy takes: a canary waits once, a linear one after each tenth."""
    times = 10 if way.startswith("Linear10Percent") else 1
    return times * sum(map(int, re.findall(r"(?:Percent|Every)(\d+)Minute", way)))


def test_aws_trusts_an_environment_of_a_copy_by_the_name_that_github_gives_it():
    # https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/
    blocks = re.findall(r"```json\n(.+?)```", (ROOT / "docs/deploy.md").read_text(), re.DOTALL)
    (trust,) = [json.loads(block) for block in blocks if "AssumeRoleWithWebIdentity" in block]
    (statement,) = trust["Statement"]
    assert statement["Condition"]["StringEquals"] == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": (
            "repo:<owner>@<owner id>/<repository>@<repository id>:environment:production"
        ),
    }


# Names


def test_no_two_classes_have_one_name():
    places: dict[str, list[str]] = defaultdict(list)
    for path in documents.tracked("functions", "local", "scripts"):
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(documents.text_of(path))):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(places) > 100, "the classes were not found"
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


# Files


def test_nothing_that_a_tool_made_is_in_the_repository():
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout == ""


# Imports


def modules(folder: str) -> dict[str, Path]:
    """The modules below a folder, by the names that they are imported by."""
    base = ROOT / "functions" if folder == "functions" else ROOT
    paths = [path for path in documents.tracked(folder) if path.suffix == ".py"]
    names = {".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    assert names, "the modules were not found"
    return names


def imported(path: Path) -> set[str]:
    """All that a module imports, for types alone as well, by every name that it may be meant by."""
    nodes = [*ast.walk(ast.parse(documents.text_of(path)))]
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = [(node.module, alias.name) for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
    return whole | {f"{module}.{name}" for module, name in parts} | {str(module) for module, _ in parts}


@pytest.mark.parametrize("folder", ["functions", "local", "scripts"])
def test_no_files_import_each_other_in_a_circle(folder: str):
    found = modules(folder)
    packages = {name for name, path in found.items() if path.stem == "__init__"}
    circle = graphlib.TopologicalSorter(
        {name: (imported(path) & found.keys()) - packages - {name} for name, path in found.items()}
    )
    circle.prepare()  # raises CycleError, with the files
