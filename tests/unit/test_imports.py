"""What each function imports is listed here: everything on the list is paid for at every cold start.

A new module fails the test with what it costs. If that is worth it, add it to the list.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.environment import ENVIRONMENT

FUNCTIONS = Path(__file__).parents[2] / "functions"

OURS = {"bridge", "handlers"}
POWERTOOLS = {
    "aws_lambda_powertools",
    "aws_lambda_powertools.exceptions",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.package_logger",
    "aws_lambda_powertools.shared",
    "aws_lambda_powertools.tracing",  # its shell alone: the tracing SDK would be aws_xray_sdk
    "aws_lambda_powertools.utilities",
    "aws_lambda_powertools.utilities.jmespath_utils",
    "aws_lambda_powertools.warnings",
}
# Of botocore its shell alone, which Powertools looks for: with its session a cold start would take twice as long.
OTHERS = {"botocore", "jmespath", "typing_extensions", "urllib3"}

# What makes HTML: for who looks at a page, and never for a message.
PAGES = {"console", "jinja2", "markupsafe"}

EVERYWHERE = {*OURS, *POWERTOOLS, *OTHERS}
IMPORTS = {
    "accept": {*EVERYWHERE, "phonenumbers"},
    "dispatch": EVERYWHERE,
    "receive": {*EVERYWHERE, "phonenumbers"} - {"urllib3"},
    "report": EVERYWHERE,
    "count": EVERYWHERE - {"urllib3"},
    "console": {*EVERYWHERE, *PAGES, "phonenumbers"} - {"urllib3"},
    "steer": {*EVERYWHERE, *PAGES, "phonenumbers"} - {"urllib3"},
}

# Of the standard library, what is dear and not needed.
DEAR = {
    "asyncio",
    "sqlite3",
    "tkinter",
    "unittest",
    "pydoc",
    "doctest",
    "distutils",
    "curses",
    "turtle",
    "xmlrpc",
    "wsgiref",
}

PROGRAM = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
before = {*sys.modules}
importlib.import_module(sys.argv[2])
print(json.dumps(sorted({*sys.modules} - before - {'__mp_main__'})))
"""
COST = """
import sys, time
sys.path.insert(0, sys.argv[1])
for known in sys.argv[3:]:
    __import__(known)
begun = time.process_time()
__import__(sys.argv[2])
print((time.process_time() - begun) * 1_000)
"""


def run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, str(FUNCTIONS), *arguments]
    environment = {**os.environ, **ENVIRONMENT}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def short(module: str) -> str:
    """A module's package; of those whose parts differ most in cost, the part."""
    names = module.split(".")
    if names[0] not in ("aws_lambda_powertools", "botocore"):
        return names[0]
    return ".".join(names[: 3 if names[1:2] == ["utilities"] else 2])


def imported(function: str) -> set[str]:
    modules = {short(module) for module in json.loads(run(PROGRAM, f"handlers.{function}"))}
    return {name for name in modules if name not in sys.stdlib_module_names or name in DEAR}


def cost_ms(module: str, known: set[str]) -> float:
    """CPU of importing a module when all that is listed is there already; the least of three."""
    others = sorted(name for name in known - OURS)
    return min(float(run(COST, module, *others)) for _ in range(3))


# Prints after each payload, plain and then encrypted, what is there of `cryptography`: for accept, and for report.
PAYLOADS = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from bridge.log.change import RowChange
from bridge.transport import Response
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, secret
from tests.unit.harness import KEY_HEADERS, Fakes, Handlers
from bridge.invocation import Invocation
from bridge.telemetry import InvocationMetrics

class Transport:
    def __init__(self, *_arguments): pass
    def request(self, *_arguments, **_options): return Response(200, b"{}")

def told(what):
    print(what, sorted({name.partition(".")[0] for name in sys.modules} & {"cryptography", "_cffi_backend"}))

def report(encryption):
    new = row(1, "delivered", final_at="2023-11-14T22:13:21.500Z", encryption=encryption).to_item()
    reporter.report([RowChange("1", {}, new)], Invocation("id", fakes.clock.deadline(60), InvocationMetrics()))

handlers, fakes = Handlers(), Fakes()
for one in (handlers, fakes):
    one.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(encryptionKeys={"v": "0" * 64})
reporter = fakes.app(transport=Transport).report
handlers.post({"to": "+919876500001", "text": "x"})
report(None)
told("plain:")
if sys.argv[3] == "accept":
    handlers.post({"ciphertext": "0" * 64}, KEY_HEADERS | {"x-aes-iv": "0" * 32, "x-aes-key-version": "v"})
else:
    report("hex/hex/v")
told("encrypted:")
"""


@pytest.mark.parametrize("function", ["accept", "report"])
def test_only_encrypted_payloads_import_what_encrypts(function: str):
    printed = run(PAYLOADS, str(FUNCTIONS.parent), function)

    told = [line for line in printed.splitlines() if line.startswith(("plain:", "encrypted:"))]
    assert told == ["plain: []", "encrypted: ['_cffi_backend', 'cryptography']"]


def test_every_function_is_listed():
    handlers = (FUNCTIONS / "handlers").glob("*.py")
    assert {path.stem for path in handlers if "\nhandler = lambda_handler(" in path.read_text()} == IMPORTS.keys()


@pytest.mark.parametrize("function", IMPORTS)
def test_a_function_imports_nothing_that_is_not_listed(function: str):
    new = imported(function) - IMPORTS[function]

    costs = {module: f"{cost_ms(module, IMPORTS[function]):.1f} ms of CPU at each cold start" for module in sorted(new)}
    assert not costs, f"{function} imports what is not listed in {Path(__file__).name}: {costs}"


@pytest.mark.parametrize("function", IMPORTS)
def test_what_is_listed_is_imported(function: str):
    assert IMPORTS[function] <= imported(function)


def test_a_new_module_is_found_and_its_cost_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(IMPORTS, "dispatch", EVERYWHERE - {"jmespath"})

    with pytest.raises(AssertionError, match=r"dispatch imports .*jmespath.* ms of CPU at each cold start"):
        test_a_function_imports_nothing_that_is_not_listed("dispatch")
