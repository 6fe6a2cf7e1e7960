"""The report function: what became of each message reaches CleverTap once, however long it is down."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bridge.aws import CALL_SECONDS
from bridge.clevertap.callbacks import POST_SECONDS
from bridge.log.transitions import FINAL
from bridge.message import Status
from bridge.pending import DAY_SECONDS, Pending
from bridge.report import QUEUE_SECONDS
from bridge.sqs import MAX_BYTES
from tests.fakes.clevertap import SILENCES, answer, judge
from tests.fakes.faults import LOST_BEFORE, NOT_APPLIED, THROTTLED, Fault
from tests.fakes.values import ACCOUNT_ID, START, message_id, secret
from tests.unit.harness import metrics
from tests.unit.receipt_harness import (
    OTHER_ACCOUNT,
    OTHER_URL,
    SECRET,
    URL,
    ReceiptHarness,
    change,
    rounds,
    row,
)

if TYPE_CHECKING:
    from bridge.errors import TransportFailure
    from bridge.log.row import Row
    from bridge.transport import Response

DOWN = answer(503, b"")
ENDS = sorted(FINAL)
ON_THE_WAY = sorted({*Status} - FINAL)


def delivered(index: int = 0, account: str = ACCOUNT_ID, **attributes: Any) -> dict[str, Any]:
    """A message's delivery, in the stream; `attributes` as a person left them."""
    new, old = (row(index, status, account=account) for status in ("delivered", "sent"))
    return change(new, old, index + 1, **attributes)


# ── what is reported ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ENDS)
@pytest.mark.parametrize("before", [*ON_THE_WAY, None])
def test_the_change_to_a_final_status_is_reported(harness: ReceiptHarness, status: str, before: str | None):
    assert harness.stream(change(row(0, status), row(0, before) if before else None)) == []

    assert harness.clevertap.metas == {message_id(0): 1}


@pytest.mark.parametrize("status", ON_THE_WAY)
def test_a_status_that_is_not_final_is_not_reported(harness: ReceiptHarness, status: str):
    harness.stream(change(row(0, status)))

    assert harness.clevertap.calls == []


@pytest.mark.parametrize("before", ENDS)
def test_a_row_that_was_final_before_is_not_reported_again(harness: ReceiptHarness, before: str):
    harness.stream(change(row(0, "delivered", text="forgotten"), row(0, before)))

    assert harness.clevertap.calls == []


def test_a_later_request_with_the_same_id_has_an_end_of_its_own(harness: ReceiptHarness):
    """A message that was not queued, of which CleverTap was told with a 503, may come again and expire."""
    before = row(0, "rejected")

    harness.stream(change(row(0, "expired", accepted_at="2023-11-15T00:00:00.000Z"), before))

    assert harness.clevertap.metas == {message_id(): 1}


def test_a_rejection_that_is_to_be_told_after_all_is_reported(harness: ReceiptHarness):
    """Its 503 became a 200, as a worker was quick with another part of the batch."""
    harness.stream(change(row(0, "rejected"), row(0, "rejected", report=False)))

    assert harness.clevertap.metas == {message_id(): 1}


def test_changes_of_which_clevertap_does_not_want_to_know_are_passed_over(harness: ReceiptHarness):
    changes = [
        change(row(0, "sent"), row(0, "sending"), 1),
        change(row(1, "delivered", report=False), row(1, "sent"), 2),
        change(None, row(2, "delivered"), 3),
        delivered(3),
    ]

    assert harness.stream(*changes) == []

    assert harness.clevertap.metas == {message_id(3): 1}


def test_the_way_of_a_message_through_the_log_is_one_report(harness: ReceiptHarness):
    way = [None, "sending", "retrying", "sending", "unknown", "delivered", "delivered"]
    rows = [row(0, status) if status else None for status in way]

    harness.stream(*[change(new, old, n) for n, (old, new) in enumerate(pairwise(rows))])

    assert harness.clevertap.metas == {message_id(): 1}


@pytest.mark.parametrize("status", sorted(FINAL - {Status.DELIVERED}))
def test_what_was_final_from_the_start_is_reported_with_code_and_reason(harness: ReceiptHarness, status: str):
    harness.stream(change(row(0, status, code="910", reason="to is not a possible phone number")))

    [item] = harness.clevertap.taken
    assert (item["event"], item["code"], item["description"]) == ("failed", "910", "to is not a possible phone number")


