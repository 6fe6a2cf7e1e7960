"""The operators' command line: where it works, what it asks and prints, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import time
from dataclasses import replace
from http.client import BadStatusLine, IncompleteRead
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bridge import times
from bridge.campaigns.control import State
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.chunk import decode
from bridge.message import Status
from scripts.operators import output, target
from scripts.operators.cli import hoisted, main
from scripts.operators.commands import smoke
from scripts.operators.output import fields, table
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.faults import DENIED
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, API_KEY, START, number, text
from tests.unit.harness import Handlers
from tests.unit.operators import WHO, FakeTarget, Operators

if TYPE_CHECKING:
    from tests.unit.harness import Bridge


@pytest.fixture
def operators(bridge: Bridge, capsys: pytest.CaptureFixture[str]) -> Operators:
    return Operators(bridge, capsys)


class Terminal(io.StringIO):
    """A person's, with what is going to be typed."""

    def isatty(self) -> bool:
        return True


class Unlistable(FakeTarget):
    """A stack of which Secrets Manager does not tell the accounts."""

    def accounts(self) -> list[str]:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListSecrets")


def count(bridge: Bridge, campaign: str | None, **counters: int) -> None:
    """Lay a campaign's counters into the table."""
    item = {"account": {"S": ACCOUNT_ID}, "campaign": {"S": campaign_key(campaign)}}
    item |= {name: {"N": str(number)} for name, number in counters.items()}
    item["lastAt"] = {"S": "2026-11-28T10:00:00.000Z"}
    bridge.dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, campaign_key(campaign)] = item


def control(bridge: Bridge, key: str) -> tuple[State, str | None, str | None]:
    found = bridge.app_now.controls.read([(ACCOUNT_ID, key)])[ACCOUNT_ID, key]
    return found.state, found.changed_by, found.note


# The command line


@pytest.mark.parametrize(
    ("words", "moved"),
    [
        (["campaigns", "--local"], ["--local", "campaigns"]),
        (["stop", "42", "--account", "A", "--yes", "--json"], ["--account", "A", "--json", "stop", "42", "--yes"]),
        (["campaigns", "--stack=sms"], ["--stack=sms", "campaigns"]),
        (["stop", "--", "--json"], ["stop", "--", "--json"]),
        (["campaigns", "--account"], ["--account", "campaigns"]),
        ([], []),
    ],
)
def test_options_of_all_commands_may_stand_anywhere(words: list[str], moved: list[str]):
    assert hoisted(words) == moved


@pytest.mark.parametrize("words", [["campaigns"], ["--stack", "sms", "--local", "campaigns"]])
def test_it_wants_to_know_where_to_work(words: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(words) == 2
    assert capsys.readouterr().err == "Say where: --stack NAME, or --local for `make run`.\n"


@pytest.mark.parametrize("words", [["nonsense"], ["campaign"], ["stop", "42", "43"], ["campaigns", "--nonsense"]])
def test_what_cannot_be_read_is_a_wrong_usage(operators: Operators, words: list[str]):
    ended = operators(*words)

    assert (ended.code, ended.out) == (2, "")
    assert "Error" in ended.err


def test_without_make_run_it_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(target, "_listens", lambda _port: False)
    monkeypatch.setenv("PORT", "3999")

    assert main(["--local", "campaigns"]) == 1
    assert "Nothing listens on port 3999" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "99999", "x"])
