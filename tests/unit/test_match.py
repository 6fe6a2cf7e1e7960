"""Receipts find their messages, early ones wait for them, and none concludes a message that it is not about."""

from __future__ import annotations

from typing import Any

import pytest

from bridge import times
from bridge.clevertap.codes import CODES
from bridge.match import DOUBTFUL_SECONDS, OUTCOME_SECONDS
from bridge.message import Status
from bridge.message_central.receipts import STATUS_WORDS
from tests.fakes.dynamodb import LOG
from tests.fakes.values import START, message_id, number, secret
from tests.unit.receipt_harness import OTHER_ACCOUNT, SECRET, ReceiptHarness, receipt, rounds, row

HOUR = 3_600


def take(harness: ReceiptHarness, *receipts: dict[str, Any]) -> None:
    assert harness.post(list(receipts)) == (200, {"status": "ok", "processed": len(receipts), "kept": 0})


@pytest.mark.parametrize("status", ["sent", "unknown"])
def test_a_receipt_concludes_its_message(harness: ReceiptHarness, status: str):
    harness.put(row(0, status))

    take(harness, receipt())

    assert harness.status() == "delivered"
    assert harness.counts == {"ReceiptsDelivered": 1}
    assert harness.parked.entries == []


def reads(harness: ReceiptHarness, monkeypatch: pytest.MonkeyPatch, stale: dict[Any, Any] | None = None) -> list[bool]:
    """Whether each read of the log is consistent. `stale`: what the table held when the others look."""
    asked: list[bool] = []
    query = harness.dynamodb.query

    def look(**options: Any) -> Any:
        asked.append(options["ConsistentRead"])
        with monkeypatch.context() as then:
            if stale is not None and not options["ConsistentRead"]:
                then.setitem(harness.dynamodb.tables, options["TableName"], stale)
            return query(**options)

    monkeypatch.setattr(harness.dynamodb, "query", look)
    return asked


def test_an_ordinary_receipt_costs_one_read_of_half_price(harness: ReceiptHarness, monkeypatch: pytest.MonkeyPatch):
    harness.put(row())
    asked = reads(harness, monkeypatch)

    take(harness, receipt())

    assert asked == [False]
    assert harness.status() == "delivered"


def test_a_message_that_the_cheap_read_does_not_show_yet_is_found(
    harness: ReceiptHarness, monkeypatch: pytest.MonkeyPatch
):
    harness.put(row())
    asked = reads(harness, monkeypatch, stale={})

    take(harness, receipt())

    assert asked == [False, True]
    assert (harness.status(), harness.counts) == ("delivered", {"ReceiptsDelivered": 1})


def test_a_read_that_took_the_time_of_the_next_leaves_enough_to_park_the_receipt(harness: ReceiptHarness):
    asked: list[str] = []
    harness.dynamodb.around = lambda point: (
        (asked.append(point), harness.clock.sleep(2.0)) if "before" in point else None
    )

    take(harness, receipt())

    assert asked == ["before query"]
    assert len(harness.parked.entries) == 1


def test_a_message_that_the_cheap_read_shows_as_it_was_is_not_concluded_twice(
    harness: ReceiptHarness, monkeypatch: pytest.MonkeyPatch
):
    harness.put(row())
    before = dict(harness.dynamodb.tables[LOG])
    take(harness, receipt())
    reads(harness, monkeypatch, stale=before)

    take(harness, receipt(0, "UNDELIV"))

    assert harness.status() == "delivered"
    assert harness.counts["ReceiptsDelivered"] == 1
    assert "ReceiptsUndelivered" not in harness.counts


@pytest.mark.parametrize("word", [word for word, delivery in STATUS_WORDS.items() if delivery])
def test_each_final_word_is_written(harness: ReceiptHarness, word: str):
    harness.put(row())

    take(harness, receipt(0, word))

    delivery = STATUS_WORDS[word]
    assert delivery
    [found] = harness.dynamodb.rows()
    code = CODES[delivery.failure] if delivery.failure else None
    assert (found.status, found.code, found.reason) == (delivery.status, code, delivery.description)
    metric = "ReceiptsDelivered" if delivery.status is Status.DELIVERED else "ReceiptsUndelivered"
    assert harness.counts == {metric: 1}


@pytest.mark.parametrize("word", [word for word, delivery in STATUS_WORDS.items() if not delivery])
def test_a_message_on_its_way_stays_as_it_is_and_the_log_is_not_asked(harness: ReceiptHarness, word: str):
    harness.put(row())

    take(harness, receipt(0, word))

    assert harness.dynamodb.rows() == [row()]
    assert harness.dynamodb.calls == {}
    assert harness.counts == {}


