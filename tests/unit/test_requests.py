"""CleverTap's requests in all their forms (design §4, contracts/clevertap.md §2)."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.clevertap.requests import MAX_BODY_BYTES, Readings, read_messages, read_records
from bridge.message import OWN_ID_PREFIX, BadRequest, Message, TooLarge
from tests.fakes.values import ACCOUNT_ID, START, account, message_id, number, text

ONE = {"to": number(1), "text": text()}


def read(document: Any, **held: Any) -> Readings:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_messages(read_records(body), account(**held), START)


def only(readings: Readings) -> Message:
    assert readings.rejections == []
    [message] = readings.messages
    return message


def refused(body: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        read(body)
    return str(caught.value)


# Where the records are


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(ONE).encode(),
        json.dumps([ONE]).encode(),
        json.dumps({"messages": [ONE]}).encode(),
        json.dumps({"whatever": [ONE]}).encode(),
        json.dumps({"": [ONE], "beside": ["no", "records"], "more": {"to": "x"}}).encode(),
        b"\xef\xbb\xbf" + json.dumps(ONE).encode(),
        b"\r\n  " + json.dumps(ONE, indent=2).encode() + b"\n",
        json.dumps(ONE, ensure_ascii=False).encode(),
        urlencode(ONE).encode(),
        f"to={number(1)}&text={text()}".encode(),  # nothing escaped: the plus becomes a space
        urlencode({**ONE, "unknown": "x"}).encode(),
    ],
)
def test_one_message_however_it_is_wrapped(body: bytes):
    readings = read(body)

    assert readings.single
    assert (only(readings).recipient, only(readings).text) == (number(1), text())


def test_a_message_is_read_with_all_its_fields():
    record = {
        "to": "91 98765-00001",
        "text": " नमस्ते ",
        "messageId": message_id(1),
        "campaignId": "c1",
        "templateId": "t1",
        "senderId": "SENDER",
        "messageType": "OTP",
        "unknown": {"is": ["ignored"]},
    }

    assert only(read(record)) == Message(
        account=ACCOUNT_ID,
        recipient=number(1),
        country_code="91",
        message_id=message_id(1),
        text=" नमस्ते ",
        segments=1,
        accepted_at=START,
        campaign_id="c1",
        template_id="t1",
        sender_id="SENDER",
        message_type="OTP",
    )


def test_many_records_keep_their_order_and_places():
    records = [{"to": number(n), "text": text(str(n))} for n in range(1_000)]
    records[7] = {"to": "nobody", "text": "x"}

    readings = read({"messages": records})

    assert not readings.single
    assert readings.indexes == [n for n in range(1_000) if n != 7]
    assert [rejection.index for rejection in readings.rejections] == [7]


def test_more_than_a_thousand_records_are_refused():
    assert "1001" in refused([ONE] * 1_001)
    assert "1001" in refused({"m": [ONE] * 1_001})


def test_fields_beside_the_array_hold_for_all_records_that_do_not_say_otherwise():
    readings = read(
        {
            "campaignId": "all",
            "text": text("for all"),
            "messages": [
                {"to": number(1)},
                {"to": number(2), "campaignId": "own", "text": text("own")},
                {"to": number(3), "campaignId": "", "text": None},
                {"to": number(4), "campaignId": "$$CampaignID", "text": "$$Body"},
            ],
        }
    )

    assert [(m.campaign_id, m.text) for m in readings.messages] == [
        ("all", text("for all")),
        ("own", text("own")),
        ("all", text("for all")),
        ("all", text("for all")),
    ]


@pytest.mark.parametrize("empty", [None, "", "  ", "\n", "$$MessageID", " $$MessageID ", "$$Anything_1"])
def test_empty_and_unreplaced_fields_are_absent(empty: str | None):
    message = only(read({**ONE, "messageId": empty, "campaignId": empty, "senderId": empty, "templateId": empty}))

    assert message.message_id.startswith(OWN_ID_PREFIX)
    assert (message.campaign_id, message.sender_id, message.template_id) == (None, None, None)


@pytest.mark.parametrize("words", ["costs $$5", "$$Body and more", "$$", "$ $Body"])
def test_dollars_within_a_text_are_text(words: str):
    assert only(read({**ONE, "text": words})).text == words


def test_two_records_without_an_id_get_two():
    first, second = read([ONE, ONE]).messages

    assert first.message_id != second.message_id


@pytest.mark.parametrize("to", [919876500001, 9876500001])
def test_a_number_may_come_as_a_json_number(to: int):
    assert only(read({**ONE, "to": to})).recipient == number(1)


def test_numbers_in_texts_and_ids_are_their_digits():
    message = only(
        read(b'{"to": 919876500001, "text": 0012, "messageId": 12345678901234567890123}'.replace(b"00", b""))
    )

    assert (message.text, message.message_id) == ("12", "12345678901234567890123")
    assert only(read(b'{"to": 919876500001, "text": 1.50}')).text == "1.50"


def test_a_national_number_is_one_of_the_accounts_country():
    assert only(read({**ONE, "to": "0501234567"}, country="AE")).recipient == "+971501234567"


# What is refused as a whole


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"hello",
        b"null",
        b"7",
        b'"text"',
        b"[]",
        b"{}",
        b"[[]]",
        b"[1, 2]",
        b'["a"]',
        b'{"messages": []}',
        b'{"messages": [1, "a", null]}',
        b'{"messages": {"to": "x", "text": "y"}}',
        b'{"a": [{}], "b": [{}]}',
        b"{",
        b'{"to": "x", "text": }',
        b'[{"to": "x"}',
        b"{'to': 'x'}",
        b'{"to": "\n"}',
        b"\xff\xfe{\x00",
        b'{"to": "\xff"}',
        b"to=%ff&text=%fe",
        b"a=b&c=d",
        b"=&=",
        b"x=1&" * 200,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"ciphertext": "abc"}',
        b'{"ciphertext": "abc", "to": "+919876500001", "text": "x"}',
        b"ciphertext=abc",
    ],
)
def test_what_holds_no_records_is_one_clear_error(body: bytes):
    assert refused(body)


def test_an_encrypted_payload_says_what_to_do():
    assert "switch encryption off" in refused({"ciphertext": "abc"})


def test_the_place_of_a_json_error_is_told_and_nothing_of_the_body():
    told = refused(b'{"to": "+919876500001",\n "text": "opensesame" oops}')

    assert "line 2" in told
    assert "opensesame" not in told
    assert "9876500001" not in told


def test_a_body_that_is_too_large_is_told_so():
    with pytest.raises(TooLarge):
        read_records(b" " * (MAX_BODY_BYTES + 1))
    assert read(json.dumps(ONE).encode().ljust(MAX_BODY_BYTES)).single


def test_too_many_records_are_counted_before_anything_is_made_of_them():
    # 400,000 empty records beside 2,000 defaults: merged first, they would be gigabytes.
    import tracemalloc  # noqa: PLC0415

    body = json.dumps({**{f"k{n}": "" for n in range(200)}, "m": [{}] * 20_000}).encode()
    tracemalloc.start()
    assert "20000" in refused(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 40_000_000


# What is refused of a record


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": None}, "910"),
        ({"to": "$$To"}, "910"),
        ({"to": "nobody"}, "910"),
        ({"to": "123"}, "910"),
        ({"to": True}, "910"),
        ({"to": ["+919876500001"]}, "910"),
        ({"to": {"number": "+919876500001"}}, "910"),
        ({"to": "9" * 600}, "910"),
        ({"to": "\ud800"}, "910"),
        ({"text": None}, "900"),
        ({"text": "   "}, "900"),
        ({"text": "$$Body"}, "900"),
        ({"text": False}, "900"),
        ({"text": {"a": 1}}, "900"),
        ({"text": "a" * 1_225}, "900"),
        ({"text": "अ" * 537}, "900"),
        ({"text": "half \udc00"}, "900"),
        ({"messageId": "x" * 513}, "900"),
        ({"messageId": "é" * 257}, "900"),
        ({"messageId": ["x"]}, "900"),
        ({"messageId": "\ud800"}, "900"),
        ({"campaignId": "x" * 513}, "900"),
        ({"senderId": {}}, "900"),
    ],
)
def test_a_record_that_cannot_be_sent_is_rejected_with_its_code(changes: dict[str, Any], code: str):
    readings = read({**ONE, **changes})

    [rejection] = readings.rejections
    assert (rejection.code, readings.messages) == (code, [])
    assert rejection.reason
    assert text() not in rejection.reason
    assert 0 < len(rejection.recipient) <= 64
    assert 0 < len(rejection.message_id.encode()) <= 512
    (rejection.recipient + rejection.message_id + rejection.text).encode()


@pytest.mark.parametrize("words", ["a" * 1_224, "अ" * 536, "x" * 160])
def test_the_longest_texts_are_taken(words: str):
    assert only(read({**ONE, "text": words})).text == words


def test_the_longest_id_is_taken():
    assert only(read({**ONE, "messageId": "x" * 512})).message_id == "x" * 512


def test_a_rejection_keeps_what_the_log_needs():
    [rejection] = read({"to": number(1), "text": "", "messageId": message_id(1), "campaignId": "c"}).rejections

    assert (rejection.recipient, rejection.message_id, rejection.campaign_id) == (number(1), message_id(1), "c")


def test_one_bad_record_does_not_harm_the_others():
    readings = read([ONE, 7, None, "x", [], {}, {"to": "x", "text": "y"}, ONE])

    assert readings.indexes == [0, 7]
    assert [rejection.index for rejection in readings.rejections] == [1, 2, 3, 4, 5, 6]


records = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["to", "text", "messageId", "m", "ciphertext", "campaignId"]), inner)
    ),
    max_leaves=20,
)


@given(records | st.lists(st.fixed_dictionaries({"to": records, "text": records}), min_size=1, max_size=5))
def test_whatever_json_comes_is_a_reading_or_a_bad_request(document: Any):
    try:
        found = read_records(json.dumps(document).encode())
    except BadRequest:
        return
    readings = read_messages(found, account(), START)
    assert sorted(readings.indexes + [item.index for item in readings.rejections]) == [*range(len(found))]


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_a_reading_or_a_bad_request(body: bytes):
    with suppress(BadRequest):
        read_messages(read_records(body), account(), START)
