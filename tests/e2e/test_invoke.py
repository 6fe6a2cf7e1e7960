"""`sam local invoke` with every event in events/."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.e2e.conftest import CREDENTIALS, ROOT, Sam, World

EVENTS = ROOT / "events"
SINGLE, TEST_SMS, FORM, BAD_KEY = "+919876543210", "+919876543211", "+919876543215", "+919876543216"
BATCH = ("+919876543212", "+919876543213", "+919876543214")
CHUNK = ("+919876543217", "+919876543218")
RECEIPT, REPORTED = "+919876543220", "+919876543219"


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a function returned, and everything that was written meanwhile."""

    result: Any
    log: str

    @property
    def status(self) -> int:
        """Of an HTTP answer."""
        status: int = self.result["statusCode"]
        return status

    @property
    def body(self) -> dict[str, Any]:
        """Of an HTTP answer."""
        body: dict[str, Any] = json.loads(self.result["body"])
        return body


class Invoke(Protocol):
    """Run a function with an event of events/; `parameters` are the template's."""

    def __call__(self, function: str, event: str, **parameters: str) -> Invocation: ...


@pytest.fixture(scope="module")
def invoke(sam: Sam, world: World, artifacts: Path) -> Invoke:
    def run(function: str, event: str, **parameters: str) -> Invocation:
        options = sam.options(artifacts, world.variables, **parameters)
        done = sam.run("local", "invoke", function, "--event", str(EVENTS / event), *options)
        result = json.loads(done.stdout.strip().splitlines()[-1])
        assert "errorMessage" not in result, done.stdout
        return Invocation(result, done.stdout + done.stderr)

    return run


def test_a_message_as_on_clevertaps_page_is_sent(invoke, world):
    answer = invoke("AcceptFunction", "single.json")
    (row,) = world.rows(SINGLE)
    assert (answer.status, answer.body["status"]) == (200, "sent")
    assert (row["status"], row["messageId"]) == ("sent", f"LOCAL-ACCOUNT/{answer.body['messageId']}")
    assert row["verificationId"] == answer.body["verificationId"]
    assert world.sent_to(SINGLE) == ["Welcome"]


def test_a_test_sms_with_unreplaced_macros_is_sent_under_an_id_of_our_own(invoke, world):
    answer = invoke("AcceptFunction", "test_sms.json")
    assert (answer.status, answer.body["status"]) == (200, "sent")
    assert "$$" not in json.dumps(world.row(TEST_SMS))
    assert world.sent_to(TEST_SMS) == ["Test SMS from CleverTap"]


def test_a_batch_is_queued_but_for_the_record_without_a_number(invoke, world):
    answer = invoke("AcceptFunction", "batch.json")
    (chunk,) = world.chunks("DispatchQueue")
    assert (answer.status, answer.body["status"], answer.body["accepted"]) == (200, "queued", 3)
    assert [(one["index"], one["code"]) for one in answer.body["rejected"]] == [(2, "910")]
    assert tuple(one["to"] for one in chunk["messages"]) == BATCH
    assert [world.sent_to(recipient) for recipient in BATCH] == [[], [], []]


def test_a_form_with_basic_authentication_is_sent_once_however_often_it_comes(invoke, world):
    first, second = (invoke("AcceptFunction", "form.json") for _ in range(2))
    assert (first.status, first.body["status"]) == (200, "sent")
    assert (second.status, second.body["status"], second.body["was"]) == (200, "duplicate", "sent")
    assert world.sent_to(FORM) == ["Welcome back"]


def test_a_bad_key_is_refused_and_nothing_is_sent(invoke, world):
    assert invoke("AcceptFunction", "bad_key.json").status == 401
    assert (world.rows(BAD_KEY), world.sent_to(BAD_KEY)) == ([], [])


def test_a_chunk_is_sent_and_logged(invoke, world):
    assert invoke("DispatchFunction", "chunk.json").result == {"batchItemFailures": []}
    assert [world.row(recipient)["status"] for recipient in CHUNK] == ["sent", "sent"]
    assert [len(world.sent_to(recipient)) for recipient in CHUNK] == [1, 1]


def test_a_receipt_settles_its_message(invoke, world):
    world.put(
        {
            "recipient": {"S": RECEIPT},
            "messageId": {"S": "LOCAL-ACCOUNT/e2e-receipt"},
            "account": {"S": "LOCAL-ACCOUNT"},
            "status": {"S": "sent"},
            "acceptedAt": {"S": "2026-11-22T10:00:00.000Z"},
            "claimedAt": {"S": "2026-11-22T10:00:00.200Z"},
            "attempts": {"N": "1"},
            "expiresAt": {"N": "4070908800"},
            "claimedBy": {"S": "e2e"},
            "verificationId": {"S": "20"},
            "report": {"BOOL": False},
        }
    )
    answer = invoke("ReceiveFunction", "receipt.json")
    assert (answer.status, world.row(RECEIPT)["status"]) == (200, "delivered")


def test_a_message_that_became_final_is_reported_to_clevertap(invoke, world):
    assert invoke("ReportFunction", "stream.json").result == {"batchItemFailures": []}
    (report,) = [item for item in world.clevertap.received.events if item["meta"].startswith(REPORTED[1:])]
    assert (report["event"], report["ts"]) == ("delivered", 1795341607)


def test_a_message_that_became_final_is_counted_by_its_campaign(invoke):
    assert invoke("CountFunction", "stream.json").result == {"state": {}, "batchItemFailures": []}


def test_the_dashboard_shows_campaigns(invoke):
    assert "Campaigns of LOCAL-ACCOUNT" in invoke("ConsoleFunction", "widget.json").result


def test_a_campaign_is_stopped_on_the_page(invoke):
    stopped = invoke("SteerFunction", "stop.json")
    assert "Campaign 1656678150: stopped" in stopped.result
    assert '"action":"stopped"' in stopped.log


def test_at_log_level_debug_no_library_tells_a_secret_a_number_or_a_text(invoke):
    # Lambda sets the level of the root logger, and with it that of botocore and urllib3, which log whole requests.
    answer = invoke("AcceptFunction", "single.json", LogLevel="DEBUG")
    password = CREDENTIALS["password"]
    in_token_url = base64.b64encode(password.encode()).decode().rstrip("=")
    untold = (password, in_token_url, CREDENTIALS["apiKey"], SINGLE.removeprefix("+91"), "Welcome")
    assert answer.body["status"] == "sent"
    assert [word for word in untold if word in answer.log] == []


def test_every_event_is_tried_here():
    text = Path(__file__).read_text()
    assert [path.name for path in EVENTS.glob("*.json") if f'"{path.name}"' not in text] == []
