"""openapi.yaml says what the template routes and what the code answers: no more, and no less."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from bridge.clevertap.codes import CODES
from bridge.clevertap.records import FIELDS, MAX_RECORDS
from bridge.message import Status
from bridge.message_central.receipts import FIELDS as RECEIPT_FIELDS
from bridge.message_central.receipts import MAX_RECEIPTS, OPTIONAL, STATUS_WORDS
from handlers.accept import RETRY_AFTER_SECONDS
from local.template import TEMPLATE, read_stack
from tests.documents import ROOT
from tests.fakes.values import API_KEY, RECEIPT_KEY, message_id, number, text
from tests.fakes.vendor import MAYBE_SENT, NOT_SENT
from tests.fakes.vendor import answer as vendors_answer
from tests.unit.receipt_harness import receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.harness import Handlers
    from tests.unit.receipt_harness import ReceiptHarness

DOCUMENT = yaml.safe_load((ROOT / "openapi.yaml").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
SMS = DOCUMENT["paths"]["/sms"]["post"]
RECEIPTS = DOCUMENT["paths"]["/receipts/{account}/{receiptKey}"]
OF_THE_GATEWAY = {"429", "500"}
"""What no code of ours answers."""


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    while "$ref" in node:
        found: Any = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def check(operation: dict[str, Any], answer: dict[str, Any]) -> str:
    """Hold an answer against what is described; the names of the schemas that fit it."""
    described = resolved(operation["responses"][str(answer["statusCode"])])
    headers = {name: resolved(header) for name, header in described["headers"].items()}
    assert {*answer["headers"]} == {*headers}
    for name, value in answer["headers"].items():
        jsonschema.validate(value, headers[name]["schema"])
    content = described["content"][answer["headers"]["content-type"]]["schema"]
    body = json.loads(answer["body"])
    jsonschema.validate(body, {**content, "components": DOCUMENT["components"]})
    kinds = content.get("oneOf") or content.get("anyOf") or [content]
    fitting = [kind["$ref"].rpartition("/")[2] for kind in kinds if fits(body, kind)]
    return f"{answer['statusCode']} {' '.join(fitting)}"


def fits(body: Any, kind: dict[str, Any]) -> bool:
    return jsonschema.Draft202012Validator({**kind, "components": DOCUMENT["components"]}).is_valid(body)


def message(n: int = 0, **changes: Any) -> dict[str, Any]:
    return {"to": number(n), "text": text(), "messageId": message_id(n)} | changes


def ending(value: Any) -> Callable[[Handlers], Any]:
    return lambda handlers: handlers.transport.sends.append(value)


# Each with what is described as its answer.
POSTED: dict[str, tuple[str, Callable[[Handlers], Any] | None, Any]] = {
    "sent": ("200 Sent", None, message()),
    "sent without an id": ("200 Sent", ending(vendors_answer(200, 200, data=None)), message()),
    "queued": ("200 Queued", ending(NOT_SENT), message()),
    "unknown": ("200 Unknown", ending(MAYBE_SENT), message()),
    "duplicate": ("200 Duplicate", lambda handlers: handlers.raw(message()), message()),
    "a batch": ("200 Accepted", None, {"m": [message(1), message(2, to="x")]}),
    "no number": ("422 Rejected", None, message(to="x")),
    "a batch without one": ("422 Rejected", None, [message(1, to="x"), message(2, text="")]),
    "no JSON": ("400 Error", None, "{"),
    "encrypted": ("400 Error", None, {"ciphertext": "x"}),
    "too many": ("400 Error", None, [message()] * (MAX_RECORDS + 1)),
    "too large": ("413 Error", None, "x" * 200_000),
}


@pytest.mark.parametrize("name", POSTED)
def test_what_is_answered_to_a_post_is_described(handlers: Handlers, name: str):
    described, prepare, body = POSTED[name]
    if prepare:
        prepare(handlers)

    assert check(SMS, handlers.raw(body)) == described


def test_a_caller_without_a_key_has_the_described_answer(handlers: Handlers):
    assert check(SMS, handlers.raw(message(), {})) == "401 Error"


def test_a_secret_that_cannot_be_used_has_the_described_answer_with_its_retry_after(handlers: Handlers):
    handlers.secrets.secrets = dict.fromkeys(handlers.secrets.secrets, json.dumps({"apiKey": API_KEY}))

    assert check(SMS, handlers.raw(message())) == "503 Error"
    assert SMS["responses"]["503"]["headers"]["retry-after"]["schema"]["const"] == str(RETRY_AFTER_SECONDS)


def test_each_described_answer_to_a_post_is_shown_here():
    shown = {described for described, _, _ in POSTED.values()} | {"401 Error", "503 Error"}
    described = {
        f"{status} {kind['$ref'].rpartition('/')[2]}"
        for status, response in SMS["responses"].items()
        if status not in OF_THE_GATEWAY
        for content in [response["content"]["application/json"]["schema"]]
        for kind in content.get("oneOf") or content.get("anyOf") or [content]
    }

    assert described - {"413 Gateway", "503 Gateway"} == shown


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "a receipt": ("200 Received", {"body": receipt()}),
    "a reply": ("200 Received", {"body": {"mobileNumber": number(), "text": "STOP"}}),
    "many": ("200 Received", {"body": [receipt(1), receipt(2, "no such status")]}),
    "what is not recognised": ("200 Received", {"body": "hello"}),
    "another key": ("404 Gateway", {"body": receipt(), "key": "another"}),
    "too large to be kept": ("413 Error", {"body": "?" + "".join(map(chr, range(0x4E00, 0x9000))) * 300}),
}


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", CALLS)
def test_what_is_answered_to_receipts_is_described(harness: ReceiptHarness, name: str, method: str):
    described, call = CALLS[name]

    assert check(RECEIPTS[method], harness.answer(**call, method=method.upper())) == described


def test_receipts_that_cannot_be_taken_have_the_described_answer(harness: ReceiptHarness):
    harness.secrets.secrets = dict.fromkeys(harness.secrets.secrets, json.dumps({"receiptKey": RECEIPT_KEY}))

    assert check(RECEIPTS["post"], harness.answer(receipt())) == "503 Error"


def test_each_route_of_the_template_is_described_and_no_other():
    stack = read_stack("local", {"AccountId": "A", "MessageCentralUrl": "http://x"}, "http://x", template=TEMPLATE)
    routes = {(one.method.lower(), one.path) for function in stack.functions.values() for one in function.routes}
    described = {
        (method, path) for path, item in DOCUMENT["paths"].items() for method in item if method in ("get", "post")
    }

    assert described == routes


def test_what_the_code_has_in_tables_is_what_is_described():
    record, kept = SCHEMAS["Message"]["properties"], SCHEMAS["Receipt"]
    told = " ".join(one.get("description", "") for one in kept["properties"].values())

    assert {*record} == {*FIELDS}
    assert SCHEMAS["Messages"]["maxItems"] == MAX_RECORDS
    assert {*SCHEMAS["Duplicate"]["properties"]["was"]["enum"]} == {*map(str, Status)}
    assert {*SCHEMAS["Code"]["enum"]} == {*CODES.values()}
    assert {*kept["properties"]["status"]["enum"]} == {*STATUS_WORDS}
    assert SCHEMAS["Received"]["properties"]["processed"]["maximum"] == MAX_RECEIPTS
    names = [*RECEIPT_FIELDS.values(), *OPTIONAL.values()]
    assert {*kept["properties"]} == {first for first, *_ in names}
    assert [other for _, *others in names for other in others if other not in told] == []
