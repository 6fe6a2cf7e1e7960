"""Whatever body is let in, accept stays far under its 512 MB: each body is parsed in a process of its own.

A million empty objects take 100 MB, and 50,000 fields beside the array, copied into 1,000 records, 1.9 GB.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from bridge.aes import encrypt
from bridge.clevertap.records import MAX_BODY_BYTES, MAX_FORM_BYTES, MAX_VALUES
from bridge.encodings import Encoding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_MEGABYTES = 200

# As Lambda's runtime does it: the event's bytes and the event stay in memory while the handler works.
ACCEPT = """
import json, pathlib, re, sys
from bridge.account import Account
from bridge.aws import Aws
from bridge.clevertap.records import parse_records
from bridge.clevertap.requests import parse_request
from bridge.app import _decrypt
from bridge.clevertap.encryption import Opener
from bridge.errors import RequestError
from bridge.secrets import Secrets

aws = Aws()
parts = aws.sqs(), aws.dynamodb(), Secrets("bridge", aws.secrets_manager(), None)
raw = pathlib.Path(sys.argv[1]).read_bytes()
event = json.loads(raw)
body = event["body"].encode()
account = Account("A", "C", "E", "P", encryption_keys={"v": bytes(32)})
try:
    if "headers" in event:
        records, _ = Opener(lambda _: account, _decrypt).open(event["headers"], body, account)
    else:
        records = parse_records(body)
    parsed = parse_request(records, account, 0.0)
    found = f"{len(parsed.messages)} messages, {len(parsed.rejections)} rejections"
except RequestError as error:
    found = f"{error.status}: {error}"