def test_what_is_no_port_is_said_to_be_none(
    port: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_PORT", port)

    assert main(["--local", "campaigns"]) == 2
    assert capsys.readouterr().err == f"AWS_PORT={port} is not a port.\n"


def test_make_run_is_found_by_its_variables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(target, "_listens", lambda _port: True)
    monkeypatch.setenv("PORT", "3999")
    monkeypatch.setenv("AWS_PORT", "4999")

    found = target.local()

    assert found.base_url == "http://127.0.0.1:3999"
    assert found.settings.log_table == "local-SmsLogTable"
    assert found.settings.single_queue_url == "http://127.0.0.1:4999/123456789012/local-SingleQueue"
    assert found.who().startswith("local/")


def test_of_several_accounts_one_has_to_be_named(operators: Operators):
    operators.target = replace(operators.target, names=("A", "B"))

    assert operators("campaigns").code == 2
    assert operators("campaigns").err == "The stack has 2 accounts: choose with --account (A, B).\n"
    assert operators("campaigns", "--account", "A").code == 0


def test_who_names_an_account_that_has_no_secret_is_asked_whether_its_id_is_right(operators: Operators):
    mistyped = operators("--account", "TYPO-1", "stop", "--yes")

    assert mistyped.code == 0, "its secret may be gone, or come later"
    assert mistyped.err == "There is no secret bridge/TYPO-1: is that the account's id?\n"
    assert operators("--account", ACCOUNT_ID, "stop", "--yes").err == ""


def test_an_account_is_stopped_though_nobody_can_say_whether_it_has_a_secret(operators: Operators, bridge: Bridge):
    operators.target = Unlistable(**vars(operators.target))

    assert operators("--account", ACCOUNT_ID, "stop", "--yes").err == ""
    assert control(bridge, WHOLE_ACCOUNT)[0] is State.STOPPED


def test_a_stack_without_an_account_says_so(operators: Operators):
    operators.target = replace(operators.target, names=())

    assert operators("campaigns").code == 1


def test_what_aws_refuses_is_said_by_its_code(operators: Operators, bridge: Bridge):
    bridge.dynamodb.fail("query", DENIED)

    ended = operators("campaigns")

    assert ended.code == 1
    assert "AccessDenied" in ended.err


# Looking


def test_campaigns_are_listed_with_what_was_decided(operators: Operators, bridge: Bridge):
    count(bridge, "42", accepted=1_200, n_sent=1_100, n_unknown=2)
    count(bridge, None, accepted=3, n_delivered=3)
    operators("stop", "42", "--yes")

    ended = operators("campaigns")

    heads, *rows = (line.split() for line in ended.out.splitlines())
    assert heads[:4] == ["campaign", "state", "accepted", "sent"]
    assert [row[:4] for row in rows] == [["42", "stopped", "1,200", "1,100"], ["-", "running", "3", "0"]]
    assert [one["id"] for one in operators("campaigns", "--json").document()] == ["42", None]


def test_the_list_of_campaigns_has_a_column_for_every_end_that_is_counted(operators: Operators, bridge: Bridge):
    ends = [status for status in Status if status not in (Status.SENDING, Status.RETRYING)]
    count(bridge, "42", accepted=len(ends), **{f"n_{status}": 1 for status in ends})

    heads, row = (line.split() for line in operators("campaigns").out.splitlines())

    assert {head: number for head, number in zip(heads, row, strict=False) if head in ends} == dict.fromkeys(ends, "1")


def test_an_accounts_pause_that_is_over_is_not_shown_as_todays(operators: Operators, bridge: Bridge):
    pause = {"by": "daily cap", "note": "all 5 parts of 2020-01-01 are used up", "until": "2020-01-02T00:00:00.000Z"}
    bridge.app_now.controls.change((ACCOUNT_ID, WHOLE_ACCOUNT), State.PAUSED, **pause)

    assert operators("campaigns").out == "No campaign yet.\n"


def test_no_campaign_is_no_error(operators: Operators):
    assert operators("campaigns").out == "No campaign yet.\n"
    assert operators("--json", "campaigns").document() == []


def test_one_campaign_shows_its_statuses_codes_and_decision(operators: Operators, bridge: Bridge):
    count(bridge, "42", accepted=3, acceptedParts=6, n_sent=2, parts_sent=4, n_rejected=1, parts_rejected=2, code_910=1)
    operators("pause", "--yes", "--note", "look first")

    ended = operators("campaign", "42")

    assert "whole account  paused by" in ended.out
    assert "(look first)" in ended.out
    assert [line.split() for line in ended.out.splitlines()][-5:] == [
        ["sent", "2", "4"],
        ["rejected", "1", "2"],
        [],
        ["code", "messages"],
        ["910", "1"],
    ]
    document = operators("campaign", "42", "--json").document()
    assert (document["statuses"], document["codes"]) == ({"sent": 2, "rejected": 1}, {"910": 1})
    assert document["control"]["state"] == "paused"


def test_messages_without_a_campaign_are_one_too(operators: Operators, bridge: Bridge):
    count(bridge, None, accepted=3)

    assert operators("campaign", "-").code == 0


def test_an_unknown_campaign_is_an_error(operators: Operators):
    ended = operators("campaign", "43")

    assert (ended.code, ended.out) == (1, "")
    assert "has no campaign 43" in ended.err


# Steering


@pytest.mark.parametrize(("word", "state"), [("pause", "paused"), ("stop", "stopped"), ("resume", "running")])
@pytest.mark.parametrize(
    ("campaign", "key"), [(["42"], "42"), ([], WHOLE_ACCOUNT), (["-"], "-"), (["*"], "~*"), (["--", "-x"], "-x")]
)
def test_a_campaign_or_the_account_is_steered_by_the_person_who_calls(
    operators: Operators, bridge: Bridge, word: str, state: str, campaign: list[str], key: str
):
    ended = operators(word, "--yes", "--note", "wrong price", *campaign)

    assert ended.code == 0
    assert control(bridge, key) == (State(state), WHO, "wrong price")
    assert f"is {state}" in ended.out


def test_who_steers_a_campaign_of_which_nothing_is_known_is_asked_whether_its_id_is_right(
    operators: Operators, bridge: Bridge
):
    count(bridge, "42", accepted=3)

    mistyped = operators("stop", "24", "--yes")

    assert mistyped.code == 0, "it may be that its messages are still to come"
    assert mistyped.err == f"Nothing was counted of campaign 24 of {ACCOUNT_ID} yet: is that its id?\n"
    assert operators("stop", "42", "--yes").err == ""


def test_a_campaign_is_stopped_though_nobody_can_say_whether_it_is_known(operators: Operators, bridge: Bridge):
    bridge.dynamodb.fail("batch_get_item", DENIED)

    assert operators("stop", "42", "--yes").code == 0
    assert control(bridge, "42")[0] is State.STOPPED


@pytest.mark.parametrize("words", [("stop", "--yes"), ("pause", "--yes"), ("campaign",), ("audit",)])
def test_an_empty_campaign_id_such_as_an_unset_variable_is_nobodys(
    operators: Operators, bridge: Bridge, words: tuple[str, ...]
):
    ended = operators(*words, "")

    assert (ended.code, ended.out) == (2, "")
    assert "The campaign's id is empty" in ended.err
    assert not bridge.dynamodb.tables[CAMPAIGNS]


def test_nothing_is_changed_where_nobody_can_be_asked(
    operators: Operators, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(output.sys, "stdin", io.StringIO("y\n"))

    ended = operators("stop", "42")

    assert (ended.code, ended.out) == (3, "")
    assert "use --yes" in ended.err
    assert not bridge.dynamodb.tables[CAMPAIGNS]


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 3), ("\n", 3), ("", 3)])
def test_a_person_is_asked(
    operators: Operators, bridge: Bridge, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
):
    monkeypatch.setattr(output.sys, "stdin", Terminal(answer))

    ended = operators("stop", "42")

    assert ended.code == code
    assert "Stop campaign 42" in ended.err
    assert bool(bridge.dynamodb.tables[CAMPAIGNS]) is (code == 0)


