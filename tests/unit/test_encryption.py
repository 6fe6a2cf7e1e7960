"""Encrypted payloads: opened whichever way they are written, and refused in one way whatever is wrong."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bridge.aes import decrypt, encrypt
from bridge.chunk import decode
from bridge.clevertap.records import parse_records
from bridge.clevertap.seal import Seal
from bridge.encodings import Encoding
from bridge.secrets import CACHE_SECONDS, REREAD_SECONDS
from tests.fakes.clevertap import answer
from tests.fakes.encryption import IV, KEY, KEYS, NEW_KEY, NEW_VERSION, VERSION, opened, sealed
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, message_id, number, secret, text
from tests.unit.harness import KEY_HEADERS, Handlers
from tests.unit.receipt_harness import SECRET, URL, change

if TYPE_CHECKING:
    from tests.unit.receipt_harness import ReceiptHarness

VECTORS = Path(__file__).parents[1] / "vectors" / "encrypted_payloads.json"
CANNOT_OPEN = (400, {"status": "error", "error": "the encrypted payload cannot be opened"})
MESSAGE = {"to": number(), "text": text(), "messageId": message_id()}


@pytest.fixture
def handlers(handlers: Handlers) -> Handlers:
    """Accept, for an account whose payloads are encrypted."""
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(encryptionKeys=KEYS)
    return handlers


def post(handlers: Handlers, headers: dict[str, str], body: Any) -> tuple[int, Any]:
    return handlers.post(body, KEY_HEADERS | headers)


# What another implementation encrypted


def to_be_sent(handlers: Handlers) -> list[tuple[str, str, str | None]]:
    """Numbers, texts and campaigns, sent or queued."""
    kept = [(one.recipient, one.text, one.campaign_id) for one in handlers.dynamodb.rows()]
    waiting = [one for entry in handlers.sqs.entries for one in decode(entry.body).messages]
    return kept + [(one.recipient, one.text, one.campaign_id) for one in waiting]


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text()), ids=lambda vector: vector["name"])
def test_what_openssl_encrypted_is_what_is_sent(handlers: Handlers, vector: dict[str, str]):
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(encryptionKeys={vector["version"]: vector["key"]})
    plain = base64.b64decode(vector["payload_base64"])
    headers = {"X-AES-IV": vector["iv"], "X-AES-KEY-VERSION": vector["version"]}

    status, _ = post(handlers, headers, {"ciphertext": vector["ciphertext"]})

    assert status == 200
    other = Handlers()
    other.post(plain)
    assert to_be_sent(handlers) == to_be_sent(other) != []


@pytest.mark.skipif(not shutil.which("openssl") or not shutil.which("xxd"), reason="the vectors are committed")
def test_the_vectors_are_what_their_script_prints():
    script = VECTORS.with_suffix(".sh")
    printed = subprocess.run(["sh", script], capture_output=True, text=True, check=True).stdout

    assert printed == VECTORS.read_text()


# What is taken


@pytest.mark.parametrize("encoding", Encoding)
def test_a_message_that_came_encrypted_is_sent_and_its_row_says_how_it_came(handlers: Handlers, encoding: Encoding):
    status, found = post(handlers, *sealed(MESSAGE, iv=encoding))

    assert (status, found["status"]) == (200, "sent")
    kept = handlers.dynamodb.row((number(), message_id()))
    assert kept.encryption == f"{encoding}/{encoding}/{VERSION}"


def test_the_messages_of_a_batch_take_along_how_they_came(handlers: Handlers):
    records = [{"to": number(n), "text": text(), "messageId": message_id(n)} for n in range(3)]
    records.append({"to": "no number", "text": text(), "messageId": message_id(3)})

    status, found = post(handlers, *sealed(records))

    assert (status, found["accepted"], len(found["rejected"])) == (200, 3, 1)
    assert handlers.work() == []
    kept = sorted((one.status.value, one.encryption) for one in handlers.dynamodb.rows())
    assert kept == [(status, f"base64/base64/{VERSION}") for status in ("rejected", "sent", "sent", "sent")]


def test_plain_payloads_of_the_same_account_are_taken_as_before(handlers: Handlers):
    assert handlers.post(MESSAGE)[1]["status"] == "sent"
    assert handlers.dynamodb.row((number(), message_id())).encryption is None


def test_a_body_without_a_type_comes_in_base64_and_is_opened(handlers: Handlers):
    headers, body = sealed(MESSAGE)

    assert handlers.post(body, KEY_HEADERS | headers, encoded=True)[1]["status"] == "sent"


def test_two_versions_serve_at_once(handlers: Handlers):
    keys = KEYS | {NEW_VERSION: NEW_KEY.hex()}
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(encryptionKeys=keys)

    found = [
        post(handlers, *sealed(MESSAGE | {"messageId": version}, key, version))[1]["status"]
        for key, version in ((KEY, VERSION), (NEW_KEY, NEW_VERSION))
    ]

    assert found == ["sent", "sent"]


def test_keys_may_stand_as_a_text_as_secrets_managers_editor_makes_them(handlers: Handlers):
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(encryptionKeys=json.dumps(KEYS))

    assert post(handlers, *sealed(MESSAGE))[1]["status"] == "sent"


def test_a_new_version_serves_at_once_though_the_secret_was_read_just_now(handlers: Handlers):
    assert post(handlers, *sealed(MESSAGE))[1]["status"] == "sent"
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(encryptionKeys=KEYS | {NEW_VERSION: NEW_KEY.hex()})

    assert post(handlers, *sealed(MESSAGE | {"messageId": "2"}, NEW_KEY, NEW_VERSION))[1]["status"] == "sent"


def test_a_version_that_stays_unknown_makes_the_secret_be_read_once_in_half_a_minute(handlers: Handlers):
    assert CACHE_SECONDS > REREAD_SECONDS
    for n in range(5):
        assert post(handlers, *sealed(MESSAGE, NEW_KEY, NEW_VERSION)) == CANNOT_OPEN, n

    assert handlers.secrets.reads == 2


# What is refused


HEADERS, BODY = sealed(MESSAGE)
CIPHERTEXT = json.loads(BODY)["ciphertext"]


def tampered(place: int, ciphertext: str = CIPHERTEXT) -> dict[str, str]:
    data = bytearray(base64.b64decode(ciphertext))
    data[place] ^= 1
    return {"ciphertext": base64.b64encode(data).decode()}


def without_padding(plain: str) -> tuple[dict[str, str], Any]:
    """Blanks fill the last block, which no padding follows: what is in it can be read anyway."""
    whole = plain.encode().ljust(-(-len(plain) // 16) * 16)
    encryptor = Cipher(algorithms.AES256(KEY), modes.CBC(IV)).encryptor()
    return HEADERS, {"ciphertext": base64.b64encode(encryptor.update(whole) + encryptor.finalize()).decode()}


WRONG: dict[str, tuple[dict[str, str], Any]] = {
    "JSON without padding": without_padding(json.dumps(MESSAGE)),
    "a form without padding": without_padding(f"to={number()[1:]}&text=hello"),
    "no headers": ({}, BODY),
    "no IV": ({"X-AES-KEY-VERSION": VERSION}, BODY),
    "no version": ({"X-AES-IV": HEADERS["X-AES-IV"]}, BODY),
    "an empty version": (HEADERS | {"X-AES-KEY-VERSION": ""}, BODY),
    "an unknown version": (HEADERS | {"X-AES-KEY-VERSION": NEW_VERSION}, BODY),
    "a version with a number in it": (HEADERS | {"X-AES-KEY-VERSION": number()}, BODY),
    "the key of zeros, which is nobody's": sealed(MESSAGE, bytes(32), NEW_VERSION),
    "another key": sealed(MESSAGE, NEW_KEY),
    "an IV that is too short": (HEADERS | {"X-AES-IV": HEADERS["X-AES-IV"][:-4]}, BODY),
    "an IV of 12 bytes": (HEADERS | {"X-AES-IV": base64.b64encode(bytes(12)).decode()}, BODY),
    "an IV that is no base64": (HEADERS | {"X-AES-IV": "!" * 24}, BODY),
    "an IV that is no hex": (HEADERS | {"X-AES-IV": "g" * 32}, BODY),
    "an IV with blanks in hex": (HEADERS | {"X-AES-IV": "00 " * 10 + "00"}, BODY),
    "an IV that is not ASCII": (HEADERS | {"X-AES-IV": "ÿ" * 24}, BODY),
    "a version that is not ASCII": (HEADERS | {"X-AES-KEY-VERSION": "ÿ\ud800"}, BODY),
    "another IV": (HEADERS | {"X-AES-IV": base64.b64encode(bytes(16)).decode()}, BODY),
    "a plain payload": (HEADERS, MESSAGE),
    "no body": (HEADERS, ""),
    "no JSON": (HEADERS, "{"),
    "an array": (HEADERS, [CIPHERTEXT]),
    "no text": (HEADERS, {"ciphertext": 7}),
    "an empty ciphertext": (HEADERS, {"ciphertext": ""}),
    "half a block": (HEADERS, {"ciphertext": base64.b64encode(bytes(24)).decode()}),
    "no base64": (HEADERS, {"ciphertext": "*" * 64}),
    "a ciphertext that is not ASCII": (HEADERS, {"ciphertext": "é" * 64}),
    "a block is missing": (HEADERS, {"ciphertext": base64.b64encode(base64.b64decode(CIPHERTEXT)[:-16]).decode()}),
    "the first byte": (HEADERS, tampered(0)),
    "the last byte": (HEADERS, tampered(-1)),
    "the padding": (HEADERS, tampered(-17)),
    "nonsense": sealed(b"\x00\xff" * 40),
    "no messages": sealed({"hello": "world"}),
    "too many messages": sealed([MESSAGE] * 1_001),
    "a form of megabytes": sealed(b"x" * 200_000),
    "encrypted twice": sealed({"ciphertext": CIPHERTEXT}),
}


FIRST = (BODY, KEY_HEADERS)  # encrypted, without a header that says how


@pytest.mark.fault("encryption-key-missing")
@pytest.mark.parametrize("name", WRONG)
def test_whatever_is_wrong_has_the_same_answer(handlers: Handlers, name: str):
    found = handlers.raw(WRONG[name][1], KEY_HEADERS | WRONG[name][0])

    assert (found["statusCode"], json.loads(found["body"])) == CANNOT_OPEN
    assert found == handlers.raw(*FIRST), "not one header differs"
    assert handlers.dynamodb.rows() == []


def test_every_byte_of_the_padding_and_each_tampered_block_have_the_same_answer(handlers: Handlers):
    """Vaudenay's oracle: 256 last bytes of the block before the last one, of which one fits."""
    data = bytearray(base64.b64decode(CIPHERTEXT))
    answers = set()
    for value in range(256):
        data[-17] = value
        if bytes(data) != base64.b64decode(CIPHERTEXT):
            body = {"ciphertext": base64.b64encode(data).decode()}
            answers.add(json.dumps(handlers.raw(body, KEY_HEADERS | HEADERS)))

    assert len(answers) == 1