WRITTEN = [
    (number()[3:], "91"),
    (number()[3:], "+91"),
    (number()[3:], "0091"),
    (number()[1:], "91"),
    (number(), "91"),
    ("00" + number()[1:], "91"),
    ("0" + number()[3:], "91"),
    (number(), None),
    (number()[1:], None),
    ("00" + number()[1:], None),
    (number()[3:], None),
    ("0" + number()[3:], None),
    (f"{number()[3:8]} {number()[8:]}", None),
    (number()[3:], "IN"),
]


@pytest.mark.parametrize(("written", "country_code"), WRITTEN)
def test_a_number_is_found_however_it_is_written(harness: ReceiptHarness, written: str, country_code: str | None):
    harness.put(row())

    take(harness, receipt(mobileNumber=written, countryCode=country_code))

    assert harness.status() == "delivered"


@pytest.mark.parametrize(
    ("recipient", "country", "national"),
    [("+916591234567", "IN", "6591234567"), ("+14792345678", "US", "4792345678")],
    ids=["looks like Singapore", "looks like Norway"],
)
def test_a_national_number_that_looks_like_another_countrys_is_found(
    harness: ReceiptHarness, recipient: str, country: str, national: str
):
    harness.secrets.secrets[SECRET] = secret(country=country)
    harness.put(row(0, recipient=recipient))

    take(harness, receipt(mobileNumber=national, countryCode=None))

    assert harness.dynamodb.statuses() == ["delivered"]


def test_a_number_of_another_country_is_found_by_its_country_code(harness: ReceiptHarness):
    harness.put(row(0, recipient="+447400123456"))

    take(harness, receipt(mobileNumber="7400123456", countryCode="44"))

    assert harness.dynamodb.statuses() == ["delivered"]


def test_a_number_of_another_country_is_found_though_it_looks_like_a_national_one(harness: ReceiptHarness):
    harness.put(row(0, recipient="+6591234567"))

    take(harness, receipt(mobileNumber="6591234567", countryCode=None))

    assert harness.dynamodb.statuses() == ["delivered"]


def test_of_two_countries_numbers_the_message_with_the_id_is_meant(harness: ReceiptHarness):
    harness.put(row(0, "unknown", recipient="+916591234567"), row(1, recipient="+6591234567"))

    take(harness, receipt(1, mobileNumber="6591234567", countryCode=None))

    assert {one.recipient: one.status for one in harness.dynamodb.rows()} == {
        "+916591234567": "unknown",
        "+6591234567": "delivered",
    }


@pytest.mark.parametrize("written", ["9" * 90, "1", "+1", "0000000000"])
def test_a_number_that_is_invalid_matches_nothing(harness: ReceiptHarness, written: str):
    harness.put(row())

    take(harness, receipt(mobileNumber=written, countryCode=None))

    assert harness.status() == "sent"
    assert harness.counts == {"ReceiptsUnmatched": 1}


@pytest.mark.parametrize(
    "written", ["-", "no number", "٩٨٧٦٥", "\ud800", "+", "98XXXXX000", "98*****000", "tel:+91987"]
)
def test_a_receipt_whose_number_is_none_is_kept(harness: ReceiptHarness, written: str):
    harness.put(row())

    assert harness.post(receipt(mobileNumber=written))[1] == {"status": "ok", "processed": 0, "kept": 1}

    assert (harness.status(), harness.counts) == ("sent", {"ReceiptsUnrecognised": 1})


def test_of_several_messages_to_a_number_the_one_with_the_id_is_meant(harness: ReceiptHarness):
    harness.put(*[row(0, message_id=f"m{n}.", verification_id=f"v{n}") for n in range(4)])
    harness.put(row(0, "unknown", message_id="m9."))

    take(harness, receipt(2))  # another number's receipt with this id changes nothing
    take(harness, receipt(0, verificationId="v2"))

    assert {found.message_id: found.status for found in harness.dynamodb.rows()} == {
        "m0.": "sent", "m1.": "sent", "m2.": "delivered", "m3.": "sent", "m9.": "unknown"
    }  # fmt: skip


@pytest.mark.fault("receipt-unmatched")
def test_a_receipt_for_no_message_changes_nothing_and_is_counted(harness: ReceiptHarness):
    harness.put(row())

    take(harness, receipt(verificationId="v999"), receipt(1))

    assert harness.dynamodb.rows() == [row()]
    assert harness.counts == {"ReceiptsUnmatched": 2}
    assert harness.parked.entries == []