def test_an_event_without_records_is_done(harness: ReceiptHarness):
    assert harness.report({"Records": []}) == {"batchItemFailures": []}


@pytest.mark.fault("secret-unreachable")
def test_secrets_that_all_hang_leave_the_time_to_queue_the_reports(harness: ReceiptHarness):
    """Else Lambda would end it, and what was posted before would be posted again."""
    others = [f"ACCOUNT-{n}" for n in range(10)]
    harness.stream(delivered())
    harness.hang_secrets()
    begin = harness.clock.now

    failed = harness.stream(delivered(1), *[delivered(n, account) for n, account in enumerate(others, 2)])

    assert harness.clock.now - begin < 59
    assert failed == []
    assert harness.clevertap.metas == {message_id(0): 1, message_id(1): 1}
    waiting = [Pending.decode(entry.body).account for entry in harness.delayed.entries]
    assert sorted(waiting) == others


# ── posting ──────────────────────────────────────────────────────────────────


def test_a_batch_of_the_stream_is_reported_in_one_call(harness: ReceiptHarness, capsys: Any):
    assert harness.stream(*[delivered(n) for n in range(100)]) == []

    [(url, items)] = harness.clevertap.calls
    assert url == URL
    assert [item["meta"] for item in items] == [message_id(n) for n in range(100)]
    assert metrics(capsys.readouterr().out) == {(ACCOUNT_ID, "ReportsPosted"): [100]}
    assert harness.delayed.entries == []


def test_what_is_posted_has_the_documented_shape(harness: ReceiptHarness):
    rows = [row(n, status, code="910", reason="why") for n, status in enumerate(ENDS)]

    harness.stream(*[change(one, sequence=n) for n, one in enumerate(rows)])

    [posted] = harness.clevertap.bodies
    judge(posted)
    assert [(call["event"], len(call["data"])) for call in posted] == [("delivered", 1), ("failed", len(ENDS) - 1)]


def test_the_reports_of_fifty_accounts_keep_up_with_ten_million_messages_a_day(harness: ReceiptHarness):
    """A new table's stream has four shards, each read one batch after the other, and each account takes a call."""
    template = (Path(__file__).parents[2] / "template.yaml").read_text()
    source = re.search(r" FinalMessages:\n.*?BatchSize: (\d+)", template, re.DOTALL)
    assert source
    accounts, shards, size = [f"ACCOUNT-{n}" for n in range(50)], 4, int(source[1])
    for account in accounts:
        harness.secrets.secrets[f"bridge/{account}"] = secret(callbackUrl=f"https://cb.example/{account}")
    changes = [delivered(n, accounts[n % len(accounts)]) for n in range(size)]
    harness.clevertap.seconds, begin = 0.35, harness.clock.now

    assert harness.stream(*changes) == []

    assert len(harness.clevertap.metas) == size
    assert shards * size / (harness.clock.now - begin) > 10_000_000 / DAY_SECONDS


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_a_call_holds_at_most_a_hundred(harness: ReceiptHarness, count: int, sizes: list[int]):
    harness.stream(*[delivered(n) for n in range(count)])

    assert [len(items) for _, items in harness.clevertap.calls] == sizes
    assert set(harness.clevertap.metas.values()) == {1}
    assert len(harness.clevertap.metas) == count


def test_each_account_is_told_its_own_at_its_own_url(harness: ReceiptHarness):
    harness.stream(*[delivered(n, OTHER_ACCOUNT if n % 3 else ACCOUNT_ID) for n in range(30)])

    reported = {url: [item["meta"] for item in items] for url, items in harness.clevertap.calls}
    assert reported == {
        URL: [message_id(n) for n in range(30) if n % 3 == 0],
        OTHER_URL: [message_id(n) for n in range(30) if n % 3],
    }


def test_one_account_that_is_down_does_not_hold_up_another(harness: ReceiptHarness):
    harness.clevertap.by_url[OTHER_URL] = DOWN

    assert harness.stream(delivered(0, OTHER_ACCOUNT), delivered(1)) == []

    assert harness.clevertap.metas == {message_id(1): 1}
    assert harness.counts == {"ReportsPosted": 1, "ReportsRetried": 1}
    assert [pending["account"] for pending in harness.delayed.chunks] == [OTHER_ACCOUNT]