# Not getrusage: it counts what the process was before it became Python.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
print(json.dumps({"found": found, "megabytes": int(peak) / 1_000}))
"""


def filled(begin: str, unit: str, end: str = "", most: int = MAX_BODY_BYTES) -> str:
    """As many of a unit as go into a body."""
    room = most - len((begin + end).encode())
    return begin + unit * (room // len(unit.encode())) + end


def keys(count: int, key: str, value: str) -> str:
    return ",".join(f'"{key}{n}":{value}' for n in range(count))


def records(record: str, count: int = 1_000) -> str:
    return "[" + ",".join([record] * count) + "]"


def short_of_the_limit(unit: str, values: int) -> str:
    """An array of as many units, with so many values each, as are just let in."""
    return "[" + ",".join([unit] * (MAX_VALUES // values - 1)) + "]"


ONE = '{"to":"+919876500001","text":"x"}'
BODIES: dict[str, Callable[[], str]] = {
    "1,000 messages": lambda: records('{"to":"+919876500001","text":"' + "\\u0905" * 536 + '"}'),
    "50,000 keys beside the array": lambda: "{" + keys(50_000, "k", '""') + ',"m":' + records(ONE) + "}",
    "95,000 keys beside the array": lambda: "{" + keys(95_000, "\U0001f600key", '"\U0001f600value"') + ',"m":[{}]}',
    "300,000 keys beside the array": lambda: "{" + keys(300_000, "key", '"" ') + ',"m":' + records(ONE) + "}",
    "a default of megabytes": lambda: filled('{"text":"\U0001f600', "x", '","m":' + records('{"to":"1"}') + "}"),
    "a macro of megabytes": lambda: filled('{"to":"1","text":"$$', "x", '"}'),
    "tiny records": lambda: filled("[{}", ",{}", "]"),
    "tiny arrays": lambda: filled("[[]", ",[]", "]"),
    "tiny texts": lambda: filled('[""', ',""', "]"),
    "tiny numbers": lambda: filled("[12", ",12", "]"),
    "tiny defaults": lambda: filled('{"a":0', ',"":0', "}"),
    "records of one key, just let in": lambda: short_of_the_limit(
        '{"\U0001f600abcdefghijklmnopqrstuvwxyz":"\U0001f600"}', 2
    ),
    "records in records, just let in": lambda: short_of_the_limit('{"a":{"b":{"c":[{"d":[]}]}}}', 7),
    "arrays, just let in": lambda: short_of_the_limit('[["\U0001f600abcdefgh"]]', 3),
    "deep arrays": lambda: filled("", "["),
    "deep records": lambda: filled("", '{"a":'),
    "as deep as is read": lambda: records('{"a":' * 90 + "0" + "}" * 90),
    "escaped letters": lambda: filled('{"to":"1","text":"', "\\u0041", '"}'),
    "escaped emoji": lambda: filled('{"to":"1","text":"', "\\ud83d\\ude00", '"}'),
    "escaped lines and one emoji": lambda: filled('{"to":"1","text":"\U0001f600', "\\n", '"}'),
    "one emoji among letters": lambda: filled('{"to":"1","text":"\U0001f600', "x", '"}'),
    "emoji": lambda: filled('{"to":"1","text":"', "\U0001f600", '"}'),
    "text that looks like values": lambda: filled('{"to":"1","text":"\U0001f600', "[{,\\\\", '"}'),
    "quotes in quotes": lambda: filled('{"to":"1","text":"\U0001f600', '\\",', '"}'),
    "quotes": lambda: filled("[", '",'),
    "one number": lambda: filled('{"text":"x","to":', "1", "}"),
    "blanks": lambda: filled("", " "),
    "blanks around": lambda: filled(ONE, " \n"),
    "a form of megabytes": lambda: filled("to=1&text=", "%E2%82%AC"),
    "a form": lambda: filled("to=1&text=", "%F0%9F%98%80", most=MAX_FORM_BYTES),
    "fields of a form": lambda: filled("to=1&text=x", "&a=", most=MAX_FORM_BYTES),
    "no JSON": lambda: filled("", "\U0001f600"),
}


def encrypted(plain: str, encoding: Encoding) -> str:
    """As much of a plain body as fits when it is encrypted, by the key and the IV of zeros."""
    room = (MAX_BODY_BYTES - 50) // (2 if encoding is Encoding.HEX else 4) * (1 if encoding is Encoding.HEX else 3)
    ciphertext = encrypt(bytes(32), bytes(16), plain.encode()[: room - 32])
    return json.dumps({"ciphertext": encoding.write(ciphertext)})


SEALED: dict[str, Callable[[], str]] = {
    "1,000 messages": lambda: encrypted(
        records('{"to":"+919876500001","text":"' + "\\u0905" * 500 + '"}'), Encoding.BASE64
    ),
    "keys": lambda: encrypted("{" + keys(90_000, "\U0001f600key", '"value"') + ',"m":[{}]}', Encoding.BASE64),
    "tiny records": lambda: encrypted(filled("[{}", ",{}", "]"), Encoding.BASE64),
    "escaped emoji, in hex": lambda: encrypted(filled('{"to":"1","text":"', "\\ud83d\\ude00", '"}'), Encoding.HEX),
    "deep arrays": lambda: encrypted(filled("", "["), Encoding.BASE64),
    "broken lines": lambda: filled('{"ciphertext":"', "A\\n", '"}'),
    "no ciphertext": BODIES["95,000 keys beside the array"],
}


@pytest.mark.fault("body-hostile")
@pytest.mark.parametrize("name", BODIES)
def test_no_body_makes_accept_large(tmp_path: Path, request: pytest.FixtureRequest, name: str):
    body = BODIES[name]()
    assert len(body.encode()) <= MAX_BODY_BYTES
    check_memory(tmp_path / "event.json", {"body": body}, request)


@pytest.mark.fault("body-hostile")
@pytest.mark.parametrize("name", SEALED)
def test_no_encrypted_body_makes_accept_large(tmp_path: Path, request: pytest.FixtureRequest, name: str):
    body = SEALED[name]()
    assert len(body.encode()) <= MAX_BODY_BYTES
    headers = {"x-aes-iv": "0" * 32, "x-aes-key-version": "v"}
    check_memory(tmp_path / "event.json", {"body": body, "headers": headers}, request)


def check_memory(event: Path, content: dict[str, Any], request: pytest.FixtureRequest) -> None:
    event.write_text(json.dumps(content, ensure_ascii=False))

    done = subprocess.run(
        [sys.executable, "-c", ACCEPT, event],
        cwd=request.config.rootpath / "functions",
        env={"AWS_DEFAULT_REGION": "eu-west-1", "POWERTOOLS_SERVICE_NAME": "test"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )

    assert done.returncode == 0, done.stderr[-2_000:]
    seen = json.loads(done.stdout.splitlines()[-1])  # after what was logged
    assert seen["megabytes"] < MOST_MEGABYTES, seen
