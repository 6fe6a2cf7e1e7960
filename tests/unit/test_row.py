"""Rows: typed here, DynamoDB's JSON in the table, plain JSON in a chunk; and what the log writes into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.log.row import Row
from bridge.message import Failure, Outcome, Rejection, Status
from tests.fakes.clock import Clock
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.log import new_log, row
from tests.fakes.values import ACCOUNT_ID, START, message, message_id, number, text

if TYPE_CHECKING:
    from bridge.log.log import Log

NOW = "2023-11-14T22:13:20.000Z"


@pytest.fixture
def log() -> Log:
    return new_log(FakeDynamoDB(), Clock())


# In the table, and in a chunk


def test_an_item_has_the_tables_names_and_types_and_no_attribute_for_what_is_not_there():
    assert row(1).to_item() == {
        "recipient": {"S": number(1)},
        "messageId": {"S": f"{ACCOUNT_ID}/{message_id(1)}"},
        "account": {"S": ACCOUNT_ID},
        "status": {"S": "sent"},
        "acceptedAt": {"S": "2023-11-14T22:13:10.000Z"},
        "attempts": {"N": "1"},
        "report": {"BOOL": True},
        "expiresAt": {"N": str(int(START) + 86_400)},
        "segments": {"N": "1"},
        "claimedAt": {"S": "2023-11-14T22:13:15.000Z"},
        "claimedBy": {"S": "w/1"},
        "verificationId": {"S": "v1"},
    }


def test_all_attributes_of_the_table():
    texts = [
        *("recipient", "messageId", "account", "acceptedAt", "text", "campaignId", "senderId", "templateId"),
        *(
            "messageType",
            "encryption",
            "claimedAt",
            "claimedBy",
            "sentAt",
            "finalAt",
            "verificationId",
            "code",
            "reason",
        ),
    ]
    others = {"status": "sent", "attempts": 1, "report": False, "expiresAt": 1, "segments": 1}

    document = dict.fromkeys(texts, "x") | others

    assert Row.from_document(document).to_document() == document


def test_an_item_holds_nothing_but_plain_strings_and_booleans():
    kinds = {type(plain) for value in row().to_item().values() for plain in value.values()}

    assert kinds == {str, bool}, "a Status is a string, too, but no plain one"


def test_what_a_later_version_wrote_beside_the_row_is_left_out():
    assert Row.from_item({**row().to_item(), "mood": {"M": {}}}) == row()


@pytest.mark.parametrize("name", ["recipient", "messageId", "account", "status", "acceptedAt", "attempts", "report"])
def test_an_item_or_a_document_that_lacks_something_is_no_row(name: str):
    item, document = row().to_item(), row().to_document()
    del item[name], document[name]

    with pytest.raises(TypeError):
        Row.from_item(item)
    with pytest.raises(TypeError):
        Row.from_document(document)


@pytest.mark.parametrize(
    "change",
    [{"status": "nonsense"}, {"status": 1}, {"attempts": 1.5}, {"attempts": True}, {"report": "yes"}, {"text": None},
     {"recipient": 7}, {"mood": "x"}],
)  # fmt: skip
def test_a_document_that_another_version_wrote_is_no_row(change: dict[str, Any]):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Row.from_document({**row().to_document(), **change})


def test_a_row_knows_its_key():
    assert row(3).key == (number(3), f"{ACCOUNT_ID}/{message_id(3)}")


# What the log writes into them


def test_a_claim_says_what_is_sent_by_whom_and_since_when(log: Log):
    given_message = message(1, campaign_id="c", sender_id="s", template_id="t", message_type="OTP", attempts=2)

    claim = log.new_claim(given_message, "w/1", report=True)

    assert (claim.message, claim.id) == (given_message, "w/1")
    assert claim.row == Row(
        recipient=number(1),
        message_id=message_id(1),
        account=ACCOUNT_ID,
        status=Status.SENDING,
        segments=1,
        accepted_at=NOW,
        claimed_at=NOW,
        claimed_by="w/1",
        attempts=3,
        report=True,
        expires_at=int(START) + 30 * 86_400,
        text=text(),
        campaign_id="c",
        sender_id="s",
        template_id="t",
        message_type="OTP",
    )


def test_texts_are_kept_only_where_they_are_to_be():
    log = new_log(FakeDynamoDB(), Clock(), store_text=False)
    rejection = Rejection(0, "-", "id", Failure.INVALID_RECORD, "why", START, text=text())

    assert log.new_claim(message(), "w/1", report=True).row.text is None
    assert log.rejection_row(rejection, "a", report=True).text is None


def test_clevertap_is_not_told_about_ids_that_it_did_not_give(log: Log):
    rejection = Rejection(0, "-", "bridge-1", Failure.INVALID_RECORD, "why", START)

    assert log.new_claim(message(1, message_id="bridge-1"), "w/1", report=True).row.report is False
    assert log.rejection_row(rejection, "a", report=True).report is False


@pytest.mark.parametrize(
    ("outcome", "attributes"),
    [
        (Outcome(Status.SENT, verification_id="v1"), {"status": "sent", "sentAt": NOW, "verificationId": "v1"}),
        (
            Outcome(Status.REJECTED, Failure.INVALID_NUMBER, reason="bad"),
            {"status": "rejected", "finalAt": NOW, "code": "910", "reason": "bad"},
        ),
        (Outcome(Status.RETRYING, reason="busy"), {"status": "retrying", "reason": "busy"}),
        (Outcome(Status.UNKNOWN, reason="lost", verification_id=""), {"status": "unknown", "reason": "lost"}),
    ],
)
def test_an_outcome_replaces_the_claims_row(log: Log, outcome: Outcome, attributes: dict[str, Any]):
    claim = log.new_claim(message(), "w/1", report=True)

    assert log.outcome_row(claim, outcome).to_document() == {**claim.row.to_document(), **attributes}


def test_what_the_answer_told_needs_no_report(log: Log):
    claim = log.new_claim(message(), "w/1", report=True)
    outcome = Outcome(Status.REJECTED, Failure.INVALID_NUMBER, reason="bad")

    assert log.outcome_row(claim, outcome, already_reported=True).report is False
    assert log.outcome_row(claim, outcome).report is True


def test_a_rejection_is_a_row_that_was_never_claimed(log: Log):
    rejection = Rejection(7, "-", "m", Failure.INVALID_RECORD, "no text", START - 1, text="t", campaign_id="c")

    found = log.rejection_row(rejection, "a", report=True)

    assert found.to_document() == {
        "recipient": "-",
        "messageId": "m",
        "account": "a",
        "status": "rejected",
        "code": "900",
        "reason": "no text",
        "text": "t",
        "campaignId": "c",
        "acceptedAt": "2023-11-14T22:13:19.000Z",
        "finalAt": NOW,
        "attempts": 0,
        "report": True,
        "expiresAt": int(START) + 30 * 86_400,
    }


def test_a_rejection_stands_under_the_claim_of_its_request_that_sent_nothing(log: Log):
    rejection = Rejection(0, "-", "m", Failure.NOT_QUEUED, "why", START, unsent_claims=["w/1"])

    assert log.rejection_row(rejection, "a", report=False).claimed_by == "w/1"