@pytest.mark.fault("callback-refused")
@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_clevertap_refuses_is_counted_and_not_posted_again(harness: ReceiptHarness, status: int):
    harness.clevertap.default = answer(status, b"")

    assert harness.stream(delivered(0), delivered(1)) == []

    assert harness.counts == {"ReportsRefused": 2}
    assert harness.delayed.entries == []


@pytest.mark.fault("callback-refused")
def test_items_that_were_not_processed_are_counted_and_not_posted_again(harness: ReceiptHarness):
    harness.clevertap.default = answer(200, b'{"status": "partial", "unprocessed": [{}]}')

    assert harness.stream(*[delivered(n) for n in range(3)]) == []

    assert harness.counts == {"ReportsPosted": 2, "ReportsRefused": 1}
    assert harness.delayed.entries == []


def test_no_more_items_are_refused_than_were_posted(harness: ReceiptHarness):
    harness.clevertap.default = answer(200, b'{"unprocessed": [1, 2, 3]}')

    harness.stream(delivered())

    assert harness.counts == {"ReportsRefused": 1}


def test_an_account_that_wants_no_reports_any_more_gets_none(harness: ReceiptHarness):
    harness.secrets.secrets[SECRET] = secret(callbackUrl=None)

    assert harness.stream(delivered()) == []

    assert (harness.clevertap.calls, harness.delayed.entries, harness.counts) == ([], [], {})


def test_the_log_line_names_the_workers_that_sent(harness: ReceiptHarness, capsys: Any):
    harness.stream(delivered(0), delivered(1))

    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"reported"' in line]
    assert (line["count"], line["reaction"], line["status"], line["workers"]) == (2, "accepted", 200, ["w"])


# ── a wrong URL ──────────────────────────────────────────────────────────────


@pytest.mark.fault("callback-wrong")
@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404, 405, 410])
def test_a_wrong_callback_url_alarms_at_once_and_loses_no_report(harness: ReceiptHarness, status: int, capsys: Any):
    wrong = "https://eu1.cb.example/sms/generik?account=1"
    harness.secrets.secrets[SECRET] = secret(callbackUrl=wrong)
    harness.clevertap.by_url[wrong] = answer(status, b"<html>")

    assert harness.stream(delivered(0), delivered(1)) == []
    assert harness.counts == {"ReportsRefused": 2, "ReportsRetried": 2}
    assert "callbackUrl is wrong: reports wait until it is corrected" in capsys.readouterr().out
    harness.secrets.secrets[SECRET] = secret()
    assert harness.next_delayed() == []

    assert harness.clevertap.metas == {message_id(0): 1, message_id(1): 1}
    assert harness.delayed.entries == []


@pytest.mark.parametrize("url", ["http://", "https://[bad", "http://host:99999/"])
def test_a_malformed_callback_url_alarms_and_loses_no_report_either(harness: ReceiptHarness, url: str):
    harness.secrets.secrets[SECRET] = secret(callbackUrl=url)

    assert harness.stream(delivered()) == []

    assert harness.counts == {"ReportsRefused": 1, "ReportsRetried": 1}
    assert len(harness.delayed.entries) == 1


# ── malformed records ────────────────────────────────────────────────────────

BY_HAND = {
    "decimals": {"segments": {"N": "1.5"}},
    "wrong type": {"report": {"S": "true"}},
    "null": {"reason": {"NULL": True}},
    "without account": {"account": None},
    "no account's id": {"account": "6K9-TST XX7Z"},
    "a blank account": {"account": "  "},
    "unknown status": {"status": {"S": "arrived"}},
}


@pytest.mark.fault("row-malformed")
@pytest.mark.parametrize("attributes", BY_HAND.values(), ids=BY_HAND)
def test_a_malformed_record_fails_alone(harness: ReceiptHarness, attributes: dict[str, Any], capsys: Any):
    assert harness.stream(delivered(0), delivered(1, **attributes), delivered(2)) == []

    assert harness.clevertap.metas == {message_id(0): 1, message_id(2): 1}
    account = (attributes.get("account", ACCOUNT_ID) or "").strip() or "none"
    printed = capsys.readouterr().out
    assert metrics(printed)[account, "ReportsMalformed"] == [1]
    [line] = [json.loads(line) for line in printed.splitlines() if "malformed" in line]
    assert line["message"] == "malformed record in the stream: not reported"
    assert line["place"] == "2"
    assert line["error"] in ("ValueError", "KeyError", "TypeError")


