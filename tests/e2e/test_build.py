"""What is deployed: the artifacts of `sam build`."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import ROOT, Sam, build

if TYPE_CHECKING:
    from pathlib import Path

FUNCTIONS = (
    "AcceptFunction",
    "DispatchFunction",
    "ReceiveFunction",
    "ReportFunction",
    "CountFunction",
    "ConsoleFunction",
    "SteerFunction",
)
MOST_BYTES = 65_000_000  # unpacked; Lambda takes 250 MB, and a cold start reads what it imports
PROCESSORS = {"aarch64": 183, "x86_64": 62}
"""Those that the Architecture parameter may name, and ELF's number of each."""

# Run by the runtime's Python: prints each source without bytecode that this Python would take as it is. PEP 552: magic
# number, flags (1: hash, not checked), hash of the source.
WITHOUT_BYTECODE = """
import importlib.util as util, pathlib, sys
for source in pathlib.Path(sys.argv[1]).rglob("*.py"):
    compiled = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    wanted = util.MAGIC_NUMBER + (1).to_bytes(4, "little") + util.source_hash(source.read_bytes())
    if not compiled.exists() or compiled.read_bytes()[:16] != wanted:
        print(source)
"""

OPENED = """
import base64, json, sys
sys.path.insert(0, sys.argv[1])
from bridge.aes import decrypt
import cryptography
vector = json.loads(sys.argv[2])
parts = [base64.b64decode(vector[name]) for name in ("key", "iv", "ciphertext")]
plain, whole = decrypt(*parts)
print(json.dumps({"plain": plain.decode() if whole else None, "from": cryptography.__file__}))
"""


def content(directory: Path) -> dict[str, str]:
    """Every file in an artifact, and the hash of what is in it."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def artifact(artifacts: Path) -> Path:
    return artifacts / "AcceptFunction"


def test_all_functions_are_one_artifact_so_it_is_uploaded_once(artifacts):
    first, *others = [content(artifacts / name) for name in FUNCTIONS]
    assert all(one == first for one in others)


def test_building_the_same_commit_again_gives_the_same_content(sam: Sam, artifact, tmp_path):
    assert content(build(sam, tmp_path) / "AcceptFunction") == content(artifact)


def test_every_module_has_bytecode_that_the_runtime_takes_without_a_look_at_the_source(artifact):
    command = ["python3.13", "-c", WITHOUT_BYTECODE, str(artifact)]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == ""
    assert len(list(artifact.rglob("*.pyc"))) == len(list(artifact.rglob("*.py"))) > 100


def test_a_stack_trace_shows_where_a_file_is_in_lambda(artifact):
    assert b"/var/task/handlers/accept.py" in next(artifact.glob("handlers/__pycache__/accept.*.pyc")).read_bytes()


def test_the_artifact_tells_its_version(artifact):
    assert (artifact / "bridge/VERSION").read_text() == (ROOT / "functions/bridge/VERSION").read_text()


def test_the_pages_templates_are_shipped(artifact):
    there = {path.name: path.read_bytes() for path in (artifact / "console/templates").iterdir()}
    assert there == {path.name: path.read_bytes() for path in (ROOT / "functions/console/templates").iterdir()}


def test_only_what_runs_is_shipped(artifact):
    files = [path.relative_to(artifact) for path in artifact.rglob("*")]
    unwanted = {"tests", "test", "examples", "bin", "Makefile", "requirements.txt", "requirements.in", "py.typed"}
    assert [path for path in files if unwanted & set(path.parts)] == []
    assert [path for path in files if path.suffix in {".pyi", ".dist-info"}] == []
    assert sum(path.stat().st_size for path in artifact.rglob("*") if path.is_file()) < MOST_BYTES


def test_what_is_compiled_is_there_for_each_processor_and_nowhere_else(artifact):
    found = {path.relative_to(artifact) for path in artifact.rglob("*.so")}

    assert {path.parts[:2] for path in found} == {("compiled", processor) for processor in PROCESSORS}
    for path in found:
        header = (artifact / path).read_bytes()[:20]
        assert int.from_bytes(header[18:20], "little") == PROCESSORS[path.parts[1]], path
        assert path.name.endswith(".abi3.so") or ".cpython-313-" in path.name


def test_the_artifact_opens_what_openssl_encrypted(artifact):
    [vector, *_] = json.loads((ROOT / "tests/vectors/encrypted_payloads.json").read_text())
    command = ["python3.13", "-I", "-c", OPENED, str(artifact), json.dumps(vector)]

    told = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    assert base64.b64decode(vector["payload_base64"]).decode() == told["plain"]
    assert told["from"].startswith(str(artifact / "compiled"))