@pytest.mark.parametrize("status", ["sent", "unknown", "sending"])
def test_a_receipt_of_one_account_cannot_touch_anothers_message(harness: ReceiptHarness, status: str):
    theirs = row(0, status, account=OTHER_ACCOUNT)
    harness.put(theirs)

    take(harness, receipt())
    harness.clock.sleep(OUTCOME_SECONDS)
    harness.retry_parked()

    assert harness.dynamodb.rows() == [theirs]
    assert harness.counts == {"ReceiptsUnmatched": 1}


# ── once ─────────────────────────────────────────────────────────────────────


@pytest.mark.fault("receipt-repeated")
@pytest.mark.parametrize("second", ["DELIVRD", "UNDELIV", "EXPIRED", "ENROUTE"])
def test_the_first_final_report_counts(harness: ReceiptHarness, second: str):
    harness.put(row())
    take(harness, receipt())
    after_the_first = harness.dynamodb.rows()
    harness.clock.sleep(60)

    take(harness, receipt(0, second))

    assert harness.dynamodb.rows() == after_the_first
    assert harness.counts == {"ReceiptsDelivered": 1}


def test_a_failure_is_not_mended_by_a_later_delivery(harness: ReceiptHarness):
    harness.put(row())

    take(harness, receipt(0, "UNDELIV"))
    take(harness, receipt(0, "DELIVRD"))

    assert harness.status() == "undelivered"


@pytest.mark.fault("receipt-repeated")
def test_the_same_receipts_in_one_call_change_the_log_once(harness: ReceiptHarness):
    harness.put(row())

    take(harness, *[receipt()] * 50)
    for _ in rounds(harness.parked):
        assert harness.retry_parked() == []

    assert [after for _, _, after in harness.dynamodb.history] == ["sent", "delivered"]
    assert harness.counts["ReceiptsDelivered"] == 1


def test_contradictions_in_one_call_leave_one_of_them(harness: ReceiptHarness):
    harness.put(row())

    take(harness, *[receipt(), receipt(0, "UNDELIV")] * 10)
    for _ in rounds(harness.parked):
        harness.retry_parked()

    assert len(harness.dynamodb.history) == 2


# ── early ────────────────────────────────────────────────────────────────────


@pytest.mark.fault("receipt-early")
def test_a_receipt_before_its_outcome_is_tried_with_growing_pauses_for_a_quarter_of_an_hour(harness: ReceiptHarness):
    harness.put(row(0, "sending"), row(0, "sending", message_id="another."))
    take(harness, receipt())
    pauses = []

    for _ in rounds(harness.parked):
        [entry] = harness.parked.entries
        pauses.append(entry.delay)
        harness.clock.sleep(entry.delay)
        assert harness.retry_parked() == []

    assert pauses == [15, 30, 60, 120, 240, 480]
    assert sum(pauses) >= OUTCOME_SECONDS == 900
    assert harness.counts["ReceiptsUnmatched"] == 1
    assert harness.dynamodb.statuses() == ["sending", "sending"]


def test_what_is_still_being_sent_after_a_quarter_of_an_hour_died_with_its_worker(harness: ReceiptHarness):
    harness.put(row(0, "sending"))
    take(harness, receipt())

    harness.clock.sleep(OUTCOME_SECONDS - 1)
    assert harness.retry_parked() == []
    assert harness.status() == "sending"
    harness.clock.sleep(1)
    assert harness.retry_parked() == []

    assert harness.status() == "delivered"


def test_a_message_whose_sending_began_after_the_receipt_is_not_meant(harness: ReceiptHarness):
    harness.put(row(0, "sending", claimed_at=times.iso(START + 6)))

    take(harness, receipt())

    assert harness.parked.entries == []
    assert harness.counts == {"ReceiptsUnmatched": 1}


def test_clocks_may_be_a_few_seconds_apart(harness: ReceiptHarness):
    harness.put(row(0, "sending", claimed_at=times.iso(START + 4)))

    take(harness, receipt())

    assert len(harness.parked.entries) == 1


def test_a_parked_receipt_is_judged_by_when_it_came(harness: ReceiptHarness):
    harness.put(row(0, "sending"))
    take(harness, receipt())
    harness.put(row(0, "sent", verification_id="v5"))
    harness.put(row(0, "unknown", message_id="later.", claimed_at=times.iso(START + 60)))
    harness.clock.sleep(120)

    harness.retry_parked()

    assert harness.dynamodb.statuses() == ["sent", "unknown"]
    assert harness.counts["ReceiptsUnmatched"] == 1