@pytest.mark.parametrize("final_at", [None, {"S": "yesterday"}, {"S": ""}], ids=["none", "no time", "empty"])
def test_a_status_that_a_person_has_set_without_a_time_is_reported_with_the_time_of_now(
    harness: ReceiptHarness, final_at: dict[str, str] | None
):
    harness.clock.sleep(7)

    assert harness.stream(delivered(0, finalAt=final_at)) == []

    [item] = harness.clevertap.taken
    assert (item["meta"], item["ts"]) == (message_id(), START + 7)
    assert "ReportsMalformed" not in harness.counts


def test_a_row_that_was_malformed_before_it_was_mended_is_reported(harness: ReceiptHarness):
    record = delivered()
    record["dynamodb"]["OldImage"] |= {"status": {"N": "1.5"}, "report": {"S": "yes"}}

    assert harness.stream(record) == []

    assert harness.clevertap.metas == {message_id(): 1}


# ── again ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", [answer(500), DOWN, answer(429), *SILENCES], ids=repr)
def test_what_clevertap_does_not_take_is_posted_after_ten_minutes(
    harness: ReceiptHarness, ending: Response | TransportFailure, capsys: Any
):
    harness.clevertap.script.append(ending)

    assert harness.stream(delivered(0), delivered(1)) == []
    [entry] = harness.delayed.entries
    assert (entry.delay, entry.group, entry.queue) == (600, ACCOUNT_ID, "reports")
    assert harness.next_delayed() == []

    assert harness.clevertap.metas == {message_id(0): 1, message_id(1): 1}
    assert harness.clock.now == START + 600
    assert harness.delayed.entries == []
    assert harness.counts == {"ReportsRetried": 2, "ReportsPosted": 2}
    assert "callbackUrl" not in capsys.readouterr().out, "nobody has to fix anything"


def test_the_waits_double_and_the_last_try_is_after_a_day(harness: ReceiptHarness, capsys: pytest.CaptureFixture[str]):
    harness.clevertap.default = DOWN
    harness.stream(delivered())
    tried: list[float] = []
    failed: list[str] = []

    for _ in rounds(harness.delayed):
        before = len(harness.clevertap.calls)
        failed = harness.next_delayed()
        if len(harness.clevertap.calls) > before:
            tried.append(harness.clock.now - START)

    # After 10 minutes, then 20, 40 … more; the last one not later than a day after the first.
    assert tried == [600, 1_800, 4_200, 9_000, 18_600, 37_800, 76_200, DAY_SECONDS]
    assert failed == ["sqs-0"], "SQS makes it a dead letter"
    assert "reports not accepted for a day: dead-lettered" in capsys.readouterr().out


def test_no_delay_is_longer_than_sqs_can_hold_and_nothing_is_posted_before_its_time(harness: ReceiptHarness):
    harness.clevertap.script.extend([DOWN] * 3)
    harness.stream(delivered())
    delays = []

    for _ in rounds(harness.delayed):
        delays.append(harness.delayed.entries[0].delay)
        harness.next_delayed()

    assert delays == [600, 900, 300, 900, 900, 600]
    assert harness.clock.now == START + 600 + 1_200 + 2_400
    assert harness.clevertap.metas == {message_id(): 1}


def test_a_queue_that_is_late_changes_nothing(harness: ReceiptHarness):
    harness.clevertap.script.append(DOWN)
    harness.stream(delivered())

    harness.clock.sleep(3 * 3_600)
    assert harness.retry_delayed() == []

    assert harness.clevertap.metas == {message_id(): 1}


