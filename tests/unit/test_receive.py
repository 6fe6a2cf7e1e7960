"""The receive function: who may call it, what it answers, and that no receipt is lost."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any
from urllib.parse import urlencode

import pytest

from bridge.authentication import GUESSES
from bridge.pending import DAY_SECONDS, Pending
from bridge.receive import THREADS
from tests.fakes.faults import APPLIED, DENIED, LOST_AFTER, LOST_BEFORE, NOT_APPLIED, THROTTLED, Fault
from tests.fakes.values import ACCOUNT_ID, RECEIPT_KEY, START, message_id, number, secret
from tests.unit.harness import metrics
from tests.unit.receipt_harness import OTHER_ACCOUNT, OTHER_KEY, SECRET, ReceiptHarness, receipt, row

SECONDS = 19.5  # of receive's Timeout, less what the answer takes
OK = (200, {"status": "ok", "processed": 1, "kept": 0})
KEPT = (200, {"status": "ok", "processed": 0, "kept": 1})
NOT_FOUND = (404, {"message": "Not Found"})
LATER = (503, {"status": "error", "error": "try again later"})


FORMS = {
    "json": {"body": json.dumps(receipt())},
    "array": {"body": json.dumps([receipt()])},
    "form": {"body": urlencode(receipt())},
    "encoded form": {"body": base64.b64encode(urlencode(receipt()).encode()).decode(), "isBase64Encoded": True},
    "query": {"query": urlencode(receipt())},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_receipt_is_taken_in_every_form(harness: ReceiptHarness, form: str):
    harness.put(row())

    assert harness.post(**FORMS[form]) == OK

    assert harness.status() == "delivered"


def test_an_event_without_body_or_query_is_kept(harness: ReceiptHarness):
    assert harness.post() == KEPT


def test_a_get_as_api_gateway_sends_it(harness: ReceiptHarness):
    harness.put(row())
    parameters = {"account": ACCOUNT_ID, "receiptKey": RECEIPT_KEY}
    event = {"rawQueryString": urlencode(receipt()), "pathParameters": parameters, "isBase64Encoded": False}

    assert harness.receive(event)["statusCode"] == 200
    assert harness.status() == "delivered"


def test_no_receipts_are_no_work(harness: ReceiptHarness):
    assert harness.receive({"Records": []}) == {"batchItemFailures": []}
    assert (harness.dynamodb.calls, harness.parked.calls) == ({}, {})


# ── who may call ─────────────────────────────────────────────────────────────


@pytest.mark.fault("receipt-wrong-url")
@pytest.mark.parametrize(
    ("account", "key"),
    [
        (ACCOUNT_ID, "wrong"),
        (ACCOUNT_ID, RECEIPT_KEY + "x"),
        (ACCOUNT_ID, RECEIPT_KEY[:-1]),
        (ACCOUNT_ID, RECEIPT_KEY.lower()),
        (ACCOUNT_ID, ""),
        (ACCOUNT_ID, None),
        (ACCOUNT_ID, "\ud800"),
        (ACCOUNT_ID, OTHER_KEY),
        (OTHER_ACCOUNT, RECEIPT_KEY),
        ("NO-SUCH-ACCOUNT", RECEIPT_KEY),
        ("../other", RECEIPT_KEY),
        ("", RECEIPT_KEY),
        ("x" * 1_000, RECEIPT_KEY),
        ("WITHOUT-KEY", ""),
        ("WITHOUT-KEY", "None"),
    ],
)
def test_a_wrong_key_an_unknown_account_and_one_without_a_key_look_alike(
    harness: ReceiptHarness, account: str, key: str | None
):
    harness.secrets.secrets["bridge/WITHOUT-KEY"] = secret(receiptKey=None)
    harness.put(row())

    assert harness.post(receipt(), account=account, key=key) == NOT_FOUND

    assert harness.status() == "sent"
    assert harness.dynamodb.calls == {}
    assert harness.counts == {}, "strangers raise no alarm"


def test_an_event_without_path_parameters_is_not_found(harness: ReceiptHarness):
    assert harness.post(receipt(), pathParameters=None) == NOT_FOUND


def test_one_accounts_key_does_not_reach_anothers_messages(harness: ReceiptHarness):
    harness.put(row(0), row(1, "unknown"), row(2, account=OTHER_ACCOUNT))

    code, _ = harness.post([receipt(n) for n in range(3)], account=OTHER_ACCOUNT, key=OTHER_KEY)

    assert code == 200
    assert [row.status for row in harness.dynamodb.rows()] == ["sent", "unknown", "delivered"]


def test_an_account_whose_secret_is_broken_gets_its_receipts_again(harness: ReceiptHarness, capsys: Any):
    harness.secrets.secrets[SECRET] = secret(password="REPLACE_ME")

    assert harness.post(receipt()) == LATER

    printed = capsys.readouterr().out
    assert metrics(printed) == {(ACCOUNT_ID, "AccountMisconfigured"): [1]}
    assert "account cannot be used: receipts wait" in printed


def test_while_secrets_manager_is_silent_receipts_come_again_without_an_alarm(harness: ReceiptHarness):
    harness.secrets.down("get_secret_value", LOST_BEFORE)

    assert harness.post(receipt()) == LATER

    assert harness.counts == {}


def test_names_that_strangers_make_up_are_no_accounts_of_ours_in_the_metrics(harness: ReceiptHarness, capsys: Any):
    harness.secrets.down("get_secret_value", DENIED)

    for name in ("MADE-UP-1", "MADE-UP-2"):
        assert harness.post(receipt(), account=name) == LATER

    assert {*metrics(capsys.readouterr().out)} == {("-", "AccountMisconfigured")}


@pytest.mark.fault("accounts-guessed")
def test_an_instance_that_only_guesses_have_reached_takes_receipts_from_elsewhere(harness: ReceiptHarness):
    harness.put(row())
    guesser, vendor = ({"http": {"method": "POST", "sourceIp": one}} for one in ("198.51.100.7", "192.0.2.1"))

    for n in range(GUESSES + 5):
        assert harness.post(receipt(), account=f"MADE-UP-{n}", requestContext=guesser) == NOT_FOUND

    assert harness.post(receipt(), requestContext=guesser) == NOT_FOUND, "who guessed waits"
    assert harness.post(receipt(), requestContext=vendor)[0] == 200
    assert harness.status() == "delivered"


# ── parked ───────────────────────────────────────────────────────────────────


@pytest.mark.fault("receipt-early")
def test_a_receipt_before_the_outcome_is_answered_200_parked_and_tried_again(harness: ReceiptHarness):
    harness.put(row(0, "sending"))

    assert harness.post(receipt())[0] == 200
    assert harness.status() == "sending"
    assert [entry.group for entry in harness.parked.entries] == [ACCOUNT_ID]
    harness.put(row(0, "sent"))
    assert harness.retry_parked() == []

    assert harness.status() == "delivered"
    assert harness.counts == {"ReceiptsParked": 1, "ReceiptsDelivered": 1}


def test_a_malformed_parked_receipt_fails_alone_and_is_logged_without_its_values(harness: ReceiptHarness, capsys: Any):
    harness.put(row(0, "sending"))
    harness.post(receipt())
    harness.put(row())
    [entry] = harness.parked.entries
    broken = entry.body.replace('"since": "2023', '"since": "in 2023')
    capsys.readouterr()

    assert harness.retry_parked("", entry.body, "{}", "[7]", broken) == ["sqs-0", "sqs-2", "sqs-3", "sqs-4"]

    assert harness.status() == "delivered"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "malformed" in line]
    assert [line["id"] for line in lines] == ["sqs-0", "sqs-2", "sqs-3", "sqs-4"]
    assert {line["message"] for line in lines} == {"malformed receipt job: retried, then dead-lettered"}


@pytest.mark.parametrize("change", [{"status": "ONCE"}, {"surprise": "x"}])
def test_a_parked_receipt_that_this_version_does_not_know_is_dead_lettered(
    harness: ReceiptHarness, change: dict[str, str]
):
    harness.put(row(0, "sending"))
    harness.post(receipt())
    [document] = harness.parked.chunks
    document["items"][0] |= change

    assert harness.retry_parked(json.dumps(document)) == ["sqs-0"]


@pytest.mark.parametrize(
    ("broken", "counted"), [(secret(email=None), 1), ("no json", 1), (None, 1)], ids=["no email", "no json", "deleted"]
)
def test_a_parked_receipt_waits_for_its_account(harness: ReceiptHarness, broken: Any, counted: int):
    harness.put(row(0, "sending"))
    harness.post(receipt())
    harness.put(row())
    harness.secrets.secrets[SECRET] = broken
    if broken is None:
        del harness.secrets.secrets[SECRET]
    harness.clock.sleep(600)

    assert harness.retry_parked() == []
    assert len(harness.parked.entries) == 1
    assert harness.counts.get("AccountMisconfigured") == counted
    harness.secrets.secrets[SECRET] = secret()
    harness.clock.sleep(600)
    assert harness.retry_parked() == []

    assert harness.status() == "delivered"


def test_a_parked_receipt_of_an_account_that_cannot_be_read_waits_without_an_alarm(harness: ReceiptHarness):
    harness.put(row(0, "sending"))
    harness.post(receipt())
    harness.put(row())
    harness.secrets.down("get_secret_value", THROTTLED)
    harness.clock.sleep(2 * 3_600)  # it is in memory for an hour

    assert harness.retry_parked() == []

    assert len(harness.parked.entries) == 1
    assert "AccountMisconfigured" not in harness.counts


@pytest.mark.fault("secret-unreachable")
def test_secrets_that_all_hang_leave_the_time_to_park_the_receipts_again(harness: ReceiptHarness):
    accounts = [f"ACCOUNT-{n}" for n in range(10)]
    harness.secrets.secrets |= {f"bridge/{account}": secret() for account in accounts}
    harness.put(*[row(n, "sending", account=account) for n, account in enumerate(accounts)])
    for n, account in enumerate(accounts):
        assert harness.post(receipt(n), account=account)[0] == 200
    harness.clock.sleep(2 * 3_600)  # they are in memory for an hour
    harness.hang_secrets()
    begin = harness.clock.now

    assert harness.retry_parked(seconds=SECONDS) == []

    assert harness.clock.now - begin < SECONDS
    assert sorted(Pending.decode(entry.body).account for entry in harness.parked.entries) == accounts


# ── the log or the queue fails ───────────────────────────────────────────────


@pytest.mark.fault("table-hangs")
@pytest.mark.parametrize("operation", ["query", "update_item"])
@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED], ids=repr)
def test_while_the_log_does_not_answer_receipts_wait(harness: ReceiptHarness, operation: str, fault: Fault):
    harness.put(row())
    harness.dynamodb.down(operation, fault)

    assert harness.post(receipt())[0] == 200
    assert len(harness.parked.entries) == 1
    harness.dynamodb.heal()
    harness.retry_parked()

    assert harness.status() == "delivered"
    assert len(harness.dynamodb.history) == 2


def test_a_log_that_refuses_is_logged_once_a_call_and_counted(harness: ReceiptHarness, capsys: Any):
    harness.put(*[row(n) for n in range(50)])
    harness.dynamodb.down("query", DENIED)
    together = threading.Barrier(THREADS)
    harness.dynamodb.around = lambda point: together.wait(5) if point == "before query" else None

    harness.post([receipt(n) for n in range(50)])

    lines = [
        json.loads(line)
        for line in capsys.readouterr().out.splitlines()
        if "log does not answer: receipts wait" in line
    ]
    assert ["AccessDeniedException" in line["reason"] for line in lines] == [True]
    assert harness.counts == {"LogRefused": 1, "ReceiptsParked": 50}


def test_a_log_that_does_not_answer_is_not_asked_for_each(harness: ReceiptHarness):
    harness.dynamodb.down("query", LOST_BEFORE)

    assert harness.post([receipt(n) for n in range(1_000)], seconds=60)[0] == 200

    assert harness.dynamodb.calls["query"] <= 20
    assert len(harness.parked.entries) == 1_000
    assert "LogRefused" not in harness.counts


def test_with_hardly_any_time_everything_is_parked(harness: ReceiptHarness):
    harness.put(row())

    assert harness.post(receipt(), seconds=4.5)[0] == 200

    assert (harness.status(), len(harness.parked.entries)) == ("sent", 1)
    assert harness.dynamodb.calls == {}, "a call could last until the end"
    harness.retry_parked()
    assert harness.status() == "delivered"


def test_what_there_is_no_time_to_look_up_is_parked(harness: ReceiptHarness):
    harness.put(*[row(n) for n in range(200)])
    harness.dynamodb.around = lambda point: harness.clock.sleep(0.1 if point == "before query" else 0)

    assert harness.post([receipt(n) for n in range(200)])[0] == 200

    left = len(harness.parked.entries)
    assert 100 < left < 200
    assert harness.dynamodb.statuses().count("delivered") == 200 - left
    harness.dynamodb.around = lambda _point: None
    harness.retry_parked(seconds=60)
    assert {*harness.dynamodb.statuses()} == {"delivered"}


def test_a_log_that_is_down_for_hours_loses_no_receipt(harness: ReceiptHarness):
    harness.put(row())
    harness.dynamodb.down("query", DENIED)
    harness.post(receipt())

    while harness.clock.now < START + 5 * 3_600:
        harness.clock.sleep(harness.parked.entries[0].delay)
        assert harness.retry_parked() == []
        assert len(harness.parked.entries) == 1
    harness.dynamodb.heal()
    harness.retry_parked()

    assert harness.status() == "delivered"


def test_after_a_day_a_receipt_becomes_a_dead_letter_that_can_be_redriven(harness: ReceiptHarness):
    harness.put(row())
    harness.dynamodb.down("query", THROTTLED)
    harness.post(receipt())
    [letter] = harness.parked.entries

    harness.clock.sleep(DAY_SECONDS + 1)
    assert harness.retry_parked() == ["sqs-0"]
    assert harness.parked.entries == []
    harness.dynamodb.heal()
    assert harness.retry_parked(letter.body) == []

    assert harness.status() == "delivered"


@pytest.mark.parametrize("fault", NOT_APPLIED, ids=repr)
def test_what_can_neither_be_written_nor_parked_has_to_come_again(harness: ReceiptHarness, fault: Fault):
    harness.put(row(0, "sending"), row(1))
    harness.parked.down("send_message_batch", fault)

    assert harness.post([receipt(0), receipt(1)]) == LATER

    assert harness.status(1) == "delivered", "the others are written anyway"
    harness.parked.heal()
    assert harness.post([receipt(0), receipt(1)])[0] == 200, "and the repetition changes nothing"
    assert harness.counts["ReceiptsDelivered"] == 1


def test_a_part_that_sqs_refuses_is_given_to_it_again(harness: ReceiptHarness):
    harness.put(*[row(n, "sending") for n in range(12)])
    harness.parked.refused.extend([{0, 5}, {1}])

    assert harness.post([receipt(n) for n in range(12)])[0] == 200

    numbers = sorted(item["number"] for parked in harness.parked.chunks for item in parked["items"])
    assert numbers == [number(n)[3:] for n in range(12)]


def test_a_receipt_that_was_parked_twice_counts_once(harness: ReceiptHarness):
    harness.put(row(0, "sending"))
    harness.parked.fail("send_message_batch", LOST_AFTER)
    assert harness.post(receipt())[0] == 200
    assert len(harness.parked.entries) == 2

    harness.put(row())
    assert harness.retry_parked() == []

    assert harness.counts["ReceiptsDelivered"] == 1


def test_a_parked_receipt_that_cannot_be_queued_anew_comes_again(harness: ReceiptHarness):
    harness.put(row(0, "sending"))
    harness.post(receipt())
    harness.parked.down("send_message_batch", THROTTLED)

    assert harness.retry_parked() == ["sqs-0"]


@pytest.mark.fault("row-malformed")
def test_a_malformed_row_holds_up_the_receipts_of_its_recipient_alone_and_until_it_is_mended(
    harness: ReceiptHarness, capsys: Any
):
    harness.put(row(0), row(1))
    harness.dynamodb.items[number(), f"{ACCOUNT_ID}/{message_id()}"]["segments"] = {"N": "1.5"}

    assert harness.post([receipt(0), receipt(1)])[0] == 200

    assert harness.status(1) == "delivered"
    assert "malformed rows in the log: their receipts wait until they are fixed" in capsys.readouterr().out
    harness.put(row(0))
    assert harness.retry_parked() == []
    assert harness.status(0) == "delivered"


# ── whatever comes ───────────────────────────────────────────────────────────
