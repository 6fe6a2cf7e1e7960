"""`sam local start-api`: the API in front of warm containers, and real requests."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from local import ports
from tests.e2e.conftest import ROOT, Sam, World, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_SECONDS = 180
PAGE = {
    "account": "LOCAL-ACCOUNT",
    "customerId": "C-LOCAL",
    "email": "dev@example.com",
    "password": "local-password",
    "Content-Type": "application/json",
}
KEY = {"account": "LOCAL-ACCOUNT", "x-api-key": "local-api-key"}


@pytest.fixture(scope="module")
def url(sam: Sam, world: World, artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = ports.free_port()
    # LAZY: of containers that were started and never used, SAM leaves some behind.
    how = ["--port", str(port), "--warm-containers", "LAZY", *sam.options(artifacts, world.variables)]
    log = tmp_path_factory.mktemp("api") / "log"
    # Where the tests are a script's background job SIGINT is ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with log.open("wb") as output:
        command = [sam.program, "local", "start-api", *how]
        api = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=output, stderr=subprocess.STDOUT)
    try:
        ports.wait_until_open(port, api, timeout=START_SECONDS)
        yield f"http://127.0.0.1:{port}"
    except ports.StartError as error:
        pytest.fail(f"{error}\n{log.read_text()}")
    finally:
        api.send_signal(signal.SIGINT)  # on which it removes its containers
        try:
            api.wait(60)
        except subprocess.TimeoutExpired:
            api.kill()
            api.wait()


def post(url: str, body: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, body.encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_request_of_clevertaps_page_is_sent(url, world):
    status, body = post(f"{url}/sms", '{"to": "919876543310", "text": "Welcome"}', PAGE)
    assert (status, body["status"]) == (200, "sent")
    assert world.row("+919876543310")["verificationId"] == body["verificationId"]
    assert world.sent_to("+919876543310") == ["Welcome"]


def test_a_text_in_any_script_arrives_as_it_was_written(url, world):
    text = "नमस्ते 👋 Straße"
    body = json.dumps({"messages": [{"to": "919876543311", "text": text}]}, ensure_ascii=False)
    assert post(f"{url}/sms", body, KEY)[0] == 200
    assert world.sent_to("+919876543311") == [text]


def test_the_same_message_twice_is_sent_once(url, world):
    body = '{"to": "919876543312", "text": "Welcome", "messageId": "e2e-twice"}'
    answers = [post(f"{url}/sms", body, KEY) for _ in range(2)]
    assert [answer["status"] for _, answer in answers] == ["sent", "duplicate"]
    assert world.sent_to("+919876543312") == ["Welcome"]


def test_a_thousand_records_are_queued_in_one_request(url, world):
    records = [{"to": f"9198770{number:05}", "text": "Hello", "messageId": f"e2e-{number}"} for number in range(1000)]
    status, body = post(f"{url}/sms", json.dumps({"messages": records}), KEY)
    chunks = world.chunks("DispatchQueue")
    assert (status, body["status"], body["accepted"]) == (200, "queued", 1000)
    assert sum(len(chunk["messages"]) for chunk in chunks) == 1000


def test_a_number_that_is_none_is_a_422(url):
    status, body = post(f"{url}/sms", '{"to": "12", "text": "Welcome"}', KEY)
    assert (status, body["status"], body["code"]) == (422, "rejected", "910")


def test_a_wrong_key_is_a_401(url):
    assert post(f"{url}/sms", '{"to": "919876543313", "text": "Welcome"}', {**KEY, "x-api-key": "guess"})[0] == 401


def test_a_receipt_by_its_url_settles_its_message(url, world):
    _, sent = post(f"{url}/sms", '{"to": "919876543314", "text": "Welcome"}', KEY)
    receipt = {"verificationId": sent["verificationId"], "mobileNumber": "919876543314", "status": "DELIVRD"}
    status, _ = post(f"{url}/receipts/LOCAL-ACCOUNT/local-receipt-key", json.dumps(receipt), {})
    assert (status, world.row("+919876543314")["status"]) == (200, "delivered")


def test_a_receipt_with_a_wrong_key_is_not_taken(url):
    assert post(f"{url}/receipts/LOCAL-ACCOUNT/guess", "{}", {})[0] == 404
