"""`scripts/bridge --local` against the bridge of `make run`: what operators do, over real HTTP."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
import urllib3

from local.bridge import CREDENTIALS, Bridge, Options
from local.names import ACCOUNT
from local.simulator import Simulator, SimulatorSettings
from scripts.operators.cli import main

TIMEOUT = 180  # seconds until a test gives up on something that happens in another process

http = urllib3.PoolManager(retries=False, timeout=TIMEOUT)


@pytest.fixture(scope="module")
def vendor():
    with Simulator(SimulatorSettings()) as running:
        yield running


@pytest.fixture(scope="module")
def bridge(vendor):
    with Bridge(Options(message_central_url=vendor.url)) as running:
        yield running


@pytest.fixture
def operators(bridge, capsys, monkeypatch):
    """Runs a command: its exit code, and what it printed as JSON."""
    monkeypatch.setenv("PORT", bridge.url.rpartition(":")[2])
    monkeypatch.setenv("AWS_PORT", str(bridge.aws.port))

    def run(*words):
        capsys.readouterr()
        code = main(["--local", "--json", *words])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return run


def post(bridge, first, count):
    records = [
        {"to": f"91{7_000_000_000 + n}", "text": "Hello", "messageId": f"op-{n}"} for n in range(first, first + count)
    ]
    headers = {"account": ACCOUNT, "x-api-key": CREDENTIALS["apiKey"]}
    body = {"campaignId": "42", "messages": records}
    assert http.request("POST", f"{bridge.url}/sms", json=body, headers=headers).json()["accepted"] == count


def wait_for(operators, statuses):
    """Until the campaign's messages stand so."""
    end = time.monotonic() + TIMEOUT
    found = None
    while time.monotonic() < end:
        code, found = operators("campaign", "42")
        if code == 0 and Counter(found["statuses"]) == Counter(statuses):
            return
        time.sleep(0.3)
    pytest.fail(f"{found}")


def test_a_campaign_is_stopped_and_what_was_cancelled_is_sent_again_once(bridge, vendor, operators):
    post(bridge, 0, 5)
    wait_for(operators, {"sent": 5})

    assert operators("stop", "42", "--yes", "--note", "wrong price")[0] == 0
    post(bridge, 5, 3)
    wait_for(operators, {"sent": 5, "cancelled": 3})
    assert operators("resend", "42", "--yes") == (1, None), "it is stopped"

    assert operators("resume", "42", "--yes")[0] == 0
    for queued in (3, 3):  # twice, as somebody in a hurry would
        code, said = operators("resend", "42", "--yes")
        assert (code, said["queued"]) in ((0, queued), (0, 0))
    wait_for(operators, {"sent": 8})

    [row] = operators("status", "917000000006")[1]
    assert (row["status"], row["resentBy"].startswith("local/")) == ("sent", True)
    assert operators("audit")[1]["differences"] == []
    assert operators("forget", "917000000006", "--yes")[1]["emptied"] == 1
    assert "text" not in operators("status", "917000000006")[1][0]


def test_a_deployment_is_tried(operators):
    code, said = operators("smoke")

    assert (code, [check["good"] for check in said["checks"]]) == (0, [True] * 7)
