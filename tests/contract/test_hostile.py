"""Hostile requests to the real handlers, in a process of their own, whose memory is looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.documents import ROOT

COUNT = os.environ.get("COUNT", "100000")
MOST_MEGABYTES = 200


@pytest.mark.fault("body-hostile")
def test_hostile_requests_cause_no_fault_take_little_memory_and_show_nothing_in_a_log():
    command = [sys.executable, "-m", "tests.contract.hostile", "--count", COUNT, "--seed", os.environ.get("SEED", "1")]
    environment = {**os.environ, "PYTHONPATH": "functions:.", "AWS_DEFAULT_REGION": "eu-west-1"}

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-3_000:]
    seen = json.loads(done.stdout)
    print(seen)  # noqa: T201 - `pytest -s`: the figures
    assert seen["server_errors"] == 0, seen
    assert seen["leaks"] == {}, seen
    assert seen["logged_bytes"] > 100 * seen["requests"], "each request has a log line"
    assert seen["peak_megabytes"] < MOST_MEGABYTES, seen