def test_a_wrong_padding_takes_the_steps_that_a_right_one_takes(handlers: Handlers, monkeypatch: pytest.MonkeyPatch):
    """Each payload is parsed whole, also one whose padding already shows that it is nonsense."""
    parsed: list[bytes] = []

    def noting(plain: bytes) -> Any:
        parsed.append(plain)
        return parse_records(plain)

    monkeypatch.setattr("bridge.clevertap.encryption.parse_records", noting)

    for name in ("the padding", "nonsense", "an unknown version", "another key"):
        post(handlers, *WRONG[name])

    assert len(parsed) == 4


def test_without_a_key_to_the_endpoint_nothing_is_decrypted(handlers: Handlers, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bridge.aes.decrypt", lambda *_: pytest.fail("decrypted"))

    answers = {post(handlers, HEADERS | {"x-api-key": "wrong"}, body)[0] for body in (BODY, tampered(-1), "")}

    assert answers == {401}


def test_a_body_that_is_too_large_is_refused_for_its_size(handlers: Handlers):
    status, found = post(handlers, HEADERS, {"ciphertext": "A" * 5_000_000})

    assert (status, found["status"]) == (413, "error")


@pytest.mark.fault("encryption-key-missing")
def test_a_payload_that_cannot_be_opened_raises_the_alarm_and_the_log_says_why(
    handlers: Handlers, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    post(handlers, *WRONG["an unknown version"])
    post(handlers, *WRONG["a version with a number in it"])
    post(handlers, *WRONG["the padding"])

    told = [vars(record) for record in caplog.records if "not opened" in record.message]
    assert [(one["reason"], one["key_version"]) for one in told] == [
        (f"its key version is not in encryptionKeys (version {NEW_VERSION})", NEW_VERSION),
        ("its key version is not in encryptionKeys (version -)", "-"),
        (f"key and payload do not fit, or it holds no messages (version {VERSION})", VERSION),
    ]
    assert capsys.readouterr().out.count('"AccountMisconfigured":') >= 3


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("no JSON", "has no JSON object"),
        (["a"], "has no JSON object"),
        ("[]", "has no JSON object"),
        ({"v": "short"}, "has no AES-256 key"),
        ({"v": 7}, "has no AES-256 key"),
        ({"v": None}, "has no AES-256 key"),
        ({"v": "g" * 64}, "has no AES-256 key"),
        ({"v": "ÿ" * 44}, "has no AES-256 key"),
        ({"v": "\ud800" * 32}, "has no AES-256 key"),
        ({"": KEY.hex()}, "has no version"),
        ({"ÿ": KEY.hex()}, "has no version"),
        ({"v\n": KEY.hex()}, "has no version"),
        ({"v" * 101: KEY.hex()}, "has no version"),
        ("REPLACE_ME", "still holds a placeholder in encryptionKeys"),
    ],
)
def test_keys_that_are_none_are_a_misconfiguration_that_shows_no_key(handlers: Handlers, keys: Any, said: str):
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(encryptionKeys=keys)

    status, found = handlers.post(MESSAGE)

    assert status == 503
    assert said in found["error"]
    assert KEY.hex() not in found["error"]