def test_a_receipt_whose_message_changes_before_it_is_concluded_is_tried_again(harness: ReceiptHarness):
    harness.put(row(0, "unknown", verification_id=None))

    def its_outcome_comes(point: str) -> None:
        if point == "before update_item":
            harness.dynamodb.around = lambda _point: None
            harness.put(row(0, "sent"))

    harness.dynamodb.around = its_outcome_comes
    take(harness, receipt())
    assert harness.status() == "sent"

    assert harness.retry_parked() == []
    assert harness.status() == "delivered"


def test_the_id_is_found_while_another_message_is_being_sent(harness: ReceiptHarness):
    harness.put(row(0), row(0, "sending", message_id="another."))

    take(harness, receipt())

    assert harness.status() == "delivered"
    assert harness.parked.entries == []


# ── in doubt ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["unknown", "sent"])
def test_one_message_without_an_id_is_meant(harness: ReceiptHarness, status: str):
    harness.put(row(0, status, verification_id=None))
    harness.put(row(0, "delivered", message_id="before.", verification_id="v8"))

    take(harness, receipt(verificationId="v9"))

    assert harness.status() == "delivered"
    assert {found.message_id: found.verification_id for found in harness.dynamodb.rows()}[message_id()] == "v9"


def test_of_two_messages_without_an_id_neither_is_guessed(harness: ReceiptHarness):
    harness.put(row(0, "unknown"), row(0, "sent", message_id="another.", verification_id=None))

    take(harness, receipt())

    assert harness.dynamodb.statuses() == ["sent", "unknown"]
    assert harness.counts == {"ReceiptsUnmatched": 1}


@pytest.mark.parametrize("recipient", ["+916591234567", "+6591234567"])
def test_a_message_without_an_id_is_meant_whichever_countrys_its_number_is(harness: ReceiptHarness, recipient: str):
    harness.put(row(0, "unknown", recipient=recipient))

    take(harness, receipt(mobileNumber="6591234567", countryCode=None))

    assert harness.dynamodb.statuses() == ["delivered"]


def test_of_two_countries_messages_without_an_id_neither_is_guessed(harness: ReceiptHarness):
    harness.put(row(0, "unknown", recipient="+916591234567"), row(1, "unknown", recipient="+6591234567"))

    take(harness, receipt(mobileNumber="6591234567", countryCode=None))

    assert harness.dynamodb.statuses() == ["unknown", "unknown"]


@pytest.mark.parametrize("status", ["unknown", "sent", "sending"])
def test_a_message_of_more_than_three_days_ago_is_not_meant(harness: ReceiptHarness, status: str):
    harness.put(row(0, status, verification_id=None, claimed_at=times.iso(START - DOUBTFUL_SECONDS - 1)))

    take(harness, receipt(verificationId="another system's"))

    assert harness.status() == status
    assert harness.counts == {"ReceiptsUnmatched": 1}
    assert harness.parked.entries == []


def test_a_message_of_three_days_ago_is_meant_and_an_older_one_is_no_rival(harness: ReceiptHarness):
    harness.put(row(0, "unknown", claimed_at=times.iso(START - 72 * HOUR)))
    harness.put(row(0, "unknown", message_id="older.", claimed_at=times.iso(START - 73 * HOUR)))

    take(harness, receipt())

    assert harness.status() == "delivered"
    assert harness.dynamodb.statuses() == ["delivered", "unknown"]


def test_a_message_with_the_receipts_id_is_meant_however_old_it_is(harness: ReceiptHarness):
    harness.put(row(0, "sent", claimed_at=times.iso(START - 500 * HOUR)))

    take(harness, receipt())

    assert harness.status() == "delivered"


def test_a_message_with_another_id_is_not_meant(harness: ReceiptHarness):
    harness.put(row(0, "unknown", verification_id="v1"))

    take(harness, receipt())

    assert harness.status() == "unknown"


def test_a_message_claimed_after_the_receipt_came_is_not_meant(harness: ReceiptHarness):
    harness.put(row(0, "unknown", claimed_at=times.iso(START + 6)))

    take(harness, receipt())

    assert harness.status() == "unknown"


@pytest.mark.parametrize("status", ["rejected", "expired", "retrying"])
def test_what_was_never_sent_is_not_meant(harness: ReceiptHarness, status: str):
    harness.put(row(0, status), row(1, "rejected", claimed_at=None, claimed_by=None))

    take(harness, receipt(), receipt(1))

    assert harness.status() == status
    assert harness.counts == {"ReceiptsUnmatched": 2}
