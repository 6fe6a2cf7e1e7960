"""The Message Central simulator keeps the contract, keeps account, and misbehaves as it is told."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import parse_qs

import pytest
import urllib3

from bridge.message_central.behaviours import BEHAVIOURS
from local.http_server import HttpRequest, HttpServer, json_answer
from local.simulator import Simulator
from local.simulator.guide import guide, suffixes
from local.simulator.settings import SettingError

TIMEOUT = 120  # seconds until a test gives up on something that happens in another thread

http = urllib3.PoolManager(retries=False, timeout=TIMEOUT)


@pytest.fixture
def vendor():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def sink():
    """Takes receipts, and keeps the requests."""
    requests: list[HttpRequest] = []

    def take(request):
        requests.append(request)
        return json_answer({})

    with HttpServer(take) as server:
        yield server, requests


def ask_token(vendor, **changes):
    key = base64.b64encode(changes.pop("password", "local-password").encode()).decode()
    fields = {"customerId": "C-LOCAL", "key": key, "scope": "NEW", "country": "91", "email": "dev@example.com"}
    return http.request("GET", f"{vendor.url}/auth/v1/authentication/token", fields={**fields, **changes})


def send(vendor, number="9876543210", token=None, **changes):
    token = token or ask_token(vendor).json()["token"]
    fields = {
        "flowType": "SMS",
        "type": "SMS",
        "countryCode": "91",
        "mobileNumber": number,
        "message": "Hello",
        "senderId": "SENDER",
        "customerId": "C-LOCAL",
    }
    url = f"{vendor.url}/verification/v3/send"
    return http.request("POST", url, fields={**fields, **changes}, encode_multipart=False, headers={"authToken": token})


def eventually(question):
    deadline = time.monotonic() + TIMEOUT
    while not (answer := question()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return answer


def test_a_token_is_a_jwt_that_says_when_it_ends(vendor):
    vendor.change(token_lifetime_seconds=600)

    answer = ask_token(vendor).json()

    claims = answer["token"].split(".")[1]
    decoded = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert answer["status"] == 200
    assert decoded["exp"] - decoded["iat"] == 600


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"password": "guess"}, "password is wrong"),
        ({"key": "not base64!"}, "password is wrong"),
        ({"customerId": "C-OTHER"}, "customerId is invalid"),
        ({"email": "other@example.com"}, "email is invalid"),
    ],
)
def test_bad_credentials_are_refused_under_http_200_as_the_vendor_does(vendor, wrong, error):
    answer = ask_token(vendor, **wrong)

    assert answer.status == 200
    assert answer.json() == {"status": 400, "error": error}


def test_a_password_can_be_made_wrong_while_it_runs(vendor):
    vendor.change(refuse_password=True)

    assert ask_token(vendor).json()["error"] == "password is wrong"


def test_an_accepted_message_is_answered_as_the_contract_says(vendor):
    answer = send(vendor)

    assert answer.status == 200
    assert answer.json() == {
        "responseCode": 200,
        "message": "SUCCESS",
        "data": {
            "verificationId": "1",
            "mobileNumber": "9876543210",
            "responseCode": "200",
            "errorMessage": None,
            "timeout": "60",
            "smsCLI": None,
            "transactionId": None,
        },
    }


def test_the_account_holds_an_accepted_message_as_it_was_sent(vendor):
    text = "Grüße & 50% + 🎉"

    send(vendor, message=text, templateId="1", entityId="2")

    (message,) = vendor.accepted
    assert (message.number, message.message, message.senderId) == ("919876543210", text, "SENDER")
    assert message.form["templateId"] == "1"
    shown = http.request("GET", f"{vendor.url}/_simulator/accepted").json()
    assert [one["message"] for one in shown] == [text]


def test_parameters_may_come_in_the_query(vendor):
    token = ask_token(vendor).json()["token"]
    query = "type=SMS&countryCode=91&mobileNumber=9876543210&message=In%20the%20query"

    answer = http.request("POST", f"{vendor.url}/verification/v3/send?{query}", headers={"authToken": token})

    assert answer.json()["responseCode"] == 200
    assert vendor.accepted[0].message == "In the query"


def test_without_the_type_sms_the_vendor_sends_a_text_of_its_own(vendor):
    send(vendor, type="")

    assert vendor.accepted[0].message != "Hello"


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"mobileNumber": "+919876543210"}, 400),
        ({"message": ""}, 400),
        ({"templateId": "1"}, 400),
        ({"countryCode": "IN"}, 511),
        ({"customerId": "C-OTHER"}, 501),
    ],
)
def test_a_send_that_breaks_a_rule_is_refused(vendor, broken, code):
    answer = send(vendor, **broken)

    assert answer.json()["responseCode"] == code
    assert vendor.accepted == []


def test_a_send_without_a_token_in_force_is_refused_with_401(vendor):
    token = ask_token(vendor).json()["token"]
    assert send(vendor, token=token).status == 200

    vendor.expire_tokens()

    assert send(vendor, token=token).status == 401
    assert send(vendor, token="made up").status == 401
    assert send(vendor).status == 200


def test_a_token_from_the_console_is_accepted_without_a_token_call(vendor):
    vendor.change(valid_tokens=["pasted"])

    assert send(vendor, token="pasted").status == 200


@pytest.mark.parametrize("behaviour", [one for one in BEHAVIOURS if one.suffix], ids=lambda one: one.name)
def test_a_number_is_treated_as_its_last_digits_ask_for(vendor, behaviour):
    vendor.change(slow_seconds=0.1, hang_seconds=0.1, byte_seconds=0.001)

    if behaviour.drops:
        with pytest.raises(urllib3.exceptions.ProtocolError):
            send(vendor, f"98765{behaviour.suffix}")
    else:
        answer = send(vendor, f"98765{behaviour.suffix}")
        assert answer.status == behaviour.status
        assert behaviour.raw is None or answer.data == behaviour.raw
        assert behaviour.raw is not None or answer.json().get("responseCode") == behaviour.code

    assert [one.mobileNumber for one in vendor.accepted] == [f"98765{behaviour.suffix}"] * behaviour.accepts


@pytest.mark.parametrize("behaviour", [one for one in BEHAVIOURS if one.times], ids=lambda one: one.name)
def test_a_passing_trouble_passes(vendor, behaviour):
    first, second = send(vendor, f"98765{behaviour.suffix}"), send(vendor, f"98765{behaviour.suffix}")

    assert first.data != second.data
    assert second.json()["responseCode"] == 200
    assert len(vendor.accepted) == 1


def test_a_text_is_treated_as_it_was_told_to_however_often_it_comes(vendor):
    vendor.change(texts={"Hello": "forbidden"})

    assert [send(vendor).status for _ in range(3)] == [403] * 3
    assert send(vendor, message="Another").status == 200


def test_an_answer_trickles(vendor):
    vendor.change(rates={"trickle": 1.0}, byte_seconds=0.01)
    started = time.monotonic()

    answer = send(vendor)

    assert time.monotonic() - started >= 0.01 * len(answer.data)


def test_a_rate_limit_says_when_to_come_back(vendor):
    vendor.change(retry_after="7")

    assert send(vendor, "9876599429").headers["Retry-After"] == "7"


def test_a_repeated_number_is_refused_with_the_id_of_the_earlier_message(vendor):
    vendor.change(refuse_repeats=True, repeat_seconds=30)
    first = send(vendor).json()

    second = send(vendor).json()

    assert second["responseCode"] == 506
    assert second["data"]["verificationId"] == first["data"]["verificationId"]
    assert second["data"]["timeout"] == "30"
    assert len(vendor.accepted) == 1


def test_an_empty_wallet_refuses_everything_after(vendor):
    vendor.change(credits=2)

    codes = [send(vendor, f"987654321{n}").json()["responseCode"] for n in range(4)]

    assert codes == [200, 200, 508, 508]


def test_the_same_seed_gives_the_same_numbers_the_same_treatment_in_any_order(vendor):
    numbers = [f"98765432{n:02}" for n in range(40)]

    def outcomes(seed, order):
        vendor.reset()
        vendor.change(seed=seed, rates={"bad_request": 0.3, "http_503": 0.2})
        token = ask_token(vendor).json()["token"]
        return {number: send(vendor, number, token).status for number in order}

    assert outcomes(7, numbers) == outcomes(7, numbers[::-1])
    assert outcomes(7, numbers) != outcomes(8, numbers)
    assert set(outcomes(7, numbers).values()) == {200, 400, 503}


def test_a_setting_that_does_not_exist_is_refused(vendor):
    with pytest.raises(SettingError, match="no_such_thing"):
        vendor.change(no_such_thing=1)

    answer = http.request("POST", f"{vendor.url}/_simulator/settings", json={"rates": {"no such behaviour": 1}})
    assert answer.status == 400


def test_settings_change_over_http_and_a_reset_brings_the_first_ones_back(vendor):
    changed = http.request("POST", f"{vendor.url}/_simulator/settings", json={"receipts": {"failures": 0.5}})
    send(vendor)

    http.request("POST", f"{vendor.url}/_simulator/reset")

    assert changed.json()["receipts"]["failures"] == 0.5
    assert vendor.settings.receipts.failures == 0
    assert vendor.accepted == []


def test_an_outage_refuses_connections_and_loses_no_account(vendor):
    send(vendor)
    url = vendor.url

    vendor.stop()
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        http.request("GET", url)
    vendor.start()

    assert vendor.url == url
    assert send(vendor).status == 200
    assert len(vendor.accepted) == 2


def test_an_outage_of_some_time_can_be_asked_for(vendor):
    http.request("POST", f"{vendor.url}/_simulator/outage", json={"seconds": 0.5})

    eventually(lambda: not vendor.is_running)
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        http.request("GET", vendor.url)
    eventually(lambda: vendor.is_running)
    assert send(vendor).status == 200


def test_a_simulator_that_is_stopped_in_an_outage_does_not_come_back(vendor):
    vendor.be_down(60)

    vendor.stop()

    assert not vendor.is_running
    assert vendor._outage is None


def test_an_outage_without_its_length_is_refused(vendor):
    assert http.request("POST", f"{vendor.url}/_simulator/outage", json={}).status == 400


def test_a_second_simulator_cannot_take_the_port_of_the_first(vendor):
    port = int(vendor.url.rpartition(":")[2])

    with pytest.raises(OSError, match=str(port)):
        Simulator(port=port).start()


def test_what_was_asked_is_counted(vendor):
    send(vendor)
    send(vendor, "9876599400")

    counts = http.request("GET", f"{vendor.url}/_simulator/requests").json()

    assert counts["requests"] == {"token": 2, "send": 2}
    assert counts["behaviours"] == {"ok": 1, "bad_request": 1}
    assert counts["accepted"] == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("9876543210", ["DELIVRD"]),
        ("9876598001", ["UNDELIV"]),
        ("9876598005", ["DELIVRD", "DELIVRD"]),
        ("9876598006", ["DELIVRD", "UNDELIV"]),
        ("9876598007", ["ENROUTE", "DELIVRD"]),
    ],
)
def test_receipts_tell_the_story_that_a_number_asks_for(vendor, sink, number, words):
    server, requests = sink
    vendor.change(receipts={"url": server.url, "delay_seconds": 0})

    send(vendor, number)

    eventually(lambda: len(requests) == len(words))
    receipts = [json.loads(request.body) for request in requests]
    assert [receipt["status"] for receipt in receipts] == words
    assert {receipt["verificationId"] for receipt in receipts} == {"1"}
    assert {(receipt["countryCode"], receipt["mobileNumber"]) for receipt in receipts} == {("91", number)}


@pytest.mark.parametrize("form", ["json", "json_array", "form", "query"])
def test_receipts_come_in_every_form_that_the_vendor_may_use(vendor, sink, form):
    server, requests = sink
    vendor.change(receipts={"url": server.url, "delay_seconds": 0, "format": form, "number_form": "international"})

    send(vendor)

    (request,) = eventually(lambda: requests)
    values = {
        "json": lambda: json.loads(request.body)["mobileNumber"],
        "json_array": lambda: json.loads(request.body)[0]["mobileNumber"],
        "form": lambda: parse_qs(request.body.decode())["mobileNumber"][0],
        "query": lambda: parse_qs(request.query)["mobileNumber"][0],
    }
    assert values[form]() == "919876543210"
    assert request.method == ("GET" if form == "query" else "POST")


def test_receipts_for_a_message_whose_answer_was_lost_come_all_the_same(vendor, sink):
    server, requests = sink
    vendor.change(receipts={"url": server.url, "delay_seconds": 0})

    with pytest.raises(urllib3.exceptions.ProtocolError):
        send(vendor, "9876599004")

    assert eventually(lambda: requests)


def test_a_share_of_the_receipts_fails_and_a_share_is_lost(vendor, sink):
    server, requests = sink
    vendor.change(seed=3, receipts={"url": server.url, "delay_seconds": 0, "failures": 0.5, "lost": 0.2})
    token = ask_token(vendor).json()["token"]

    for number in range(60):
        send(vendor, f"98765432{number:02}", token)

    eventually(lambda: vendor.requests()["receipts"]["waiting"] == 0)
    words = [json.loads(request.body)["status"] for request in requests]
    assert len(words) < 60
    assert words.count("DELIVRD") not in (0, len(words))


def test_every_misbehaviour_is_in_the_guide_and_has_an_end_of_its_own():
    ends = [suffix for suffix, _ in suffixes()]

    assert len(set(ends)) == len(ends)
    assert all(f"…{suffix}" in guide() for suffix in ends)


def test_as_a_process_it_serves_until_it_is_told_to_end():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "local.simulator", "--port", str(port), "--settings", '{"latency_ms": 1}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}) as process:
        assert str(port) in process.stdout.readline().decode()
        answer = http.request("GET", f"http://127.0.0.1:{port}/_simulator/settings")

        process.send_signal(signal.SIGTERM)

        assert process.wait(TIMEOUT) == 0
    assert answer.json()["latency_ms"] == 1
