"""Whatever body is let in, accept stays far under its 512 MB: each body is parsed in a process of its own.

A million empty objects take 100 MB, and 50,000 fields beside the array, copied into 1,000 records, 1.9 GB.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bridge.clevertap.requests import MAX_BODY_BYTES, MAX_FORM_BYTES, MAX_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_MEGABYTES = 200

# As Lambda's runtime does it: the event's bytes and the event stay in memory while the handler works.
ACCEPT = """
import json, pathlib, re, sys
from bridge.account import Account
from bridge.aws import Aws
from bridge.clevertap.requests import parse_records, parse_request
from bridge.errors import RequestError
from bridge.secrets import Secrets

aws = Aws()
parts = aws.sqs(), aws.dynamodb(32), Secrets("bridge", aws.secrets_manager(), None)
raw = pathlib.Path(sys.argv[1]).read_bytes()
event = json.loads(raw)
body = event["body"].encode()
try:
    parsed = parse_request(parse_records(body), Account("A", "C", "E", "P"), 0.0)
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


@pytest.mark.fault("body-hostile")
@pytest.mark.parametrize("name", BODIES)
def test_no_body_makes_accept_large(tmp_path: Path, request: pytest.FixtureRequest, name: str):
    body = BODIES[name]()
    assert len(body.encode()) <= MAX_BODY_BYTES
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"body": body}, ensure_ascii=False))

    done = subprocess.run(
        [sys.executable, "-c", ACCEPT, event],
        cwd=request.config.rootpath / "functions",
        env={"AWS_DEFAULT_REGION": "eu-west-1", "POWERTOOLS_SERVICE_NAME": "test"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr[-2_000:]
    seen = json.loads(done.stdout)
    assert seen["megabytes"] < MOST_MEGABYTES, seen
