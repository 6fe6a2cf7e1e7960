"""`make run`: everything comes up, says what it does, and leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import urllib3

from local.ports import free_port, is_free
from tests import documents
from tests.documents import ROOT

TIMEOUT = 180  # seconds until a test gives up on something that happens in another process
ACCOUNT = {
    "account": "LOCAL-ACCOUNT",
    "customerId": "C-LOCAL",
    "email": "dev@example.com",
    "password": "local-password",
    "Content-Type": "application/json",
}

http = urllib3.PoolManager(retries=False, timeout=TIMEOUT)

PROGRAM = ("-m", "local")
# Ctrl-C as soon as the screen's thread runs.
INTERRUPTED_AT_START = """
import sys
from local.__main__ import main
from local.screen import Screen

start = Screen.start

def interrupted(screen):
    start(screen)
    raise KeyboardInterrupt

Screen.start = interrupted
sys.exit(main())
"""


class Run:
    """`make run` with free ports; `output` is what it has printed so far."""

    def __init__(self, directory, program=PROGRAM, **variables):
        self.ports = {name: free_port() for name in ("PORT", "AWS_PORT", "SIMULATOR_PORT", "SINK_PORT")}
        own = {name: str(port) for name, port in self.ports.items()} | {"LOGS": str(directory)} | variables
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, *program],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": ".", "PYTHONUNBUFFERED": "1", **own},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def url(self, name):
        return f"http://127.0.0.1:{self.ports[name]}"

    def wait_for(self, text):
        deadline = time.monotonic() + TIMEOUT
        while text not in self.output:
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        status = self.process.wait(TIMEOUT)
        self._reader.join()
        self.process.stdout.close()
        return status

    def _read(self):
        for line in self.process.stdout:
            self.output += line


@pytest.fixture
def run(tmp_path):
    started = []

    def start(*program, **variables):
        started.append(Run(tmp_path, program or PROGRAM, **variables))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()


def eventually(question):
    deadline = time.monotonic() + TIMEOUT
    while not (answer := question()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return answer


def test_the_request_of_clevertaps_message_central_page_is_sent_and_shown(run):
    running = run(VERBOSE="1")
    running.wait_for("An outage")

    answer = http.request(
        "POST", f"{running.url('PORT')}/sms", body=b'{"to":"919876543210","text":"Welcome"}', headers=ACCOUNT
    )

    assert (answer.status, answer.json()["status"]) == (200, "sent")
    accepted = http.request("GET", f"{running.url('SIMULATOR_PORT')}/_simulator/accepted").json()
    assert [one["message"] for one in accepted] == ["Welcome"]
    running.wait_for("sent")
    running.end()
    assert "+9198*****210" in running.output
    assert "919876543210" not in running.output.partition("An outage")[2]
    assert "1 messages: " in running.output


@pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("curl")), reason="what the document types is not there"
)
def test_what_the_document_encrypts_with_openssl_is_sent_and_its_report_comes_back_encrypted(run):
    section = documents.section((ROOT / "docs/clevertap.md").read_text(), "Encrypted payloads")
    start, post = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    post = post.partition("sleep")[0]
    running = run(ENCRYPTION_KEYS=re.fullmatch(r"ENCRYPTION_KEYS='(.*)' make run\n", start)[1])
    running.wait_for("An outage")

    answers = [
        json.loads(subprocess.run(["bash", "-c", script], capture_output=True, check=True, timeout=TIMEOUT).stdout)
        for script in (
            post.replace("http://127.0.0.1:3000", running.url("PORT")),
            post.replace("http://127.0.0.1:3000", running.url("PORT")).replace("1e1f", "1e20", 1).replace("-1", "-2"),
        )
    ]

    assert [(one["status"], one.get("messageId")) for one in answers] == [("sent", "encrypted-1"), ("error", None)]
    [event] = eventually(lambda: http.request("GET", f"{running.url('SINK_PORT')}/_sink/events").json())
    assert event["meta"] == "encrypted-1"
    counts = http.request("GET", f"{running.url('SINK_PORT')}/_sink/counts").json()
    assert counts["faults"] == [], "a callback in plain text would be one"


def test_a_batch_is_sent_received_and_reported(run):
    running = run()
    running.wait_for("An outage")
    messages = [{"to": f"91987654{n:04}", "text": "Hello", "messageId": f"m-{n}."} for n in range(150)]

    answer = http.request("POST", f"{running.url('PORT')}/sms", json={"messages": messages}, headers=ACCOUNT)

    def reported():
        return http.request("GET", f"{running.url('SINK_PORT')}/_sink/counts").json()

    assert answer.json()["accepted"] == 150
    counts = eventually(lambda: (told := reported())["events"] >= 150 and told)
    assert (counts["events"], counts["duplicates"], counts["faults"]) == (150, 0, [])
    running.wait_for("150 messages: ")
    assert "+9198*" not in running.output, "a summary, and no line for each"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_and_gives_every_port_back(run, number):
    running = run()
    running.wait_for("An outage")

    assert running.end(number) == 0

    assert all(is_free(port) for port in running.ports.values())
    assert "Traceback" not in running.output


def test_it_ends_in_order_however_early_it_is_told_to(run):
    running = run("-c", INTERRUPTED_AT_START)

    assert running.wait() == 0

    assert all(is_free(port) for port in running.ports.values())
    assert running.output.split("ending …")[1].strip() == "no messages"


def test_it_ends_on_sigint_though_it_is_a_scripts_background_job(run):
    """A shell starts those with SIGINT ignored, which children inherit."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        running = run()
    finally:
        signal.signal(signal.SIGINT, before)
    running.wait_for("An outage")

    assert running.end(signal.SIGINT) == 0


def test_even_when_it_is_killed_nothing_is_left_behind(run):
    running = run()
    running.wait_for("An outage")

    running.end(signal.SIGKILL)

    eventually(lambda: all(is_free(port) for port in running.ports.values()))


@pytest.mark.parametrize("variable", ["PORT", "AWS_PORT", "SIMULATOR_PORT", "SINK_PORT"])
def test_a_port_in_use_is_named_with_its_variable(run, variable):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        running = run(**{variable: str(port)})

        assert running.wait() == 1
    assert f"port {port} is in use" in running.output
    assert f"{variable}=" in running.output


def test_a_port_that_is_none_is_refused(run):
    running = run(PORT="http")

    assert running.wait() == 1
    assert "PORT=http is not a port" in running.output


def test_with_a_vendor_elsewhere_there_is_no_simulator(run):
    elsewhere = f"http://127.0.0.1:{free_port()}"
    running = run(MESSAGE_CENTRAL_URL=elsewhere, CLEVERTAP_CALLBACK_URL="http://127.0.0.1:9/callback")
    running.wait_for("dynamodb scan")

    assert elsewhere in running.output
    assert is_free(running.ports["SIMULATOR_PORT"])
    assert is_free(running.ports["SINK_PORT"])