@pytest.mark.fault("clevertap-down")
@pytest.mark.parametrize("outage", [1, 599, 601, 3_600, 20 * 3_600, 23.9 * 3_600])
def test_after_an_outage_everything_has_arrived_once(harness: ReceiptHarness, outage: float):
    harness.clevertap.default = DOWN
    for n in range(0, 300, 50):
        assert harness.stream(*[delivered(i) for i in range(n, n + 50)]) == []
        harness.clock.sleep(outage / 6)
    for _ in rounds(harness.delayed):
        if harness.clock.now >= START + outage:
            break
        assert harness.next_delayed() == []
    harness.clevertap.default = answer()

    for _ in rounds(harness.delayed):
        assert harness.next_delayed() == []

    assert len(harness.clevertap.metas) == 300
    assert set(harness.clevertap.metas.values()) == {1}
    assert harness.counts["ReportsPosted"] == 300


def test_an_answer_that_came_too_late_means_twice(harness: ReceiptHarness):
    """CleverTap does not deduplicate: docs/reliability.md."""
    harness.clevertap.script.append(SILENCES[1])

    harness.stream(delivered())
    harness.next_delayed()

    assert [items[0]["meta"] for _, items in harness.clevertap.calls] == [message_id()] * 2


def test_a_dead_letter_is_not_posted_on_its_way_there_and_can_be_redriven(harness: ReceiptHarness):
    harness.clevertap.default = DOWN
    harness.stream(delivered())
    [letter] = harness.delayed.entries
    calls = len(harness.clevertap.calls)
    harness.clock.sleep(DAY_SECONDS + 1)

    assert harness.retry_delayed(letter.body) == ["sqs-0"]
    assert len(harness.clevertap.calls) == calls + 1
    assert harness.retry_delayed(letter.body, receives=2) == ["sqs-0"]
    assert len(harness.clevertap.calls) == calls + 1, "only passed on"

    harness.clevertap.default = answer()
    assert harness.retry_delayed(letter.body, receives=1) == []
    assert harness.clevertap.metas == {message_id(): 1}


def test_a_second_receive_within_the_day_is_posted(harness: ReceiptHarness):
    harness.clevertap.script.append(DOWN)
    harness.stream(delivered())
    [entry] = harness.delayed.entries
    harness.clock.sleep(600)

    assert harness.retry_delayed(entry.body, receives=3) == []
    assert harness.clevertap.metas == {message_id(): 1}


def test_a_malformed_report_job_fails_alone_and_is_logged_without_its_values(harness: ReceiptHarness, capsys: Any):
    harness.clevertap.script.append(DOWN)
    harness.stream(delivered())
    [entry] = harness.delayed.entries
    unknown = json.dumps({**entry.chunk, "items": [{"surprise": message_id()}]})
    empty = json.dumps({**entry.chunk, "items": []})
    harness.clock.sleep(600)
    capsys.readouterr()

    failed = harness.retry_delayed("", entry.body, "{}", "[1]", unknown, empty)

    assert failed == ["sqs-0", "sqs-2", "sqs-3", "sqs-4", "sqs-5"]
    assert harness.clevertap.metas == {message_id(): 1}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "malformed" in line]
    assert [line["id"] for line in lines] == failed
    assert {line["message"] for line in lines} == {"malformed report job: retried, then dead-lettered"}


# ── the account cannot be read ───────────────────────────────────────────────


@pytest.mark.parametrize(
    "broken", ["no json", secret(callbackUrl="ftp://x"), secret(password="REPLACE_ME"), None], ids=lambda _: ""
)
def test_an_account_that_cannot_be_used_is_counted_and_its_reports_wait(harness: ReceiptHarness, broken: Any):
    harness.secrets.secrets[SECRET] = broken
    if broken is None:
        del harness.secrets.secrets[SECRET]

    assert harness.stream(delivered(0), delivered(1, OTHER_ACCOUNT)) == []
    assert harness.counts == {"AccountMisconfigured": 1, "ReportsRetried": 1, "ReportsPosted": 1}
    harness.secrets.secrets[SECRET] = secret()
    assert harness.next_delayed() == []

    assert harness.clevertap.metas == {message_id(0): 1, message_id(1): 1}


def test_while_secrets_manager_is_silent_reports_wait_without_that_alarm(harness: ReceiptHarness):
    harness.secrets.down("get_secret_value", THROTTLED)

    assert harness.stream(delivered()) == []

    assert harness.counts == {"ReportsRetried": 1}


# ── the queue or the time fails ──────────────────────────────────────────────