def test_an_account_without_keys_refuses_encrypted_payloads_and_takes_plain_ones(handlers: Handlers):
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(encryptionKeys={})

    assert post(handlers, HEADERS, BODY) == CANNOT_OPEN
    assert handlers.post(MESSAGE)[1]["status"] == "sent"


def test_an_accounts_keys_show_in_no_text_of_it(handlers: Handlers):
    shown = repr(handlers.app().secrets.get(ACCOUNT_ID))

    assert KEYS[VERSION] not in shown
    assert repr(KEY) not in shown


# What goes back

BOTH = {VERSION: KEY, NEW_VERSION: NEW_KEY}


@pytest.fixture
def keyed(harness: ReceiptHarness) -> ReceiptHarness:
    """Report, for an account whose payloads are encrypted, with two versions."""
    harness.secrets.secrets[SECRET] = secret(encryptionKeys=KEYS | {NEW_VERSION: NEW_KEY.hex()})
    harness.clevertap.keys = BOTH
    return harness


def ended(index: int, seal: str | None) -> dict[str, Any]:
    new = row(index, "delivered", encryption=seal, final_at="2023-11-14T22:13:21.500Z")
    return change(new, row(index, "sent", encryption=seal), index)


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("encoding", Encoding)
def test_a_report_goes_back_as_its_message_came(keyed: ReceiptHarness, encoding: Encoding, version: str):
    assert keyed.stream(ended(1, str(Seal(version, encoding, encoding)))) == []

    [(url, headers, body)] = keyed.clevertap.raw
    assert (url, headers["x-aes-key-version"], len(headers["x-aes-iv"])) == (
        URL,
        version,
        32 if encoding is Encoding.HEX else 24,
    )
    [call] = opened(headers, body, BOTH)
    assert (call["event"], call["data"][0]["meta"]) == ("delivered", message_id(1))
    assert message_id(1) not in body


