"""Schemathesis makes requests out of openapi.yaml, and compares the running bridge's answers with it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from tests.documents import ROOT
from tests.fakes.leaks import leaks

if TYPE_CHECKING:
    from local.bridge import Bridge

SCHEMATHESIS = os.environ.get("SCHEMATHESIS", "schemathesis")
CONFIGURATION = ROOT / "tests/contract/schemathesis.toml"
SECONDS = 100
"""The time that making requests may take: how many there are depends on the machine."""
FEWEST = 500
"""Fewer say little. A machine that does nothing else makes thousands."""


def test_each_answer_of_the_running_bridge_is_described(bridge: Bridge):
    """Examples, the edges of each schema, random requests, and receipts of messages that were just sent."""
    command = [SCHEMATHESIS, "--config-file", str(CONFIGURATION), "run", str(ROOT / "openapi.yaml")]
    options = ["--url", bridge.url, "--seed", os.environ.get("SEED", "1"), "--max-time", str(SECONDS), "--workers", "4"]

    done = subprocess.run(
        [*command, *options, "--no-color"], capture_output=True, text=True, check=False, timeout=4 * SECONDS
    )

    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
    made = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert made, done.stdout
    assert int(made[1]) >= FEWEST, made[0]
    print(made[0])  # noqa: T201 - `pytest -s`: how many on this machine


def test_no_log_of_the_running_bridge_tells_a_secret_or_a_number(bridge: Bridge):
    written = "\n".join(path.read_text(errors="replace") for path in bridge.options.logs.glob("*Function.log"))

    assert written, "after the requests of the test before"
    assert "local-api-key" not in written
    assert "local-receipt-key" not in written
    assert leaks(written, numbers=False) == []
    assert re.findall(r"919876543\d{3}", written) == []
