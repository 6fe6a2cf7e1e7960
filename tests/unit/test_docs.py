"""The documents: what they cite is there, what there is they describe, and they can be read."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests import documents
from tests.documents import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = documents.documents()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
README_LINES = 150
LINE = 140

by_name = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def alarms() -> set[str]:
    resources = documents.template()["Resources"]
    kind = "AWS::CloudWatch::Alarm"
    return {name.removesuffix("Alarm") for name, resource in resources.items() if resource["Type"] == kind}


def described_alarms() -> dict[str, str]:
    """What docs/operations.md says of each alarm."""
    parts = re.split(r"^### (\w+)$", documents.section(OPERATIONS, "Alarms"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def faults() -> set[str]:
    return set(documents.rows(documents.section(OPERATIONS, "What happens when")))


def marked_faults() -> set[str]:
    marks = [
        arguments
        for path in documents.tracked("tests")
        if path.suffix == ".py"
        for arguments in re.findall(r"mark\.fault\(([^)]*)\)", documents.text_of(path))
    ]
    return {name for arguments in marks for name in re.findall(r'"([a-z0-9-]+)"', arguments)}


# What is cited is there


@by_name
def test_a_link_leads_to_a_file_and_a_heading_of_the_repository(path: Path):
    broken = []
    for target in documents.links(documents.text_of(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in documents.anchors(documents.text_of(file))):
            broken.append(target)
    assert broken == []


def test_a_document_that_is_cited_is_in_the_repository():
    places = ("README.md", "CONTRIBUTING.md", "docs", "functions", "local", "scripts", "template.yaml", "tests")
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in documents.tracked(*places)
        for name in re.findall(r"(?<![\w./*-])[\w./-]*\w\.md\b", documents.without_links(documents.text_of(path)))
        if not ((ROOT / name).is_file() or (path.parent / name).is_file())
    ]
    assert missing == []


def test_a_source_file_that_is_named_is_in_the_repository():
    ours = {path.relative_to(ROOT).as_posix() for path in documents.tracked()}
    tails = {"/".join(name.split("/")[start:]) for name in ours for start in range(name.count("/") + 1)}
    places = ("README.md", "CONTRIBUTING.md", "docs", "functions", "local", "scripts", "template.yaml", "Makefile")
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in documents.tracked(*places)
        for name in re.findall(r"(?<![\w./*-])[\w./-]*\w\.py\b", documents.text_of(path))
        if name.lstrip("./") not in tails
    ]
    assert missing == []


@pytest.mark.parametrize("words", ["design" + " §", "contracts" + " §"])
def test_nothing_cites_a_document_that_is_elsewhere(words):
    assert [str(path.relative_to(ROOT)) for path in documents.tracked() if words in documents.text_of(path)] == []


# They can be read


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


@by_name
def test_no_line_is_long(path: Path):
    lines = documents.prose(documents.text_of(path))
    may_be_longer = "|" if path.parent != ROOT else None  # a table's row cannot be wrapped; those at the top have room
    assert [number for number, line in lines if len(line) > LINE and line[:1] != may_be_longer] == []


@by_name
def test_a_document_begins_with_its_title_and_has_no_heading_twice(path: Path):
    headings = [line for _, line in documents.prose(documents.text_of(path)) if re.match("#+ ", line)]
    if path.name != "CHANGELOG.md":  # each version has its "Added"
        assert len(headings) == len(set(headings))
    assert headings[0].startswith("# ")


@by_name
def test_a_heading_and_a_table_stand_between_blank_lines(path: Path):
    """Else a heading is not one on every page that shows it, and a row is taken out of its table."""
    lines = [line for _, line in documents.prose(documents.text_of(path))]
    broken = []
    for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        if re.match("#+ ", line) and (before or after):
            broken.append(line)
        if line.startswith("|") and not before and not re.fullmatch(r"[|: -]+", after):
            broken.append(line)
    assert broken == []


@by_name
def test_no_table_has_two_rows_for_one_thing(path: Path):
    tables = "\n".join(line for _, line in documents.prose(documents.text_of(path))).split("\n\n")
    twice = set()
    for table in tables:
        names = re.findall(r"^\| (?:[A-Z]+ \| )?(`[^|]+`) \|", table, re.MULTILINE)
        twice |= {name for name in names if names.count(name) > 1}
    assert twice == set()


# They describe what there is


def test_each_alarm_has_a_section_that_says_what_to_do_and_no_other_has():
    described = described_alarms()
    assert described.keys() == alarms()
    lines = ("| threshold |", "| means |", "| do |", "| faults |")
    assert [name for name, text in described.items() if not all(line in text for line in lines)] == []


def test_an_alarm_names_faults_that_there_are():
    named = {
        fault
        for text in described_alarms().values()
        for line in re.findall(r"^\| faults \|(.*)\|$", text, re.MULTILINE)
        for fault in re.findall(r"`([^`]+)`", line)
    }
    assert named - faults() == set()


def test_each_parameter_has_a_row_with_its_default():
    described = documents.rows(documents.section(CONFIGURATION, "The stack's parameters"))
    parameters = documents.template()["Parameters"]
    assert described.keys() == parameters.keys()
    wrong = {
        name: described[name][0]
        for name, parameter in parameters.items()
        if not described[name][0].strip("`").replace(",", "").startswith(str(parameter.get("Default", "")))
    }
    assert wrong == {}


def test_the_structure_names_each_file_of_what_is_deployed_and_none_that_is_not_there():
    structure = documents.section((ROOT / "docs/architecture.md").read_text(), "Structure")
    apart = ("__init__.py", "once.py")  # once.py is not deployed
    files = [path for path in documents.tracked("functions") if path.suffix == ".py" and path.name not in apart]
    tables = [line for line in structure.splitlines() if line.startswith("|")]
    named = [name for line in tables for name in re.findall(r"`([\w/]+\.py)`", line)]
    assert Counter(name.rpartition("/")[2] for name in named) == Counter(path.name for path in files)
    assert [name for name in named if not any(path.as_posix().endswith(f"/{name}") for path in files)] == []


def test_each_output_that_documents_name_is_one_of_the_template():
    named = {
        name
        for path in DOCUMENTS
        for name in re.findall(r"output\s+`(\w+)`", documents.text_of(path))
        if name != "AccountId"
    }
    assert named - documents.template()["Outputs"].keys() == set()


# Faults


def test_a_test_names_faults_that_operations_describes():
    assert marked_faults() - faults() == set()


def test_each_fault_is_played_by_a_test():
    assert faults() - marked_faults() == set()


# Log lines


def log_lines() -> dict[str, str]:
    """What the code logs, each with a pattern that fits what is written."""
    texts = {
        text
        for path in documents.tracked("functions")
        for text in re.findall(r'logger\.(?:info|warning|error)\(\s*f?"([^"]+)"', documents.text_of(path))
    }
    return {text: re.sub(r"\\{\w+\\}", ".+", re.escape(text)) for text in texts}


def explained_lines() -> list[str]:
    cells = re.findall(r"^\| [A-Z]+ \|([^|]*)\|", documents.section(OPERATIONS, "Log lines"), re.MULTILINE)
    return [line for cell in cells for line in re.findall(r"`([^`]+)`", cell)]


def test_each_log_line_is_explained():
    explained = explained_lines()
    assert [
        text for text, pattern in log_lines().items() if not any(re.fullmatch(pattern, line) for line in explained)
    ] == []


def test_each_line_that_is_explained_is_logged():
    patterns = log_lines().values()
    assert [line for line in explained_lines() if not any(re.fullmatch(pattern, line) for pattern in patterns)] == []