def test_messages_that_came_in_different_ways_are_reported_in_different_calls(keyed: ReceiptHarness):
    ways = [str(Seal(VERSION)), str(Seal(NEW_VERSION)), None, str(Seal(VERSION))]

    assert keyed.stream(*[ended(n, way) for n, way in enumerate(ways)]) == []

    versions = [headers.get("x-aes-key-version") for _, headers, _ in keyed.clevertap.raw]
    assert versions == [VERSION, NEW_VERSION, None]


def test_no_two_calls_have_the_same_iv(keyed: ReceiptHarness):
    for n in range(20):
        keyed.stream(ended(n, str(Seal(VERSION))))

    assert len({headers["x-aes-iv"] for _, headers, _ in keyed.clevertap.raw}) == 20


def test_a_version_that_is_gone_from_the_secret_is_replaced_by_the_newest(keyed: ReceiptHarness):
    keyed.stream(ended(1, str(Seal("an-old-one"))))

    [(_, headers, body)] = keyed.clevertap.raw
    assert headers["x-aes-key-version"] == NEW_VERSION
    assert opened(headers, body, BOTH)


@pytest.mark.fault("encryption-key-missing")
def test_what_came_encrypted_waits_while_there_is_no_key_and_never_goes_back_plain(keyed: ReceiptHarness):
    keyed.secrets.secrets[SECRET] = secret()

    assert keyed.stream(ended(1, str(Seal(VERSION)))) == []
    assert (keyed.clevertap.raw, keyed.counts["AccountMisconfigured"], len(keyed.delayed.entries)) == ([], 1, 1)

    keyed.secrets.secrets[SECRET] = secret(encryptionKeys=KEYS)
    keyed.clock.sleep(CACHE_SECONDS)
    keyed.next_delayed()
    [(_, headers, body)] = keyed.clevertap.raw
    assert opened(headers, body, BOTH)


def test_a_report_that_waited_goes_back_encrypted(keyed: ReceiptHarness):
    keyed.clevertap.script.append(answer(503))
    keyed.stream(ended(1, str(Seal(VERSION))))

    keyed.next_delayed()

    [_, (_, headers, body)] = keyed.clevertap.raw
    assert opened(headers, body, BOTH)


def test_a_row_of_which_nobody_can_tell_how_it_came_is_malformed(keyed: ReceiptHarness):
    assert keyed.stream(ended(1, "base64"), ended(2, None)) == []

    assert keyed.counts["ReportsMalformed"] == 1
    assert len(keyed.clevertap.raw) == 1


def test_aes_tells_a_wrong_padding_and_what_is_no_block_apart():
    whole = encrypt(KEY, IV, b"plain")

    assert decrypt(KEY, IV, whole) == (b"plain", True)
    assert decrypt(NEW_KEY, IV, whole)[1] is False
    with pytest.raises(ValueError, match="block length"):
        decrypt(KEY, IV, whole[:-1])