def test_what_is_lost_is_named_by_its_first_sequence_number(harness: ReceiptHarness):
    """Lambda goes on from there; what was posted before that stays posted."""
    harness.clevertap.by_url[OTHER_URL] = DOWN
    harness.delayed.down("send_message_batch", LOST_BEFORE)
    batch = [delivered(n, OTHER_ACCOUNT if n in (4, 7) else ACCOUNT_ID) for n in range(10)]

    assert harness.stream(*batch) == ["5"]


def test_of_the_lost_reports_of_several_accounts_the_first_is_named(harness: ReceiptHarness):
    harness.clevertap.default = DOWN
    harness.delayed.down("send_message_batch", LOST_BEFORE)

    assert harness.stream(delivered(0), delivered(1, OTHER_ACCOUNT), delivered(2)) == ["1"]


@pytest.mark.parametrize("fault", NOT_APPLIED, ids=repr)
def test_what_can_neither_be_posted_nor_queued_comes_again(harness: ReceiptHarness, fault: Fault):
    harness.clevertap.by_url[URL] = DOWN
    harness.delayed.down("send_message_batch", fault)

    assert harness.stream(delivered(0), delivered(1, OTHER_ACCOUNT), delivered(2)) == ["1"]

    assert harness.clevertap.metas == {message_id(1): 1}


def test_what_can_not_be_queued_anew_comes_again(harness: ReceiptHarness):
    harness.clevertap.default = DOWN
    harness.stream(delivered())
    harness.delayed.down("send_message_batch", LOST_BEFORE)

    assert harness.next_delayed() == ["sqs-0"]


def test_a_working_clevertap_needs_no_queue(harness: ReceiptHarness):
    harness.delayed.down("send_message_batch", LOST_BEFORE)

    assert harness.stream(*[delivered(n) for n in range(3)]) == []


def test_a_slow_look_up_leaves_the_time_to_post_and_to_queue(harness: ReceiptHarness):
    """Else the post would be cut short, and what CleverTap did not say could not be queued."""
    harness.secrets.around = lambda _point: harness.clock.sleep(CALL_SECONDS)

    assert harness.stream(delivered(), seconds=POST_SECONDS + QUEUE_SECONDS + CALL_SECONDS) == []

    assert harness.clevertap.calls == []
    assert len(harness.delayed.entries) == 1


def test_a_post_is_not_begun_when_it_could_not_be_ended(harness: ReceiptHarness):
    assert harness.stream(delivered(), seconds=POST_SECONDS + QUEUE_SECONDS - 0.1) == []

    assert harness.clevertap.calls == []
    [entry] = harness.delayed.entries
    assert entry.delay == 0, "it is due now"
    assert harness.retry_delayed() == []
    assert harness.clevertap.metas == {message_id(): 1}


@pytest.mark.parametrize("seconds", [9.9, 11.0, 300.0])
def test_a_clevertap_that_trickles_ends_no_invocation_late(harness: ReceiptHarness, seconds: float):
    harness.clevertap.seconds = seconds

    assert harness.stream(*[delivered(n) for n in range(1_000)]) == []

    assert harness.clock.now <= START + 59
    assert max(harness.clevertap.allowed) <= POST_SECONDS == 10


def test_a_slow_clevertap_gets_what_there_is_time_for_and_the_rest_in_the_next_invocation(harness: ReceiptHarness):
    harness.clevertap.seconds = 8.0
    harness.stream(*[delivered(n) for n in range(1_000)])

    posted = len(harness.clevertap.taken)
    assert 0 < posted < 1_000
    assert harness.clock.now < START + 59
    for _ in rounds(harness.delayed):
        assert harness.retry_delayed() == []

    assert len(harness.clevertap.metas) == 1_000
    assert set(harness.clevertap.metas.values()) == {1}


def test_ids_that_json_makes_long_fit_into_the_queue_all_the_same(harness: ReceiptHarness):
    harness.clevertap.script.append(DOWN)
    long = row(0, "rejected", reason="\x02" * 200)
    rows: list[Row] = [replace(long, message_id=f"{n:03}" + "\x01" * 509) for n in range(100)]

    assert harness.stream(*[change(one, sequence=n) for n, one in enumerate(rows)]) == []

    assert len(harness.delayed.entries) > 1
    assert all(len(entry.body) <= MAX_BYTES for entry in harness.delayed.entries)
    harness.next_delayed()
    assert len(harness.clevertap.metas) == 100
