"""Encrypted payloads whose headers, lengths, encodings and contents may be anything."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.aes import decrypt, encrypt
from bridge.clevertap.seal import Seal, encrypted
from bridge.encodings import Encoding, read_blocks, read_exactly
from tests.fakes.encryption import KEY, KEYS, VERSION, opened, sealed
from tests.fakes.values import ACCOUNT_ID, message_id, number, secret, text
from tests.unit.harness import KEY_HEADERS, Handlers

MESSAGE = {"to": number(), "text": text(), "messageId": message_id()}
CANNOT_OPEN = {"status": "error", "error": "the encrypted payload cannot be opened"}
keys = st.binary(min_size=32, max_size=32)
ivs = st.binary(min_size=16, max_size=16)
encodings = st.sampled_from(Encoding)

written = (
    st.text(max_size=70)
    | st.binary(max_size=40).map(lambda value: base64.b64encode(value).decode())
    | st.binary(max_size=40).map(bytes.hex)
    | st.text("0123456789abcdefABCDEF", min_size=32, max_size=32)
    | st.text("ÿé\u0661 \t\ud800", min_size=24, max_size=24)
)
hostile_headers = st.fixed_dictionaries(
    {},
    optional={
        "X-AES-IV": written | ivs.map(Encoding.BASE64.write) | ivs.map(Encoding.HEX.write),
        "x-aes-key-version": written | st.just(VERSION) | st.just(number()),
    },
)
hostile_bodies = (
    st.dictionaries(st.sampled_from(["ciphertext", "iv", "to"]), written | st.integers() | st.none(), min_size=1)
    | st.lists(st.binary(min_size=16, max_size=16), max_size=5).map(
        lambda blocks: {"ciphertext": base64.b64encode(b"".join(blocks)).decode()}
    )
).map(json.dumps) | st.text(max_size=40).map(lambda value: "{" + value)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(headers=hostile_headers.filter(bool), body=hostile_bodies)
def test_whatever_is_wrong_has_one_answer_and_sends_nothing(handlers: Handlers, headers: dict[str, str], body: str):
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(encryptionKeys=KEYS)

    assert handlers.post(body, KEY_HEADERS | headers) == (400, CANNOT_OPEN)
    assert handlers.transport.send_calls == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_byte_that_was_changed_is_refused_or_changed_a_message(handlers: Handlers, data: st.DataObject):
    """CBC has no seal of authenticity: what still is a message in JSON is one. Everything else has one answer."""
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(encryptionKeys=KEYS)
    headers, body = sealed(MESSAGE)
    ciphertext = bytearray(base64.b64decode(json.loads(body)["ciphertext"]))
    place = data.draw(st.integers(0, len(ciphertext) - 1))
    ciphertext[place] ^= data.draw(st.integers(1, 255))
    changed = json.dumps({"ciphertext": base64.b64encode(ciphertext).decode()})

    status, answer = handlers.post(changed, KEY_HEADERS | headers)

    plain, whole = decrypt(KEY, bytes(range(16)), bytes(ciphertext))
    if whole and is_message(plain):
        assert status in (200, 422)
    else:
        assert (status, answer) == (400, CANNOT_OPEN)


def is_message(plain: bytes) -> bool:
    try:
        document = json.loads(plain.decode())
    except ValueError:
        return False
    return isinstance(document, dict) and ("to" in document or "text" in document)


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(key=keys, iv=ivs, iv_as=encodings, ciphertext_as=encodings, document=json_values)
def test_what_goes_to_clevertap_can_be_opened_and_is_written_as_wanted(
    key: bytes, iv: bytes, iv_as: Encoding, ciphertext_as: Encoding, document: Any
):
    seal = Seal("v1", iv_as, ciphertext_as)

    headers, body = encrypted(json.dumps(document), seal, {"v1": key}, iv, encrypt)

    assert read_exactly(headers["x-aes-iv"], 16) == (iv_as, iv)
    found, ciphertext = read_blocks(json.loads(body)["ciphertext"], 16)
    assert found is ciphertext_as
    plain, whole = decrypt(key, iv, ciphertext)
    assert whole
    assert json.loads(plain) == document
    if iv_as is ciphertext_as:
        assert opened(headers, body, {"v1": key}) == document


@given(version=st.text(min_size=1), iv=encodings, ciphertext=encodings)
def test_how_a_message_came_can_be_read_back_from_its_row(version: str, iv: Encoding, ciphertext: Encoding):
    seal = Seal(version, iv, ciphertext)

    assert Seal.parse(str(seal)) == seal


@given(value=st.binary(min_size=1, max_size=64), encoding=encodings)
def test_a_length_tells_how_bytes_are_written(value: bytes, encoding: Encoding):
    if 2 * len(value) == len(Encoding.BASE64.write(value)):
        return  # one or two bytes: nobody's IV or key
    assert read_exactly(encoding.write(value), len(value)) == (encoding, value)


@given(text=written, size=st.sampled_from([16, 32]))
def test_what_is_not_so_many_bytes_is_refused_and_never_cut(text: str, size: int):
    try:
        encoding, value = read_exactly(text, size)
    except ValueError:
        return
    assert len(value) == size
    assert encoding.read(text) == value


@pytest.mark.parametrize("text", ["+/" * 12, "-_" * 12, "+/+/\r\n" * 6])
def test_both_alphabets_of_base64_and_broken_lines_are_read(text: str):
    assert Encoding.BASE64.read(text) == bytes([0xFB, 0xFF, 0xBF] * 6)
