"""CleverTap's requests in all their forms (docs/contracts/clevertap.md)."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest

from bridge.clevertap.records import MAX_BODY_BYTES, MAX_FORM_BYTES, MAX_VALUES, parse_records
from bridge.clevertap.requests import ParsedRequest, parse_request
from bridge.errors import BadRequest, TooLarge
from bridge.message import OWN_ID_PREFIX, Failure, Message
from tests.fakes.values import ACCOUNT_ID, START, account, message_id, number, text

ONE = {"to": number(1), "text": text()}


def parse(document: Any, **held: Any) -> ParsedRequest:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_request(parse_records(body), account(**held), START)


def only(parsed: ParsedRequest) -> Message:
    assert parsed.rejections == []
    [(place, message)] = parsed.messages.items()
    assert place == 0
    return message


def refused(body: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        parse(body)
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
    parsed = parse(body)

    assert parsed.single
    assert (only(parsed).recipient, only(parsed).text) == (number(1), text())


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

    assert only(parse(record)) == Message(
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

    parsed = parse({"messages": records})

    assert not parsed.single
    assert list(parsed.messages) == [n for n in range(1_000) if n != 7]
    assert [rejection.index for rejection in parsed.rejections] == [7]


@pytest.mark.parametrize(
    "beside",
    [
        {"variables": [{"name": "a"}, {"name": "b"}]},
        {"variables": [{}, {}], "media": [{"url": "x"}]},
        {"variables": [{"value": [ONE]}, {"value": [ONE]}]},
    ],
)
def test_an_array_that_holds_no_messages_beside_a_message_makes_no_copies_of_it(beside: dict[str, Any]):
    """As `$$TemplateVariables` may come."""
    assert only(parse({"to": number(1), "text": text(), **beside})).text == text()


def test_an_array_that_holds_no_messages_beside_a_batch_is_ignored():
    parsed = parse({"variables": [{"name": "a"}], "messages": [{"to": number(1)}, {"to": number(2)}], "text": text()})

    assert [message.recipient for message in parsed.messages.values()] == [number(1), number(2)]


def test_two_arrays_of_messages_are_refused():
    assert "2 arrays" in refused({"a": [ONE], "b": [ONE]})


def test_more_than_a_thousand_records_are_refused():
    assert "1001" in refused([ONE] * 1_001)
    assert "1001" in refused({"m": [ONE] * 1_001})


def test_fields_beside_the_array_hold_for_all_records_that_do_not_say_otherwise():
    parsed = parse(
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

    assert [(m.campaign_id, m.text) for m in parsed.messages.values()] == [
        ("all", text("for all")),
        ("own", text("own")),
        ("all", text("for all")),
        ("all", text("for all")),
    ]


@pytest.mark.parametrize("empty", [None, "", "  ", "\n", "$$MessageID", " $$MessageID ", "$$Anything_1"])
def test_empty_and_unreplaced_fields_are_absent(empty: str | None):
    message = only(parse({**ONE, "messageId": empty, "campaignId": empty, "senderId": empty, "templateId": empty}))

    assert message.message_id.startswith(OWN_ID_PREFIX)
    assert (message.campaign_id, message.sender_id, message.template_id) == (None, None, None)


@pytest.mark.parametrize("words", ["costs $$5", "$$Body and more", "$$", "$ $Body"])
def test_dollars_within_a_text_are_text(words: str):
    assert only(parse({**ONE, "text": words})).text == words


def test_two_records_without_an_id_get_two():
    first, second = parse([ONE, ONE]).messages.values()

    assert first.message_id != second.message_id


@pytest.mark.parametrize("to", [919876500001, 9876500001])
def test_a_number_may_come_as_a_json_number(to: int):
    assert only(parse({**ONE, "to": to})).recipient == number(1)


def test_numbers_in_texts_and_ids_are_their_digits():
    message = only(parse(b'{"to": 919876500001, "text": 12, "messageId": 12345678901234567890123}'))

    assert (message.text, message.message_id) == ("12", "12345678901234567890123")
    assert only(parse(b'{"to": 919876500001, "text": 1.50}')).text == "1.50"


def test_a_national_number_is_one_of_the_accounts_country():
    assert only(parse({**ONE, "to": "0501234567"}, country="AE")).recipient == "+971501234567"


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


def test_an_encrypted_payload_whose_headers_do_not_say_so_has_the_answer_of_all_that_cannot_be_opened():
    assert refused({"ciphertext": "abc"}) == "the encrypted payload cannot be opened"


@pytest.mark.parametrize("written", ["one\ntwo", "one\r\ntwo", "one\ttwo"], ids=repr)
def test_a_line_break_that_was_put_into_the_json_as_it_is_belongs_to_the_text(written: str):
    body = f'{{"messages": [{{"to": "+919876500001", "text": "{written}"}}]}}'

    assert only(parse(body.encode())).text == written


def test_the_place_of_a_json_error_is_told_and_nothing_of_the_body():
    error = refused(b'{"to": "+919876500001",\n "text": "opensesame" oops}')

    assert "line 2" in error
    assert "opensesame" not in error
    assert "9876500001" not in error


def test_a_body_that_is_too_large_is_told_so():
    with pytest.raises(TooLarge):
        parse_records(b" " * (MAX_BODY_BYTES + 1))
    assert parse(json.dumps(ONE).encode().ljust(MAX_BODY_BYTES)).single


@pytest.mark.fault("body-hostile")
def test_a_form_that_is_too_large_is_told_so():
    form = urlencode({**ONE, "unknown": ""}).encode()
    with pytest.raises(TooLarge, match="form"):
        parse_records(form.ljust(MAX_FORM_BYTES + 1, b"x"))
    assert parse(form.ljust(MAX_FORM_BYTES, b"x")).single


def test_too_many_records_are_counted():
    assert "20000" in refused({"k": "", "m": [{}] * 20_000})


@pytest.mark.parametrize("value", ["{}", "[]", "1", '""', "null", '{"a":1}', r'"\\"', r'"\""'])
def test_more_values_than_a_request_can_need_are_refused_before_they_are_parsed(value: str):
    assert str(MAX_VALUES) in refused(b"[" + b",".join([value.encode()] * (MAX_VALUES + 1)) + b"]")


@pytest.mark.parametrize("words", [",,,", "{[,", '","', '\\",', "\\\\", '"[{,', '\u005b,","'])
def test_texts_full_of_what_looks_like_json_are_text(words: str):
    words = words * (510 // len(words))
    records = [{"to": number(n), "text": words} for n in range(1_000)]

    parsed = parse({"campaignId": words, "messages": records})

    assert [rejection.reason for rejection in parsed.rejections] == []
    assert {message.text for message in parsed.messages.values()} == {words}


@pytest.mark.fault("body-hostile")
def test_of_fifty_thousand_fields_beside_the_array_only_the_known_ones_are_kept_and_none_is_copied():
    unknown = {f"k{n}": n for n in range(50_000)}

    records = parse_records(json.dumps({"text": "x" * 100_000, **unknown, "m": [{"to": "1"}] * 1_000}).encode())

    assert [sorted(record or ()) for record in records] == [["text", "to"]] * 1_000
    assert len({id(record["text"]) for record in records if record}) == 1


def test_a_default_of_megabytes_is_not_worked_on_for_each_record():
    body = json.dumps(
        {"text": "x" * 2_400_000, "messageId": " " * 2_400_000, "m": [{"to": number(1)}] * 1_000}
    ).encode()

    started = time.process_time()
    parsed = parse(body)

    assert len(parsed.rejections) == 1_000
    assert time.process_time() - started < 2  # once for each record would be a minute


# What is refused of a record


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"to": None}, Failure.INVALID_NUMBER),
        ({"to": "$$To"}, Failure.INVALID_NUMBER),
        ({"to": "nobody"}, Failure.INVALID_NUMBER),
        ({"to": "123"}, Failure.INVALID_NUMBER),
        ({"to": True}, Failure.INVALID_NUMBER),
        ({"to": ["+919876500001"]}, Failure.INVALID_NUMBER),
        ({"to": {"number": "+919876500001"}}, Failure.INVALID_NUMBER),
        ({"to": "9" * 600}, Failure.INVALID_NUMBER),
        ({"to": "\ud800"}, Failure.INVALID_NUMBER),
        ({"text": None}, Failure.INVALID_RECORD),
        ({"text": "   "}, Failure.INVALID_RECORD),
        ({"text": "$$Body"}, Failure.INVALID_RECORD),
        ({"text": False}, Failure.INVALID_RECORD),
        ({"text": {"a": 1}}, Failure.INVALID_RECORD),
        ({"text": "a" * 1_225}, Failure.INVALID_RECORD),
        ({"text": "अ" * 537}, Failure.INVALID_RECORD),
        ({"text": "half \udc00"}, Failure.INVALID_RECORD),
        ({"messageId": "x" * 513}, Failure.INVALID_RECORD),
        ({"messageId": "é" * 257}, Failure.INVALID_RECORD),
        ({"messageId": ["x"]}, Failure.INVALID_RECORD),
        ({"messageId": "\ud800"}, Failure.INVALID_RECORD),
        ({"campaignId": "x" * 513}, Failure.INVALID_RECORD),
        ({"senderId": {}}, Failure.INVALID_RECORD),
    ],
)
def test_a_record_that_cannot_be_sent_is_rejected_with_its_failure(changes: dict[str, Any], failure: Failure):
    parsed = parse({**ONE, **changes})

    [rejection] = parsed.rejections
    assert (rejection.failure, parsed.messages) == (failure, {})
    assert rejection.reason
    assert text() not in rejection.reason
    assert 0 < len(rejection.recipient) <= 64
    assert 0 < len(rejection.message_id.encode()) <= 512
    (rejection.recipient + rejection.message_id + rejection.text).encode()


def test_what_is_neither_text_nor_a_number_is_said_to_be_neither():
    parsed = parse([{**ONE, name: True} for name in ("to", "text", "messageId")])

    assert [rejection.reason for rejection in parsed.rejections] == [
        f"{name} is neither text nor a number" for name in ("to", "text", "messageId")
    ]


@pytest.mark.parametrize("words", ["a" * 1_224, "अ" * 536, "x" * 160])
def test_the_longest_texts_are_taken(words: str):
    assert only(parse({**ONE, "text": words})).text == words


def test_the_longest_id_is_taken():
    assert only(parse({**ONE, "messageId": "x" * 512})).message_id == "x" * 512


def test_a_rejection_keeps_what_the_log_needs():
    [rejection] = parse({"to": number(1), "text": "", "messageId": message_id(1), "campaignId": "c"}).rejections

    assert (rejection.recipient, rejection.message_id, rejection.campaign_id) == (number(1), message_id(1), "c")


def test_one_bad_record_does_not_harm_the_others():
    parsed = parse([ONE, 7, None, "x", [], {}, {"to": "x", "text": "y"}, ONE])

    assert list(parsed.messages) == [0, 7]
    assert [rejection.index for rejection in parsed.rejections] == [1, 2, 3, 4, 5, 6]
