"""Message Central's delivery reports are read in every form that is expected, and never by guessing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from bridge.errors import BadRequest
from bridge.message import Failure, Status
from bridge.message_central.receipts import (
    FIELDS,
    MAX_RECEIPTS,
    OPTIONAL,
    STATUS_WORDS,
    DeliveryStatus,
    Receipt,
    Unrecognised,
    read_receipts,
)
from bridge.message_central.verdicts import verdict
from tests.fakes.values import number
from tests.fakes.vendor import accepted
from tests.unit.receipt_harness import receipt

EXPECTED = Receipt("v0", number()[3:], "DELIVRD", "91")

# What is promised: the vendor's word, our status, and why it ended badly.
TABLE = {
    "DELIVRD": (Status.DELIVERED, None),
    "DELIVERED": (Status.DELIVERED, None),
    "UNDELIV": (Status.UNDELIVERED, Failure.UNDELIVERED),
    "UNDELIVERED": (Status.UNDELIVERED, Failure.UNDELIVERED),
    "FAILED": (Status.UNDELIVERED, Failure.UNDELIVERED),
    "EXPIRED": (Status.UNDELIVERED, Failure.EXPIRED),
    "REJECTD": (Status.UNDELIVERED, Failure.NETWORK),
    "REJECTED": (Status.UNDELIVERED, Failure.NETWORK),
    "DELETED": (Status.UNDELIVERED, Failure.DROPPED),
    "ACCEPTD": None,
    "ACCEPTED": None,
    "ENROUTE": None,
    "SUBMITTED": None,
    "SENT": None,
    "PENDING": None,
    "UNKNOWN": None,
}


def read(document: Any) -> list[Receipt | Unrecognised]:
    return read_receipts(json.dumps(document).encode(), "")


def error(document: Any) -> str:
    [found] = read(document)
    assert isinstance(found, Unrecognised)
    return found.error


def word(document: Any) -> str:
    [found] = read(document)
    assert isinstance(found, Unrecognised)
    return found.word


@pytest.mark.parametrize("word", TABLE)
def test_each_word_means_what_is_promised(word: str):
    [found] = read(receipt(status=word))

    assert isinstance(found, Receipt)
    assert (found.delivery and (found.delivery.status, found.delivery.failure)) == TABLE[word]


def test_no_word_has_been_added_without_being_promised():
    assert {*STATUS_WORDS} == {*TABLE}


@pytest.mark.parametrize("word", ["delivrd", "Delivered", " DELIVRD ", "DELIVRD\n"])
def test_case_and_blanks_around_a_word_do_not_matter(word: str):
    [found] = read(receipt(status=word))

    assert isinstance(found, Receipt)
    assert found.delivery
    assert found.delivery.status is Status.DELIVERED


@pytest.mark.parametrize("name", ["verificationId", "messageId", "transactionId", "VERIFICATIONID", "messageid"])
def test_each_name_of_the_id_is_read(name: str):
    assert read({**receipt(verificationId=None), name: "v0"}) == [EXPECTED]


@pytest.mark.parametrize("name", ["mobileNumber", "mobile", "phoneNumber", "msisdn", "MSISDN"])
def test_each_name_of_the_number_is_read(name: str):
    assert read({**receipt(mobileNumber=None), name: number()[3:]}) == [EXPECTED]


@pytest.mark.parametrize("name", ["status", "deliveryStatus", "dlrStatus", "STATUS"])
def test_each_name_of_the_status_is_read(name: str):
    assert read({**receipt(status=None), name: "DELIVRD"}) == [EXPECTED]


@pytest.mark.parametrize("name", ["errorCode", "error", "ERRORCODE"])
def test_each_name_of_the_error_code_is_read(name: str):
    [found] = read({**receipt(status="UNDELIV"), name: 27})

    assert isinstance(found, Receipt)
    assert found.error_code == "27"


def test_no_field_name_has_been_added_without_a_test():
    names = {name: len(aliases) for name, aliases in (FIELDS | OPTIONAL).items()}

    assert names == {"verification_id": 3, "number": 4, "status": 3, "country_code": 1, "error_code": 2}


def test_of_several_ids_the_one_of_the_send_call_counts():
    assert read({**receipt(), "messageId": "other", "transactionId": "another"}) == [EXPECTED]


@pytest.mark.parametrize(
    ("status", "delivery_status"),
    [("SENT", "DELIVRD"), ("DELIVERED", "UNDELIV"), ("FAILED", "EXPIRED"), ("UNKNOWN", "FAILED")],
)
def test_of_two_statuses_that_contradict_each_other_none_is_chosen(status: str, delivery_status: str):
    for document in (
        receipt(status=status, deliveryStatus=delivery_status),
        receipt(status=delivery_status, dlrStatus=status),
        receipt(status=status, STATUS=delivery_status),
    ):
        assert error(document) == "several statuses"


@pytest.mark.parametrize(
    ("status", "others"), [("DELIVRD", ("delivered", "DELIVRD")), ("SENT", ("ENROUTE",)), ("DELIVRD", ("000",))]
)
def test_statuses_that_say_the_same_are_one(status: str, others: tuple[str, ...]):
    document = receipt(status=status) | dict(zip(("dlrStatus", "deliveryStatus"), others, strict=False))

    assert read(document) == [Receipt("v0", number()[3:], status, "91")]


def test_a_form_that_holds_several_receipts_is_not_read_as_one_of_them():
    form = "&".join(urlencode(receipt(n)) for n in range(2))

    for found in (read_receipts(form.encode(), ""), read_receipts(b"", form)):
        [one] = found
        assert isinstance(one, Unrecognised)
        assert one.error.startswith("missing: verificationId or")
        assert {*one.document} == {*receipt()}


def test_a_form_that_says_the_same_twice_says_it_once():
    assert read_receipts(b"", urlencode(receipt()) + "&status=DELIVRD&status=") == [EXPECTED]


@pytest.mark.parametrize("nothing", [None, "", "  ", False, [], {}])
def test_an_empty_id_makes_room_for_the_next_name(nothing: Any):
    assert read({**receipt(), "verificationId": nothing, "transactionId": "v0"}) == [EXPECTED]


def test_numbers_in_json_are_read_as_their_digits():
    [found] = read({"verificationId": 4711, "mobileNumber": 919876500000, "countryCode": 91, "status": "DELIVRD"})

    assert found == Receipt("4711", "919876500000", "DELIVRD", "91")


@pytest.mark.parametrize("vendors_id", ["4711", "x" * 300, "half \ud800 character"])
def test_an_id_is_read_as_the_answer_to_the_send_call_was(vendors_id: str):
    [found] = read(receipt(verificationId=vendors_id))

    assert isinstance(found, Receipt)
    assert found.verification_id == verdict(accepted(vendors_id)).verification_id


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (json.dumps(receipt()), ""),
        (json.dumps([receipt()]), ""),
        ("\ufeff \n" + json.dumps(receipt()), ""),
        (urlencode(receipt()), ""),
        ("", urlencode(receipt())),
        ("\n", urlencode(receipt())),
        (json.dumps(receipt()), "verificationId=other&status=FAILED"),
        ("", f"mobileNumber={number()[3:]}&verificationId=v0&countryCode=%2B91&status=delivrd&time="),
    ],
    ids=["object", "array", "byte order mark", "form", "query", "blank body", "body before query", "encoded"],
)
def test_one_receipt_is_read_in_every_form(body: str, query: str):
    [found] = read_receipts(body.encode(), query)

    assert isinstance(found, Receipt)
    assert (found.verification_id, found.number, found.status) == ("v0", number()[3:], "DELIVRD")
    assert found.country_code in ("91", "+91")


def test_an_array_is_read_in_order_and_its_faults_are_told_by_index():
    found = read([receipt(0), {"status": "DELIVRD"}, 7, receipt(3), receipt(4, "NO SUCH")])

    assert [type(one) for one in found] == [Receipt, Unrecognised, Unrecognised, Receipt, Unrecognised]
    assert [one.index for one in found if isinstance(one, Unrecognised)] == [1, 2, 4]


def test_as_many_as_are_promised_are_taken_in_one_call():
    assert len(read([receipt()] * MAX_RECEIPTS)) == 1_000
    with pytest.raises(BadRequest, match="more than 1000 delivery reports"):
        read([receipt()] * 1_001)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("verificationId", "missing: verificationId or messageId or transactionId"),
        ("mobileNumber", "missing: mobileNumber or mobile or phoneNumber or msisdn"),
        ("status", "missing: status or deliveryStatus or dlrStatus"),
    ],
)
def test_what_is_missing_is_told_by_every_name_it_could_have(field: str, message: str):
    assert error({name: value for name, value in receipt().items() if name != field}) == message


def test_all_that_is_missing_is_told_at_once():
    assert error({}).count(";") == 2


def test_a_word_that_is_not_known_is_told_beside_the_error_and_not_in_it():
    assert error(receipt(status="Handed over")) == "unknown status"
    assert word(receipt(status="Handed over")) == "HANDED OVER"


@pytest.mark.parametrize("status", [f"Sent to {number()}", "Your code is 123456", "9876 5 432 10"])
def test_a_number_or_a_code_in_the_place_of_the_word_is_not_told(status: str):
    assert not any(letter.isdigit() for letter in word(receipt(status=status)))


def test_no_more_of_a_word_is_told_than_a_word_can_have():
    assert len(word(receipt(status="long " * 100))) < 60


# ── one level deeper ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["data", "results", "report", "whatever"])
@pytest.mark.parametrize("nested", [receipt(), [receipt()]], ids=["object", "array"])
def test_a_receipt_is_read_one_level_deeper_in_whatever_field(name: str, nested: Any):
    assert read({"responseCode": 200, "message": "SUCCESS", name: nested}) == [EXPECTED]


def test_nested_receipts_are_read_in_order_each_array_element_on_its_own():
    found = read([{"data": [receipt(0), {"status": "DELIVRD"}]}, receipt(2)])

    assert [type(one) for one in found] == [Receipt, Unrecognised, Receipt]
    assert [one.index for one in found if isinstance(one, Unrecognised)] == [1]


def test_no_deeper_level_is_looked_into():
    [found] = read({"results": [{"data": receipt()}]})

    assert isinstance(found, Unrecognised)


@pytest.mark.parametrize(
    "document",
    [
        {"status": "DELIVRD", "data": receipt(status=None)},
        {"verificationId": "e-1", "data": receipt(verificationId=None)},
        {"mobileNumber": number(7), "results": [receipt(mobileNumber=None)]},
    ],
    ids=["status outside", "id outside", "number outside"],
)
def test_a_receipt_is_not_put_together_from_two_levels(document: Any):
    [found] = read(document)

    assert isinstance(found, Unrecognised)


def test_where_two_fields_hold_receipts_none_is_chosen():
    [found] = read({"sent": receipt(0), "received": receipt(1)})

    assert isinstance(found, Unrecognised)


def test_a_receipt_that_holds_another_is_itself_meant():
    assert read({**receipt(), "previous": receipt(1)}) == [EXPECTED]


def test_nested_receipts_count_towards_the_most_in_one_call():
    assert len(read({"data": [receipt()] * 1_000})) == 1_000
    with pytest.raises(BadRequest, match="more than 1000"):
        read([{"data": [receipt()] * 600}] * 2)


def test_what_is_larger_than_a_thousand_receipts_can_be_is_not_read():
    with pytest.raises(BadRequest, match="more than 1000000 bytes"):
        read_receipts(b"[" + b" " * 1_000_000 + b"]", "")


@pytest.mark.parametrize(("code", "shown"), [("001", True), (27, True), ("E-9", True), ("000", False), (0, False)])
def test_an_error_code_stands_beside_the_reason_of_a_failure(code: Any, shown: bool):  # noqa: FBT001
    [found] = read(receipt(status="UNDELIV", errorCode=code))

    assert isinstance(found, Receipt)
    assert found.delivery
    assert found.delivery.description == ("Undelivered (error " + str(code) + ")" if shown else "Undelivered")


@pytest.mark.parametrize("code", ["no such subscriber", number(), "12345678901", "<b>", "ä"])
def test_what_is_no_error_code_is_left_out(code: str):
    [found] = read(receipt(status="UNDELIV", errorCode=code))

    assert isinstance(found, Receipt)
    assert found.delivery
    assert found.delivery.description == "Undelivered"


def test_a_delivery_has_no_error():
    [found] = read(receipt(status="DELIVRD", errorCode="7"))

    assert isinstance(found, Receipt)
    assert found.delivery
    assert found.delivery == DeliveryStatus(Status.DELIVERED, None, "Delivered to handset")


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (b"", ""),
        (b"[]", ""),
        (b"hello", ""),
        (b"{", ""),
        (b'{"status": "DELIVRD"', ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
        (b"", "=&=&"),
        (b"", "status=%ff"),
        (b"", "&".join(f"f{n}=1" for n in range(101))),
    ],
    ids=repr,
)
def test_what_can_hold_no_receipt_is_refused(body: bytes, query: str):
    with pytest.raises(BadRequest):
        read_receipts(body, query)