# What is printed


def test_a_table_is_as_wide_as_its_cells():
    assert table(("name", "count"), [("a", 7), ("longer", 1_234)]) == "name    count\na           7\nlonger  1,234"


def test_what_others_wrote_cannot_steer_the_terminal():
    assert table(("id",), [("a\x1b[2Jb\nc",)]) == "id\na�[2Jb�c"
    assert fields([("note", "x\x07"), ("absent", None)]) == "note  x�"


HOSTILE = "42\x1b]0;owned\x07\x1b[2J\x9b2J\u202e"  # a window's title, a cleared screen in both ways, and text backwards


@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_no_campaigns_id_nor_text_steers_the_terminal_whatever_is_said_of_it(
    operators: Operators, bridge: Bridge, mode: tuple[str, ...]
):
    ended_row = row(1, "expired", campaign_id=HOSTILE, text=HOSTILE, reason=HOSTILE, final_at=times.iso(START))
    bridge.dynamodb.put(ended_row)
    bridge.app_now.controls.change((ACCOUNT_ID, campaign_key(HOSTILE)), State.STOPPED, by="ana", note=HOSTILE)

    status = operators("status", number(1), *mode)
    refused = operators("resend", "--number", number(1), "--yes", *mode)
    campaign = operators("campaign", HOSTILE, *mode)

    assert (status.code, refused.code, campaign.code) == (0, 1, 0)
    assert "resume it first" in refused.err
    for ended in (status, refused, campaign):
        assert all(letter.isprintable() or letter == "\n" for letter in ended.out + ended.err), ended
    if mode:
        assert status.document() == [ended_row.to_document()]


