"""`/console` of `make run`: the dashboard's widget, with what CloudWatch does for it."""

import sys
from pathlib import Path

import pytest
import urllib3

from local.bridge import ACCOUNT, Bridge, Options
from tests.fakes.widget import Shown

CAMPAIGNS, MESSAGES = 200, 500
MOST_SECONDS, ROUNDS = 0.5, 5

http = urllib3.PoolManager(retries=False, timeout=60)


@pytest.fixture(scope="module")
def bridge():
    with Bridge(Options(message_central_url="http://127.0.0.1:1", polls=False)) as running:
        yield running


@pytest.fixture
def widget(bridge):
    return http.request("GET", f"{bridge.url}/console/widget").json()


def call(bridge, endpoint, pressed, widget, **typed):
    context = {"theme": "dark", "params": widget["params"], "forms": {"all": typed}}
    event = {**pressed, "widgetContext": context}
    return http.request("POST", f"{bridge.url}/console/call", json={"endpoint": endpoint, "event": event})


def press(bridge, shown, label, widget, **typed):
    button = shown.button(label)
    return Shown(call(bridge, button.endpoint, button.parameters, widget, **typed).json())


def test_the_widget_is_the_dashboards_own_with_this_machines_account(widget):
    assert widget["params"]["account"] == ACCOUNT
    assert widget["endpoint"] == widget["params"]["console"] != widget["params"]["steer"]


def test_the_page_and_what_it_is_made_of_are_served_and_no_other_script_may_run(bridge):
    for path, kind in {"": "text/html", "/page.css": "text/css", "/page.js": "text/javascript"}.items():
        answer = http.request("GET", f"{bridge.url}/console{path}")
        assert (answer.status, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_a_campaign_is_stopped_by_its_buttons_through_the_deployed_handlers(bridge, widget):
    listed = Shown(call(bridge, widget["endpoint"], widget["params"], widget).json())
    assert f"Campaigns of {ACCOUNT}" in listed.text

    whole = press(bridge, listed, "The account as a whole", widget)
    done = press(bridge, whole, "Stop", widget, who="Ann")

    assert f"Account {ACCOUNT}: stopped" in done.text
    assert "by console, Ann" in press(bridge, done, "Back", widget).text


def test_who_sets_a_widget_up_is_told_of_its_parameters(bridge, widget):
    body = {"endpoint": widget["endpoint"], "event": {"describe": True}}
    assert "steer:" in http.request("POST", f"{bridge.url}/console/call", json=body).json()["markdown"]


def test_another_sites_form_cannot_press_a_button(bridge, widget):
    answer = http.request(
        "POST", f"{bridge.url}/console/call", body=b'{"endpoint": ""}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status == 415


@pytest.mark.parametrize("body", [b"", b"[]", b'{"endpoint": "arn:aws:lambda:x:1:function:none"}', b'{"endpoint": 3}'])
def test_a_call_of_no_function_is_refused(bridge, body):
    headers = {"Content-Type": "application/json"}
    assert http.request("POST", f"{bridge.url}/console/call", body=body, headers=headers).status == 400


def test_all_other_paths_are_the_apis(bridge):
    assert http.request("GET", f"{bridge.url}/consoles").status == 404


def cpu_seconds(process):
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells in /proc how much a process worked")
def test_a_list_of_200_campaigns_with_100_000_messages_is_half_a_second_of_work_with_dynamodb_in_it(bridge, widget):
    counts = {"accepted": MESSAGES, "n_delivered": 440, "n_sent": 40, "n_undelivered": 15, "n_unknown": 5}
    for number in range(CAMPAIGNS):
        item = {
            "account": {"S": "MANY"},
            "campaign": {"S": f"c{number:03}"},
            "lastAt": {"S": f"2026-11-28T01:00:00.{number:03}Z"},
        }
        item |= {name: {"N": str(count)} for name, count in counts.items()}
        bridge.aws.dynamodb().put_item(TableName=bridge.stack.tables["CampaignTable"].name, Item=item)

    work = []
    for _ in range(ROUNDS):
        processes = [bridge.aws._server.pid, *bridge.functions["ConsoleFunction"].pids()]
        before = sum(map(cpu_seconds, processes))
        shown = Shown(call(bridge, widget["endpoint"], {"account": "MANY", "first": "25"}, widget).json())
        work.append(sum(map(cpu_seconds, processes)) - before)

    assert "26 to 50 of 200" in shown.text
    assert min(work) < MOST_SECONDS, work
