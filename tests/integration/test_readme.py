"""What the documents tell people to type works."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from local.bridge import Bridge, Options
from local.simulator import Simulator
from scripts.examples import examples, keeps
from tests import documents
from tests.documents import ROOT

if TYPE_CHECKING:
    from pathlib import Path

WITH_EXAMPLES = [ROOT / "README.md", ROOT / "docs/clevertap.md"]
TEXTS = {path.relative_to(ROOT).as_posix(): documents.text_of(path) for path in documents.documents()}
CODE = "\n".join(documents.code(text) for text in TEXTS.values())


@pytest.fixture
def url():
    """A bridge's address without the path; a new bridge for each document, as its reader has one."""
    with Simulator() as vendor, Bridge(Options(message_central_url=vendor.url)) as bridge:
        yield bridge.url


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.name)
def test_the_examples_of_a_document_are_answered_as_it_says(path: Path, url: str):
    found = examples(path.read_text())
    assert found, "it has no example"
    for example in found:
        answer = example.at(url).run()
        assert answer.status == example.promised.status, answer.body
        assert keeps(example.promised.document(), answer.document()), answer.body


def test_every_example_that_calls_the_endpoint_says_what_is_answered():
    calls = sum(line.startswith("curl http://127.0.0.1:3000/sms") for line in CODE.splitlines())
    assert calls == sum(len(examples(text)) for text in TEXTS.values())


def test_each_make_target_that_documents_name_is_in_the_makefile():
    named = set(re.findall(r"\bmake ([a-z]\w*)\b", CODE))
    targets = set(re.findall(r"^([a-z]\w*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named - targets == set()


def test_each_event_that_documents_name_is_there_and_each_that_is_there_is_named():
    text = "\n".join(TEXTS.values())
    named = set(re.findall(r"\bevents/\w+\.json", text))
    assert named == {path.relative_to(ROOT).as_posix() for path in (ROOT / "events").glob("*.json")}


def test_each_function_that_sam_local_is_told_to_invoke_is_in_the_template():
    invoked = set(re.findall(r"\bsam local invoke (\w+)", CODE))
    assert invoked
    assert invoked - documents.template()["Resources"].keys() == set()


def test_each_script_that_documents_name_is_there():
    named = set(re.findall(r"(?<![\w/])(?:scripts|tests|\.ci)/[\w/]+(?:\.\w+)?", CODE))
    assert {name for name in named if not (ROOT / name).exists()} == set()