# Messages


def test_one_message_to_a_number_tells_its_story(operators: Operators, bridge: Bridge):
    bridge.dynamodb.put(row(1, "rejected", code="910", reason="no such number", final_at=times.iso(START)))

    ended = operators("status", number(1)[1:])

    assert ended.code == 0
    assert number(1) not in ended.out
    assert "rejected 910: no such number" in ended.out
    assert operators("status", number(1), "--json").document()[0]["status"] == "rejected"


def test_several_messages_to_a_number_are_a_list_and_one_can_be_chosen(operators: Operators, bridge: Bridge):
    bridge.dynamodb.put(row(1, "sent"))
    bridge.dynamodb.put(row(1, "expired", message_id="other"))

    assert len(operators("status", number(1)).out.splitlines()) == 3
    assert "accepted" in operators("status", number(1), "--message", "other").out
    assert len(operators("status", number(1), "--message", "other", "--json").document()) == 1


def test_a_number_without_messages_is_an_error(operators: Operators):
    ended = operators("status", "919876500009")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"No message to this number is in the log of {ACCOUNT_ID}.")
    assert operators("status", "919876500009", "--message", "x").err.startswith("The message is not in the log")


@pytest.mark.parametrize(
    "words",
    [
        ("status", number(1)),
        ("resend", "42", "--yes"),
        ("resend", "--number", number(1), "--yes"),
        ("forget", number(1), "--yes"),
        ("export", "--day", times.iso(START)[:10]),
    ],
)
def test_a_row_that_somebody_edited_is_named_and_nothing_is_done(
    operators: Operators, bridge: Bridge, words: tuple[str, ...]
):
    expired(bridge, 0, 1, 2)
    bridge.dynamodb.items[row(1).key]["status"] = {"S": "posted"}

    ended = operators(*words)

    assert ended.code == 1
    assert f"the row of a message accepted at {row(1).accepted_at} cannot be read" in ended.err
    assert number(1) not in ended.err
    assert not bridge.sqs.entries
    assert len(bridge.dynamodb.items) == 3


def test_a_row_whose_time_somebody_edited_is_not_forgotten_and_is_named(operators: Operators, bridge: Bridge):
    expired(bridge, 1)
    bridge.dynamodb.items[row(1).key]["acceptedAt"] = {"S": "yesterday"}

    ended = operators("forget", number(1), "--yes")

    assert ended.code == 1
    assert "the row of a message accepted at yesterday cannot be read" in ended.err
    assert len(bridge.dynamodb.items) == 1


def expired(bridge: Bridge, *indexes: int) -> None:
    for index in indexes:
        bridge.dynamodb.put(row(index, "expired", text=text(), campaign_id="42", final_at=times.iso(START)))


def test_a_campaigns_messages_are_sent_again_once_shown(operators: Operators, bridge: Bridge):
    expired(bridge, 1, 2, 3)
    bridge.dynamodb.put(row(4, "unknown", campaign_id="42", text=text()))
    bridge.dynamodb.put(row(5, "expired", campaign_id="43", text=text()))

    ended = operators("resend", "42", "--yes")

    assert ended.err == (
        "To be sent again: 3 expired (3 parts).\n"
        "CleverTap was told that 3 of them failed, and is told of the new end, too.\n"
        "Left as they are: 1 unknown.\n"
        "Unknown messages may have arrived; --unknown sends them anyway.\n"
    )
    assert ended.out.startswith("3 messages are queued")
    assert len(decode(bridge.sqs.entries[0].body).messages) == 3
    assert decode(bridge.sqs.entries[0].body).messages[0].resend.by == WHO  # type: ignore[union-attr]
    actions = bridge.dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, "42"]["actions"]["L"]
    assert actions[0]["M"]["what"]["S"].startswith("messages sent again: 3 (resend-")


