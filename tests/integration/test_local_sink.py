"""The callback sink takes what CleverTap would take, and nothing else."""

import json

import pytest
import urllib3

from local.sink import Sink
from tests.fakes.encryption import KEYS, sealed

http = urllib3.PoolManager(retries=False, timeout=60)

DELIVERED = {"ts": 1435322805, "meta": "m-1.", "description": "Delivered to handset"}
FAILED = {"ts": 1654512921, "meta": "m-2.", "code": "901", "description": "DND Failure"}


@pytest.fixture
def clevertap():
    with Sink() as sink:
        yield sink


def post(clevertap, body):
    return http.request("POST", clevertap.callback_url, json=body)


def call(event, *items):
    return [{"event": event, "data": list(items)}]


def test_a_call_with_several_events_is_taken_and_shown(clevertap):
    answer = post(clevertap, call("delivered", DELIVERED) + call("failed", FAILED))

    assert answer.status == 200
    assert answer.json() == {"status": "success", "processed": 2, "unprocessed": []}
    shown = http.request("GET", f"{clevertap.url}/_sink/events").json()
    assert [(one["event"], one["meta"]) for one in shown] == [("delivered", "m-1."), ("failed", "m-2.")]


@pytest.mark.parametrize(
    "item",
    [
        {**FAILED, "ts": "1654512921"},
        {**FAILED, "ts": 1654512921000},
        {**FAILED, "ts": True},
        {**FAILED, "meta": ""},
        {**FAILED, "meta": 7},
        {**FAILED, "code": 901},
        {**FAILED, "code": "911"},
        {"ts": 1654512921, "meta": "m", "description": "no code"},
        {"ts": 1654512921, "meta": "m", "code": "901"},
    ],
    ids=str,
)
def test_an_item_that_breaks_the_contract_is_given_back(clevertap, item):
    answer = post(clevertap, call("failed", item, FAILED))

    assert answer.json()["status"] == "partial"
    assert answer.json()["unprocessed"][0]["record"] == {"event": "failed", "data": [item]}
    assert clevertap.received.counts()["invalid"] == 1
    assert clevertap.received.counts()["events"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"event": "delivered", "data": [DELIVERED]},
        call("sent", DELIVERED),
        call("delivered", "m"),
        [{"event": "delivered"}],
        call("delivered", *[DELIVERED] * 101),
    ],
    ids=["no array", "no such event", "no object", "no data", "too many"],
)
def test_a_call_that_breaks_the_contract_is_refused(clevertap, body):
    assert post(clevertap, body).status == 400
    assert clevertap.received.counts() == {"calls": 1, "events": 0, "by_event": {}, "invalid": 1, "duplicates": 0}


@pytest.mark.parametrize(("answer", "status"), [("fail_400", 400), ("error_500", 500), ("unavailable_503", 503)])
def test_it_refuses_as_often_as_it_is_told(clevertap, answer, status):
    clevertap.change(answer=answer, times=1)

    assert [post(clevertap, call("delivered", DELIVERED)).status for _ in range(2)] == [status, 200]
    assert len(clevertap.received.events) == 1


def test_it_processes_a_part_when_it_is_told(clevertap):
    http.request("POST", f"{clevertap.url}/_sink/settings", json={"answer": "partial"})

    answer = post(clevertap, call("delivered", DELIVERED, {**DELIVERED, "meta": "m-3."})).json()

    assert (answer["status"], answer["processed"]) == ("partial", 1)
    assert [item["meta"] for item in answer["unprocessed"][0]["record"]["data"]] == ["m-3."]


def test_two_final_events_for_a_message_show_as_a_duplicate(clevertap):
    post(clevertap, call("delivered", DELIVERED))
    post(clevertap, call("failed", {**FAILED, "meta": "m-1."}))

    assert http.request("GET", f"{clevertap.url}/_sink/counts").json()["duplicates"] == 1


def test_a_setting_that_does_not_exist_is_refused(clevertap):
    assert http.request("POST", f"{clevertap.url}/_sink/settings", json={"answer": "perhaps"}).status == 400
    assert http.request("POST", f"{clevertap.url}/_sink/settings", json={"colour": "red"}).status == 400


def test_with_keys_a_callback_has_to_be_encrypted_with_one_of_them(clevertap):
    clevertap.change(encryption_keys=KEYS)
    headers, body = sealed(call("delivered", DELIVERED))
    _, damaged = sealed(call("delivered", DELIVERED), bytes(32))

    answers = [
        http.request("POST", clevertap.callback_url, headers=given, body=text).status
        for given, text in [
            (headers, body),
            ({}, json.dumps(call("delivered", DELIVERED))),
            (headers | {"X-AES-KEY-VERSION": "unknown"}, body),
            (headers, damaged),
            (headers, "[]"),
        ]
    ]

    assert answers == [200, 400, 400, 400, 400]
    assert clevertap.received.invalid[:2] == ["not encrypted", "no key of this version"]
    assert len(clevertap.received.events) == 1