def test_unknown_messages_are_sent_again_only_on_explicit_word(operators: Operators, bridge: Bridge):
    bridge.dynamodb.put(row(4, "unknown", campaign_id="42", text=text()))

    assert operators("resend", "42", "--yes").out.startswith("Nothing to send again.")
    assert operators("resend", "--number", number(4), "--unknown", "--yes", "--json").document()["queued"] == 1


@pytest.mark.parametrize(
    "words", [[], ["42", "--number", "919876500001"], ["42", "--message", "m-1"], ["--message", "m-1"], [""]]
)
def test_a_resend_wants_to_know_of_what(operators: Operators, bridge: Bridge, words: list[str]):
    expired(bridge, 1, 2)

    assert operators("resend", "--yes", *words).code == 2
    assert not bridge.sqs.entries


def test_a_resend_is_refused_while_its_campaign_is_held(operators: Operators, bridge: Bridge):
    expired(bridge, 1)
    operators("stop", "42", "--yes")

    ended = operators("resend", "42", "--yes")

    assert (ended.code, ended.out) == (1, "")
    assert "campaign 42 is stopped: resume it first" in ended.err
    assert not bridge.sqs.entries


def test_a_resend_that_sqs_does_not_take_fails_and_says_what_to_do(operators: Operators, bridge: Bridge):
    expired(bridge, 1)
    bridge.sqs.fail("send_message_batch", *[DENIED] * 9)

    ended = operators("resend", "42", "--yes")

    assert ended.code == 1
    assert "run the same command again" in ended.err


def test_a_person_is_forgotten_and_the_account_knows_that_somebody_was(operators: Operators, bridge: Bridge):
    bridge.dynamodb.put(row(1, "sent", accepted_at="2020-01-01T00:00:00.000Z"))

    ended = operators("forget", number(1), "--yes")

    assert (ended.code, ended.out) == (0, "1 deleted.\n")
    assert not bridge.dynamodb.rows()
    [action] = bridge.dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, WHOLE_ACCOUNT]["actions"]["L"]
    assert (action["M"]["what"]["S"], action["M"]["changedBy"]["S"]) == ("messages of a number forgotten: 1", WHO)


def test_what_is_under_way_is_not_forgotten(operators: Operators, bridge: Bridge):
    bridge.dynamodb.put(row(1, "retrying", accepted_at=times.iso(time.time())))

    ended = operators("forget", number(1), "--yes")

    assert ended.code == 1
    assert "still being sent" in ended.err


def test_a_day_is_exported_as_csv_or_as_lines(operators: Operators, bridge: Bridge):
    bridge.dynamodb.put(row(1, "sent", accepted_at="2026-11-28T10:00:00.000Z"))

    assert len(operators("export", "--day", "2026-11-28").out.splitlines()) == 2
    assert json.loads(operators("export", "--day", "2026-11-28", "--json").out)["recipient"] == number(1)
    assert operators("export", "--day", "today").code == 1


@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_an_export_into_a_file_is_as_the_table_has_it_and_one_on_the_screen_steers_no_terminal(
    operators: Operators, bridge: Bridge, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
):
    bridge.dynamodb.put(row(1, text=HOSTILE))

    into_a_file = operators("export", "--day", times.iso(START)[:10], *mode)
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True)
    on_the_screen = operators("export", "--day", times.iso(START)[:10], *mode)

    written = json.loads(into_a_file.out) if mode else next(csv.DictReader(io.StringIO(into_a_file.out)))
    assert written["text"] == HOSTILE
    assert on_the_screen.out.count("\n") == into_a_file.out.count("\n")
    assert all(letter.isprintable() or letter == "\n" for letter in on_the_screen.out)


@pytest.mark.parametrize("day", ["2026-02-31", "2026-13-01", "0000-01-01"])
def test_a_day_that_does_not_exist_is_no_day_without_messages(operators: Operators, day: str):
    ended = operators("export", "--day", day)

    assert (ended.code, ended.out) == (1, "")
    assert f"{day} is not a day" in ended.err


# After a deployment


class Secrets:
    """Secrets Manager, as far as `smoke` and `form` use it."""

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(Exception):
            pass

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.made: list[str] = []

    def create_secret(self, *, Name: str, SecretString: str) -> None:  # noqa: N803 - boto3's names
        self.made.append(Name)
        self._bridge.secrets.secrets[Name] = json.loads(SecretString)

    def delete_secret(self, *, SecretId: str, ForceDeleteWithoutRecovery: bool) -> None:  # noqa: N803
        assert ForceDeleteWithoutRecovery
        del self._bridge.secrets.secrets[SecretId]

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803
        return self._bridge.secrets.get_secret_value(SecretId=SecretId)


@pytest.fixture
def deployed(operators: Operators, monkeypatch: pytest.MonkeyPatch) -> tuple[Operators, Handlers, Secrets]:
    """A stack whose API is the handlers themselves."""
    handlers = Handlers()
    bridge: Any = handlers
    found = Operators(bridge, operators._capsys)
    secrets = Secrets(bridge)
    found.target.aws.client = {"secretsmanager": secrets}.__getitem__

    def post(_session: Any, document: Any, headers: dict[str, str]) -> tuple[int, str]:
        status, body = handlers.post(document, headers)
        return status, json.dumps(body)

    monkeypatch.setattr(smoke, "_post", post)
    monkeypatch.setattr(smoke, "_sleep", lambda _seconds: handlers.work())
    return found, handlers, secrets


def test_a_deployment_is_tried_with_a_sandbox_account_that_is_gone_afterwards(
    deployed: tuple[Operators, Handlers, Secrets],
):
    operators, handlers, secrets = deployed

    ended = operators("smoke")

    assert ended.code == 0, ended
    words = [line.split()[0] for line in ended.out.splitlines() if not line.startswith("{")]  # those are log lines
    assert words == ["ok"] * 7 + ["Dashboard:"]
    assert not handlers.transport.send_calls, "nothing is really sent"
    assert [name.startswith("bridge/SMOKE-") for name in secrets.made] == [True]
    assert [*handlers.secrets.secrets] == [f"bridge/{ACCOUNT_ID}"]


def test_a_deployment_that_does_not_work_fails_and_says_where(deployed: tuple[Operators, Handlers, Secrets]):
    operators, handlers, _ = deployed
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"]["password"] = "REPLACE_ME"
    handlers.sqs.fail("send_message_batch", *[DENIED] * 99)

    ended = operators("smoke")

    assert ended.code == 1
    failed = [line for line in ended.out.splitlines() if line.startswith("FAILED")]
    assert "placeholder in password" in failed[0]
    assert failed[1].startswith("FAILED  two messages: 503")
    assert [*handlers.secrets.secrets] == [f"bridge/{ACCOUNT_ID}"]


@pytest.mark.parametrize("broken", [ConnectionResetError("reset"), IncompleteRead(b""), BadStatusLine("?")])
def test_an_endpoint_that_breaks_off_is_a_failed_check(
    operators: Operators, monkeypatch: pytest.MonkeyPatch, broken: Exception
):
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise broken

    monkeypatch.setattr(smoke.urllib.request, "urlopen", fail)
    session: Any = SimpleNamespace(target=operators.target)

    status, body = smoke._post(session, {}, {})

    assert (status, body.startswith("no answer: ")) == (0, True)


def test_the_form_is_printed_and_keys_only_when_asked_for(deployed: tuple[Operators, Handlers, Secrets]):
    operators, _, _ = deployed
    outputs = {"Endpoint": "https://api.example/sms", "Account": ACCOUNT_ID, "SecretLink": "https://console.example"}
    operators.target = replace(operators.target, outputs=outputs)

    assert "https://api.example/sms" in operators("form").out
    assert API_KEY not in operators("form").out + operators("form", "--json").out
    assert API_KEY in operators("form", "--show-key").out


def test_an_audit_says_what_differs(operators: Operators, bridge: Bridge):
    bridge.dynamodb.put(row(1, "sent", campaign_id="42", expires_at=int(time.time()) + 3_600))
    count(bridge, "42", n_sent=1, parts_sent=1)
    assert operators("audit").out == "1 rows counted. Nothing differs.\n"

    count(bridge, "42", n_sent=0, parts_sent=0)
    ended = operators("audit", "42")

    assert ended.code == 1
    assert ended.out.splitlines()[-1].split() == ["42", "parts_sent", "0", "1"]
